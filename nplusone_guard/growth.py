"""Proof of growth: ``assert_constant_queries`` runs the same code over more and more rows."""

from __future__ import annotations

import asyncio
import inspect
import math
import reprlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async

from nplusone_guard.budgets import (
    aliases,
    attach,
    check_aliases,
    check_count,
    check_flags,
    check_shown,
)
from nplusone_guard.capture.scope import current_scope
from nplusone_guard.effect import Effect
from nplusone_guard.exceptions import ConfigError, MaxQueriesExceeded
from nplusone_guard.guard import watch
from nplusone_guard.population import Population
from nplusone_guard.report.growth import Growth, render_growth, told_shapes
from nplusone_guard.report.model import Report
from nplusone_guard.report.opening import NAME
from nplusone_guard.report.shown import shown_as

_NAME: Final = "assert_constant_queries"

_shown = reprlib.Repr()
_shown.maxother = 80


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
    _check_no_loop()
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
        self.populate = _populator(populate)
        self.run = _runner(run)
        self.sizes = _sizes(sizes)
        self.linear = _linear(linear)
        self.using = aliases(using, _NAME)
        self.warm_up = warm_up
        self.info = info
        self.verbose = verbose
        self.width = width
        self.population = Population()
        self.effect = Effect(expected=in_database)
        check_flags(_NAME, in_database=in_database)
        check_shown(verbose, width, _NAME)
        check_aliases(self.using, _NAME)

    def plan(self) -> list[_Step]:
        warm_up = [_Step(self.sizes[0], counted=False)] if self.warm_up else []
        return warm_up + [_Step(size) for size in self.sizes]

    def reports_at(self, step: _Step) -> list[Report]:
        """What ``run`` has sent at one size; nothing for the warm-up."""
        __tracebackhide__ = True
        with _undone():
            with _unwatched():
                with self._watch_populate():
                    _check_made(_settled(self.populate(step.size)))
                if not step.counted:
                    _settled(self.run())
                    return []
                self.population.count()
            # A unit: scopes around must not take its turns for those of a loop.
            with self.effect.watch_run(), watch(_name_of(step), kind="task") as recording:
                _read(_settled(self.run()))
            with _unwatched():
                self.effect.end_run(recording.report.query_count)
            return [recording.report]

    async def areports_at(self, step: _Step) -> list[Report]:
        """As ``reports_at``, in an event loop."""
        __tracebackhide__ = True
        async with _aopened(_transactions):
            with _unwatched():
                async with _aopened(self._watch_populate):
                    _check_made(await _awaited(self.populate, step.size))
                if not step.counted:
                    await _awaited(self.run)
                    return []
                await sync_to_async(self.population.count)()
            async with (
                _aopened(self.effect.watch_run),
                watch(_name_of(step), kind="task") as recording,
            ):
                await sync_to_async(_read)(await _awaited(self.run))
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


# ── running ─────────────────────────────────────────────────────────────────────────


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


@contextmanager
def _undone() -> Iterator[None]:
    """Whatever runs in here is rolled back, in every database that the test may use."""
    __tracebackhide__ = True
    with _transactions():
        yield


@asynccontextmanager
async def _aopened(opening: Callable[[], ExitStack]) -> AsyncIterator[None]:
    """As ``with opening():``, in the thread that async queries are sent from."""
    __tracebackhide__ = True
    opened = await sync_to_async(opening)()
    try:
        yield
    finally:
        await sync_to_async(opened.close)()


def _transactions() -> ExitStack:
    """A transaction or savepoint on every database that can be reached; to be closed."""
    __tracebackhide__ = True
    from django.db import connections

    attach()
    refused: list[BaseException] = []
    with ExitStack() as opened:
        for alias in connections:
            error = _begin(alias, opened)
            refused += [error] if error is not None else []
        # A test need not be able to reach every database, but one.
        if len(refused) == len(list(connections)):
            raise refused[0]
        return opened.pop_all()


def _begin(alias: str, opened: ExitStack) -> BaseException | None:
    """Open what ``opened`` rolls back; or return why this database cannot be used."""
    __tracebackhide__ = True
    from django.db import OperationalError, transaction
    from django.test.testcases import DatabaseOperationForbidden  # type: ignore[attr-defined]

    atomic: Any = transaction.atomic(using=alias)
    # As Django's own TestCase does, so that durable blocks may run inside.
    atomic._from_testcase = True  # noqa: SLF001
    try:
        atomic.__enter__()
    except (DatabaseOperationForbidden, OperationalError) as error:
        return error
    opened.callback(_roll_back, alias, atomic)
    return None


def _roll_back(alias: str, atomic: Any) -> None:
    from django.db import transaction

    if transaction.get_connection(alias).in_atomic_block:
        transaction.set_rollback(True, using=alias)
    atomic.__exit__(None, None, None)


# ── arguments ───────────────────────────────────────────────────────────────────────


def _populator(populate: Any) -> Callable[[int], Any]:
    """``populate`` as a function of the number of rows, whatever makes them."""
    __tracebackhide__ = True
    if callable(getattr(populate, "create_batch", None)):
        batch: Callable[[int], Any] = populate.create_batch
        return batch
    if callable(populate) and _takes(populate, 2):
        function: Callable[[int], Any] = populate
        return function
    if not callable(populate) and callable(getattr(populate, "make", None)):
        return lambda size: populate.make(_quantity=size)
    raise ConfigError(
        f"{_NAME}(): populate is {_shown.repr(populate)}. Allowed: a function of the number of rows, "
        "a factory with create_batch(), or a recipe with make()."
    )


def _runner(run: Any) -> Callable[[], Any]:
    __tracebackhide__ = True
    if callable(run) and _takes(run):
        function: Callable[[], Any] = run
        return function
    raise ConfigError(
        f"{_NAME}(): run is {_shown.repr(run)}. Allowed: a function without arguments."
    )


def _takes(function: Callable[..., Any], *args: object) -> bool:
    try:
        inspect.signature(function).bind(*args)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return True
    return True


def _sizes(sizes: Any) -> tuple[int, ...]:
    __tracebackhide__ = True
    known = tuple(sizes) if isinstance(sizes, (tuple, list, range)) else ()
    for size in known:
        check_count(size, "one of the sizes", _NAME, 1)
    if len(known) < 2 or list(known) != sorted(set(known)):
        raise ConfigError(
            f"{_NAME}(): sizes is {sizes!r}. Allowed: two or more numbers of rows, growing."
        )
    return known


def _linear(linear: Any) -> float:
    __tracebackhide__ = True
    number = isinstance(linear, (int, float)) and not isinstance(linear, bool)
    if not number or not math.isfinite(linear) or linear < 0:
        raise ConfigError(
            f"{_NAME}(): linear is {linear!r}. "
            "Allowed: the number of queries that each row may add, 0 or more."
        )
    return float(linear)


def _check_no_loop() -> None:
    __tracebackhide__ = True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigError(f"{_NAME}() runs in an event loop. Allowed there: await a{_NAME}(...).")


def _check_made(result: object) -> None:
    """A generator that nobody runs has made no rows, and would prove nothing."""
    __tracebackhide__ = True
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise ConfigError(
            f"{_NAME}(): populate returned a {type(result).__name__}, which has made no rows yet. "
            "Allowed: a function that makes them when it is called."
        )


def _read(result: Any) -> None:
    """Read a streaming response; refuse what has not sent its queries yet and never will."""
    __tracebackhide__ = True
    from django.db.models import QuerySet

    lazy = isinstance(result, QuerySet) and result._result_cache is None  # noqa: SLF001
    if lazy or inspect.isgenerator(result) or inspect.isasyncgen(result):
        _refuse_unread(result, "Put list() around it.")
    if getattr(result, "is_rendered", True) is False:
        _refuse_unread(result, "Add .render(), or ask the test client.")
    if getattr(result, "streaming", False) is True:
        if getattr(result, "is_async", False):
            _refuse_unread(result, "Read its streaming_content.")
        for _ in result:
            pass


def _refuse_unread(result: object, remedy: str) -> None:
    __tracebackhide__ = True
    raise ConfigError(
        f"{_NAME}(): run returned a {type(result).__name__} that nobody has read, so not all of "
        f"its queries were sent. {remedy}"
    )
