"""What a proof runs leaves no rows behind, in any database."""

from __future__ import annotations

import functools

import pytest
from django.db import connections, transaction
from django.db.utils import IntegrityError

from nplusone_guard import (
    MaxQueriesExceeded,
    assert_constant_queries,
    watch,
)
from tests.corpus.data import populate
from tests.corpus.models import Country
from tests.growth.growing import joined, loop

pytestmark = [
    pytest.mark.django_db(databases=["default", "other"]),
    pytest.mark.usefixtures("usual_failures"),
]


class Calls(list):
    """Notes what is called, and with how many rows in place."""

    def populate(self, size):
        self.append(("populate", size, Country.objects.count()))
        populate(size)

    def run(self):
        self.append(("run", Country.objects.count()))


@pytest.mark.database
def test_it_warms_up_and_starts_from_nothing_each_time():
    calls = Calls()
    assert_constant_queries(calls.populate, calls.run)
    assert calls == [
        *[("populate", 2, 0), ("run", 2)],
        *[("populate", 2, 0), ("run", 2)],
        *[("populate", 4, 0), ("run", 4)],
    ]
    assert Country.objects.count() == 0


def test_rows_that_are_there_already_stay():
    Country.objects.create(code="there", name="Already there")
    calls = Calls()
    assert_constant_queries(calls.populate, calls.run, warm_up=False)
    assert [call[-1] for call in calls] == [1, 3, 1, 5]
    assert Country.objects.count() == 1


def test_caches_are_filled_by_the_warm_up():
    cache = []

    def run():
        if not cache:
            cache.append(Country.objects.first())

    assert_constant_queries(populate, run)
    cache.clear()
    with pytest.raises(MaxQueriesExceeded, match=r"^1 query at 2, 0 at 4"):
        assert_constant_queries(populate, run, warm_up=False)


@pytest.mark.database
def test_every_database_is_rolled_back():
    def fill(size):
        populate(size)
        populate(size, "other")

    assert_constant_queries(fill, lambda: Country.objects.using("other").first())
    assert Country.objects.using("other").count() == 0


@pytest.mark.django_db(databases=["default"])
def test_a_database_that_the_test_may_not_use():
    assert_constant_queries(populate, joined)


@pytest.mark.django_db(databases=["other"])
def test_the_default_database_may_be_the_one():
    def run():
        list(Country.objects.using("other"))

    assert_constant_queries(functools.partial(populate, using="other"), run)
    assert Country.objects.using("other").count() == 0


@pytest.mark.django_db(databases=[])
def test_no_database_at_all():
    with pytest.raises(AssertionError, match="to 'default' are not allowed"):
        assert_constant_queries(populate, joined)


@pytest.mark.database
@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_without_a_transaction_around():
    with pytest.raises(MaxQueriesExceeded):
        assert_constant_queries(populate, loop)
    assert Country.objects.count() == 0
    assert not any(connections[alias].in_atomic_block for alias in ("default", "other"))


@pytest.mark.database
def test_durable_blocks_may_run():
    def run():
        with transaction.atomic(durable=True):
            Country.objects.first()

    assert_constant_queries(populate, run)


@pytest.mark.database
@pytest.mark.parametrize("failing", ["populate", "run"])
def test_an_error_inside_stands_alone(failing):
    def fill(size):
        populate(size)
        if failing == "populate":
            Country.objects.create(code="c00")

    def run():
        Country.objects.create(code="c00")

    with pytest.raises(IntegrityError):
        assert_constant_queries(fill, run)
    assert Country.objects.count() == 0


def test_scopes_around_see_the_runs_as_units():
    with watch() as report:
        assert_constant_queries(populate, joined)
    assert report.query_count == 2
    assert not report.findings


def test_requests_inside(client):
    assert_constant_queries(populate, lambda: client.get("/nowhere/"))
