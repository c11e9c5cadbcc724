"""What each index of the performance report gains: plan, work and time, without it and with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from apps.demo.patterns import PATTERNS, Asked, Pattern
from apps.demo.plans import Plan, explain, seconds
from apps.demo.verdicts import Verdict

#: Runs of each query in each round; the first warms up and is not counted.
RUNS = 8
#: Work after, as part of the work before, from which on nothing was gained.
LESS_WORK = 0.95


@dataclass(frozen=True, slots=True)
class IndexGain:
    """One pattern, without its index and with it. Times are medians, in seconds."""

    pattern: Pattern
    plan_before: Plan
    plan_after: Plan
    before: float
    after: float

    @property
    def used(self) -> bool:
        """Whether the database chose the index."""
        return self.pattern.index in self.plan_after.indexes

    @property
    def less(self) -> float:
        """How much less time it takes with the index, in per cent; negative for more."""
        return 100 * (1 - self.after / self.before)

    @property
    def verdict(self) -> Verdict:
        """Whether the report's promise holds. Without less work, less time is noise."""
        if self.plan_after.work > LESS_WORK * self.plan_before.work or self.less <= 0:
            return Verdict.NO_GAIN
        if not self.pattern.said:
            return Verdict.NO_CLAIM
        return Verdict.HOLDS if self.less >= self.pattern.said[0] else Verdict.LESS

    def as_dict(self) -> dict[str, Any]:
        return {
            "title": self.pattern.title,
            "query": self.pattern.code,
            "index": self.pattern.index,
            "index_used": self.used,
            "report_said": list(self.pattern.said) if self.pattern.said else None,
            "before": {"seconds": round(self.before, 7), "plan": self.plan_before.as_dict()},
            "after": {"seconds": round(self.after, 7), "plan": self.plan_after.as_dict()},
            "less_time_percent": round(self.less, 1),
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
    before: list[float] = []
    after: list[float] = []
    query = pattern.query(asked)
    for _ in range(rounds):
        with pattern.before():
            plan_before = explain(query)
            before += _times(pattern, asked)
        plan_after = explain(query)
        after += _times(pattern, asked)
    return IndexGain(pattern, plan_before, plan_after, median(before), median(after))


def _times(pattern: Pattern, asked: Asked) -> list[float]:
    return [seconds(pattern.query(asked)) for _ in range(RUNS)][1:]
