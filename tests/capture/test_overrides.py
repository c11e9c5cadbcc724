"""Overrides of a queryset's methods: who asked is whoever called them."""

from __future__ import annotations

import pytest
from django.db.models import QuerySet

from nplusone_guard.capture import eager
from nplusone_guard.guard import watch
from nplusone_guard.policy import Policy
from tests.corpus.data import populate
from tests.corpus.models import Author, Entry
from tests.corpus.overrides import CountingQuerySet

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _data():
    populate(3)
    eager.forget()
    yield
    eager.forget()


class Twice(CountingQuerySet):
    """Overrides what is an override already."""

    def _fetch_all(self):
        super()._fetch_all()

    def get(self, *args, **kwargs):
        return super().get(*args, **kwargs)


class Asking(QuerySet):
    """Goes by the names of methods that it does not hand on to."""

    def first(self):
        return Author.objects.filter(rating__gt=0).first()


def line_after(mark):
    """The line below the comment that holds ``mark``."""
    with open(__file__, encoding="utf-8") as source:
        return next(number for number, text in enumerate(source, 2) if f"# {mark}" in text)


def test_an_override_of_an_override_asks_for_nothing():
    with watch() as report:
        for slug in Entry.objects.values_list("slug", flat=True):
            # the caller of get
            Twice(Entry).get(slug=slug)
    (finding,) = report
    assert (finding.site.file, finding.site.line) == (__file__, line_after("the caller of get"))
    assert finding.statements[0].operation == "get"


def test_a_method_that_hands_on_to_nothing_asks_itself():
    with watch() as report:
        for _ in Entry.objects.all():
            Asking(Entry).first()
    (finding,) = report
    assert finding.site.function == "Asking.first"


def test_what_was_loaded_eagerly_is_told_where_the_rows_were_asked_for():
    with watch(policy=Policy(select=frozenset({"unused-eager-load"}))) as report:
        # the caller of the rows
        list(Twice(Entry).select_related("author"))
    (load,) = report.eager_loads
    assert load.site.line == line_after("the caller of the rows")


def test_no_eager_load_is_told_where_nothing_was_loaded():
    with watch(policy=Policy(select=frozenset({"unused-eager-load"}))) as report:
        list(Twice(Entry).order_by("pk"))
    assert report.eager_loads == ()
