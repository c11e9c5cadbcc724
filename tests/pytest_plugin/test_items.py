"""The function of a test is exchanged while it runs, whichever pytest calls it how."""

from __future__ import annotations

import unittest
from contextlib import contextmanager

import pytest

from pytest_nplusone_guard.items import around_function


class Kept(unittest.TestCase):
    def holds(self):
        pass


class Item:
    """A test as pytest 8.0 knows it: the instance is that of the function."""

    name = "holds"

    def __init__(self, function):
        self.obj = function

    @property
    def instance(self):
        return getattr(self.obj, "__self__", None)


class LaterItem(Item):
    """As later ones do: the instance is kept."""

    def __init__(self, function):
        super().__init__(function)
        self.kept = function.__self__

    @property
    def instance(self):
        return self.kept


@pytest.mark.parametrize("kind", [Item, LaterItem])
def test_a_test_case_calls_what_was_put_around(kind):
    """pytest-django has the case run by itself, which asks nobody for its function."""
    case, opened = Kept("holds"), []

    @contextmanager
    def opening():
        opened.append("in")
        yield
        opened.append("out")

    item = kind(case.holds)
    with around_function(item, opening()):
        case(unittest.TestResult())
    assert opened == ["in", "out"]
    case(unittest.TestResult())
    assert opened == ["in", "out"]
