"""Django's page for an error shows the variables around it, and asks the database for some."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import path

from nplusone_guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Entry

pytestmark = pytest.mark.django_db

ROWS = 5


def failing(request):
    entries = list(Entry.objects.all())
    raise ValueError(f"{len(entries)} entries")


def looping(request):
    entries = list(Entry.objects.all())
    names = [entry.author.name for entry in entries]
    raise ValueError(names)


def lazy(request):
    authors = Author.objects.all()

    def helper(authors):
        kept = authors.all()
        raise ValueError(bool(kept.query))

    helper(authors)


def both(request):
    for entry in Entry.objects.all():
        entry.author
    again = list(Entry.objects.all())
    raise ValueError(len(again))


urlpatterns = [
    path("both/", both),
    path("failing/", failing),
    path("looping/", looping),
    path("lazy/", lazy),
]


@pytest.fixture(autouse=True)
def debugging(settings, monkeypatch):
    monkeypatch.setattr(Entry, "__str__", lambda self: f"by {self.author.name}")
    settings.ROOT_URLCONF = __name__
    settings.DEBUG = True
    populate(ROWS, "default")


def answer(page):
    with watch(page) as report:
        response = Client(raise_request_exception=False).get(f"/{page}/")
    assert response.status_code == 500
    return report, response.content.decode()


def cleared(report):
    return [(one.reason, one.headline, one.count, one.site.package) for one in report.cleared]


def test_what_the_page_shows_of_objects_is_no_loop():
    report, page = answer("failing")
    assert "by author" in page.lower()
    assert report.query_count > ROWS
    assert (report.findings, report.internal_errors) == ((), ())
    ((reason, headline, count, package),) = cleared(report)
    assert (reason, headline, package) == ("error-page", "SELECT corpus_author", "django")
    assert count >= ROWS


def test_a_loop_before_the_error_is_found_with_its_own_queries():
    """The twin: the page asks for nothing more, for the authors are there."""
    report, _ = answer("looping")
    (finding,) = report.findings
    assert (finding.rule, finding.count, finding.site.function) == (
        "lazy-relation",
        ROWS,
        "looping",
    )


def test_equal_querysets_of_several_frames_are_no_duplicates():
    report, page = answer("lazy")
    assert page.count("QuerySet [") >= 3
    assert (report.findings, report.internal_errors) == ((), ())
    assert ("error-page", "SELECT corpus_author", report.query_count, "django") in cleared(report)


def test_a_loop_stays_one_beside_what_the_page_asks_for_the_same():
    """The twin: the view has asked for some of the authors, and the page asks for them again."""

    report, _ = answer("both")
    (finding,) = report.findings
    assert (finding.rule, finding.count) == ("lazy-relation", ROWS)
    assert [reason for reason, *_ in cleared(report)] == ["error-page"]
