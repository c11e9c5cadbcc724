"""The fixtures. Each imports what it needs when a test first asks for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pytest

#: What pytest puts before each line of an error in the body of a test.
_MARGIN: Final = "E       "
_fitted: Final = pytest.StashKey[bool]()
#: The runs of this process, the latest last.
_runs: Final[list[pytest.Config]] = []

if TYPE_CHECKING:
    from nplusone_guard.budgets import QueryBudget
    from nplusone_guard.report.growth import Growth


@pytest.fixture(scope="session")
def assert_max_queries(pytestconfig: pytest.Config) -> Callable[..., QueryBudget]:
    """A block keeps to its query budget.

    ``with assert_max_queries(5): client.get("/books/")``
    """
    from nplusone_guard.budgets import assert_max_queries, attach

    attach()  # here, for async tests may start in another thread
    fit_failures(pytestconfig)
    return assert_max_queries


@pytest.fixture(scope="session")
def assert_constant_queries(pytestconfig: pytest.Config) -> Callable[..., Growth]:
    """The queries of a function do not grow with its rows.

    ``assert_constant_queries(populate=make_books, run=lambda: client.get("/books/"))``
    """
    from nplusone_guard.growth import assert_constant_queries

    fit_failures(pytestconfig)
    return assert_constant_queries


@pytest.fixture(scope="session")
def aassert_constant_queries(pytestconfig: pytest.Config) -> Callable[..., Any]:
    """The queries of a function do not grow with its rows, for async tests.

    ``await aassert_constant_queries(populate=make_books, run=report)``
    """
    from nplusone_guard.growth import aassert_constant_queries

    fit_failures(pytestconfig)
    return aassert_constant_queries


@pytest.fixture(scope="session")
def nplusone_watch() -> Callable[..., Any]:
    """A report of the queries of a block and of its loops.

    ``with nplusone_watch("books") as report: client.get("/books/")``
    """
    from nplusone_guard.budgets import attach
    from nplusone_guard.guard import watch

    attach()
    return watch


def expect_failures(config: pytest.Config) -> None:
    """Let the guard ask for ``fit_latest`` where only the body of a test imports it."""
    _runs.append(config)
    config.add_cleanup(lambda: _runs.remove(config))


def fit_latest() -> None:
    """``fit_failures`` of the run that goes on."""
    if _runs:
        fit_failures(_runs[-1])


def fit_failures(config: pytest.Config) -> None:
    """Let what is raised inside a test fit the terminal, where pytest indents it."""
    if _fitted in config.stash:
        return
    config.stash[_fitted] = True
    from nplusone_guard.report.shown import Shown, show_as
    from pytest_nplusone_guard.workers import MIN_WIDTH, width_of

    width = max(width_of(config) - len(_MARGIN), MIN_WIDTH)
    config.add_cleanup(show_as(Shown(is_verbose(config), width)))


def is_verbose(config: pytest.Config) -> bool:
    """Whether failures are shown in full."""
    # get_verbosity() of pytest 8.0 needs the terminal's plugin.
    return getattr(config.option, "verbose", 0) > 0
