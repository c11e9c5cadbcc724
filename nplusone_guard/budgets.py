"""Query budgets: ``assert_max_queries`` around a block or a function."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import Any, TypeVar

import wrapt
from asgiref.sync import iscoroutinefunction, sync_to_async

from nplusone_guard.capture import hook
from nplusone_guard.capture.scope import Scope
from nplusone_guard.exceptions import ConfigError, MaxQueriesExceeded
from nplusone_guard.recording import Recording, open_scope
from nplusone_guard.report.groups import query_groups, render_groups, told_of
from nplusone_guard.report.model import Report
from nplusone_guard.report.opening import NAME, opening
from nplusone_guard.report.page import MIN_WIDTH, counted
from nplusone_guard.report.shown import shown_as
from nplusone_guard.spelling import closest

F = TypeVar("F", bound=Callable[..., Any])


class QueryBudget:
    """What ``assert_max_queries(...)`` returns: a context manager and a decorator."""

    def __init__(
        self,
        allowed: int,
        *,
        using: str | Iterable[str] | None = None,
        exact: bool = False,
        info: str = "",
        transactions: bool = False,
        verbose: bool | None = None,
        width: int | None = None,
        name: str = "assert_max_queries",
    ) -> None:
        __tracebackhide__ = True
        check_count(allowed, "the number of queries", name)
        check_shown(verbose, width, name)
        check_flags(name, exact=exact, transactions=transactions)
        if not isinstance(info, str):
            raise ConfigError(f"{name}(): info is {info!r}. Allowed: a text.")
        self.allowed = allowed
        self.using = aliases(using, name)
        self.exact = exact
        self.info = info
        self.transactions = transactions
        self.verbose = verbose
        self.width = width
        #: What error messages call it.
        self.name = name
        self._recordings: list[Recording] = []

    def __enter__(self) -> Recording:
        __tracebackhide__ = True
        return self._enter(sys._getframe(1))  # noqa: SLF001 - call paths end here

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        recording = self._recordings.pop()
        recording.end()
        if error is None and (excess := self.excess(recording, NAME)):
            raise MaxQueriesExceeded(excess, recording.report, self.told(recording))

    async def __aenter__(self) -> Recording:
        __tracebackhide__ = True
        await sync_to_async(attach)()
        return self._enter(sys._getframe(1))  # noqa: SLF001 - as above

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        self.__exit__(kind, error, traceback)

    def __call__(self, function: F) -> F:
        """``function`` with this budget for each of its calls."""
        __tracebackhide__ = True
        callee = getattr(function, "__func__", function)
        if inspect.isgeneratorfunction(callee) or inspect.isasyncgenfunction(callee):
            raise ConfigError(
                f"{self.name}() decorates the generator {_name_of(callee)}, whose queries are sent "
                "while it is iterated. Allowed: functions; put `with` around the iteration."
            )
        if inspect.isclass(function) or not callable(callee):
            raise ConfigError(
                f"{self.name}() decorates {function!r}. Allowed: functions and methods."
            )
        return wrapt.FunctionWrapper(function, self._call)  # type: ignore[return-value]

    def check_aliases(self) -> None:
        """Raise ``ConfigError`` where ``using`` names a database that there is not."""
        __tracebackhide__ = True
        check_aliases(self.using, self.name)

    def open(self, root: FrameType) -> Recording:
        """Start counting; ``root`` is the frame that call paths end at."""
        __tracebackhide__ = True
        self.check_aliases()
        attach()
        return open_scope(self.info or self.name, root=root)

    def excess(self, recording: Recording, before: str = "") -> str:
        """What a closed ``recording`` has against this budget; empty if it keeps to it.

        ``before`` is what is going to stand before it, on its first line.
        """
        control = self._control(recording.scope) if self.transactions else 0
        count = self._count(recording.report) + control
        kept = count == self.allowed if self.exact else count <= self.allowed
        return "" if kept else self._message(count, control, recording.report, before)

    def told(self, recording: Recording) -> frozenset[str]:
        """The ids of the findings that ``excess`` tells of."""
        groups = query_groups(recording.report, self.using)
        return told_of(groups, verbose=shown_as(self.verbose, self.width).verbose)

    def _count(self, report: Report) -> int:
        if self.using is None:
            return report.query_count
        return sum(report.databases.get(alias, 0) for alias in self.using)

    def _control(self, scope: Scope) -> int:
        """Statements of transaction control that this budget counts."""
        if self.using is None:
            return scope.transactions
        return sum(scope.controls.get(alias, 0) for alias in self.using)

    def _enter(self, root: FrameType) -> Recording:
        __tracebackhide__ = True
        recording = self.open(root)
        self._recordings.append(recording)
        return recording

    def _again(self) -> QueryBudget:
        """A budget of its own for each call, as calls may overlap."""
        return QueryBudget(
            self.allowed,
            using=self.using,
            exact=self.exact,
            info=self.info,
            transactions=self.transactions,
            verbose=self.verbose,
            width=self.width,
            name=self.name,
        )

    def _call(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        __tracebackhide__ = True
        if iscoroutinefunction(wrapped):
            return self._call_async(wrapped, args, kwargs)
        with self._again():
            return wrapped(*args, **kwargs)

    async def _call_async(self, wrapped: Any, args: Any, kwargs: Any) -> Any:
        __tracebackhide__ = True
        async with self._again():
            return await wrapped(*args, **kwargs)

    def _message(self, count: int, control: int, report: Report, before: str) -> str:
        shown = shown_as(self.verbose, self.width)
        lines = opening((self._facts(count), (self.info,)), shown.width, before)
        groups = query_groups(report, self.using)
        if groups:
            lines.append(render_groups(groups, verbose=shown.verbose, width=shown.width))
        unknown = count - control - sum(group.count for group in groups)
        if unknown > 0:
            lines.append(f" {unknown:,} × from code paths beyond MAX_GROUPS")
        if control:
            lines.append(f" {control:,} × transaction control")
        return "\n".join(lines)

    def _facts(self, count: int) -> tuple[str, ...]:
        asked = counted(count, "query", "queries") if count else "no queries"
        allowed = f"exactly {self.allowed:,} expected" if self.exact else self._limit()
        where = f" to {', '.join(self.using)}" if self.using is not None else ""
        return f"{asked}{where}", allowed

    def _limit(self) -> str:
        return f"at most {self.allowed:,} allowed" if self.allowed else "none allowed"


def assert_max_queries(
    allowed: int,
    *,
    using: str | Iterable[str] | None = None,
    exact: bool = False,
    info: str = "",
    transactions: bool = False,
    verbose: bool | None = None,
    width: int | None = None,
) -> QueryBudget:
    """A block, or a decorated function, sends at most ``allowed`` queries.

    ``with assert_max_queries(5):`` and ``async with`` alike; as a decorator for functions
    and methods, sync and async, each call has the whole budget. ``using`` names the
    database or databases that count, by default all; with ``exact`` fewer queries fail,
    too; ``info`` is shown with the failure. BEGIN, SAVEPOINT and their like count only
    with ``transactions``. However long the block, no query is left out.

    Raises ``MaxQueriesExceeded``, an ``AssertionError`` whose ``report`` holds everything:
    its text has the queries by shape, the most repeated first, at most 20 shapes unless
    ``verbose``, on lines of ``width`` columns (60 or more; by default 100, and in pytest
    those of the terminal). Where the block itself raised, that error stands alone.
    """
    __tracebackhide__ = True
    return QueryBudget(
        allowed,
        using=using,
        exact=exact,
        info=info,
        transactions=transactions,
        verbose=verbose,
        width=width,
    )


def attach() -> None:
    """Watch the connections that this thread has opened already.

    Without the app in ``INSTALLED_APPS`` the hook is installed by the first scope, which
    in async code may be opened in a thread that has no connections of its own.
    """
    hook.install()


# ── arguments ───────────────────────────────────────────────────────────────────────


def check_count(value: object, what: str, name: str, least: int = 0) -> None:
    """Raise ``ConfigError`` unless ``value`` is a whole number of at least ``least``."""
    __tracebackhide__ = True
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(
            f"{name}(): {what} is {value!r}. Allowed: a whole number of {least} or more."
        )


def check_shown(verbose: object, width: object, name: str) -> None:
    """Raise ``ConfigError`` unless both are ``None`` or say how to show a failure."""
    __tracebackhide__ = True
    if verbose is not None:
        check_flags(name, verbose=verbose)
    if width is not None:
        check_count(width, "width", name, MIN_WIDTH)


def aliases(using: object, name: str) -> tuple[str, ...] | None:
    """The database aliases of a ``using`` argument; ``None`` stands for all."""
    __tracebackhide__ = True
    if using is None:
        return None
    given = (using,) if isinstance(using, str) else using
    if isinstance(given, (tuple, list, set, frozenset)):
        found = tuple(dict.fromkeys(given))
        if found and all(isinstance(alias, str) and alias for alias in found):
            return found
    raise ConfigError(
        f"{name}(): using is {using!r}. Allowed: the alias of a database, or a list of them."
    )


def check_aliases(using: tuple[str, ...] | None, name: str) -> None:
    """Raise ``ConfigError`` where ``using`` names a database that there is not."""
    __tracebackhide__ = True
    if using is None:
        return
    from django.db import connections

    for alias in using:
        if alias not in connections:
            raise ConfigError(
                f"{name}(): using names {alias!r}, which is not in DATABASES. "
                f"{closest(alias, connections)}"
            )


def check_flags(name: str, /, **flags: object) -> None:
    """Raise ``ConfigError`` unless each of the ``flags`` is True or False."""
    __tracebackhide__ = True
    for flag, value in flags.items():
        if not isinstance(value, bool):
            raise ConfigError(f"{name}(): {flag} is {value!r}. Allowed: True or False.")


def _name_of(function: Any) -> str:
    return getattr(function, "__qualname__", repr(function))
