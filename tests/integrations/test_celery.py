"""Celery: each try of a task is a scope of its own, in a worker and eagerly."""

from __future__ import annotations

import contextlib
import logging
import threading

import pytest
from celery import chord, group
from celery.contrib.testing import tasks as celery_tasks  # registers celery.ping
from celery.contrib.testing.worker import start_worker
from celery.exceptions import TaskRevokedError
from celery.worker import state
from django.db.backends.signals import connection_created
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

from nplusone_guard import correlation, watch
from nplusone_guard.exceptions import NPlusOneDetected, NPlusOneWarning
from nplusone_guard.integrations import celery as integration
from nplusone_guard.integrations import units
from tests.integrations import celery_app
from tests.integrations.celery_app import app
from tests.integrations.conftest import Tasks
from tests.integrations.work import HEALTHY, LOOP, PLACE, Broken, place
from tests.webapp import GUARD

RUN_LOOP = ("celery:tasks.loop", *LOOP)
RUN_HEALTHY = ("celery:tasks.healthy", *HEALTHY)
NAMES = ["user0", "user1", "user2"]


@contextlib.contextmanager
def _closing_connections_of_other_threads():
    """Django keeps the connections to a database in memory open."""
    opened = []

    def note(connection, **_):
        if threading.current_thread() is not threading.main_thread():
            opened.append(connection)

    connection_created.connect(note)
    yield
    connection_created.disconnect(note)
    for connection in opened:
        if connection.connection is not None:
            connection.connection.close()


@pytest.fixture(scope="module")
def workers():
    """Two workers, which take their messages from memory: each pool has a queue."""
    options = {"perform_ping_check": False, "shutdown_timeout": 30}
    with (
        _closing_connections_of_other_threads(),
        start_worker(app, pool="solo", queues=["solo"], **options),
        start_worker(app, pool="threads", concurrency=2, queues=["threads"], **options),
    ):
        yield


@pytest.fixture
def worker(workers, transactional_db, users, logging_mode):
    """``worker(task, …)`` sends a task to the solo pool, or to another ``queue``."""
    sent = []

    def send(task, *args, queue="solo", **options):
        Tasks.of_earlier_tests.discard(options.get("task_id"))
        result = task.apply_async(args, queue=queue, **options)
        sent.append(result.id)
        return result

    yield send
    # A result is there before its task has ended, which may be in the next test.
    Tasks.of_earlier_tests.update(sent)


@pytest.fixture
def eager(users, logging_mode):
    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    yield
    app.conf.task_always_eager = app.conf.task_eager_propagates = False


# --- in a worker ---------------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_a_loop_in_a_task_is_found(worker, tasks, pool):
    assert worker(celery_app.loop, queue=pool).get(timeout=10) == NAMES
    assert tasks.wait_for(1) == [RUN_LOOP]
    (report,) = tasks.reports
    assert report.kind == "task"
    assert place(report[0]) == PLACE
    assert (report[0].count, report[0].loop.kind) == (3, "for")


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_its_healthy_twin_is_silent_and_tasks_are_judged_one_by_one(worker, tasks, pool):
    results = [worker(celery_app.healthy, queue=pool) for _ in range(3)]
    assert [result.get(timeout=10) for result in results] == [NAMES] * 3
    assert tasks.wait_for(3) == [RUN_HEALTHY] * 3
    assert {each.correlation_id for each in tasks.reports} == {each.id for each in results}


def test_two_tasks_at_once_never_see_each_others_queries(worker, tasks):
    results = [worker(celery_app.meet, name, queue="threads") for name in "ab"]
    assert {result.get(timeout=20) for result in results} == {"a", "b"}
    assert tasks.wait_for(2) == [("celery:tasks.meeting", 8, ["query-in-loop"])] * 2


def test_each_try_is_a_report_of_its_own_with_the_same_ids(worker, tasks):
    result = worker(celery_app.retried)
    assert result.get(timeout=10) == 2
    retried = "celery:tasks.retried"
    assert tasks.wait_for(3) == [(retried, *HEALTHY), (retried, *LOOP), (retried, *LOOP)]
    assert [report.extra for report in tasks.reports] == [
        {"task_id": result.id, "retries": number} for number in range(3)
    ]
    assert {report.correlation_id for report in tasks.reports} == {result.id}


def test_a_task_that_fails_is_reported_and_fails_as_ever(worker, tasks):
    result = worker(celery_app.failing)
    with pytest.raises(Broken, match="on purpose"):
        result.get(timeout=10)
    assert tasks.wait_for(1) == [("celery:tasks.failing", *LOOP)]
    assert result.state == "FAILURE"


def test_a_group(worker, tasks):
    result = group(celery_app.loop.s(), celery_app.healthy.s()).apply_async(queue="solo")
    assert result.get(timeout=10) == [NAMES, NAMES]
    assert tasks.wait_for(2) == [RUN_LOOP, RUN_HEALTHY]


def test_a_chord_whose_body_belongs_to_the_scope_that_asked_for_it(worker, tasks):
    head = [celery_app.loop.s(), celery_app.healthy.s()]
    with watch("asking") as recording:
        result = chord(head)(celery_app.loop.s().set(queue="solo"), queue="solo")
    assert result.get(timeout=10) == NAMES
    assert tasks.wait_for(3) == [RUN_LOOP, RUN_HEALTHY, RUN_LOOP]
    asked = recording.report.correlation_id
    assert {report.correlation_id for report in tasks.reports} == {asked}


def test_a_task_inside_a_task_is_a_scope_of_its_own(worker, tasks):
    result = worker(celery_app.parent)
    assert result.get(timeout=10) == NAMES
    assert tasks.wait_for(3) == [RUN_LOOP, ("celery:tasks.parent", 5, LOOP[1]), RUN_HEALTHY]
    inner, outer, _asked_for = tasks.reports
    assert place(inner[0]) == place(outer[0]) == PLACE
    assert {report.correlation_id for report in tasks.reports} == {result.id}


def test_a_revoked_task_never_ran_and_leaves_nothing_open(worker, tasks):
    state.revoked.add("revoked-before-it-ran")
    result = worker(celery_app.loop, task_id="revoked-before-it-ran")
    with pytest.raises(TaskRevokedError):
        result.get(timeout=10)
    worker(celery_app.healthy)
    assert tasks.wait_for(1) == [RUN_HEALTHY]


def test_celerys_own_tasks_are_left_alone(worker, tasks):
    assert worker(celery_tasks.ping).get(timeout=10) == "pong"
    worker(celery_app.healthy)
    assert tasks.wait_for(1) == [RUN_HEALTHY]


@pytest.mark.parametrize("setting", [{"mode": "off"}, {"TASKS": False}])
def test_switched_off_nothing_is_watched(worker, tasks, mode, setting):
    with mode(**setting):
        unwatched = [worker(celery_app.loop) for _ in range(2)]
        assert [one.get(timeout=10) for one in unwatched] == [NAMES, NAMES]
    watched = worker(celery_app.healthy)
    assert not {one.id for one in unwatched}.intersection(tasks.wait_for_task(watched.id))


# --- eagerly -------------------------------------------------------------------------------


@pytest.mark.usefixtures("eager")
def test_an_eager_task_is_found_and_its_healthy_twin_is_silent(tasks):
    assert celery_app.loop.delay().get() == NAMES
    assert celery_app.healthy.delay().get() == NAMES
    assert tasks.summary() == [RUN_LOOP, RUN_HEALTHY]
    assert place(tasks.reports[0][0]) == PLACE


@pytest.mark.usefixtures("eager")
def test_eager_tries_follow_each_other(tasks):
    app.conf.task_eager_propagates = False
    result = celery_app.retried.delay()
    assert result.get() == 2
    assert [report.query_count for report in tasks.reports] == [1, 4, 4]
    assert [report.extra for report in tasks.reports] == [
        {"task_id": result.id, "retries": number} for number in range(3)
    ]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(("task", "error"), [("failing", Broken), ("leaving", SystemExit)])
def test_whatever_a_task_raises_its_scope_is_closed(tasks, task, error):
    with pytest.raises(error):
        getattr(celery_app, task).delay()
    assert [name for name, _, _ in tasks.summary()] == [f"celery:tasks.{task}"]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("setting", "rules", "delivered"),
    [
        ({"mode": "log"}, [], ["log"] * 3),
        ({"mode": "off"}, [], ["off"] * 3),
        ({"TASKS": False}, ["duplicate-query"], []),
    ],
)
def test_inside_a_scope_each_task_is_judged_alone(tasks, mode, setting, rules, delivered):
    with mode(**setting), watch("three") as recording:
        for _ in range(3):
            celery_app.healthy.delay()
    assert [finding.rule for finding in recording] == rules
    assert [policy.mode for _, policy in tasks] == delivered


# --- in a request --------------------------------------------------------------------------


def ask_for(request, name):
    for _ in range(3):
        getattr(celery_app, name).apply_async(queue="solo")
    return HttpResponse("asked")


urlpatterns = [path("ask-for/<name>/", ask_for)]


@pytest.fixture
def ask(delivered):
    """Send the request that asks for a task three times; gives its report."""

    def ask(name, **headers):
        with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[GUARD]):
            Client().get(f"/ask-for/{name}/", **headers)
        return delivered.reports[-1]

    return ask


@pytest.mark.usefixtures("eager")
def test_a_request_takes_over_what_its_eager_tasks_found(ask, tasks):
    report = ask("loop")
    assert (report.query_count, [place(finding) for finding in report]) == (12, [PLACE])
    assert tasks.summary() == [RUN_LOOP] * 3


@pytest.mark.usefixtures("eager")
def test_a_request_never_groups_across_its_eager_tasks(ask, tasks):
    report = ask("healthy")
    assert (report.query_count, list(report)) == (3, [])
    assert tasks.summary() == [RUN_HEALTHY] * 3


def test_the_tasks_of_a_request_carry_its_id(worker, ask, tasks):
    report = ask("healthy", HTTP_X_REQUEST_ID="order-17")
    assert (report.query_count, report.correlation_id) == (0, "order-17")
    assert tasks.wait_for(3) == [RUN_HEALTHY] * 3
    assert [each.correlation_id for each in tasks.reports] == ["order-17"] * 3


@pytest.mark.usefixtures("eager")
def test_eager_tasks_of_a_request_carry_its_id_too(ask, tasks):
    assert ask("healthy", HTTP_X_REQUEST_ID="order-17").correlation_id == "order-17"
    assert [each.correlation_id for each in tasks.reports] == ["order-17"] * 3


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "task-7"),
        ({integration.HEADER: "order-17"}, "order-17"),
        ({integration.HEADER: "order 17\n"}, "task-7"),
        ({integration.HEADER: 17}, "task-7"),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"traceparent": "00-0"}, "task-7"),
    ],
)
def test_what_comes_with_a_message_is_checked(worker, tasks, headers, expected):
    worker(celery_app.healthy, task_id="task-7", headers=headers)
    tasks.wait_for(1)
    assert [report.correlation_id for report in tasks.reports] == [expected]


# --- what becomes of it --------------------------------------------------------------------


@pytest.fixture
def records(caplog):
    caplog.set_level(logging.INFO, logger="nplusone_guard")
    return lambda: [
        (record.levelname, record.report_name, record.correlation_id)
        for record in caplog.records
        if record.name == "nplusone_guard"
    ]


@pytest.mark.parametrize(("setting", "level"), [("log", "WARNING"), ("raise", "ERROR")])
def test_the_outcome_of_a_task_is_its_own(worker, tasks, mode, records, setting, level):
    with mode(setting):
        result = worker(celery_app.loop)
        assert result.get(timeout=10) == NAMES
        tasks.wait_for(1)
    assert result.state == "SUCCESS"
    assert records() == [(level, "celery:tasks.loop", result.id)]


@pytest.mark.parametrize(("setting", "count"), [("log", 1), ("raise", 0)])
def test_a_healthy_task_is_told_of_in_mode_log_alone(worker, tasks, mode, records, setting, count):
    with mode(setting):
        result = worker(celery_app.healthy)
        tasks.wait_for(1)
    assert records() == [("INFO", "celery:tasks.healthy", result.id)] * count


@pytest.mark.usefixtures("eager", "tasks")
def test_warnings_name_the_line(mode):
    with mode("warn"), pytest.warns(NPlusOneWarning) as caught:
        assert celery_app.loop.delay().get() == NAMES
    assert [(warning.filename, warning.lineno) for warning in caught] == [PLACE[:2]]


@pytest.mark.usefixtures("eager", "tasks")
@pytest.mark.filterwarnings("error")
def test_a_warning_that_is_an_error_is_logged_as_one(mode, records):
    with mode("warn"):
        assert celery_app.loop.delay().get() == NAMES
    assert [each[:2] for each in records()] == [("ERROR", "celery:tasks.loop")]


@pytest.mark.usefixtures("eager", "tasks")
def test_in_mode_raise_the_request_around_an_eager_task_raises(mode):
    client = Client()
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[GUARD]), mode("raise"):
        with pytest.raises(NPlusOneDetected) as raised:
            client.get("/ask-for/loop/")
        assert place(raised.value.report[0]) == PLACE
        assert client.get("/ask-for/healthy/").status_code == 200


# --- faults --------------------------------------------------------------------------------


def broken(*args, **kwargs):
    raise RuntimeError("a fault of the guard")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (units, "begin"),
        (units, "end"),
        (units, "open_scope"),
        (units, "default_policy"),
        (units, "is_heard"),
        (units, "deliver_unraised"),
        (correlation, "current_correlation_id"),
        (correlation, "accept"),
    ],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_a_fault_of_the_guard_reaches_no_task(worker, tasks, monkeypatch, caplog, module, name):
    with monkeypatch.context() as patch, watch("asking"):
        patch.setattr(module, name, broken)
        assert worker(celery_app.loop).get(timeout=10) == NAMES
        assert celery_app.healthy.apply().get() == NAMES
    messages = [record.getMessage() for record in caplog.records]
    assert any("failed in integrations.celery" in message for message in messages)
    assert not any("Signal handler" in message for message in messages)
    # What was left open is closed by the next task in its place.
    celery_app.healthy.apply()
    assert tasks.summary()[-1] == RUN_HEALTHY
