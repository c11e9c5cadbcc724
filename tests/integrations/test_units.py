"""Work that is told of by two signals: in coroutines, in threads, and by whoever sends them."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.dispatch import Signal

from nplusone_guard import watch
from nplusone_guard.integrations import django_tasks, units
from tests.integrations import work
from tests.integrations.work import HEALTHY, LOOP

signals = SimpleNamespace(task_started=Signal(), task_finished=Signal())
django_tasks.connect(signals)


def result(name):
    return SimpleNamespace(id=name, task=SimpleNamespace(module_path=name))


def run(name, function=work.healthy):
    """What a backend does."""
    signals.task_started.send(run, task_result=result(name))
    function()
    signals.task_finished.send(run, task_result=result(name))


async def arun(name, *functions):
    """What an asynchronous worker would do."""
    signals.task_started.send(arun, task_result=result(name))
    for function in functions:
        await function()
    signals.task_finished.send(arun, task_result=result(name))


@pytest.mark.usefixtures("users", "logging_mode")
def test_a_task_that_waits_for_another_coroutine_is_still_running(tasks):
    async def inner():
        await asyncio.create_task(arun("inner", work.aloop))

    async_to_sync(arun)("outer", work.ahealthy, inner)
    assert tasks.summary() == [("task:inner", *LOOP), ("task:outer", 5, LOOP[1])]


@pytest.mark.usefixtures("users", "logging_mode")
def test_tasks_of_one_event_loop_never_see_each_others_queries(tasks):
    async def both():
        await asyncio.gather(arun("a", work.ahealthy), arun("b", work.aloop))

    async_to_sync(both)()
    assert sorted(tasks.summary()) == [("task:a", *HEALTHY), ("task:b", *LOOP)]


@pytest.mark.usefixtures("logging_mode")
def test_a_task_that_waits_for_a_thread_is_still_running(tasks):
    def inner():
        with ThreadPoolExecutor(1) as pool:
            context = contextvars.copy_context()
            pool.submit(context.run, run, "inner", lambda: None).result()

    run("outer", inner)
    assert [name for name, _, _ in tasks.summary()] == ["task:inner", "task:outer"]


@pytest.mark.usefixtures("logging_mode")
def test_an_end_that_nobody_waits_for_changes_nothing(tasks):
    signals.task_finished.send(run, task_result=result("unknown"))
    with watch("around") as recording:
        signals.task_finished.send(run, task_result=result("unknown"))
        assert not recording.closed
    assert tasks == []


@pytest.mark.usefixtures("logging_mode")
def test_what_was_left_open_inside_is_closed_with_its_task(tasks):
    signals.task_started.send(run, task_result=result("outer"))
    signals.task_started.send(run, task_result=result("left open"))
    signals.task_finished.send(run, task_result=result("outer"))
    assert [name for name, _, _ in tasks.summary()] == ["task:left open", "task:outer"]


@pytest.mark.usefixtures("logging_mode")
def test_threads_of_their_own_keep_nothing(tasks):
    left = []

    def interrupted():
        raise KeyboardInterrupt

    def in_thread():
        with pytest.raises(KeyboardInterrupt):
            run("interrupted", interrupted)
        run("next", lambda: None)
        left.append(units._running.get())

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    assert [name for name, _, _ in tasks.summary()] == ["task:interrupted", "task:next"]
    assert left == [()]
