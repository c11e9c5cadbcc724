"""What happened in many scopes: each finding once, with the scopes that reach it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from nplusone_guard.analysis import eager
from nplusone_guard.analysis.verdicts import Cleared
from nplusone_guard.policy import UnusedIgnore
from nplusone_guard.report.model import FindingsOf

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import EagerLoad, Finding

UNUSED: Final = eager.RULE
#: The place of the ignores in Django's settings.
SETTINGS: Final = "settings"

Coverage = Literal["whole", "part", "broken"]


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
class SessionReport(FindingsOf[SessionFinding]):
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
        from nplusone_guard.report.session_json import dumps

        return dumps(self, indent=indent)

    @classmethod
    def from_json(cls, text: str) -> SessionReport:
        """The session that ``to_json`` wrote, or one of the single report in ``text``.

        Raises ``ConfigError`` for anything else.
        """
        from nplusone_guard.report.session_json import loads

        return loads(text)


def _is_of(cleared: Cleared, ignore: UnusedIgnore) -> bool:
    """Whether it was ``ignore`` that ``cleared`` a loop: a comment, a block or an entry."""
    places = (site for site in (cleared.site, cleared.loop) if site is not None)
    if any(ignore.where == f"{site.file}:{site.line}" for site in places):
        return True
    where, detail = f"{ignore.where}: ", cleared.detail
    # All entries of the settings are in one place: their reasons tell them apart.
    alone = ignore.where != SETTINGS or ignore.text.endswith(f"reason={detail[len(where) :]!r}")
    return detail.startswith(where) and alone
