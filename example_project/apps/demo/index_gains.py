"""What each index of the performance report gains: plan, work and time, without it and with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from django.db.models import QuerySet

from apps.demo.patterns import PATTERNS, Asked, Pattern
from apps.demo.plans import Plan, explain, seconds
from apps.demo.verdicts import Verdict

#: Runs of each query in each round; the first warms up and is not counted.
RUNS = 8
#: Work after, as part of the work before, from which on nothing was gained.
LESS_WORK = 0.95


@dataclass(frozen=True, slots=True)
class Timed:
    """A query as the database carries it out, with its index or without. Times are medians."""

    plan: Plan
    #: Seconds in the database. SQLite runs in this process, and has handed over all rows by then.
    seconds: float
    #: Seconds until this process has all rows: what an application waits.
    fetched: float

    def as_dict(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 7),
            "fetched_seconds": round(self.fetched, 7),
            "plan": self.plan.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class IndexGain:
    """One pattern, without its index and with it."""

    pattern: Pattern
    before: Timed
    after: Timed

    @property
    def used(self) -> bool:
        """Whether the database chose the index."""
        return self.pattern.index in self.after.plan.indexes

    @property
    def less(self) -> float:
        """How much less time the database takes with the index, in per cent; negative for more."""
        return 100 * (1 - self.after.seconds / self.before.seconds)

    @property
    def less_fetched(self) -> float:
        """The same of the time until all rows are here."""
        return 100 * (1 - self.after.fetched / self.before.fetched)

    @property
    def verdict(self) -> Verdict:
        """Whether the report's promise holds. Without less work, less time is noise."""
        if self.after.plan.work > LESS_WORK * self.before.plan.work or self.less <= 0:
            return Verdict.NO_GAIN
        if not self.pattern.said:
            return Verdict.NO_CLAIM
        return Verdict.HOLDS if round(self.less) >= self.pattern.said[0] else Verdict.LESS

    def as_dict(self) -> dict[str, Any]:
        return {
            "title": self.pattern.title,
            "query": self.pattern.code,
            "index": self.pattern.index,
            "index_used": self.used,
            "report_said": list(self.pattern.said) if self.pattern.said else None,
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
            "less_time_percent": round(self.less, 1),
            "less_fetched_time_percent": round(self.less_fetched, 1),
            "verdict": self.verdict,
        }


def measure_gains(rounds: int, advance: Callable[[int], None]) -> list[IndexGain]:
    """Every pattern, measured in ``rounds`` rounds, without and with its index in turn."""
    asked = Asked.of_stored()
    gains = []
    for pattern in PATTERNS:
        gains.append(_measure(pattern, asked, rounds))
        advance(1)
    return gains


def _measure(pattern: Pattern, asked: Asked, rounds: int) -> IndexGain:
    query = pattern.query(asked)
    before, after = _Runs(query), _Runs(query)
    for _ in range(rounds):
        with pattern.before():
            before.add()
        after.add()
    return IndexGain(pattern, before.median(), after.median())


class _Runs:
    """The runs of one query, with its index or without."""

    def __init__(self, query: QuerySet[Any]) -> None:
        self.query = query
        self.plans: list[Plan] = []
        self.fetched: list[float] = []

    def add(self) -> None:
        """One round: the first run of each kind warms up."""
        self.fetched += [seconds(self.query) for _ in range(RUNS)][1:]
        plan = explain(self.query)
        # Where the plan tells no time, one is enough.
        more = RUNS - 1 if plan.seconds is not None else 0
        self.plans += [explain(self.query) for _ in range(more)] or [plan]

    def median(self) -> Timed:
        times = [plan.seconds for plan in self.plans if plan.seconds is not None]
        return Timed(self.plans[-1], median(times or self.fetched), median(self.fetched))
