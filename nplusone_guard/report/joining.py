"""Reports of many scopes as one session.

A session is a set of facts about named scopes, so joining is like joining sets: the order
does not matter, and what is joined twice counts once. A test that ran again, or a file
that two CI jobs both hand in, changes nothing. Of two sightings of one thing the worse
one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from nplusone_guard.analysis import eager
from nplusone_guard.analysis.merging import by_place
from nplusone_guard.analysis.verdicts import Cleared, Site
from nplusone_guard.report.model import Report
from nplusone_guard.report.session import (
    Coverage,
    ScopeSummary,
    SessionFinding,
    SessionReport,
    Sighting,
    Suite,
)

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import Finding

_LEAST_LAST: Final[tuple[Coverage, ...]] = ("whole", "part", "broken")

T = TypeVar("T")

#: What was found in one scope, in numbers where that is all, or in many.
Found: TypeAlias = "ScopeSummary | Report | SessionReport"


class Gathering:
    """Takes the reports of a session one by one, and keeps no more of each than it will need.

    A long session has thousands of them, and what is kept has to be looked at whenever
    garbage is collected.
    """

    def __init__(self) -> None:
        self._scopes: list[ScopeSummary] = []
        self._others: list[SessionReport] = []

    def __len__(self) -> int:
        """How many scopes were taken, each as often as it came."""
        return len(self._scopes)

    def add(self, found: Found) -> None:
        """Take one more report, or what was joined before."""
        if isinstance(found, ScopeSummary):  # as of most tests
            self._scopes.append(found)
            return
        session = _as_session(found)
        self._scopes += session.scopes
        other = replace(session, scopes=())
        if other != _NOTHING:
            self._others.append(other)

    def session(self) -> SessionReport:
        """Everything that was taken, joined."""
        return _joined(SessionReport(tuple(self._scopes)), *self._others)


_NOTHING: Final = SessionReport()


def session_of(*found: Found) -> SessionReport:
    """All that was ``found`` as one session, whatever its order."""
    return _joined(*map(_as_session, found))


def merge(one: SessionReport, other: SessionReport) -> SessionReport:
    """Both sessions as one."""
    return _joined(one, other)


def _as_session(found: Found) -> SessionReport:
    if isinstance(found, SessionReport):
        return found
    return SessionReport((found,)) if isinstance(found, ScopeSummary) else _single(found)


def _single(report: Report) -> SessionReport:
    return SessionReport(
        scopes=(_summary(report),),
        findings=tuple(_seen(finding, report.name) for finding in report.findings),
        cleared=report.cleared,
        unused_ignores=report.unused_ignores,
        internal_errors=report.internal_errors,
        eager_loads=tuple(replace(load, scopes=(report.name,)) for load in report.eager_loads),
    )


def _summary(report: Report) -> ScopeSummary:
    return ScopeSummary(
        name=report.name,
        kind=report.kind,
        query_count=report.query_count,
        transaction_count=report.transaction_count,
        failed_count=report.failed_count,
        query_time=report.query_time,
        wall_time=report.wall_time,
        late_queries=report.late_queries,
        unjudged_queries=report.unjudged_queries,
    )


def _seen(finding: Finding, scope: str) -> SessionFinding:
    sighting = Sighting(scope, finding.count, finding.advice.saves)
    return SessionFinding(finding, (sighting,))


def _joined(*sessions: SessionReport) -> SessionReport:
    findings = [entry for session in sessions for entry in session.findings]
    return SessionReport(
        scopes=_worst_of(
            (scope for session in sessions for scope in session.scopes),
            key=lambda scope: (scope.kind, scope.name),
            rank=lambda scope: scope.query_count,
        ),
        findings=tuple(sorted(distinct(findings), key=worst_first)),
        cleared=_worst_of(
            (each for session in sessions for each in session.cleared),
            key=_cleared_key,
            rank=lambda each: each.count,
        ),
        unused_ignores=_union(each for session in sessions for each in session.unused_ignores),
        internal_errors=_union(each for session in sessions for each in session.internal_errors),
        eager_loads=eager.joined(each for session in sessions for each in session.eager_loads),
        coverage=max(
            (session.coverage for session in sessions), key=_LEAST_LAST.index, default="whole"
        ),
        suite=_suite(each.suite for each in sessions),
    )


def _suite(found: Iterable[Suite | None]) -> Suite | None:
    suites = [each for each in found if each is not None]
    if not suites:
        return None
    return Suite(
        judged=_union(name for each in suites for name in each.judged),
        unproven=_union(name for each in suites for name in each.unproven),
        shards=_union(name for each in suites for name in each.shards),
    )


def _worst_of(
    entries: Iterable[T], *, key: Callable[[T], Hashable], rank: Callable[[T], int]
) -> tuple[T, ...]:
    """One entry a key, that of the highest rank, in the order of the keys."""
    worst: dict[Hashable, T] = {}
    for entry in entries:
        name = key(entry)
        known = worst.setdefault(name, entry)
        if known is not entry and _weight(entry, rank) > _weight(known, rank):
            worst[name] = entry
    return tuple(worst[name] for name in sorted(worst, key=repr))


def _weight(entry: T, rank: Callable[[T], int]) -> tuple[int, str]:
    # The text decides between equals, so that the order of joining does not.
    return rank(entry), repr(entry)


def _union(entries: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted(set(entries), key=repr))


def _cleared_key(cleared: Cleared) -> Hashable:
    return (cleared.reason, cleared.detail, cleared.fingerprint, cleared.site, cleared.loop)


def worst_first(entry: SessionFinding) -> tuple[object, ...]:
    """Errors before warnings, then by queries that could be saved, then by place."""
    finding = entry.finding
    return (finding.severity != "error", -entry.saves, -entry.count, by_place(finding))


def distinct(entries: Iterable[SessionFinding]) -> Iterator[SessionFinding]:
    """One entry for each finding, with the sightings of all that are about it."""
    same: dict[str, list[SessionFinding]] = {}
    for entry in entries:
        same.setdefault(entry.finding.id, []).append(entry)
    return map(_one, same.values())


def _one(entries: list[SessionFinding]) -> SessionFinding:
    """Sightings of one finding as one entry."""
    findings = [entry.finding for entry in entries]
    worst = max(findings, key=_severity)
    sites = {site for finding in findings for site in (finding.site, *finding.also_at)}
    also = tuple(sorted(sites - {worst.site}, key=_place))
    sightings = _worst_of(
        (sighting for entry in entries for sighting in entry.sightings),
        key=lambda sighting: sighting.scope,
        rank=lambda sighting: sighting.count,
    )
    # Statements that engines or earlier releases told apart may be one by now.
    former = tuple(sorted({name for finding in findings for name in finding.former_ids}))
    return SessionFinding(replace(worst, also_at=also, former_ids=former), sightings)


def _severity(finding: Finding) -> tuple[bool, int, int, str, str]:
    # What was joined before must weigh the same: these are what joining adds to.
    alone = replace(finding, also_at=(), former_ids=())
    # Which of two lines is shown must not depend on which was slower in this run.
    statements = tuple(replace(each, duration=0.0) for each in alone.statements)
    timeless = repr(replace(alone, duration=0.0, statements=statements))
    error = finding.severity == "error"
    return error, finding.advice.saves, finding.count, timeless, repr(alone)


def _place(site: Site) -> tuple[str, int, str]:
    return site.file, site.line, repr(site)
