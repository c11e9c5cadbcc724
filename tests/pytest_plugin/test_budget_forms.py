"""Every form a budget has in a suite: decorator, marker with its options, ``TestCase``."""

from __future__ import annotations

import re

from tests.pytest_plugin.conftest import section

FORMS = """
    import pytest
    from django.db import connection, transaction
    from django.test import TestCase
    from nplusone_guard.testing import QueryAssertions
    from shelf.data import make_books
    from shelf.models import Author, Book

    databases = ["default", "replica"]
    pytestmark = pytest.mark.django_db(databases=databases)

    def ask(default, replica=0):
        for _ in range(default):
            Book.objects.count()
        for _ in range(replica):
            Book.objects.using("replica").count()

    # ── the decorator ──

    def test_decorated(assert_max_queries):
        @assert_max_queries(2)
        def asking(times):
            ask(times)

        asking(2)
        asking(3)

    def test_decorated_error(assert_max_queries):
        @assert_max_queries(0)
        def asking():
            ask(1)
            raise KeyError("mine")

        asking()

    # ── the marker ──

    @pytest.mark.max_queries(1, using="replica", info="the replica")
    def test_using():
        ask(5, 2)

    @pytest.mark.max_queries(1, using="replica")
    def test_using_kept():
        ask(5, 1)

    @pytest.mark.max_queries(4, using=["default", "replica"])
    def test_using_two():
        ask(3, 2)

    @pytest.mark.max_queries(5, using=["default", "replica"])
    def test_using_two_kept():
        ask(3, 2)

    @pytest.mark.max_queries(3, exact=True)
    def test_exact():
        ask(2)

    @pytest.mark.max_queries(3, exact=True)
    def test_exact_kept():
        ask(3)

    @pytest.mark.max_queries(2, transactions=True)
    def test_transactions():
        with transaction.atomic():
            ask(1)

    @pytest.mark.max_queries(1)
    def test_transactions_kept():
        with transaction.atomic():
            ask(1)

    @pytest.mark.max_queries(9_000)
    def test_beyond_the_log_of_django():
        ask(9_001)

    @pytest.mark.max_queries(9_001)
    def test_beyond_the_log_of_django_kept():
        ask(9_001)

    @pytest.mark.max_queries(5)
    def test_many():
        with connection.cursor() as cursor:
            for index in range(25):
                cursor.execute(f"SELECT {'1, ' * index} 1")

    # ── a TestCase ──

    class TestBooks(QueryAssertions, TestCase):
        databases = databases

        def setUp(self):
            super().setUp()
            make_books(3)

        def test_kept(self):
            with self.assertMaxQueries(1, exact=True):
                self.client.get("/joined/")

        def test_exceeded(self):
            with self.assertMaxQueries(2, info="page"):
                self.client.get("/books/")

        def test_error(self):
            with self.assertMaxQueries(0):
                ask(1)
                raise KeyError("mine")

        def test_growth(self):
            self.assertConstantQueries(make_books, lambda: self.client.get("/books/"))

        def test_growth_kept(self):
            self.assertConstantQueries(make_books, lambda: self.client.get("/joined/"))
    """


FAILED = """\
test_decorated - nplusone_guard.MaxQueriesExceeded: 3 queries, at most 2 allowed
test_decorated_error - KeyError: 'mine'
test_using - Failed: 2 queries to replica, at most 1 allowed: the replica
test_using_two - Failed: 5 queries to default, replica, at most 4 allowed
test_exact - Failed: 2 queries, exactly 3 expected
test_transactions - Failed: 3 queries, at most 2 allowed
test_beyond_the_log_of_django - Failed: 9,001 queries, at most 9,000 allowed
test_many - Failed: 25 queries, at most 5 allowed
TestBooks::test_error - KeyError: 'mine'
TestBooks::test_exceeded - nplusone_guard.MaxQueriesExceeded: 4 queries, at most 2 allowed: page
TestBooks::test_growth - nplusone_guard.MaxQueriesExceeded: 6 queries at 2, 8 at 4""".splitlines()

EXCEEDED = """\
    def test_exceeded(self):
>       with self.assertMaxQueries(2, info="page"):
E       nplusone_guard.MaxQueriesExceeded: 4 queries, at most 2 allowed: page
E        3 × SELECT shelf_author  lazy-relation
E          fix     add .select_related("author") to the queryset at views.py:6
E          query   shelf/views.py:7  names.append(book.author.name)
E          loop    shelf/views.py:6  for book in Book.objects.all():
E          loaded  shelf/views.py:6  3 shelf.Book
E        1 × SELECT shelf_book
E          query   shelf/views.py:6  for book in Book.objects.all():

test_shelf.py:99: MaxQueriesExceeded"""

TRANSACTIONS = """\
3 queries, at most 2 allowed
 1 × SELECT shelf_book
   query   test_shelf.py:13  Book.objects.count()
 2 × transaction control"""


def test_every_form_holds_its_budget_and_those_within_pass(sample):
    result = sample.run(FORMS)
    result.assert_outcomes(failed=11, passed=7)
    failed = [line for line in result.outlines if line.startswith("FAILED ")]
    assert [line.partition("::")[2] for line in failed] == FAILED
    exceeded = section(result, "TestBooks.test_exceeded").partition("\n\n")[2]
    # Some versions of Python mark a part of the line.
    assert re.sub(r"\n +\^+$", "", exceeded, flags=re.MULTILINE) == EXCEEDED
    assert section(result, "test_transactions") == TRANSACTIONS
    # An error of the body has nothing beside it.
    for name in ("test_decorated_error", "TestBooks.test_error"):
        assert "queries" not in section(result, name).replace("max_queries", "").replace(
            "MaxQueries", ""
        )
    many = section(result, "test_many").splitlines()
    assert many.count(" 1 × SELECT") == 20
    assert many[-1] == " 5 more statements with 5 queries: -v shows all"


def test_verbose_shows_all_statements_of_a_marker(sample):
    many = section(sample.run(FORMS, "-v", "-k", "many"), "test_many").splitlines()
    assert many.count(" 1 × SELECT") == 25
    assert sum(line.startswith("   sql     SELECT ") for line in many) == 25
    assert "more statements" not in many[-1]
