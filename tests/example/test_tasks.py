"""The wellness report as a task gives what the function gives."""

from __future__ import annotations

import pytest

from tests.example.conftest import probe


@pytest.fixture(scope="module")
def equal(tmp_path_factory):
    return probe("probe_tasks.py", f"sqlite:///{tmp_path_factory.mktemp('tasks') / 'a.sqlite3'}")


@pytest.mark.parametrize("way", ["celery", "django"])
def test_a_task_returns_the_report(equal, way):
    assert equal[way] == [True, True]


# --- a worker in a process of its own ------------------------------------------------------


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('worker') / 'a.sqlite3'}"
    return probe("probe_worker.py", url)


def test_the_queries_of_a_worker_are_those_of_the_function(asked):
    assert asked["queries"] == {"before": 4, "claimed": 5, "fixed": 2}


def test_the_worker_writes_a_line_of_json_for_each_report(asked):
    before, claimed, fixed = asked["lines"]
    assert claimed.pop("seconds") > 0
    assert len(claimed.pop("correlation_id")) == 36
    assert claimed.pop("message").startswith(
        "celery:background_tasks.wellness_report: 5 queries in "
    )
    assert claimed == {
        "level": "WARNING",
        "name": "celery:background_tasks.wellness_report",
        "kind": "task",
        "queries": 5,
        "findings": ["20dee98d2d00"],
    }
    assert [len(line["findings"]) for line in (before, fixed)] == [1, 0]


def test_a_message_that_is_still_being_written_is_not_before_the_worker(asked):
    assert asked["handed_over"] == [0, 1]


def test_a_line_that_is_still_being_written_is_left_for_later(asked):
    assert asked["unfinished"]


def test_the_worker_ends_with_the_block(asked):
    assert asked["ended"]


def test_where_there_can_be_no_worker_it_is_said_why(asked):
    whole, died, in_memory, not_installed = asked["refused"]
    assert whole == ""
    error = "RuntimeError: No active exception to reraise"
    assert died.startswith(f"The worker reported no task. It ended with: {error}\n")
    assert died.endswith(error)
    assert in_memory == "no worker sees a database in memory."
    assert not_installed == (
        "celery is not installed. `make demo` installs it; in a Python of your own: "
        "pip install celery"
    )
