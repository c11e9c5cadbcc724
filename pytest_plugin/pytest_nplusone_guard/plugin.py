"""What pytest loads: options, markers, fixtures, and the switch for everything else.

It loads in every pytest run of its environment, so it imports as good as nothing; the
rest, and Django, sqlparse and the guard itself, are imported once something is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

from pytest_nplusone_guard import declarations
from pytest_nplusone_guard.fixtures import (
    aassert_constant_queries,
    assert_constant_queries,
    assert_max_queries,
    expect_failures,
    fit_failures,
    nplusone_watch,
)

__all__ = [
    "aassert_constant_queries",
    "assert_constant_queries",
    "assert_max_queries",
    "nplusone_watch",
    "pytest_addoption",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_deselected",
    "pytest_report_header",
    "pytest_sessionstart",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and their ini names."""
    declarations.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and be there for assertions that tests import by themselves."""
    with _fitting(config):
        declarations.check_options(config)
    declarations.add_markers(config)
    expect_failures(config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Switch detection on where it is asked for; Django's settings are there by now."""
    with _fitting(session.config):
        _switch_on(session.config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Which mode holds, and who says so."""
    mode, source = declarations.stated_mode(config)
    return f"nplusone: {mode} (from {source})" if source else None


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note that not everything runs."""
    if items:
        stash, key = items[0].config.stash, declarations.deselected_key
        stash[key] = stash.get(key, 0) + len(items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, object, object]:
    """Read the markers of the tests that are going to run, once nobody adds any more."""
    result = yield
    marked = [item for item in items if declarations.is_marked(item)]
    if marked:
        from pytest_nplusone_guard import workers

        with workers.refusing(config, items), _fitting(config):
            _read_markers(config, marked)
    return result


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the assertions that test modules import by themselves fit the terminal as well."""
    if "nplusone_guard" in sys.modules:
        fit_failures(session.config)


def _switch_on(config: pytest.Config) -> None:
    mode, _ = declarations.stated_mode(config)
    if (
        mode != "off"
        or declarations.are_dependents_given(config)
        # The markers of tests that workers run are known to them alone.
        or config.pluginmanager.has_plugin("dsession")
    ):
        from pytest_nplusone_guard import detection

        detection.switch_on(config)


def _read_markers(config: pytest.Config, items: list[pytest.Item]) -> None:
    from pytest_nplusone_guard import budgets, marks

    if budgets.read_markers(items):
        config.pluginmanager.register(budgets.Enforcement(), "nplusone_guard_budgets")
    if marks.read_markers(items):
        from pytest_nplusone_guard import detection, options

        options.check_settings()
        detection.switch_on(config).see(items)


@contextmanager
def _fitting(config: pytest.Config) -> Iterator[None]:
    """Let a ``UsageError`` out in rows that fit the terminal."""
    try:
        yield
    except pytest.UsageError as error:
        from pytest_nplusone_guard import wrapping

        raise wrapping.fitted(config, error) from error.__cause__
