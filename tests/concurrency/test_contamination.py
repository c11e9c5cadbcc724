"""What runs at once is counted apart, and what has ended is in nobody's way."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path

from nplusone_guard.guard import watch
from tests.concurrency.conftest import left_in_context
from tests.webapp import GUARD

pytestmark = pytest.mark.usefixtures("other_threads", "users")

NOTHING = (None, (), None)
REQUESTS = 6

#: All requests are in the middle of their loops before any of them goes on.
meeting = threading.Barrier(REQUESTS)
#: As many turns; the same for tasks, which wait for each other without a thread of their own.
TURNS = 3
waiting: dict[int, asyncio.Event] = {}
arrived: dict[int, int] = {}


def meet(request, queries):
    for turn in range(queries):
        if turn < TURNS:
            meeting.wait(10)
        User.objects.filter(pk=turn).exists()
    return HttpResponse(str(queries))


async def ameet(request, queries):
    for turn in range(queries):
        if turn < TURNS:
            await all_have_arrived(turn)
        await User.objects.filter(pk=turn).aexists()
    return HttpResponse(str(queries))


async def all_have_arrived(turn):
    everybody = waiting.setdefault(turn, asyncio.Event())
    arrived[turn] = arrived.get(turn, 0) + 1
    if arrived[turn] == REQUESTS:
        everybody.set()
    await asyncio.wait_for(everybody.wait(), 10)


#: Tasks that go on after their request, by name of the request.
left_running: list[asyncio.Task] = []
may_go_on: list[asyncio.Event] = []


async def leave_a_task(request):
    async def go_on():
        await may_go_on[0].wait()
        for pk in range(3):
            await User.objects.filter(pk=pk).aexists()
        return left_in_context()[0]

    left_running.append(asyncio.create_task(go_on()))
    await User.objects.acount()
    return HttpResponse("left")


def leave_a_thread(request):
    def go_on():
        threads_may_go_on.wait(10)
        for pk in range(3):
            User.objects.filter(pk=pk).exists()

    threads_left.append(threading.Thread(target=go_on, name="left behind"))
    threads_left[-1].start()
    User.objects.count()
    return HttpResponse("left")


def stream_and_leave_a_thread(request):
    def chunks():
        leave_a_thread(request)
        yield b"left"

    return StreamingHttpResponse(chunks())


threads_left: list[threading.Thread] = []
threads_may_go_on = threading.Event()

urlpatterns = [
    path("meet/<int:queries>/", meet),
    path("ameet/<int:queries>/", ameet),
    path("leave-a-task/", leave_a_task),
    path("leave-a-thread/", leave_a_thread),
    path("stream-and-leave-a-thread/", stream_and_leave_a_thread),
]


@pytest.fixture(autouse=True)
def _application():
    for state in (waiting, arrived, left_running, may_go_on, threads_left):
        state.clear()
    threads_may_go_on.clear()
    with override_settings(
        ROOT_URLCONF=__name__, MIDDLEWARE=[GUARD], NPLUSONE_GUARD={"MODE": "log"}
    ):
        yield


def expected():
    """Each request has its own number of queries, so that one too many is seen."""
    return [TURNS + number for number in range(REQUESTS)]


def counted(delivered):
    found = sorted((report.query_count, report.findings[0].count) for report in delivered.reports)
    assert all(len(report.findings) == 1 for report in delivered.reports)
    return found


# --- at once -----------------------------------------------------------------------------------


def test_requests_in_threads_never_see_each_others_queries(delivered):
    with ThreadPoolExecutor(REQUESTS) as pool:
        list(pool.map(lambda queries: Client().get(f"/meet/{queries}/"), expected()))
    assert counted(delivered) == [(queries, queries) for queries in expected()]


def test_requests_in_tasks_never_see_each_others_queries(delivered):
    async def ask():
        await asyncio.gather(*(AsyncClient().get(f"/ameet/{queries}/") for queries in expected()))

    asyncio.run(ask())
    assert counted(delivered) == [(queries, queries) for queries in expected()]


def test_sync_views_in_tasks_never_see_each_others_queries(delivered):
    """As the ASGI handler does, each request has a thread of its own for its sync code."""

    async def ask(queries):
        async with ThreadSensitiveContext():
            await AsyncClient().get(f"/meet/{queries}/")

    async def ask_all():
        await asyncio.gather(*map(ask, expected()))

    asyncio.run(ask_all())
    assert counted(delivered) == [(queries, queries) for queries in expected()]


def test_blocks_in_tasks_never_see_each_others_queries():
    async def block(queries):
        async with watch(str(queries)) as report:
            for turn in range(queries):
                if turn < TURNS:
                    await all_have_arrived(turn)
                await User.objects.filter(pk=turn).aexists()
        return report.query_count, report.findings[0].count

    async def run():
        return await asyncio.gather(*map(block, expected()))

    assert asyncio.run(run()) == [(queries, queries) for queries in expected()]


# --- afterwards ----------------------------------------------------------------------------------


def test_a_task_that_is_created_after_the_scope_knows_nothing_of_it():
    async def look():
        return left_in_context()

    async def run():
        async with watch():
            await asyncio.create_task(look())
        first = await asyncio.create_task(look())
        with watch():
            await User.objects.acount()
        second, third = await asyncio.gather(look(), sync_to_async(left_in_context)())
        return [first, second, third, left_in_context()]

    assert asyncio.run(run()) == [NOTHING] * 4


def test_a_task_that_goes_on_after_the_scope_is_late():
    async def go_on(closed):
        await closed.wait()
        for pk in range(3):
            await User.objects.filter(pk=pk).aexists()

    async def run():
        closed = asyncio.Event()
        async with watch("short") as short:
            await User.objects.acount()
            task = asyncio.create_task(go_on(closed))
        frozen = short.report
        async with watch("next") as following:
            closed.set()
            await task
            await User.objects.acount()
        return frozen, short, following

    frozen, short, following = asyncio.run(run())
    assert (frozen.query_count, frozen.late_queries, frozen.findings) == (1, 0, ())
    assert (short.query_count, short.report.late_queries, short.findings) == (1, 3, ())
    assert (following.query_count, following.report.late_queries) == (1, 0)


def test_a_task_that_goes_on_after_its_request_is_late_and_told_once(delivered, caplog):
    async def run():
        may_go_on.append(asyncio.Event())
        await AsyncClient().get("/leave-a-task/")
        await AsyncClient().get("/ameet/0/")
        may_go_on[0].set()
        return await left_running[0]

    with caplog.at_level("INFO", "nplusone_guard"):
        scope = asyncio.run(run())
    assert [one[:2] for one in delivered.summary()] == [
        ("GET /leave-a-task/", 1),
        ("GET /ameet/<int:queries>/", 0),
    ]
    assert (scope.closed, scope.late, scope.groups) == (True, 3, {})
    (record,) = [one for one in caplog.records if "after the response" in one.getMessage()]
    assert record.getMessage().startswith("GET /leave-a-task/: queries go on after the response")


def test_a_thread_that_goes_on_after_its_request_is_late_and_told_once(delivered, caplog):
    with caplog.at_level("INFO", "nplusone_guard"):
        Client().get("/leave-a-thread/")
        Client().get("/meet/0/")
        threads_may_go_on.set()
        threads_left[0].join()
    assert [one[:2] for one in delivered.summary()] == [
        ("GET /leave-a-thread/", 1),
        ("GET /meet/<int:queries>/", 0),
    ]
    (record,) = [one for one in caplog.records if "after the response" in one.getMessage()]
    assert record.getMessage() == (
        "GET /leave-a-thread/: queries go on after the response, in left behind, and are not "
        "judged; decorate the function that sends them with @watch"
    )


@pytest.mark.parametrize("read", [True, False])
def test_a_client_that_leaves_is_no_reason_to_change_the_code(delivered, caplog, read):
    with caplog.at_level("DEBUG", "nplusone_guard"):
        response = Client().get("/stream-and-leave-a-thread/")
        body = iter(response.streaming_content)
        assert next(body) == b"left"
        assert list(body) == [] if read else response.close() is None
        threads_may_go_on.set()
        threads_left[0].join()
    name = "GET /stream-and-leave-a-thread/"
    assert [one[:2] for one in delivered.summary()] == [(name, 1)]
    (record,) = [one for one in caplog.records if one.name == "nplusone_guard"]
    after = "queries go on after the response, in left behind, and are not judged; decorate"
    left = "nobody waits for the response any more, and queries go on in left behind"
    assert record.levelname == ("INFO" if read else "DEBUG")
    assert record.getMessage().startswith(f"{name}: {after if read else left}")


def test_a_query_that_runs_when_its_scope_ends_is_late_and_nobody_is_told():
    """It is the next one, if any, that goes on after the scope."""

    def slow(execute, *args):
        running.set()
        ended.wait(10)
        return execute(*args)

    def work():
        with connection.execute_wrapper(slow):
            User.objects.count()
        counted.append((list(told), recording.scope.late))
        User.objects.count()

    running, ended = threading.Event(), threading.Event()
    told, counted = [], []
    thread = threading.Thread(target=work)
    with watch() as recording:
        thread.start()
        running.wait(10)
        recording.scope.on_late = told.append
    ended.set()
    thread.join()
    assert counted == [([], 1)]
    assert (told, recording.report.late_queries) == ([recording.scope], 2)


# --- executors that are used again -----------------------------------------------------------------


def test_thread_sensitive_executors_keep_nothing(delivered, scopes_alive):
    """Neither the one thread of all, nor that of a request, nor those of the event loop."""

    async def run():
        for url in ("/meet/0/", "/ameet/0/"):
            await AsyncClient().get(url)
        loop = asyncio.get_running_loop()
        return [
            SyncToAsync.single_thread_executor.submit(left_in_context).result(),
            await loop.run_in_executor(None, left_in_context),
            await sync_to_async(left_in_context)(),
            await sync_to_async(left_in_context, thread_sensitive=False)(),
        ]

    assert asyncio.run(run()) == [NOTHING] * 4
    delivered.clear()
    assert scopes_alive() == 0


def test_thread_sensitive_executors_keep_nothing_of_a_view_that_leaves_a_scope_open(delivered):
    def leave_open():
        watch("left open").__enter__()

    async def run():
        async with watch("around"):
            await sync_to_async(leave_open)()
        return SyncToAsync.single_thread_executor.submit(left_in_context).result()

    assert asyncio.run(run()) == NOTHING


def test_the_main_thread_under_async_to_sync_keeps_nothing():
    async def look():
        return await sync_to_async(left_in_context)()

    with watch() as report:
        assert async_to_sync(look)()[0] is report.scope
    assert async_to_sync(look)() == NOTHING
    assert left_in_context() == NOTHING


def test_requests_of_one_thread_after_another_keep_nothing(delivered, scopes_alive):
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            pool.submit(Client().get, "/meet/0/").result()
            assert pool.submit(left_in_context).result() == NOTHING
    delivered.clear()
    assert scopes_alive() == 0
