"""Each thread opens connections of its own, and takes some from a pool: all are watched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import django
import pytest
from django.db import connections
from django.db.utils import ConnectionHandler

from nplusone_guard.capture.hook import Hook
from nplusone_guard.guard import watch
from tests import databases, services


@pytest.fixture(autouse=True)
def _databases_of_our_own(django_db_blocker):
    with django_db_blocker.unblock():
        yield


def hooks_of(connection):
    return [type(one) for one in connection.execute_wrappers if isinstance(one, Hook)]


def test_a_connection_that_is_closed_and_opened_again(tmp_path):
    """A file, because Django never closes a database in memory."""
    file = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "db.sqlite3"}
    handler = ConnectionHandler({"default": file})

    def ask():
        with handler["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
        handler["default"].close()
        return hooks_of(handler["default"])

    with watch() as report, ThreadPoolExecutor(2) as pool:
        found = [pool.submit(ask) for _ in range(6)]
    assert report.query_count == 6
    assert [one.result() for one in found] == [[Hook]] * 6


def test_aliases_are_told_apart(other_threads):
    def ask(alias):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")

    with watch() as report, ThreadPoolExecutor(1) as pool:
        pool.submit(ask, "default").result()
    assert report.report.databases == {"default": 1}


if django.VERSION >= (5, 1):  # before, Django knows no pools

    @pytest.fixture
    def pooled():
        missing = databases.missing("postgres")
        if missing and not services.required():
            pytest.skip(missing)
        settings = databases.django_settings("postgres", "postgres")
        settings["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 2}}
        handler = ConnectionHandler({"default": settings})
        yield handler
        handler["default"].close_pool()

    def test_pooled_connections_are_watched(pooled):
        """Six jobs share two connections, which go from thread to thread."""

        def ask(number):
            connection = pooled["default"]
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid(), %s", [number])
                    return cursor.fetchone()[0], hooks_of(connection)
            finally:
                connection.close()

        with watch() as report, ThreadPoolExecutor(3) as pool:
            answers = [pool.submit(ask, number) for number in range(6)]
        assert len({answer.result()[0] for answer in answers}) <= 2
        assert [answer.result()[1] for answer in answers] == [[Hook]] * 6
        assert report.query_count == 6
        assert [finding.rule for finding in report.findings] == ["raw-sql-in-loop"]
