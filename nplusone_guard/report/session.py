"""Reports of many scopes as one: each finding once, with the scopes that reach it.

A session is a set of facts about named scopes, so joining is like joining sets: the order
does not matter, and what is joined twice counts once. A test that ran again, or a file
that two CI jobs both hand in, changes nothing. Of two sightings of one thing the worse
one stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, TypeVar

from nplusone_guard.analysis import eager
from nplusone_guard.analysis.findings import Cleared, EagerLoad, Finding, Site, UnusedIgnore
from nplusone_guard.analysis.merging import by_place
from nplusone_guard.report import json as report_json
from nplusone_guard.report import records
from nplusone_guard.report.model import Report

SCHEMA_VERSION: Final = 1
#: What a document's ``kind`` says, where a report names the kind of its scope.
KIND: Final = "session"
UNUSED: Final = eager.RULE
#: The place of the ignores in Django's settings.
SETTINGS: Final = "settings"

Coverage = Literal["whole", "part", "broken"]
_LEAST_LAST: Final[tuple[Coverage, ...]] = ("whole", "part", "broken")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScopeSummary:
    """One scope of a session in numbers. It is known by its kind and name."""

    name: str
    #: ``block request task command test``.
    kind: str
    query_count: int
    transaction_count: int = 0
    failed_count: int = 0
    #: Seconds in the database.
    query_time: float = 0.0
    #: Seconds from the opening of the scope to its end.
    wall_time: float = 0.0
    late_queries: int = 0
    unjudged_queries: int = 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """One scope that a finding was seen in: how many queries there, how many to save."""

    scope: str
    count: int
    saves: int


@dataclass(frozen=True, slots=True)
class SessionFinding:
    """A finding as it was at its worst, and every scope that reaches it, by name.

    Where the same loop was seen on several lines, the others are in
    ``finding.also_at``.
    """

    finding: Finding
    sightings: tuple[Sighting, ...]

    @property
    def scopes(self) -> tuple[str, ...]:
        """The names of the scopes that reach it, in their order."""
        return tuple(dict.fromkeys(sighting.scope for sighting in self.sightings))

    @property
    def ids(self) -> frozenset[str]:
        """Its own id, and those that the loop goes by when only a part of it is mended."""
        parts = (statement.id for statement in self.finding.statements)
        return frozenset({self.finding.id, *filter(None, parts)})

    @property
    def names(self) -> tuple[str, ...]:
        """Its own id, and those that earlier releases gave it."""
        return (self.finding.id, *self.finding.former_ids)

    @property
    def saves(self) -> int:
        """Queries that the fix saves, in all these scopes together."""
        return sum(sighting.saves for sighting in self.sightings)

    @property
    def count(self) -> int:
        """Queries that the finding is about, in all these scopes together."""
        return sum(sighting.count for sighting in self.sightings)


@dataclass(frozen=True, slots=True)
class Suite:
    """What the run of a test suite, or of a part of it, knows beside what its scopes did."""

    #: Ids of the findings that a baseline holds, but for what only the whole tells; others
    #: are not judged.
    judged: tuple[str, ...] = ()
    #: Tests that failed or were skipped, so that what they do is not known.
    unproven: tuple[str, ...] = ()
    #: Which parts of the suite these are: ``2/3``; empty where nobody has said.
    shards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionReport:
    """What happened in many scopes. A collection of distinct findings, worst first."""

    scopes: tuple[ScopeSummary, ...] = ()
    findings: tuple[SessionFinding, ...] = ()
    #: Each healthy repetition once, as often as it ran in one scope at most.
    cleared: tuple[Cleared, ...] = ()
    #: Ignores that suppressed nothing in one scope; see ``idle_ignores``.
    unused_ignores: tuple[UnusedIgnore, ...] = ()
    #: Errors inside the guard, one line each.
    internal_errors: tuple[str, ...] = ()
    #: What was loaded eagerly, where ``unused-eager-load`` is judged.
    eager_loads: tuple[EagerLoad, ...] = ()
    #: How much of the suite it is; ``broken``: a part of which not all has run.
    coverage: Coverage = "whole"
    #: ``None`` where it is no run of a test suite.
    suite: Suite | None = None

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[SessionFinding]:
        return iter(self.findings)

    def __getitem__(self, index: int) -> SessionFinding:
        return self.findings[index]

    def __bool__(self) -> bool:
        """A session is always true; ask ``session.findings`` whether it found anything."""
        return True

    @property
    def query_count(self) -> int:
        """Queries of all scopes, without transaction control."""
        return sum(scope.query_count for scope in self.scopes)

    @property
    def query_time(self) -> float:
        """Seconds in the database, all scopes together."""
        return sum(scope.query_time for scope in self.scopes)

    @property
    def saves(self) -> int:
        """Queries that all fixes together save."""
        return sum(entry.saves for entry in self.findings)

    @property
    def cleared_reasons(self) -> dict[str, int]:
        """How many distinct repetitions were cleared, by reason, the most frequent first."""
        reasons = Counter(each.reason for each in self.cleared)
        return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))

    @property
    def judged(self) -> tuple[SessionFinding, ...]:
        """The findings that a baseline holds, where this is a run of tests."""
        ids = self.suite.judged if self.suite is not None else ()
        return tuple(each for each in self if each.finding.id in ids or each.finding.rule == UNUSED)

    @property
    def idle_ignores(self) -> tuple[UnusedIgnore, ...]:
        """Ignores that suppressed nothing in any scope, if these are the whole suite."""
        if self.coverage != "whole":
            return ()
        used = [each for each in self.cleared if each.reason == "ignored"]
        return tuple(
            ignore
            for ignore in self.unused_ignores
            if not any(_is_of(each, ignore) for each in used)
        )

    def to_json(self, *, indent: int | None = None) -> str:
        """The session as JSON text."""
        return records.dumps(self, indent, schema_version=SCHEMA_VERSION, kind=KIND)

    @classmethod
    def from_json(cls, text: str) -> SessionReport:
        """The session that ``to_json`` wrote, or one of the single report in ``text``.

        Raises ``ConfigError`` for anything else.
        """
        with records.naming("session JSON"):
            return cls.read(text)

    @classmethod
    def read(cls, text: str) -> SessionReport:
        """As ``from_json``, for callers that name the file themselves in what is wrong."""
        return _read(records.parse(text))


def _is_of(cleared: Cleared, ignore: UnusedIgnore) -> bool:
    """Whether it was ``ignore`` that ``cleared`` a loop: a comment, a block or an entry."""
    places = (site for site in (cleared.site, cleared.loop) if site is not None)
    if any(ignore.where == f"{site.file}:{site.line}" for site in places):
        return True
    where, detail = f"{ignore.where}: ", cleared.detail
    # All entries of the settings are in one place: their reasons tell them apart.
    alone = ignore.where != SETTINGS or ignore.text.endswith(f"reason={detail[len(where) :]!r}")
    return detail.startswith(where) and alone


def _read(document: Any) -> SessionReport:
    if document.get("kind") != KIND:
        return session_of(report_json.read(document))
    records.check_version(document, SCHEMA_VERSION)
    # Joined anew, for a document may come from elsewhere.
    return _joined(records.read(SessionReport, document))


#: What was found in one scope, in numbers where that is all, or in many.
Found: TypeAlias = "ScopeSummary | Report | SessionReport"

# ── joining ─────────────────────────────────────────────────────────────────────────


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
        findings=tuple(sorted(_distinct(findings), key=worst_first)),
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


def _distinct(entries: Iterable[SessionFinding]) -> Iterator[SessionFinding]:
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


# ── eager loads ─────────────────────────────────────────────────────────────────────


def complete(session: SessionReport) -> SessionReport:
    """``session`` as all parts of a suite together; it stays as it is where one is broken.

    Whether one is missing others have to know.
    """
    if session.coverage == "broken":
        return session
    return settled(replace(session, coverage="whole"))


def settled(session: SessionReport) -> SessionReport:
    """``session`` with a finding for each eager load that none of its scopes has read.

    Asked once everything is joined: a single scope that reads nothing proves nothing.
    """
    found = [entry for entry in session.findings if entry.finding.rule != UNUSED]
    for load in eager.unused(session.eager_loads):
        finding = eager.finding_of(load)
        sightings = [Sighting(name, finding.count, finding.advice.saves) for name in load.scopes]
        found.append(SessionFinding(finding, tuple(sightings)))
    return replace(session, findings=tuple(sorted(_distinct(found), key=worst_first)))


# ── comparing ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SessionDiff:
    """How two sessions differ in their findings; ``kept`` are as the later one has them."""

    new: tuple[SessionFinding, ...]
    gone: tuple[SessionFinding, ...]
    kept: tuple[SessionFinding, ...]


def diff(old: SessionReport, new: SessionReport) -> SessionDiff:
    """The findings that came, went and stayed, by id, each list worst first.

    A loop of several statements stays while one of them is left, whichever names it then,
    and so does one that an earlier release has named.
    """
    before = {name for entry in old for name in entry.ids}
    after = {name for entry in new for name in entry.names}
    return SessionDiff(
        new=tuple(entry for entry in new if before.isdisjoint(entry.names)),
        gone=tuple(entry for entry in old if entry.ids.isdisjoint(after)),
        kept=tuple(entry for entry in new if not before.isdisjoint(entry.names)),
    )
