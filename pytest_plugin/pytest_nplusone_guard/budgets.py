"""The marker ``max_queries(n, using=…, exact=…, info=…, transactions=…)``."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Final

import pytest

from pytest_nplusone_guard.declarations import django_is_configured
from pytest_nplusone_guard.fixtures import is_verbose
from pytest_nplusone_guard.items import around_function
from pytest_nplusone_guard.marks import as_written
from pytest_nplusone_guard.workers import width_of

if TYPE_CHECKING:
    from nplusone_guard.budgets import QueryBudget
    from nplusone_guard.recording import Recording

MARKER: Final = "max_queries"

_OPTIONS: Final = ("using", "exact", "info", "transactions")
_USAGE: Final = f"{MARKER}(n), with {', '.join(_OPTIONS)} by name"

#: The budgets of a test, as its markers state them.
budgets_key: Final = pytest.StashKey[list["QueryBudget"]]()


def read_markers(items: Sequence[pytest.Item]) -> bool:
    """Turn markers into budgets; returns whether there are any.

    Raises ``UsageError`` where one says what is not allowed.
    """
    marked = [item for item in items if item.get_closest_marker(MARKER) is not None]
    for item in marked:
        item.stash[budgets_key] = _budgets_of(item)
    return bool(marked)


def _budgets_of(item: pytest.Item) -> list[QueryBudget]:
    """One budget for each choice of databases: that of the marker closest to the test."""
    if not callable(getattr(item, "obj", None)):
        raise pytest.UsageError(f"{item.nodeid}: {MARKER} works for test functions only")
    closest: dict[object, QueryBudget] = {}
    # The farthest first; on one node, bases come before classes and parameters come last.
    for node in item.listchain():
        for mark in node.own_markers:
            if mark.name == MARKER:
                budget = _budget(item, mark)
                closest[frozenset(budget.using or ())] = budget
    return list(closest.values())


def _budget(item: pytest.Item, mark: pytest.Mark) -> QueryBudget:
    from nplusone_guard.budgets import QueryBudget
    from nplusone_guard.exceptions import ConfigError

    options = dict(mark.kwargs)
    # ``--markers`` shows it by this name.
    stated = [*mark.args, *([options.pop("n")] if "n" in options else [])]
    if len(stated) != 1 or not options.keys() <= set(_OPTIONS):
        _refuse(item, f"{as_written(mark)}. Allowed: {_USAGE}.")
    try:
        budget = QueryBudget(
            stated[0],
            name=MARKER,
            verbose=is_verbose(item.config),
            width=width_of(item.config),
            **options,
        )
        if django_is_configured():
            budget.check_aliases()
    except ConfigError as error:
        _refuse(item, str(error))
    return budget


def _refuse(item: pytest.Item, problem: str) -> None:
    raise pytest.UsageError(f"{item.nodeid}: {problem}")


class Enforcement:
    """The hook that budgets need; registered where a test has one."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Hold the test itself, without its fixtures, to its budgets."""
        budgets = item.stash.get(budgets_key, [])
        if not budgets:
            return (yield)
        from nplusone_guard.budgets import attach

        attach()  # here, for async tests may start in another thread
        with ExitStack() as stack:
            for budget in budgets:
                stack.enter_context(around_function(item, _Enforced(budget)))
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let a budget's failure be one of its test, in one line."""
        report = yield
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, pytest.fail.Exception) and hasattr(error, "told"):
            from pytest_nplusone_guard import failures

            failures.as_of_test(report, item.config)
        return report


class _Enforced:
    """A budget around one call, which fails without a traceback: no line of it is to blame."""

    def __init__(self, budget: QueryBudget) -> None:
        self._budget = budget
        self._recordings: list[Recording] = []

    def __enter__(self) -> None:
        root = sys._getframe(1)  # noqa: SLF001 - call paths end here
        self._recordings.append(self._budget.open(root))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        recording = self._recordings.pop()
        recording.end()
        if error is None and (excess := self._budget.excess(recording)):
            failure = pytest.fail.Exception(excess, pytrace=False)
            failure.told = self._budget.told(recording)  # type: ignore[attr-defined]
            raise failure
