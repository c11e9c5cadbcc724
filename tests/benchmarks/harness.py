"""How a comparison is made: two ways of running one piece of work, round by round.

A machine that is shared or throttled changes its speed from second to second, so
two ways are never timed one after the other: each round times both, the first of
them changing from round to round, and what counts is the ratio within a round.
The median over many short rounds is the figure, its quartiles the spread.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Nanoseconds of processor time of this thread. SQLite in memory waits for nothing, and
#: what other programs of the machine took meanwhile is no cost of ours.
clock = time.thread_time_ns

WARM_UP_ROUNDS = 3
MIN_ROUNDS = 5

#: Runs some work in one of the two ways; returns the nanoseconds it took.
Timed = Callable[[], int]


@dataclass(frozen=True)
class Spread:
    """A median and its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """The spread of ``values``, of which there are two or more."""
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def scaled(self, factor: float) -> Spread:
        """The same in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Comparison:
    """Paired times of two ways, in nanoseconds a round."""

    baseline: list[int]
    variant: list[int]

    def ratio(self) -> Spread:
        """How many times as long the variant took, round by round."""
        return Spread.of([b / a for a, b in self._pairs()])

    def added_us(self, queries: int) -> Spread:
        """Microseconds the variant added to each of the round's ``queries``."""
        return Spread.of([(b - a) / queries / 1_000 for a, b in self._pairs()])

    def _pairs(self) -> list[tuple[int, int]]:
        return list(zip(self.baseline, self.variant, strict=True))


def compare(baseline: Timed, variant: Timed, seconds: float) -> Comparison:
    """Time both ways for about ``seconds``, alternating."""
    compare_rounds(baseline, variant, WARM_UP_ROUNDS)
    result = Comparison([], [])
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or len(result.baseline) < MIN_ROUNDS:
        one = compare_rounds(baseline, variant, 2)
        result.baseline.extend(one.baseline)
        result.variant.extend(one.variant)
    return result


def compare_rounds(baseline: Timed, variant: Timed, rounds: int) -> Comparison:
    """Time both ways ``rounds`` times; every other round begins with the variant."""
    result = Comparison([], [])
    for turn in range(rounds):
        for is_variant in (False, True) if turn % 2 == 0 else (True, False):
            elapsed = _undisturbed(variant if is_variant else baseline)
            (result.variant if is_variant else result.baseline).append(elapsed)
    return result


def _undisturbed(timed: Timed) -> int:
    gc.collect()
    gc.disable()
    try:
        return timed()
    finally:
        gc.enable()
