"""Django Tasks, Django's own and the backport: a scope for each task."""

from __future__ import annotations

from importlib import import_module

import django
import pytest
from asgiref.sync import async_to_sync
from django.test import override_settings

from nplusone_guard import correlation, watch
from nplusone_guard.capture.scope import current_scope
from nplusone_guard.integrations import units
from tests.integrations import work
from tests.integrations.work import APLACE, HEALTHY, LOOP, PLACE, place
from tests.webapp.project import ROOT

PACKAGES = ["django_tasks"] + (["django.tasks"] if django.VERSION >= (6, 0) else [])
WORK = "task:tests.integrations.work"
RUN_LOOP = (f"{WORK}.loop", *LOOP)
RUN_HEALTHY = (f"{WORK}.healthy", *HEALTHY)
NAMES = ["user0", "user1", "user2"]


@pytest.fixture(params=PACKAGES)
def package(request):
    backend = {"BACKEND": f"{request.param}.backends.immediate.ImmediateBackend"}
    import_module(f"{request.param}.signals")  # as the backend does, before TASKS is changed
    with override_settings(TASKS={"default": backend}):
        yield import_module(request.param)


@pytest.fixture
def task(package, users, logging_mode):
    """A task of a function of ``work``."""
    return lambda name: package.task()(getattr(work, name))


def test_a_loop_in_a_task_is_found(task, tasks):
    result = task("loop").enqueue()
    assert result.return_value == NAMES
    assert tasks.summary() == [RUN_LOOP]
    (report,) = tasks.reports
    assert (report.kind, place(report[0])) == ("task", PLACE)
    assert (report.correlation_id, report.extra) == (result.id, {"task_id": result.id})


def test_its_healthy_twin_is_silent_and_tasks_are_judged_one_by_one(task, tasks):
    for _ in range(3):
        assert task("healthy").enqueue().return_value == NAMES
    assert tasks.summary() == [RUN_HEALTHY] * 3


def test_a_task_of_a_coroutine_function(task, tasks):
    assert task("aloop").enqueue().return_value == NAMES
    assert task("ahealthy").enqueue().return_value == NAMES
    assert tasks.summary() == [(f"{WORK}.aloop", *LOOP), (f"{WORK}.ahealthy", *HEALTHY)]
    assert place(tasks.reports[0][0]) == APLACE


def test_enqueued_by_a_coroutine(task, tasks):
    assert async_to_sync(task("loop").aenqueue)().return_value == NAMES
    assert async_to_sync(task("healthy").aenqueue)().return_value == NAMES
    assert tasks.summary() == [RUN_LOOP, RUN_HEALTHY]
    assert place(tasks.reports[0][0]) == PLACE


def test_a_task_that_fails_is_reported_and_fails_as_ever(task, tasks):
    result = task("failing").enqueue()
    assert (result.status, result.errors[0].exception_class) == ("FAILED", work.Broken)
    assert tasks.summary() == [(f"{WORK}.failing", *LOOP)]


@pytest.mark.parametrize("mode_setting", ["raise", "warn"])
@pytest.mark.filterwarnings("error")
def test_the_outcome_of_a_task_is_its_own(task, tasks, mode, caplog, mode_setting):
    with mode(mode_setting):
        assert task("loop").enqueue().status.label == "Successful"
        assert task("healthy").enqueue().status.label == "Successful"
    ours = [record for record in caplog.records if record.name == "nplusone_guard"]
    assert [(record.levelname, record.report_name) for record in ours] == [("ERROR", RUN_LOOP[0])]


@pytest.mark.parametrize("setting", [{"mode": "off"}, {"TASKS": False}])
def test_switched_off_nothing_is_watched(task, tasks, mode, setting):
    with mode(**setting):
        task("loop").enqueue()
    assert tasks == []


def test_inside_a_scope_each_task_is_judged_alone_and_carries_its_id(task, tasks):
    with watch("three") as recording:
        for _ in range(3):
            task("healthy").enqueue()
    assert (recording.query_count, list(recording)) == (3, [])
    assert {report.correlation_id for report in tasks.reports} == {recording.report.correlation_id}


def test_a_scope_takes_over_what_its_tasks_found(task, tasks):
    with watch("three") as recording:
        for _ in range(3):
            task("loop").enqueue()
    assert [place(finding) for finding in recording] == [PLACE]
    assert tasks.summary() == [RUN_LOOP] * 3


def test_an_interrupted_task_is_closed_by_the_next_one(task, tasks):
    with pytest.raises(KeyboardInterrupt):
        task("interrupted").enqueue()
    task("healthy").enqueue()
    assert tasks.summary() == [(f"{WORK}.interrupted", *LOOP), RUN_HEALTHY]
    assert current_scope.get() is None


def test_an_interrupted_task_is_closed_by_the_scope_around_it(task, tasks):
    with watch("around") as recording, pytest.raises(KeyboardInterrupt):
        task("interrupted").enqueue()
    assert [place(finding) for finding in recording] == [PLACE]
    assert current_scope.get() is None
    task("healthy").enqueue()
    assert tasks.summary()[-1] == RUN_HEALTHY


def broken(*args, **kwargs):
    raise RuntimeError("a fault of the guard")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (units, "begin"),
        (units, "end"),
        (units, "open_scope"),
        (units, "is_heard"),
        (units, "deliver_unraised"),
        (correlation, "current_correlation_id"),
    ],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_a_fault_of_the_guard_reaches_no_task(task, tasks, monkeypatch, caplog, module, name):
    with monkeypatch.context() as patch:
        patch.setattr(module, name, broken)
        result = task("loop").enqueue()
    assert (result.status.label, result.return_value) == ("Successful", NAMES)
    assert "failed in integrations.django_tasks" in caplog.text
    task("healthy").enqueue()
    assert tasks.summary()[-1] == RUN_HEALTHY


# --- the worker that takes tasks from the database -----------------------------------------

SETTINGS = """
from importlib.util import find_spec

from settings import *

INSTALLED_APPS += ["django_tasks_db"]
if not find_spec("django.tasks"):
    INSTALLED_APPS += ["django_tasks"]
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
NPLUSONE_GUARD = {"MODE": "raise", "SHOW_CLEARED": True}
"""

QUEUED = """
try:
    from django.tasks import task
except ImportError:
    from django_tasks import task

from tests.integrations import work

@task
def loop():
    return work.loop()

@task
def healthy():
    return work.healthy()

@task
def failing():
    work.failing()
"""


@pytest.fixture
def queue(project):
    """``queue("code", …)``: ``manage.py`` in a project whose tasks wait in its database."""
    (project.directory / "queue_settings.py").write_text(SETTINGS)
    (project.directory / "queued.py").write_text(QUEUED)

    def manage(*arguments):
        done = project.manage(*arguments, DJANGO_SETTINGS_MODULE="queue_settings")
        assert done.returncode == 0, done.stderr
        return done

    manage("migrate", "--verbosity=0")
    return manage


ENQUEUE = """
import queued
print(*(getattr(queued, name).enqueue().id for name in ("loop", "healthy", "failing")))
"""

STATES = """
from django_tasks_db.models import DBTaskResult
print(*(result.status for result in DBTaskResult.objects.order_by("enqueued_at")))
"""


def test_the_worker_of_the_database_reports_its_tasks_and_raises_at_none(queue):
    ids = queue("shell", "-c", ENQUEUE).stdout.split()[-3:]
    written = queue("db_worker", "--batch", "--no-startup-delay", "--no-reload").stderr
    file, query, loop = PLACE
    short = file.removeprefix(f"{ROOT}/")
    assert written.count(f"   query   {short}:{query}  ") == 1
    assert written.count(f"   loop    {short}:{loop}  ") == 1
    assert "task:queued.loop: 5 queries" in written, "the worker notes the result"
    assert "task:queued.failing: 5 queries" in written
    assert "task:queued.healthy: " not in written
    told = [number for number in ids if f" correlation id: {number}\n" in written]
    assert told == [ids[0], ids[2]]
    assert queue("shell", "-c", STATES).stdout.split()[-3:] == [
        *("SUCCESSFUL", "SUCCESSFUL", "FAILED")
    ]
