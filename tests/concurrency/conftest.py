"""Rows that other threads can read, and a look at what threads keep."""

from __future__ import annotations

import gc

import pytest

from nplusone_guard.capture import callpath
from nplusone_guard.capture.scope import Scope, active_ignores, current_scope
from tests.concurrency.serving import COMMANDS, ServedProject
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

    def alive():
        gc.collect()
        return [one for one in gc.get_objects() if type(one) is Scope]

    before = alive()
    known = set(map(id, before))  # which stay in memory until the end of the test
    yield lambda: sum(id(one) not in known for one in alive())
    before.clear()


@pytest.fixture(scope="session")
def served_project(tmp_path_factory):
    return ServedProject(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module", params=COMMANDS)
def served(request, served_project):
    """A real server of each kind; the tests of one module share it."""
    if "uvloop" in request.param:
        pytest.importorskip("uvloop")
    with served_project.run(request.param) as server:
        server.kind = request.param
        yield server
