"""Prefetches that never reach the loop: each way has words of its own, and a healthy twin."""

from __future__ import annotations

import django
import pytest
from django.db.models import Prefetch

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Blog, Entry

pytestmark = pytest.mark.django_db

SIZE = 4
DRAFTS = Prefetch("entries", Entry.objects.filter(status="draft"), to_attr="drafts")


def findings(function):
    populate(SIZE)
    with watch("lost") as recording:
        function()
    return recording.report.findings


def told(function):
    """The sentence of the only finding, with line numbers counted from the function's first."""
    (found,) = findings(function)
    first = function.__code__.co_firstlineno
    text = found.advice.text
    for line in range(first, first + 9):
        text = text.replace(f"test_lost.py:{line}", f"+{line - first}")
        text = text.replace(f" :{line}", f" +{line - first}")
    return text


# --- a fresh instance of the same row -------------------------------------------------------


def fresh_instance():
    for author in Author.objects.prefetch_related("entries"):
        fresh = Author.objects.get(pk=author.pk)
        list(fresh.entries.all())


def test_an_instance_that_is_read_again():
    assert told(fresh_instance) == (
        '"entries" is prefetched at +1, but fresh at +3 is a fresh instance of the same row, '
        "without it: read author in place of Author.objects.get(pk=author.pk)"
    )


def same_instance():
    for author in Author.objects.prefetch_related("entries"):
        list(author.entries.all())


def test_the_instance_that_was_loaded_with_it():
    assert not findings(same_instance)


def renewed(author):
    """The same row as it was, in an object of its own."""
    fields = {field.attname: getattr(author, field.attname) for field in author._meta.fields}
    return Author(**fields)


def instance_that_is_made():
    for author in Author.objects.prefetch_related("entries"):
        copied = renewed(author)
        list(copied.entries.all())


def test_a_prefetch_that_is_there_is_not_advised_again():
    assert told(instance_that_is_made) == (
        '"entries" is prefetched at +1, but copied at +3 is a fresh instance of the same row, '
        "without it: read it on the object that has it"
    )


def instance_that_is_made_and_left():
    for author in Author.objects.prefetch_related("entries"):
        renewed(author)
        list(author.entries.all())


def test_the_object_that_has_it_is_healthy():
    assert not findings(instance_that_is_made_and_left)


def instances_of_a_join():
    list(Author.objects.prefetch_related("entries"))
    for blog in Blog.objects.select_related("owner"):
        list(blog.owner.entries.all())


def test_instances_that_another_queryset_makes_of_the_same_rows():
    assert told(instances_of_a_join) == (
        '"entries" is prefetched at +1, but blog.owner at +3 is a fresh instance of the same '
        'row, without it: add .prefetch_related("owner__entries") to the queryset at +2'
    )


def prefetched_for_the_join():
    list(Author.objects.prefetch_related("entries"))
    for blog in Blog.objects.prefetch_related("owner__entries"):
        list(blog.owner.entries.all())


def test_instances_that_have_a_prefetch_of_their_own():
    assert not findings(prefetched_for_the_join)


def other_rows():
    list(Author.objects.filter(slug="a0").prefetch_related("entries"))
    for author in Author.objects.exclude(slug="a0"):
        list(author.entries.all())


def test_other_rows_are_not_called_the_same():
    assert told(other_rows) == (
        '"entries" is prefetched at +1, but author at +3 is another object, without it: '
        'add .prefetch_related("entries") to the queryset at +2'
    )


def dropped():
    for author in Author.objects.prefetch_related("entries"):
        author.refresh_from_db()
        list(author.entries.all())


def test_a_refresh_drops_it():
    assert told(dropped).startswith(
        '"entries" is prefetched at +1, but refresh_from_db() at +2 drops it: put authors = '
        'Author.objects.prefetch_related("entries"); fresh_authors = '
        'Author.objects.prefetch_related("entries").in_bulk('
    )


# --- an attribute that nobody reads ---------------------------------------------------------


def attribute_never_read():
    for author in Author.objects.prefetch_related(DRAFTS):
        list(author.entries.filter(status="draft"))


def test_an_attribute_that_is_never_read():
    assert told(attribute_never_read) == (
        '"entries" is prefetched at +1 into to_attr="drafts", which this code never reads, and '
        '.filter(status="draft") at +2 asks the database again: read author.drafts'
    )


def attribute_of_other_rows():
    drafts = Prefetch("entries", Entry.objects.filter(status="draft"), to_attr="drafts")
    for author in Author.objects.prefetch_related(drafts):
        len(author.drafts)
        list(author.entries.all())


def test_an_attribute_with_other_rows_is_not():
    assert told(attribute_of_other_rows) == (
        '"entries" is prefetched at +2 into to_attr="drafts", but author.entries.all() at +4 '
        'asks the database again: add .prefetch_related("entries") to the queryset at +2'
    )


def attribute_of_all_rows():
    for author in Author.objects.prefetch_related(Prefetch("entries", to_attr="loaded")):
        list(author.entries.filter(rating__gt=1))


def test_an_attribute_with_all_rows_is_picked_from():
    assert told(attribute_of_all_rows).endswith(
        "asks the database again: read [entry for entry in author.loaded if entry.rating > 1]"
    )


def attribute_that_is_read():
    for author in Author.objects.prefetch_related(DRAFTS):
        len(author.drafts)


def test_an_attribute_that_is_read():
    assert not findings(attribute_that_is_read)


# --- iterator() and order_by() ----------------------------------------------------------------


def iterated():
    for author in Author.objects.prefetch_related("entries").iterator():
        list(author.entries.all())


@pytest.mark.skipif(django.VERSION >= (5, 0), reason="raises by itself")
@pytest.mark.filterwarnings("ignore:Using QuerySet.iterator")
def test_an_iterator_without_a_chunk_size_loads_none_of_it():
    assert told(iterated) == (
        '"entries" is named in .prefetch_related(), but .iterator() without chunk_size loads '
        "none of it: write .iterator(chunk_size=2000) at +1"
    )


def iterated_in_chunks():
    for author in Author.objects.prefetch_related("entries").iterator(chunk_size=2000):
        list(author.entries.all())


def test_an_iterator_with_a_chunk_size():
    assert not findings(iterated_in_chunks)


def ordered_later():
    for author in Author.objects.prefetch_related("entries"):
        list(author.entries.all().order_by("headline"))


def test_an_order_that_comes_later():
    assert told(ordered_later).startswith(
        '"entries" is prefetched at +1, but .order_by("headline") at +2 asks the database again: '
        'write .prefetch_related(Prefetch("entries", queryset=Entry.objects.order_by("headline")'
    )


def ordered_before():
    ordered = Prefetch("entries", Entry.objects.order_by("headline"))
    for author in Author.objects.prefetch_related(ordered):
        list(author.entries.all())


def test_an_order_of_the_prefetch():
    assert not findings(ordered_before)
