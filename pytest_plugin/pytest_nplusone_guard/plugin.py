"""What pytest loads: options, markers and fixtures.

It loads in every pytest run of its environment, so it imports pytest alone; Django,
sqlparse and the guard itself are imported when a test asks for them.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_nplusone_guard import budgets, marks
from pytest_nplusone_guard.detection import Suite
from pytest_nplusone_guard.fixtures import (
    aassert_constant_queries,
    assert_constant_queries,
    assert_max_queries,
    nplusone_watch,
)
from pytest_nplusone_guard.options import add_options
from pytest_nplusone_guard.workers import refusing

__all__ = [
    "aassert_constant_queries",
    "assert_constant_queries",
    "assert_max_queries",
    "nplusone_watch",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_call",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and their ini names."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, for ``--strict-markers`` and ``--markers``; watch the suite."""
    for declaration in (budgets.DECLARATION, marks.DECLARATION):
        config.addinivalue_line("markers", declaration)
    config.pluginmanager.register(Suite(config), "nplusone_guard_suite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Read the markers of the tests that are going to run."""
    with refusing(config, items):
        budgets.read_markers(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Hold the test itself, without its fixtures, to its budgets."""
    stated = item.stash.get(budgets.budgets_key, [])
    if not stated:
        return (yield)
    with budgets.enforced(item, stated):
        return (yield)
