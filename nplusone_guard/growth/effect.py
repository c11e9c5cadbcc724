"""Whether ``populate`` has changed anything that ``run`` sees: if not, nothing is proven.

Judged with care, for not all data comes by INSERT: ``populate`` counts as without effect
only where it sent nothing but plain reads at any size, where ``run`` then sent exactly the
same statements with the same parameters each time, and where every table that it read held
as many rows. What cannot be seen, such as the queries of other threads, speaks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.fingerprint import cached_fingerprint
from nplusone_guard.growth.population import Table, models, rows_of, watching_all


class Effect:
    """What was sent at each size, as long as ``populate`` has written nothing."""

    def __init__(self, *, expected: bool) -> None:
        #: Whether an effect is expected, and nothing has spoken for one so far.
        self._doubtful = expected
        self._sent: Counter[int] = Counter()
        self._tables: set[Table] = set()
        self._runs: list[tuple[Counter[int], dict[Table, int]]] = []

    def watch_populate(self) -> ExitStack:
        """Look for anything that may write, until what this returns is closed."""
        return watching_all(self._look_for_writes) if self._doubtful else ExitStack()

    def watch_run(self) -> ExitStack:
        """Note what is sent, until what this returns is closed."""
        self._sent = Counter()
        self._tables = set()
        return watching_all(self._note) if self._doubtful else ExitStack()

    def end_run(self, query_count: int) -> None:
        """Note how many rows there were to read, of ``query_count`` queries in all."""
        from django.db import DatabaseError

        if not self._doubtful:
            return
        known = models(with_automatic=True)
        # A table of no model may have been filled, and other threads may have read others.
        if any(name not in known for _, name in self._tables) or self._sent.total() != query_count:
            self._doubtful = False
            return
        try:
            self._runs.append((self._sent, rows_of(self._tables, known)))
        except DatabaseError:  # run has left the transaction broken
            self._doubtful = False
            return
        self._doubtful = self._runs[0] == self._runs[-1]

    @property
    def is_none(self) -> bool:
        """Whether it is certain that every run saw the same data."""
        return self._doubtful and len(self._runs) > 1

    def _look_for_writes(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: Any, context: Any
    ) -> Any:
        __tracebackhide__ = True
        with self._contained():
            shape = cached_fingerprint(context["connection"].vendor)(str(sql))
            # A SELECT without a table may call a function that writes.
            if shape.kind != "control" and not (shape.kind == "select" and shape.tables):
                self._doubtful = False
        return execute(sql, params, many, context)

    def _note(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: Any, context: Any
    ) -> Any:
        __tracebackhide__ = True
        with self._contained():
            connection = context["connection"]
            shape = cached_fingerprint(connection.vendor)(str(sql))
            if shape.kind != "control":
                self._sent[hash((connection.alias, str(sql), repr(params)))] += 1
            self._tables.update((connection.alias, name) for name in shape.tables)
        return execute(sql, params, many, context)

    @contextmanager
    def _contained(self) -> Iterator[None]:
        """A fault in here costs the judgement, never the query."""
        try:
            yield
        except Exception as error:
            contain("effect", error)
            self._doubtful = False
