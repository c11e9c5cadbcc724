"""The cases of the benchmark, each with the limit it has to keep.

A case takes the guard and the seconds it may use, and returns one row for each limit.
"""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import bench_fingerprint
import bench_suite
import databases
import workloads
from database import ROWS
from harness import Comparison, Spread, Timed, clock, compare
from memory import held_by, tracing
from tools import EagerGuard, Tool, Work, noop, timed_idle, timed_noop, timed_scope, timed_whole

MIB = 1024 * 1024
FRESH = 1_000


@dataclass(frozen=True)
class Size:
    """How large the cases are whose subject is size."""

    rows: int = ROWS
    queries: int = 100_000
    #: Tests of the suite that is run, how often, and how often an empty one is collected.
    tests: int = 500
    runs: int = 9
    loads: int = 41


FULL = Size()
QUICK = Size(rows=20_000, queries=20_000, tests=60, runs=5, loads=9)


@dataclass(frozen=True)
class Row:
    """One line of the table. ``ok`` is ``None`` where there is no limit."""

    label: str
    limit: str
    measured: str
    spread: str = ""
    ok: bool | None = None
    value: float = 0.0


Case = Callable[[Tool, float, Size], Iterator[Row]]


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


def noise(tool: Tool, seconds: float, _: Size) -> Iterator[Row]:
    """The baseline against itself: how far from 1.000 nothing at all comes out."""
    same = partial(timed_noop, tool, workloads.get_loop)
    yield ratio_row("the baseline against itself", None, compare(same, same, seconds).ratio())


def idle(tool: Tool, seconds: float, _: Size) -> Iterator[Row]:
    """The price of having the guard installed where nobody asked it to watch."""
    result = _against_noop(tool, timed_idle, workloads.get_loop, seconds)
    yield ratio_row("installed, no scope open, .get()", 1.01, result.ratio())


def raw(tool: Tool, seconds: float, _: Size) -> Iterator[Row]:
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


def get(tool: Tool, seconds: float, _: Size) -> Iterator[Row]:
    """The commonest loop."""
    result = _against_noop(tool, timed_scope, workloads.get_loop, seconds)
    yield ratio_row(".get() in a loop, in scope", 1.06, result.ratio())


def deep(tool: Tool, seconds: float, _: Size) -> Iterator[Row]:
    """Many call paths seen twice each: the first sightings cost most."""
    calls = workloads.deep_calls()
    result = _against_noop(tool, timed_scope, calls, seconds / 2)
    yield ratio_row("60 queries, 30 sites, 25 frames deep", 1.10, result.ratio())
    result = _against_noop(tool, timed_whole, calls, seconds / 2)
    yield ratio_row("  with opening, closing and judging", None, result.ratio())


def load(tool: Tool, seconds: float, size: Size) -> Iterator[Row]:
    """Rows cost nothing: loaded in slices, so that there are many pairs to compare."""
    part = partial(workloads.load, workloads.LOAD_SLICE)
    result = _against_noop(tool, timed_scope, part, seconds)
    yield ratio_row("load 100,000 instances", 1.01, result.ratio())
    yield _bytes_a_row(tool, size.rows)


def prefetch(_: Tool, seconds: float, __: Size) -> Iterator[Row]:
    """What is loaded eagerly is looked at row by row, but only where a rule asks for it."""
    part = partial(workloads.load_with_prefetch, workloads.LOAD_SLICE)
    tool = EagerGuard()
    tool.load()
    tool.switch(True)
    if tool.prove(part) != ["author"]:
        raise SystemExit("The guard did not notice that a prefetch went unread.")
    result = _against_noop(tool, timed_scope, part, seconds)
    yield ratio_row("  prefetched, unused-eager-load on", 1.10, result.ratio())


def growth(tool: Tool, _: float, size: Size) -> Iterator[Row]:
    """A scope of 100,000 queries next to fresh ones of 1,000, a thousand queries in turn."""
    result = _growing(tool, size.queries)
    last = len(result.baseline) // 4
    late = Comparison(result.baseline[-last:], result.variant[-last:])
    first = size.queries - last * FRESH
    yield ratio_row(f"query no. {first:,} to {size.queries:,}", 1.10, late.ratio())
    yield _bytes_of_queries(tool, size.queries)


def fingerprint(_: Tool, seconds: float, __: Size) -> Iterator[Row]:
    """Statements the cache has not seen: the scanner alone. ``bench_fingerprint`` has more."""
    spread = _microseconds(bench_fingerprint.ORM, seconds / 4)
    label = f"fingerprint miss, {len(bench_fingerprint.ORM)} characters"
    yield limit_row(label, 70, "us", spread)
    for name, (vendor, text) in bench_fingerprint.MISSES.items():
        if name.startswith("IN list of 10,000"):
            spread = _microseconds(text, seconds / 4, vendor).scaled(1 / 1_000)
            yield limit_row(f"  {name}", 20, "ms", spread)


def plugin(_: Tool, __: float, size: Size) -> Iterator[Row]:
    """The pytest plugin in a run that asks nothing of it."""
    costs = bench_suite.load(size.loads)
    yield limit_row("pytest plugin, all off", 5, "ms", costs.cpu.added_us(1).scaled(1 / 1_000))


def suite(_: Tool, __: float, size: Size) -> Iterator[Row]:
    """A test suite, unwatched and with ``--nplusone=fail``."""
    costs = bench_suite.watch(size.runs, size.tests)
    yield ratio_row(f"{size.tests} tests with --nplusone=fail", 1.05, costs.cpu.ratio())
    yield ratio_row("  elapsed time", None, costs.wall.ratio())
    if databases.missing("postgres"):
        return
    # The server has processes of its own, whose time is in no figure but the elapsed one.
    costs = bench_suite.watch(size.runs, size.tests, "postgres")
    yield ratio_row("  on PostgreSQL, elapsed time", None, costs.wall.ratio())


def limit_row(label: str, limit: float, unit: str, spread: Spread) -> Row:
    """A row about an amount that must not be exceeded."""
    return Row(
        label,
        f"<= {limit:g} {unit}",
        f"{spread.median:.2f} {unit}",
        f"{spread.low:.2f}-{spread.high:.2f}",
        spread.median <= limit,
        spread.median,
    )


def _microseconds(text: str, seconds: float, vendor: str = "sqlite") -> Spread:
    from nplusone_guard.capture.fingerprint import fingerprint as scan

    times = []
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or len(times) < 20:
        start = clock()
        scan(text, vendor)
        times.append((clock() - start) / 1_000)
    return Spread.of(times)


def _against_noop(tool: Tool, timed: Callable[..., int], work: Work, seconds: float) -> Comparison:
    baseline: Timed = partial(timed_noop, tool, work)
    return compare(baseline, partial(timed, tool, work), seconds)


def _bytes_a_row(tool: Tool, rows: int) -> Row:
    from django.db import connection

    with tracing() as allocated:
        tool.switch(False)
        with connection.execute_wrapper(noop):
            workloads.load(10)
            without = held_by(partial(workloads.load, rows), allocated)
        tool.switch(True)
        with tool.scope():
            workloads.load(10)
            watched = held_by(partial(workloads.load, rows), allocated)
    more = max(watched.alive - without.alive, watched.dropped - without.dropped)
    measured = f"{more / rows:.3f} B"
    return Row(
        "  memory a row, alive or dropped", "0 B", measured, f"{more:+,} B", more < rows / 2, more
    )


def _growing(tool: Tool, queries: int) -> Comparison:
    """Times of a fresh scope and of the growing one, for each thousand of queries."""
    tool.switch(True)
    work = partial(workloads.raw_loop, FRESH)
    grown = Session(tool, work)
    result = Comparison([], [])
    for _ in range(queries // FRESH):
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
    with tool.scope():
        while True:
            start = clock()
            work()
            yield clock() - start


def _bytes_of_queries(tool: Tool, queries: int) -> Row:
    tool.switch(True)
    with tracing() as allocated, tool.scope():
        workloads.raw_loop(FRESH)
        before = allocated()
        workloads.raw_loop(queries - FRESH)
        more = allocated() - before
    return Row(
        f"  more memory, 1,000 to {queries:,}",
        "<= 1 MiB",
        f"{more / MIB:.3f} MiB",
        f"{more:+,} B",
        more <= MIB,
        more,
    )


CASES: dict[str, Case] = {
    each.__name__: each
    for each in (
        *(noise, idle, raw, get, deep, load, prefetch, growth, fingerprint),
        *(plugin, suite),
    )
}
