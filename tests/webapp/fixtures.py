"""Fixtures of the tests that send requests to the views beside this file."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User
from django.db.backends.signals import connection_created
from django.test import override_settings

from tests.webapp import GUARD
from tests.webapp.project import Project


class Delivered(list):
    """The reports that the middleware handed on, with the policy and the exception."""

    @property
    def reports(self):
        return [report for report, _, _ in self]

    def summary(self):
        """Name, queries and rules of each report."""
        return [
            (report.name, report.query_count, [finding.rule for finding in report.findings])
            for report in self.reports
        ]


@pytest.fixture
def delivered(monkeypatch):
    """Instead of delivering, collect."""
    collected = Delivered()

    def deliver(report, policy, exception=None):
        collected.append((report, policy, exception))

    monkeypatch.setattr("nplusone_guard.middleware.deliver", deliver)
    monkeypatch.setattr("nplusone_guard.middleware.is_heard", lambda findings, policy: True)
    return collected


@pytest.fixture
def other_threads(transactional_db):
    """Requests may send their queries from other threads, as each does under ASGI.

    Their connections are closed in the end: Django keeps those to a database in memory.
    """
    opened = []

    def note(connection, **kwargs):
        if threading.current_thread() is not threading.main_thread():
            opened.append(connection)

    connection_created.connect(note)
    yield
    connection_created.disconnect(note)
    for connection in opened:
        if connection.connection is not None:
            connection.connection.close()
            connection.connection = None  # a thread that is used again opens another one


@pytest.fixture
def users(db):
    return [User.objects.create(username=f"user{number}") for number in range(3)]


@pytest.fixture
def guarded():
    """Settings with the middleware, in a mode: ``with guarded("raise"): …``."""

    def settings(mode="log", middleware=(GUARD,), **policy):
        return override_settings(
            ROOT_URLCONF="tests.webapp.urls",
            MIDDLEWARE=list(middleware),
            NPLUSONE_GUARD={"MODE": mode, **policy},
        )

    return settings


@pytest.fixture
def logging_requests(guarded):
    with guarded("log"):
        yield


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A project with three users, for what needs a process of its own."""
    return Project(tmp_path_factory.mktemp("project"))
