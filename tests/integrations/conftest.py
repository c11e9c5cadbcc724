"""What the tests of the integrations have in common."""

from __future__ import annotations

import threading

import pytest
from django.test import override_settings

from nplusone_guard import delivery
from nplusone_guard.capture import faults
from nplusone_guard.capture.scope import current_scope
from nplusone_guard.integrations import units
from tests.integrations import redis_server


class Tasks(list):
    """The reports of tasks in the order of their ends, with the policy that delivers them."""

    #: The ids of tasks whose reports nobody waits for any more.
    of_earlier_tests = set()

    def __init__(self):
        super().__init__()
        self._changed = threading.Condition()

    def expects(self, report):
        return report.extra.get("task_id") not in self.of_earlier_tests

    def take(self, report, policy):
        with self._changed:
            self.append((report, policy))
            self._changed.notify_all()

    def wait_for(self, count):
        """All of them, once they are ``count``: a result is there before the report."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self) >= count, timeout=20), self
        return self.summary()

    def wait_for_task(self, task_id):
        """The ids of all of them, once that of this task is there."""
        with self._changed:
            assert self._changed.wait_for(lambda: task_id in self.ids, timeout=20), self
        return self.ids

    @property
    def ids(self):
        return [report.extra.get("task_id") for report in self.reports]

    @property
    def reports(self):
        return [report for report, _ in self]

    def summary(self):
        return [
            (report.name, report.query_count, [finding.rule for finding in report.findings])
            for report in self.reports
        ]


@pytest.fixture
def tasks(monkeypatch):
    """The reports of tasks, as they are delivered."""
    collected = Tasks()

    def deliver(report, policy):
        if collected.expects(report):
            delivery.deliver_unraised(report, policy)
            collected.take(report, policy)

    monkeypatch.setattr(units, "deliver_unraised", deliver)
    monkeypatch.setattr(units, "is_heard", lambda findings, policy: True)
    return collected


@pytest.fixture
def mode():
    """``with mode("raise"): …``, with further keys of the setting."""

    def settings(mode="log", **keys):
        return override_settings(NPLUSONE_GUARD={"MODE": mode, **keys})

    return settings


@pytest.fixture
def logging_mode(mode):
    with mode("log"):
        yield


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    with redis_server.serve(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(autouse=True)
def _nothing_left_open():
    faults.forget_logged()
    delivery.forget_logged()
    yield
    assert current_scope.get() is None
    assert units._running.get() == ()
    faults.forget_logged()
