"""Pages of a query set, asked for in the address: ``?page=2&page_size=25``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import QueryDict

PAGE_SIZE = 25
#: Rows in a page at most, whatever is asked for.
MOST = 100


class PagingError(ValueError):
    """``page`` or ``page_size`` is no number from 1 on; the message says which."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page, of how many rows each."""

    page: int
    page_size: int

    @classmethod
    def read(cls, query: QueryDict) -> PageRequest:
        """The page that ``query`` asks for. Raises ``PagingError``; a large size is cut to ``MOST``."""
        size = _number(query, "page_size", PAGE_SIZE)
        return cls(_number(query, "page", 1), min(size, MOST))

    def of(self, rows: QuerySet[Any]) -> dict[str, Any]:
        """The page as the keys of an answer; beyond the last page it holds no items."""
        paginator = Paginator(rows, self.page_size)
        there = self.page <= paginator.num_pages
        items = list(paginator.page(self.page)) if there else []
        return {
            "items": items,
            "total_count": paginator.count,
            "page_size": self.page_size,
            "current_page": self.page,
            "total_pages": paginator.num_pages,
            "has_next": self.page < paginator.num_pages,
            "has_previous": self.page > 1,
        }


def _number(query: QueryDict, name: str, default: int) -> int:
    value = query.get(name, str(default))
    # isdecimal alone takes digits of every script, and int() gives up on very long ones.
    if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value)):
        raise PagingError(f"{name}={value[:20]!r}: use a whole number from 1 to 999999999.")
    return int(value)
