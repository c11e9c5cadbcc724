"""Counting the rows that a database hands over, where it hands them over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper


class RowCount:
    """Rows fetched so far; a row fetched twice counts twice."""

    def __init__(self) -> None:
        self.total = 0


@contextmanager
def count_rows(connection: BaseDatabaseWrapper) -> Iterator[RowCount]:
    """Count every row fetched through a cursor that ``connection`` opens inside.

    One addition for each fetch of up to a hundred rows, so that the time measured
    around it stays the time of the queries. Django's own log of queries, which DEBUG
    switches on, is left out inside for the same reason.
    """
    count = RowCount()

    def make_cursor(cursor: Any) -> CursorWrapper:
        return CountingCursor(cursor, connection, count)

    attributes = vars(connection)
    attributes.update(make_cursor=make_cursor, make_debug_cursor=make_cursor)
    try:
        yield count
    finally:
        del attributes["make_cursor"], attributes["make_debug_cursor"]


class CountingCursor(CursorWrapper):
    """Django's cursor wrapper, adding up what is fetched through it."""

    def __init__(self, cursor: Any, db: BaseDatabaseWrapper, count: RowCount) -> None:
        super().__init__(cursor, db)
        self._count = count

    def fetchone(self) -> Any:
        with self.db.wrap_database_errors:
            row = self.cursor.fetchone()
        self._count.total += row is not None
        return row

    def fetchmany(self, *args: Any) -> Any:
        with self.db.wrap_database_errors:
            rows = self.cursor.fetchmany(*args)
        self._count.total += len(rows)
        return rows

    def fetchall(self) -> Any:
        with self.db.wrap_database_errors:
            rows = self.cursor.fetchall()
        self._count.total += len(rows)
        return rows

    def __iter__(self) -> Iterator[Any]:
        for row in super().__iter__():
            self._count.total += 1
            yield row
