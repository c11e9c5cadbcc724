"""Values that are picked in Python: only where Python finds equal what the database does."""

from __future__ import annotations

import pytest
from django.http import Http404
from django.shortcuts import get_object_or_404

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Entry

pytestmark = pytest.mark.django_db

SIZE = 4


def reads_of(function):
    """What the options with edits read in the loop."""
    populate(SIZE)
    with watch("reads") as recording:
        function()
    (finding,) = recording.report.findings
    return [option.read for option in finding.advice.options if option.steps]


def distinct_ratings():
    for author in Author.objects.order_by("pk"):
        sorted(author.entries.filter(rating__gte=0).values_list("rating").distinct())


def test_distinct_values_are_kept_once():
    (read,) = reads_of(distinct_ratings)
    assert read.startswith("list(dict.fromkeys([(")
    assert "author.entries.all()" in read


def distinct_in_an_order():
    for author in Author.objects.order_by("pk"):
        list(author.entries.order_by("-rating").values_list("status", flat=True).distinct())


def distinct_over_a_relation():
    for author in Author.objects.order_by("pk"):
        list(author.entries.values_list("tags__name", flat=True).distinct())


@pytest.mark.parametrize("function", [distinct_in_an_order, distinct_over_a_relation])
def test_distinct_values_of_more_than_the_row_stay_with_the_database(function):
    assert reads_of(function) == []


def some_missing():
    told = []
    for i in range(SIZE * 2):
        try:
            told.append(get_object_or_404(Author, slug=f"a{i}").pk)
        except Http404:
            told.append(None)
    return told


def test_a_missing_row_is_still_asked_for_and_raises():
    (read,) = reads_of(some_missing)
    author = 'get_object_or_404(Author, slug=f"a{i}")'
    assert read == f'(authors_by_slug[f"a{{i}}"] if f"a{{i}}" in authors_by_slug else {author})'


def key():
    key.turns = getattr(key, "turns", -1) + 1
    return f"a{key.turns}"


def of_a_call():
    key.turns = -1
    for _ in Entry.objects.order_by("pk")[:SIZE]:
        get_object_or_404(Author, slug=key())


def test_what_cannot_be_kept_by_its_key_has_no_edits():
    assert reads_of(of_a_call) == []
