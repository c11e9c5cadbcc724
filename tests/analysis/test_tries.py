"""Loops that are left in their first turn are not those that repeat a query; others are."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Entry, Note

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rows():
    populate(3)


def free_slug():
    while True:
        slug = get_random_string(12)
        if not Note.objects.filter(slug=slug).exists():
            return slug


def free_slug_of_some():
    for _ in range(5):
        slug = f"note-{uuid.uuid4()}"
        if not Note.objects.filter(slug=slug).exists():
            break
    return slug


def numbered_slug():
    number = 1
    while True:
        slug = f"note-{number}"
        if not Note.objects.filter(slug=slug).exists():
            return slug
        number += 1


def slug_of_the_next():
    numbers = iter(range(1, 1000))
    while True:
        slug = f"note-{next(numbers)}"
        if not Note.objects.filter(slug=slug).exists():
            return slug


def drawn_in_vain(slugs=("note-1", "note-2", "note-3", "free")):
    drawn = iter(slugs)

    def random_slug():
        return next(drawn)

    while True:
        slug = random_slug()
        if not Note.objects.filter(slug=slug).exists():
            return slug


def drawn_from_rows():
    """Goes over rows, whatever the call is named."""
    for author in Author.objects.all():
        slug = author.slug + random_text()
        Author.objects.filter(slug=slug).exists()


def random_text():
    return "x"


def saved():
    note = Note()
    for _ in range(3):
        note.slug = note.slug or get_random_string(12)
        try:
            note.save()
            break
        except IntegrityError:
            note.slug = ""


def saved_again():
    note = Note(slug=get_random_string(12))
    for number in range(3):
        note.text = str(number)
        note.save()


def saved_until_it_is_taken():
    Note.objects.create(slug="taken")
    for slug in iter(["taken", "first", "second", "third"]):
        free = slug
        for _ in range(3):
            try:
                with transaction.atomic():
                    Note.objects.create(slug=free)
                    break
            except IntegrityError:
                free = f"{slug}x"


def found_at_last(keys=(-1, -2, -3)):
    for number in range(3):
        try:
            return Author.objects.get(pk=keys[number])
        except Author.DoesNotExist:
            continue
    return None


def judged(function, turns):
    """The functions of the loops that are found, and why others are cleared."""
    with watch() as recording:
        for _ in (object() for _ in range(turns)):
            function()
    report = recording.report
    assert report.internal_errors == ()
    loops = sorted({one.loop.function for one in report.findings if one.loop is not None})
    return loops, [one.reason for one in report.cleared]


@pytest.mark.parametrize("function", [free_slug, free_slug_of_some, saved])
def test_what_is_left_in_its_first_turn_is_repeated_by_the_loop_around(function):
    assert judged(function, 3) == (["judged"], [])


@pytest.mark.parametrize("function", [free_slug, free_slug_of_some, saved])
def test_one_try_is_healthy(function):
    assert judged(function, 1) == ([], [])


@pytest.mark.parametrize("function", [numbered_slug, slug_of_the_next])
def test_what_is_counted_up_is_repeated_by_its_own_loop(function):
    for number in range(1, 4):
        Note.objects.create(slug=f"note-{number}")
    assert judged(function, 1) == ([function.__name__], [])


@pytest.mark.parametrize("function", [drawn_from_rows, saved_again, found_at_last])
def test_what_goes_on_without_a_failure_is_a_loop(function):
    assert judged(function, 1) == ([function.__name__], [])


def test_values_that_are_taken_are_drawn_anew():
    for number in range(1, 4):
        Note.objects.create(slug=f"note-{number}")
    with watch() as recording:
        drawn_in_vain()
    assert recording.report.findings == ()
    assert [one.reason for one in recording.report.cleared] == ["polled"]


def test_where_a_write_has_failed_its_own_loop_may_repeat_it():
    with watch() as recording:
        saved_until_it_is_taken()
    (finding,) = recording.report.findings
    assert finding.loop.source == "for _ in range(3):"


# --- loops over functions ---------------------------------------------------------------


def author_of(entry):
    return entry.author.name


class Registry:
    def __init__(self, *readers):
        self.live = list(readers)


READERS = Registry(author_of)
NAMED = Registry({"read": author_of})


def by_each_reader(entry):
    return [reader(entry) for reader in READERS.live]


def by_each_named_reader(entry):
    told = []
    for reader in NAMED.live:
        told.append(reader["read"](entry))
    return told


def by_method():
    """Methods of rows are no functions that a loop goes through."""
    for author in Author.objects.all():
        author.entries.count()


@pytest.mark.parametrize("function", [by_each_reader, by_each_named_reader])
def test_functions_are_gone_through_for_each_row_of_the_loop_around(function):
    with watch() as recording:
        for entry in Entry.objects.all():
            function(entry)
    (finding,) = recording.report.findings
    assert finding.loop.source == "for entry in Entry.objects.all():"


def test_a_loop_over_functions_alone_is_one():
    entry = Entry.objects.all()[0]
    readers = [lambda: Author.objects.get(pk=entry.author_id) for _ in range(3)]
    with watch() as recording:
        for reader in list(readers):
            reader()
    (finding,) = recording.report.findings
    assert finding.loop.source == "for reader in list(readers):"


def test_rows_are_gone_through_by_their_own_loop():
    with watch() as recording:
        by_method()
    (finding,) = recording.report.findings
    assert finding.loop.function == "by_method"
