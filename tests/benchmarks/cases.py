"""The cases of the benchmark, each with the limit it has to keep.

A case takes the guard and the seconds it may use, and returns one row for each limit.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import workloads
from database import ROWS
from harness import Comparison, Spread, Timed, compare
from memory import held_by, tracing
from tools import Tool, Work, noop, timed_idle, timed_noop, timed_scope, timed_whole

MIB = 1024 * 1024
GROWN = 100_000
FRESH = 1_000


@dataclass(frozen=True)
class Row:
    """One line of the table. ``ok`` is ``None`` where there is no limit."""

    label: str
    limit: str
    measured: str
    spread: str = ""
    ok: bool | None = None
    value: float = 0.0


Case = Callable[[Tool, float], Iterator[Row]]


def ratio_row(label: str, limit: float | None, spread: Spread) -> Row:
    """A row about how many times as long something took."""
    return Row(
        label,
        f"<= {limit:.2f}x" if limit else "",
        f"{spread.median:.3f}x",
        f"{spread.low:.3f}-{spread.high:.3f}",
        None if limit is None else spread.median <= limit,
        spread.median,
    )


def noise(tool: Tool, seconds: float) -> Iterator[Row]:
    """The baseline against itself: how far from 1.000 nothing at all comes out."""
    same = partial(timed_noop, tool, workloads.get_loop)
    yield ratio_row("the baseline against itself", None, compare(same, same, seconds).ratio())


def idle(tool: Tool, seconds: float) -> Iterator[Row]:
    """The price of having the guard installed where nobody asked it to watch."""
    result = _against_noop(tool, timed_idle, workloads.get_loop, seconds)
    yield ratio_row("installed, no scope open, .get()", 1.01, result.ratio())


def raw(tool: Tool, seconds: float) -> Iterator[Row]:
    """The cheapest query there is shows what the guard adds to each."""
    result = _against_noop(tool, timed_scope, workloads.raw_loop, seconds)
    added = result.added_us(workloads.RAW_QUERIES)
    yield Row(
        "raw cursor query, one site, in scope",
        "<= +3 us",
        f"{added.median:+.2f} us",
        f"{added.low:+.2f} {added.high:+.2f}",
        added.median <= 3,
        added.median,
    )


def get(tool: Tool, seconds: float) -> Iterator[Row]:
    """The commonest loop."""
    result = _against_noop(tool, timed_scope, workloads.get_loop, seconds)
    yield ratio_row(".get() in a loop, in scope", 1.06, result.ratio())


def deep(tool: Tool, seconds: float) -> Iterator[Row]:
    """Many call paths seen twice each: the first sightings cost most."""
    calls = workloads.deep_calls()
    result = _against_noop(tool, timed_scope, calls, seconds / 2)
    yield ratio_row("60 queries, 30 sites, 25 frames deep", 1.10, result.ratio())
    result = _against_noop(tool, timed_whole, calls, seconds / 2)
    yield ratio_row("  with opening, closing and judging", None, result.ratio())


def load(tool: Tool, seconds: float) -> Iterator[Row]:
    """Rows cost nothing: loaded in slices, so that there are many pairs to compare."""
    part = partial(workloads.load, workloads.LOAD_SLICE)
    result = _against_noop(tool, timed_scope, part, seconds)
    yield ratio_row("load 100,000 instances", 1.01, result.ratio())
    yield _bytes_a_row(tool)


def growth(tool: Tool, seconds: float) -> Iterator[Row]:
    """A scope of 100,000 queries next to fresh ones of 1,000, a thousand queries in turn."""
    del seconds  # as many queries as there are
    result = _growing(tool)
    last = Comparison(result.baseline[-25:], result.variant[-25:])
    label = "query no. 75,000-100,000 of a scope"
    row = ratio_row(label, 1.10, last.ratio())
    yield row
    yield _bytes_of_queries(tool)


def fingerprint(tool: Tool, seconds: float) -> Iterator[Row]:
    """A statement the cache has not seen."""
    raise NotImplementedError


def _against_noop(tool: Tool, timed: Callable[..., int], work: Work, seconds: float) -> Comparison:
    baseline: Timed = partial(timed_noop, tool, work)
    return compare(baseline, partial(timed, tool, work), seconds)


def _bytes_a_row(tool: Tool) -> Row:
    from django.db import connection

    with tracing() as allocated:
        tool.switch(False)
        with connection.execute_wrapper(noop):
            workloads.load(10)
            without = held_by(workloads.load, allocated)
        tool.switch(True)
        with tool.scope():
            workloads.load(10)
            watched = held_by(workloads.load, allocated)
    more = max(watched.alive - without.alive, watched.dropped - without.dropped)
    measured = f"{more / ROWS:.3f} B"
    return Row(
        "  memory a row, alive or dropped", "0 B", measured, f"{more:+,} B", more < ROWS / 2, more
    )


def _growing(tool: Tool) -> Comparison:
    """Times of a fresh scope and of the growing one, for each thousand of queries."""
    tool.switch(True)
    work = partial(workloads.raw_loop, FRESH)
    grown = Session(tool, work)
    result = Comparison([], [])
    for _ in range(GROWN // FRESH):
        fresh = Session(tool, work)
        result.baseline.append(fresh.turn())
        fresh.close()
        result.variant.append(grown.turn())
    grown.close()
    return result


class Session:
    """A scope that is open in a context of its own, and runs its work when told to."""

    def __init__(self, tool: Tool, work: Work) -> None:
        self._context = contextvars.copy_context()
        self._turns = _turns(tool, work)

    def turn(self) -> int:
        """Run the work once more in the scope; returns the nanoseconds it took."""
        return self._context.run(next, self._turns)

    def close(self) -> None:
        """Close the scope."""
        self._context.run(self._turns.close)


def _turns(tool: Tool, work: Work) -> Iterator[Any]:
    import time

    with tool.scope():
        while True:
            start = time.perf_counter_ns()
            work()
            yield time.perf_counter_ns() - start


def _bytes_of_queries(tool: Tool) -> Row:
    tool.switch(True)
    with tracing() as allocated, tool.scope():
        workloads.raw_loop(FRESH)
        before = allocated()
        workloads.raw_loop(GROWN - FRESH)
        more = allocated() - before
    return Row(
        "  more memory, 1,000 to 100,000",
        "<= 1 MiB",
        f"{more / MIB:.3f} MiB",
        f"{more:+,} B",
        more <= MIB,
        more,
    )


CASES: dict[str, Case] = {
    each.__name__: each for each in (noise, idle, raw, get, deep, load, growth, fingerprint)
}
