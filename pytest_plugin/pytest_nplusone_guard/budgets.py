"""The marker ``max_queries(n, using=…, exact=…, info=…, transactions=…)``."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nplusone_guard.fixtures import is_verbose

if TYPE_CHECKING:
    from nplusone_guard.budgets import QueryBudget
    from nplusone_guard.exceptions import MaxQueriesExceeded
    from nplusone_guard.guard import Recording

MARKER: Final = "max_queries"
DECLARATION: Final = (
    f"{MARKER}(n, *, using=None, exact=False, info='', transactions=False): the test sends at "
    "most n queries, those of its fixtures not counted, to any database or to those in using."
)

_OPTIONS: Final = ("using", "exact", "info", "transactions")
_USAGE: Final = f"{MARKER}(n), with {', '.join(_OPTIONS)} by name"

#: The budgets of a test, as its markers state them.
budgets_key: Final = pytest.StashKey[list["QueryBudget"]]()


def read_markers(items: Sequence[pytest.Item]) -> None:
    """Turn markers into budgets. Raises ``UsageError`` where one says what is not allowed."""
    for item in items:
        if item.get_closest_marker(MARKER) is not None:
            item.stash[budgets_key] = _budgets_of(item)


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

    unknown = [name for name in mark.kwargs if name not in _OPTIONS]
    if len(mark.args) != 1 or unknown:
        _refuse(item, f"{_as_written(mark)}. Allowed: {_USAGE}.")
    try:
        budget = QueryBudget(
            mark.args[0], name=MARKER, verbose=is_verbose(item.config), **mark.kwargs
        )
        if _django_is_configured():
            budget.check_aliases()
    except ConfigError as error:
        _refuse(item, str(error))
    return budget


def _refuse(item: pytest.Item, problem: str) -> None:
    raise pytest.UsageError(f"{item.nodeid}: {problem}")


def _as_written(mark: pytest.Mark) -> str:
    given = [*map(repr, mark.args), *(f"{name}={value!r}" for name, value in mark.kwargs.items())]
    return f"{MARKER}({', '.join(given)})"


def _django_is_configured() -> bool:
    conf = sys.modules.get("django.conf")
    return conf is not None and bool(conf.settings.configured)


@contextmanager
def enforced(item: Any, budgets: Iterable[QueryBudget]) -> Iterator[None]:
    """While ``item`` runs, its function keeps to ``budgets``.

    The function itself is wrapped, and not the call phase: ``setUp`` is set-up, and an
    async test runs in a context of its own.
    """
    original = item.obj
    item.obj = functools.reduce(_budgeted, budgets, original)
    case = _test_case(item)
    if case is not None:
        # pytest leaves async methods to the case itself.
        setattr(case, item.name, item.obj)
    try:
        yield
    finally:
        item.obj = original
        if case is not None:
            vars(case).pop(item.name, None)


def _test_case(item: Any) -> Any:
    unittest = sys.modules.get("unittest")
    instance = getattr(item, "instance", None)
    return instance if unittest and isinstance(instance, unittest.TestCase) else None


def _budgeted(function: Callable[..., Any], budget: QueryBudget) -> Callable[..., Any]:
    from nplusone_guard.exceptions import MaxQueriesExceeded

    # A `with` in each, and no helper: the frame it stands in ends the call paths.
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            recordings: list[Recording] = []
            try:
                with budget as recording:
                    recordings.append(recording)
                    return await function(*args, **kwargs)
            except MaxQueriesExceeded as error:
                if not _is_of(recordings, error):
                    raise
                raise _failure(error) from None

        return run_async

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        recordings: list[Recording] = []
        try:
            with budget as recording:
                recordings.append(recording)
                return function(*args, **kwargs)
        except MaxQueriesExceeded as error:
            if not _is_of(recordings, error):
                raise
            raise _failure(error) from None

    return run


def _is_of(recordings: Iterable[Recording], error: MaxQueriesExceeded) -> bool:
    """Whether it is the marker's own budget that is exceeded, and none inside the test."""
    return any(error.report is recording.report for recording in recordings)


def _failure(error: MaxQueriesExceeded) -> BaseException:
    return pytest.fail.Exception(str(error), pytrace=False)
