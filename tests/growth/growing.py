"""What a proof of growth runs, and how its failure is compared."""

from __future__ import annotations

import re

import pytest

from tests.corpus.models import Entry


def loop() -> list[str]:
    return [entry.author.name for entry in Entry.objects.all()]


def joined() -> list[str]:
    return [entry.author.name for entry in Entry.objects.select_related("author")]


def growth(error: pytest.ExceptionInfo[BaseException]) -> str:
    """The text of a failure, with the numbers of lines as ``N``, quoted as by SQLite."""
    return re.sub(r"\.py:\d+", ".py:N", str(error.value)).replace("`", '"')


def headline(error: pytest.ExceptionInfo[BaseException]) -> str:
    return str(error.value).partition("\n")[0]


def nothing(size: int) -> None:
    """Populate with nothing."""
