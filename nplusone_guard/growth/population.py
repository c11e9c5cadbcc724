"""The rows that ``populate`` makes at each size, to know what a proof of growth counts by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.fingerprint import cached_fingerprint

if TYPE_CHECKING:
    from django.db.models import Model

#: A table of a database: alias and name.
Table = tuple[str, str]


class Population:
    """Which tables are filled, and how many rows they have at each size."""

    def __init__(self) -> None:
        self._tables: dict[Table, None] = {}
        self._rows: list[dict[Table, int]] = []

    def watch_populate(self) -> ExitStack:
        """Note the tables that are inserted into, until what this returns is closed."""
        return watching_all(self._note)

    def _note(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: Any, context: Any
    ) -> Any:
        __tracebackhide__ = True
        try:
            self._note_insert(context["connection"], sql)
        except Exception as error:  # costs the name of a row, never the rows
            contain("population", error)
        return execute(sql, params, many, context)

    def _note_insert(self, connection: Any, sql: Any) -> None:
        shape = cached_fingerprint(connection.vendor)(str(sql))
        if shape.kind in ("insert", "replace") and shape.main_table:
            self._tables[connection.alias, shape.main_table] = None

    def count(self) -> None:
        """Note how many rows there are now, in each of the tables."""
        from django.db import DatabaseError

        known = models()
        try:
            self._rows.append(rows_of([each for each in self._tables if each[1] in known], known))
        except DatabaseError:  # populate has left the transaction broken: the run will tell
            self._rows.append({})

    def units(self, sizes: tuple[int, ...]) -> tuple[str, ...]:
        """The models that have one row for each of the size, as ``app.Model``."""
        first, *others = self._rows
        grown = [
            table
            for table in self._tables
            if all(
                rows.get(table, 0) - first.get(table, 0) == size - sizes[0]
                for rows, size in zip(others, sizes[1:], strict=True)
            )
        ]
        known = models()
        labels = (known[name]._meta.label for _, name in grown if name in known)  # noqa: SLF001
        return tuple(dict.fromkeys(labels))


def watching_all(wrapper: Callable[..., Any]) -> ExitStack:
    """Have ``wrapper`` run around each query of this thread, until what it returns is closed."""
    from django.db import connections

    opened = ExitStack()
    for alias in connections:
        wrappers = connections[alias].execute_wrappers
        wrappers.append(wrapper)
        # Not the last one, which by then may be somebody else's.
        opened.callback(_remove, wrappers, wrapper)
    return opened


def rows_of(tables: Iterable[Table], known: dict[str, type[Model]]) -> dict[Table, int]:
    """How many rows there are now in each of the ``tables``, whose models are ``known``."""
    return {table: _count(table[0], known[table[1]]) for table in tables}


def models(*, with_automatic: bool = False) -> dict[str, type[Model]]:
    """The model of each table; on demand those between many and many as well."""
    from django.apps import apps

    every = apps.get_models(include_auto_created=with_automatic)
    return {model._meta.db_table: model for model in every if not model._meta.proxy}  # noqa: SLF001


def _remove(wrappers: list[Any], wrapper: Any) -> None:
    if wrapper in wrappers:
        wrappers.remove(wrapper)


def _count(alias: str, model: type[Model]) -> int:
    from django.db.models import QuerySet

    return QuerySet(model, using=alias).count()
