"""What pytest loads: options, markers and fixtures.

It loads in every pytest run of its environment, so it imports pytest alone; Django,
sqlparse and the guard itself are imported when a test asks for them.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_nplusone_guard import budgets
from pytest_nplusone_guard.fixtures import (
    aassert_constant_queries,
    assert_constant_queries,
    assert_max_queries,
    nplusone_watch,
)

__all__ = [
    "aassert_constant_queries",
    "assert_constant_queries",
    "assert_max_queries",
    "nplusone_watch",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_runtest_call",
]


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, for ``--strict-markers`` and ``--markers``."""
    config.addinivalue_line("markers", budgets.DECLARATION)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Read the markers of the tests that are going to run."""
    budgets.read_markers(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Hold the test itself, without its fixtures, to its budgets."""
    stated = item.stash.get(budgets.budgets_key, [])
    if not stated:
        return (yield)
    with budgets.enforced(item, stated):
        return (yield)
