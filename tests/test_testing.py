"""The mixin for Django's ``TestCase``, run as unittest runs it."""

from __future__ import annotations

import unittest

import pytest
from django.test import TestCase

from nplusone_guard import MaxQueriesExceeded
from nplusone_guard.testing import QueryAssertions
from tests.corpus.data import populate
from tests.corpus.models import Author, Entry


class Assertions(QueryAssertions, TestCase):
    databases = ("default", "other")

    def test_budget(self):
        with self.assertMaxQueries(1, info="one"):
            Author.objects.count()
        with pytest.raises(MaxQueriesExceeded, match=r"^1 query, none allowed: none"):
            with self.assertMaxQueries(0, info="none"):
                Author.objects.count()

    def test_budget_options(self):
        options = {"exact": True, "transactions": True, "verbose": True, "width": 60}
        with self.assertMaxQueries(0, using="other", **options):
            Author.objects.count()

    async def test_async_budget(self):
        async with self.assertMaxQueries(1, exact=True):
            await Author.objects.acount()

    def test_growth(self):
        self.assertConstantQueries(populate, lambda: list(Entry.objects.all()))
        with pytest.raises(MaxQueriesExceeded, match=r"^3 queries at 2, 5 at 4"):
            self.assertConstantQueries(
                populate, lambda: [e.author.name for e in Entry.objects.all()]
            )


def failing() -> unittest.TestCase:
    # Inside a function: pytest would collect it, and it fails.
    class Failing(QueryAssertions, TestCase):
        def test_it(self):
            with self.assertMaxQueries(0):
                Author.objects.count()

    return Failing("test_it")


@pytest.mark.django_db
def test_unittest_counts_it_as_a_failure():
    result = unittest.TestResult()
    failing().run(result)
    assert result.errors == []
    ((_, text),) = result.failures
    assert "with self.assertMaxQueries(0):" in text
    assert "nplusone_guard.MaxQueriesExceeded: 1 query, none allowed\n 1 × SELECT" in text
