"""The report of one scope: a frozen value that every outlet renders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nplusone_guard.analysis.verdicts import Cleared
from nplusone_guard.policy import UnusedIgnore

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import EagerLoad, Finding, Shape

F = TypeVar("F")


class FindingsOf(Generic[F]):
    """A collection of its ``findings``, which is true even where there is none."""

    __slots__ = ()

    @property
    def findings(self) -> tuple[F, ...]:
        """What was found, worst first."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[F]:
        return iter(self.findings)

    def __getitem__(self, index: int) -> F:
        return self.findings[index]

    def __bool__(self) -> bool:
        """Always true; ask ``findings`` whether there is one."""
        return True


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One query in time: seconds since the scope opened, seconds it took, its shape."""

    offset: float
    duration: float
    database: str
    #: Index into ``Report.shapes``; -1 where the shape was not kept.
    shape: int


@dataclass(frozen=True, slots=True)
class Report(FindingsOf["Finding"]):
    """What happened in one scope. A collection of its findings, worst first.

    ``query_count`` leaves out transaction control (BEGIN, SAVEPOINT …), which
    ``transaction_count`` counts. Durations are in seconds.
    """

    name: str
    #: ``block request task command test``.
    kind: str
    query_count: int
    transaction_count: int
    failed_count: int
    #: Seconds in the database.
    query_time: float
    #: Seconds from the opening of the scope to its end.
    wall_time: float
    #: Queries for each database alias.
    databases: Mapping[str, int]
    findings: tuple[Finding, ...] = ()
    cleared: tuple[Cleared, ...] = ()
    shapes: tuple[Shape, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    unused_ignores: tuple[UnusedIgnore, ...] = ()
    #: What was loaded eagerly, where ``unused-eager-load`` is judged.
    eager_loads: tuple[EagerLoad, ...] = ()
    #: Errors inside the guard, one line each; the application never sees them.
    internal_errors: tuple[str, ...] = ()
    #: Queries that ran in this scope's context after it had closed.
    late_queries: int = 0
    #: Queries whose code path was not kept because the scope held too many.
    unjudged_queries: int = 0
    #: Joins the reports and log lines of a request and of the tasks it spawned.
    correlation_id: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        from nplusone_guard.report.text import render

        return render(self)

    def to_json(self, *, indent: int | None = None) -> str:
        """The report as JSON text, by the schema in ``docs/report.schema.json``."""
        from nplusone_guard.report.json import dumps

        return dumps(self, indent=indent)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The report that ``to_json`` wrote. Raises ``ConfigError`` for anything else."""
        from nplusone_guard.report.json import loads

        return loads(text)
