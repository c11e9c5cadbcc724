"""What the tests of detection have in common: a suite that has one of everything."""

from __future__ import annotations

import re

from tests.pytest_plugin.conftest import Sample, section

#: Set where tests run in CI, and read by the plugin.
CI_VARIABLES = (
    "CI",
    "CI_PROJECT_DIR",
    "GITHUB_ACTIONS",
    "GITHUB_REPOSITORY",
    "GITHUB_SERVER_URL",
    "GITHUB_SHA",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_WORKSPACE",
)

CONFTEST = """
    import pytest
    from shelf.data import make_books

    @pytest.fixture
    def shelf(db):
        make_books(3)
    """

SUITE = """
    import pytest
    from django.test import TestCase
    from shelf.data import make_books
    from shelf.models import Book
    from shelf.reports import count, names

    def test_loop(client, shelf):
        client.get("/books/")

    def test_clean_requests(client, shelf):
        for _ in range(3):
            client.get("/joined/")

    def test_loop_of_the_test(shelf):
        for book in Book.objects.all():
            book.author

    def test_calls_of_the_test(shelf):
        count()
        count()
        assert count() == 3

    def test_no_database():
        pass

    def test_error_of_its_own(client, shelf):
        client.get("/books/")
        raise ValueError("mine")

    class TestOfDjango(TestCase):
        def setUp(self):
            make_books(3)
            names()

        def test_clean(self):
            self.client.get("/joined/")

        def test_loop(self):
            names()

        def test_error_of_its_own(self):
            names()
            self.fail("mine")

    @pytest.mark.nplusone("off")
    def test_off(shelf):
        names()

    @pytest.mark.nplusone("report")
    def test_report(shelf):
        names()

    @pytest.mark.nplusone(ignore=["lazy-relation", "shelf.Book.other"], reason="three at most")
    def test_ignored(shelf):
        names()
    """

REPORTS = """
    from shelf.models import Book

    def names():
        found = []
        for book in Book.objects.all():
            found.append(book.author.name)
        return found

    def count():
        return Book.objects.count()
    """


def write_suite(sample: Sample) -> None:
    sample.write(**{"conftest.py": CONFTEST, "shelf/reports.py": REPORTS, "shelf/__init__.py": ""})


def told(result, title: str = "query loops") -> str:
    """A section of the output without the times."""
    return re.sub(r"\b[\d.]+ m?s\b", "0 ms", section(result, title))
