"""The function of a test is exchanged while it runs, whichever pytest calls it how."""

from __future__ import annotations

import sys
import unittest
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

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


def test_hypothesis_goes_on_calling_a_function_by_its_name():
    """It tells a failing case by that name, and refuses those of ``TestCase``, as ``run``."""

    def test_sums(number):
        return number + 1

    def test_given():
        pass

    test_given.hypothesis = SimpleNamespace(inner_test=test_sums)
    with around_function(SimpleNamespace(obj=test_given), nullcontext()):
        exchanged = test_given.hypothesis.inner_test
        assert exchanged is not test_sums
        assert exchanged.__name__ == "test_sums"
        assert exchanged(1) == 2
    assert test_given.hypothesis.inner_test is test_sums


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


EXPECTED = """
    import unittest
    import pytest
    from django.test import TestCase
    from shelf.models import Book

    class TestOfUnittest(TestCase):
        @unittest.expectedFailure
        def test_fails_as_expected(self):
            assert Book.objects.exists()

        @unittest.expectedFailure
        def test_passes_unexpectedly(self):
            assert not Book.objects.exists()

        @unittest.skip("not today")
        def test_is_skipped(self):
            raise KeyError
    """


@pytest.mark.parametrize("mode", ["off", "fail"])
def test_what_unittest_notes_on_a_function_holds_under_watch(sample, mode):
    result = sample.run(EXPECTED, f"--nplusone={mode}")
    result.assert_outcomes(xfailed=1, failed=1, skipped=1)
    assert "Unexpected success" in result.stdout.str()


def test_a_test_begins_on_a_chunk_of_the_stack_of_its_own():
    """So that no call in it maps and unmaps memory; deep calls go on as they would."""

    def test_depth(left=2_000):
        return test_depth(left - 1) + 1 if left else 0

    item = SimpleNamespace(obj=test_depth)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 2_000)
    try:
        with around_function(item, nullcontext()):
            words = item.obj.__code__.co_stacksize
            assert item.obj() == 2_000
    finally:
        sys.setrecursionlimit(limit)
    in_chunks = sys.implementation.name == "cpython" and sys.version_info >= (3, 11)
    assert (words * 8 > 16 * 1024) is in_chunks
