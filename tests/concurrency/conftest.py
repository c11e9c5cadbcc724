"""Rows that other threads can read, and a look at what threads keep."""

from __future__ import annotations

import gc

import pytest

from nplusone_guard.capture import callpath
from nplusone_guard.capture.scope import Scope, active_ignores, current_scope
from tests.corpus.data import populate


@pytest.fixture
def rows(other_threads):
    """Five authors with their entries, committed: threads have connections of their own."""
    populate(5)
    return 5


@pytest.fixture(autouse=True)
def _nothing_left_in_this_context():
    yield
    assert left_in_context() == (None, (), None)


def left_in_context():
    """Scope, ignores and call path of the context that this is called in."""
    return current_scope.get(), active_ignores.get(), callpath.carried.get()


@pytest.fixture
def scopes_alive():
    """How many scopes are in memory, beyond those that were before the test."""

    def count():
        gc.collect()
        return sum(type(one) is Scope for one in gc.get_objects())

    before = count()
    return lambda: count() - before
