"""Rows that are updated by a key: what two turns may do to one row is not done once."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.db.models import F

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Blog, Entry, Note

pytestmark = pytest.mark.django_db

SIZE = 4


def edits_of(function):
    """The kinds of the options that have edits."""
    populate(SIZE)
    with watch("writes") as recording:
        function()
    (finding,) = recording.report.findings
    return [option.kind for option in finding.advice.options if option.steps]


def clicked():
    return ["e0", "e1", "e0", "e2"]


def counted_by_slug():
    for slug in clicked():
        Entry.objects.filter(slug=slug).update(rating=F("rating") + 1)


def counted_for_halves():
    for i in range(SIZE):
        Entry.objects.filter(slug=f"e{i // 2}").update(rating=F("rating") + 1)


def counted_for_each():
    for entry in Entry.objects.order_by("pk"):
        Entry.objects.filter(pk=entry.pk).update(rating=F("rating") + 1)


def added_to_each():
    for entry in Entry.objects.order_by("pk"):
        Entry.objects.filter(pk=entry.pk).update(rating=F("rating") + entry.pk)


def renamed():
    for i in range(SIZE):
        Note.objects.filter(slug=f"n{i}").update(slug=f"n{i + 1}-", text="x")


def of_an_object():
    for entry in Entry.objects.select_related("author").order_by("pk"):
        Entry.objects.filter(pk=entry.pk).update(editor=entry.author)


def of_two_fields():
    for note in Note.objects.order_by("pk"):
        Note.objects.filter(pk=note.pk).update(text=note.slug, done=note.pk > 1)


@pytest.mark.parametrize(
    ("function", "kinds"),
    [
        (counted_by_slug, []),
        (counted_for_halves, []),
        (counted_for_each, ["update"]),
        (added_to_each, []),
        (renamed, []),
        (of_an_object, []),
        (of_two_fields, ["update"]),
    ],
)
def test_edits_where_one_statement_does_the_same(function, kinds) -> None:
    assert edits_of(function) == kinds


def deleted_notes():
    for note in Note.objects.order_by("pk"):
        note.delete()


def deleted_notes_at_once():
    Note.objects.filter(pk__in=[note.pk for note in Note.objects.order_by("pk")]).delete()


def deleted_blogs():
    for blog in Blog.objects.order_by("pk"):
        blog.delete()


def deleted_blogs_at_once():
    Blog.objects.filter(pk__in=[blog.pk for blog in Blog.objects.order_by("pk")]).delete()


@pytest.mark.parametrize(
    ("each", "at_once"),
    [(deleted_notes, deleted_notes_at_once), (deleted_blogs, deleted_blogs_at_once)],
)
def test_a_delete_claims_what_it_saves(each, at_once):
    """What cascades is deleted by statements of its own, and its rows are read before."""
    populate(SIZE)
    with transaction.atomic(), watch("each") as recording:
        each()
        transaction.set_rollback(True)
    with watch("at once") as fewer:
        at_once()
    (finding,) = recording.report.findings
    saved = recording.report.query_count - fewer.report.query_count
    assert finding.advice.saves == saved > 0
