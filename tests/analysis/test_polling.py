"""Loops that wait for another answer are no query loops; those that go over rows are."""

from __future__ import annotations

import time

import pytest

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Note

pytestmark = pytest.mark.django_db

JOB = Note.objects.filter(slug="done")


@pytest.fixture(autouse=True)
def _without_pause(monkeypatch):
    """Each pause is one step nearer to the end of the work."""
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 4:
            Note.objects.create(slug="done")

    monkeypatch.setattr(time, "sleep", sleep)


def until_it_is_there():
    while not JOB.exists():
        time.sleep(1)


def until_it_is_found():
    while True:
        job = JOB.first()
        if job is not None:
            return
        time.sleep(1)


def for_some_tries():
    for _ in range(5):
        if JOB.exists():
            break


def for_some_tries_with_a_pause():
    for _ in range(10):
        found = JOB.count()
        if found:
            return
        time.sleep(1)


def is_done():
    return JOB.exists()


def until_a_function_says_so():
    while not is_done():
        time.sleep(1)


WAITING = [
    until_it_is_there,
    until_it_is_found,
    for_some_tries,
    for_some_tries_with_a_pause,
    until_a_function_says_so,
]


def asked_for_each_row():
    for _author in Author.objects.all():
        if JOB.exists():
            break


def asked_with_a_pause():
    for _author in Author.objects.all()[:3]:
        JOB.exists()
        time.sleep(1)


def asked_so_many_times():
    told = []
    for _ in range(5):
        told.append(JOB.exists())


def left_by_something_else():
    for number in range(5):
        JOB.exists()
        if number == 3:
            break


def another_row_each_time():
    for number in range(5):
        if Note.objects.filter(slug=f"done-{number}").exists():
            break


class Search:
    number = 0

    def run(self):
        while not Note.objects.filter(slug=f"n{self.number}", text="x").exists():
            self.number += 1
            time.sleep(0)
            if self.number == 3:
                return


def another_row_of_an_object():
    Search().run()


ASKING = [
    another_row_of_an_object,
    asked_for_each_row,
    asked_with_a_pause,
    asked_so_many_times,
    left_by_something_else,
    another_row_each_time,
]


def report_of(function):
    populate(3)
    with watch() as recording:
        function()
    assert recording.report.internal_errors == ()
    return recording.report


@pytest.mark.parametrize("function", WAITING)
def test_waiting_for_another_answer_is_healthy(function):
    report = report_of(function)
    assert report.findings == ()
    assert [one.reason for one in report.cleared] == ["polled"]


@pytest.mark.parametrize("function", ASKING)
def test_asking_for_each_row_is_a_loop(function):
    assert len(report_of(function).findings) == 1
