"""Loops that no line of the project shows: the call that is told runs them."""

from __future__ import annotations

import functools

import pytest
from django.db.models.signals import post_delete

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Note

pytestmark = pytest.mark.django_db


def handing_on(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def count_authors(sender, instance, **kwargs):
    _count(instance.slug)


def _count(slug):
    Author.objects.filter(slug=slug).count()


def deleted(rows):
    rows.delete()


@pytest.fixture(params=[count_authors, handing_on(count_authors)], ids=["plain", "decorated"])
def _receiver(request):
    populate(3)
    post_delete.connect(request.param, sender=Note)
    yield
    post_delete.disconnect(request.param, sender=Note)


@pytest.mark.usefixtures("_receiver")
def test_a_receiver_is_called_by_what_sends_its_signal():
    with watch() as recording:
        deleted(Note.objects.all())
    (finding,) = recording.report.findings
    assert (finding.loop.kind, finding.loop.source) == ("call", "rows.delete()")


@pytest.mark.usefixtures("_receiver")
def test_a_receiver_of_one_row_is_healthy():
    with watch() as recording:
        deleted(Note.objects.filter(slug="n0"))
    assert recording.report.findings == ()
