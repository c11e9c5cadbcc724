"""Proof of growth: ``assert_constant_queries`` runs the same code over more and more rows."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async

from nplusone_guard.budgets import aliases, check_aliases, check_flags, check_shown
from nplusone_guard.capture.scope import current_scope
from nplusone_guard.exceptions import ConfigError, MaxQueriesExceeded
from nplusone_guard.growth.arguments import (
    ASSERTION,
    check_made,
    check_no_loop,
    populator,
    read,
    runner,
    sizes_of,
    slope_of,
)
from nplusone_guard.growth.effect import Effect
from nplusone_guard.growth.population import Population
from nplusone_guard.growth.undoing import aopened, transactions, undone
from nplusone_guard.guard import watch
from nplusone_guard.report.growth import Growth, render_growth, told_shapes
from nplusone_guard.report.model import Report
from nplusone_guard.report.opening import NAME
from nplusone_guard.report.shown import shown_as


def assert_constant_queries(
    populate: Any,
    run: Callable[[], Any],
    *,
    sizes: Sequence[int] = (2, 4),
    linear: float = 0,
    using: str | Iterable[str] | None = None,
    warm_up: bool = True,
    in_database: bool = True,
    info: str = "",
    verbose: bool | None = None,
    width: int | None = None,
) -> Growth:
    """``run()`` sends as many queries over four rows as over two.

    For each of the ``sizes``, ``populate(size)`` makes the rows and ``run()`` is counted,
    inside a transaction or savepoint of every database that is rolled back afterwards.
    Before that both run once uncounted, which fills caches, unless ``warm_up`` is false.
    ``populate`` may also be a factory with ``create_batch(size)``, or a recipe with
    ``make(_quantity=size)``; both may be async functions.

    A ``populate`` that writes to no database is refused where that leaves ``run`` with the
    same data at every size; not with ``in_database=False``, for data that is elsewhere.

    ``linear`` is the number of queries that each row more may add; ``using`` names the
    database or databases that count, by default all; ``info`` is shown with the failure,
    whose text takes ``width`` columns (60 or more; by default 100, and in pytest those of
    the terminal).
    Returns the growth with its reports. Raises ``MaxQueriesExceeded``, an
    ``AssertionError``, with the growth of each statement; its ``report`` is that of the
    largest size. Inside an event loop: ``await aassert_constant_queries(...)``.
    """
    __tracebackhide__ = True
    proof = _Proof(populate, run, sizes, linear, using, warm_up, in_database, info, verbose, width)
    check_no_loop()
    reports: list[Report] = []
    for step in proof.plan():
        reports += proof.reports_at(step)
    return proof.judge(reports)


async def aassert_constant_queries(
    populate: Any,
    run: Callable[[], Any],
    *,
    sizes: Sequence[int] = (2, 4),
    linear: float = 0,
    using: str | Iterable[str] | None = None,
    warm_up: bool = True,
    in_database: bool = True,
    info: str = "",
    verbose: bool | None = None,
    width: int | None = None,
) -> Growth:
    """As ``assert_constant_queries``, to be awaited in async tests."""
    __tracebackhide__ = True
    proof = _Proof(populate, run, sizes, linear, using, warm_up, in_database, info, verbose, width)
    reports: list[Report] = []
    for step in proof.plan():
        reports += await proof.areports_at(step)
    return proof.judge(reports)


@dataclass(frozen=True, slots=True)
class _Step:
    """One size to run at; the warm-up is not counted."""

    size: int
    counted: bool = True


class _Proof:
    """The arguments, checked, and how they are run."""

    def __init__(
        self,
        populate: Any,
        run: Any,
        sizes: Any,
        linear: Any,
        using: Any,
        warm_up: Any,
        in_database: bool,
        info: str,
        verbose: bool | None,
        width: int | None,
    ) -> None:
        __tracebackhide__ = True
        self.populate = populator(populate)
        self.run = runner(run)
        self.sizes = sizes_of(sizes)
        self.linear = slope_of(linear)
        self.using = aliases(using, ASSERTION)
        self.warm_up = warm_up
        self.info = info
        self.verbose = verbose
        self.width = width
        self.population = Population()
        self.effect = Effect(expected=in_database)
        check_flags(ASSERTION, in_database=in_database)
        check_shown(verbose, width, ASSERTION)
        check_aliases(self.using, ASSERTION)

    def plan(self) -> list[_Step]:
        warm_up = [_Step(self.sizes[0], counted=False)] if self.warm_up else []
        return warm_up + [_Step(size) for size in self.sizes]

    def reports_at(self, step: _Step) -> list[Report]:
        """What ``run`` has sent at one size; nothing for the warm-up."""
        __tracebackhide__ = True
        with undone():
            with _unwatched():
                with self._watch_populate():
                    check_made(_settled(self.populate(step.size)))
                if not step.counted:
                    _settled(self.run())
                    return []
                self.population.count()
            # A unit: scopes around must not take its turns for those of a loop.
            with self.effect.watch_run(), watch(_name_of(step), kind="task") as recording:
                read(_settled(self.run()))
            with _unwatched():
                self.effect.end_run(recording.report.query_count)
            return [recording.report]

    async def areports_at(self, step: _Step) -> list[Report]:
        """As ``reports_at``, in an event loop."""
        __tracebackhide__ = True
        async with aopened(transactions):
            with _unwatched():
                async with aopened(self._watch_populate):
                    check_made(await _awaited(self.populate, step.size))
                if not step.counted:
                    await _awaited(self.run)
                    return []
                await sync_to_async(self.population.count)()
            async with (
                aopened(self.effect.watch_run),
                watch(_name_of(step), kind="task") as recording,
            ):
                await sync_to_async(read)(await _awaited(self.run))
            with _unwatched():
                await sync_to_async(self.effect.end_run)(recording.report.query_count)
            return [recording.report]

    def _watch_populate(self) -> ExitStack:
        with ExitStack() as opened:
            opened.enter_context(self.population.watch_populate())
            opened.enter_context(self.effect.watch_populate())
            return opened.pop_all()

    def judge(self, reports: Sequence[Report]) -> Growth:
        """The growth, if it is within bounds."""
        __tracebackhide__ = True
        units = self.population.units(self.sizes)
        growth = Growth(self.sizes, tuple(reports), self.using, units)
        if self.effect.is_none:
            self._refuse_idle()
        if growth.is_within(self.linear):
            return growth
        shown = shown_as(self.verbose, self.width)
        text = render_growth(
            growth,
            linear=self.linear,
            info=self.info,
            before=NAME,
            verbose=shown.verbose,
            width=shown.width,
        )
        told = told_shapes(growth, verbose=shown.verbose)
        ids = frozenset(each.finding.id for each in told if each.finding is not None)
        raise MaxQueriesExceeded(text, reports[-1], ids)

    def _refuse_idle(self) -> None:
        __tracebackhide__ = True
        sizes = " nor ".join(f"populate({size:,})" for size in self.sizes)
        raise ConfigError(
            "populate made no rows, which proves nothing\n"
            f" neither {sizes} sent an INSERT or another write,\n"
            " and run saw the same data each time: have populate(n) save n rows, by\n"
            " objects.create() or create_batch(), and not Model() or build_batch() alone;\n"
            " if what it makes is in no database, add in_database=False"
        )


def _name_of(step: _Step) -> str:
    return f"run at {step.size}"


def _settled(result: Any) -> Any:
    """``result``, awaited if it has to be."""
    __tracebackhide__ = True
    return async_to_sync(_await)(result) if inspect.isawaitable(result) else result


async def _await(result: Awaitable[Any]) -> Any:
    __tracebackhide__ = True
    return await result


async def _awaited(function: Callable[..., Any], *args: Any) -> Any:
    """The result of a sync or async function; sync ones may ask the database, too."""
    __tracebackhide__ = True
    if iscoroutinefunction(function):
        return await function(*args)
    result = await sync_to_async(function)(*args)
    return await result if inspect.isawaitable(result) else result


@contextmanager
def _unwatched() -> Iterator[None]:
    """No scope counts what runs in here: it is set-up."""
    token = current_scope.set(None)
    try:
        yield
    finally:
        current_scope.reset(token)
