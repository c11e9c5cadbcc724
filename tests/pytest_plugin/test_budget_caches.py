"""Recorded budgets leave out what fills a cache of the process: whoever is first pays for it."""

from __future__ import annotations

import json
import sys
import textwrap

import pytest

from tests.pytest_plugin.conftest import FILES, section
from tests.pytest_plugin.suite import CI_VARIABLES
from tests.pytest_plugin.workers import alone_and_with

APPS = """
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.sites", "shelf"]
SITE_ID = 1
"""
KINDS = """
    from django.contrib.contenttypes.models import ContentType
    from django.contrib.sites.models import Site
    from django.http import HttpResponse
    from shelf.models import Author, Book

    def kinds(request):
        for model in (Author, Book):
            ContentType.objects.get_for_model(model)
        Site.objects.get_current()
        return HttpResponse(Book.objects.count())
    """
URL = """
from shelf.kinds import kinds
urlpatterns.append(path("kinds/", kinds))
"""
TESTS = """
    import pytest
    from shelf.models import Author
    from shelf.kinds import kinds

    pytestmark = pytest.mark.django_db

    def test_one(client):
        client.get("/kinds/")

    def test_other():
        kinds(None)
        Author.objects.count()

    def test_third(client):
        client.get("/kinds/")
    """
RECORD = ("--nplusone=report", "--nplusone-budgets=queries.json", "--nplusone-update-baseline")
HOLD = ("--nplusone=fail", "--nplusone-budgets=queries.json")


@pytest.fixture
def suite(sample, monkeypatch):
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    settings = textwrap.dedent(FILES["settings.py"]) + APPS
    urls = textwrap.dedent(FILES["shelf/urls.py"]) + URL
    sample.write(**{"settings.py": settings, "shelf/kinds.py": KINDS, "shelf/urls.py": urls})
    return sample


def recorded(suite) -> dict[str, int]:
    document = json.loads((suite.pytester.path / "queries.json").read_text())
    return {name.partition("::")[2]: count for name, count in document["queries"].items()}


@alone_and_with("-n2")
def test_what_is_recorded_is_the_same_in_any_order(suite, workers):
    suite.run(TESTS, *RECORD, *workers).assert_outcomes(passed=3)
    assert recorded(suite) == {"test_one": 1, "test_other": 2, "test_third": 1}
    for test in ("test_one", "test_other", "test_third"):  # each is the first to ask
        suite.start(*HOLD, f"test_shelf.py::{test}").assert_outcomes(passed=1)
    suite.start(*HOLD, *workers).assert_outcomes(passed=3)


def test_a_query_more_fails_beside_those_of_a_cache(suite):
    suite.run(TESTS, *RECORD).assert_outcomes(passed=3)
    more = TESTS.replace("Author.objects.count()", "Author.objects.count(); Author.objects.first()")
    # pytest-django empties the cache of sites before each test.
    for tests, fills in (("::test_other", 3), ("", 1)):
        result = suite.run(more, *HOLD, f"test_shelf.py{tests}")
        assert section(result, "test_other") == (
            f"3 queries, 2 recorded in queries.json; {fills} more filled a cache\n"
            " @pytest.mark.max_queries(2) on the test shows which; if they are meant,\n"
            " --nplusone-update-baseline records them"
        )


OWN = """
    from functools import cache, lru_cache, wraps
    from django.core.cache import cache as store
    from shelf.models import Author, Book

    def plain(function):
        @wraps(function)
        def wrapper(*args):
            return function(*args)
        return wrapper

    @lru_cache(maxsize=8)
    def authors(name=""):
        return list(Author.objects.all())

    @plain
    @cache
    @plain
    def books():
        return helper()

    def helper():
        return list(Book.objects.all())

    def uncached():
        return helper()

    class Shop:
        @classmethod
        @cache
        def first(cls):
            return Book.objects.first()

    def stored():
        return store.get_or_set("books", helper)

    def kept():
        authors(), books(), stored()

    def not_kept():
        uncached(), authors.__wrapped__.__name__
    """
OWN_TESTS = """
    import pytest
    from shelf.own import Shop, kept, not_kept

    pytestmark = pytest.mark.django_db

    def test_first():
        kept()
        not_kept()

    def test_second():
        kept()
        not_kept()

    def test_method_first():
        Shop.first()

    def test_method_second():
        Shop.first()
    """


def test_what_fills_a_cache_of_the_projects_own_is_in_no_record(suite):
    suite.write(**{"shelf/own.py": OWN})
    suite.run(OWN_TESTS, *RECORD).assert_outcomes(passed=4)
    counts = recorded(suite)
    assert (counts["test_first"], counts["test_second"]) == (1, 1)
    # CPython 3.10 does not tell the class of a method.
    expected = (0, 0) if sys.version_info >= (3, 11) else (1, 0)
    assert (counts["test_method_first"], counts["test_method_second"]) == expected
    for test in ("test_first", "test_second"):
        suite.start(*HOLD, f"test_shelf.py::{test}").assert_outcomes(passed=1)
