"""Async code in real requests: the awaiting line, one finding over all tasks, and the twins."""

from __future__ import annotations

import asyncio
import inspect
import sys

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client, override_settings
from django.utils.decorators import async_only_middleware

from nplusone_guard.capture import bridges_async, callpath, faults
from nplusone_guard.guard import watch
from tests.concurrency import views
from tests.concurrency.checking import assert_found, run
from tests.webapp import GUARD

pytestmark = pytest.mark.usefixtures("other_threads", "users")

HELPERS = [views.count_of, views.acount_of, views.counts_of_rows]
ASYNC = [view for view in views.PAIRS if inspect.iscoroutinefunction(view)]
#: Under WSGI their threads are no different.
BOTH = list(views.PAIRS)


def name_of(one):
    return getattr(one, "__name__", None)


async def read(response):
    """The body of a response of the async client."""
    if response.streaming:
        return b"".join([chunk async for chunk in response.streaming_content])
    return response.content


async def aget(view):
    assert await read(await AsyncClient().get(f"/{view.__name__}/"))


def get(view):
    assert b"".join(Client().get(f"/{view.__name__}/"))


@pytest.fixture(params=[[GUARD], []], ids=["middleware", "alone"])
def middleware(request, delivered):
    with override_settings(
        ROOT_URLCONF="tests.concurrency.urls",
        MIDDLEWARE=request.param,
        NPLUSONE_GUARD={"MODE": "log"},
    ):
        yield request.param


@pytest.fixture
def ask(middleware, delivered):
    """Ask for a view by one of the clients; returns the report of the request.

    Without the middleware it is that of the scope around, which takes over what the
    requests inside it were found to be.
    """

    def report_of(view, *, asynchronous):
        with watch("test") as around:
            if asynchronous:
                async_to_sync(aget)(view)
            else:
                get(view)
        return delivered.reports[0] if middleware else around.report

    return report_of


@pytest.mark.parametrize("view", ASYNC, ids=name_of)
def test_a_loop_is_found_under_asgi(ask, view):
    report = ask(view, asynchronous=True)
    assert report.query_count == 4
    assert_found(view, report, 3, helpers=HELPERS)


@pytest.mark.parametrize("view", [views.PAIRS[view] for view in ASYNC], ids=name_of)
def test_its_healthy_twin_is_not_under_asgi(ask, view):
    report = ask(view, asynchronous=True)
    assert report.query_count
    assert report.findings == (), str(report)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous")
@pytest.mark.parametrize("view", BOTH, ids=name_of)
def test_a_loop_is_found_under_wsgi(ask, view):
    report = ask(view, asynchronous=False)
    assert report.query_count == 4
    assert_found(view, report, 3, helpers=HELPERS)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous")
@pytest.mark.parametrize("view", [views.PAIRS[view] for view in BOTH], ids=name_of)
def test_its_healthy_twin_is_not_under_wsgi(ask, view):
    report = ask(view, asynchronous=False)
    assert report.query_count
    assert report.findings == (), str(report)


# --- middleware of others -----------------------------------------------------------------------


@async_only_middleware
def counting_middleware(get_response):
    async def answer(request):
        for user in await views.arows():  # loop
            await views.acount_of(user)
        return await get_response(request)

    return answer


@async_only_middleware
def counting_middleware_healthy(get_response):
    async def answer(request):
        len(await views.arows())
        return await get_response(request)

    return answer


@async_only_middleware
def waiting_middleware(get_response):
    async def answer(request):
        return await asyncio.wait_for(asyncio.ensure_future(get_response(request)), 10)

    return answer


THIS = "tests.concurrency.test_async"


async def read_healthy():
    assert await read(await AsyncClient().get("/healthy/"))


@pytest.fixture(params=[0, 1], ids=["outside", "inside"])
def answered_under(request, delivered):
    """The report of a request that goes through a middleware, and one more around it or within."""

    def report_of(name):
        around = [GUARD, f"{THIS}.{name}"]
        around.insert(2 * request.param, f"{THIS}.waiting_middleware")
        with override_settings(
            ROOT_URLCONF="tests.webapp.urls", MIDDLEWARE=around, NPLUSONE_GUARD={"MODE": "log"}
        ):
            asyncio.run(read_healthy())
        (report,) = delivered.reports
        return report

    return report_of


def test_a_loop_of_async_middleware(answered_under):
    report = answered_under("counting_middleware")
    assert report.query_count == 5
    assert_found(counting_middleware, report, 3, helpers=HELPERS)


def test_async_middleware_healthy(answered_under):
    report = answered_under("counting_middleware_healthy")
    assert report.query_count == 2
    assert report.findings == ()


# --- tasks that are made in other ways --------------------------------------------------------------


async def tasks_with_a_context():
    import contextvars

    loop, tasks = asyncio.get_running_loop(), []
    for user in await views.arows():  # loop
        context = contextvars.copy_context()
        tasks.append(loop.create_task(views.acount_of(user), context=context))
    await asyncio.gather(*tasks)


async def two_tasks_with_a_context():
    import contextvars

    loop = asyncio.get_running_loop()
    first, second, *_ = await views.arows()
    await loop.create_task(views.acount_of(first), context=contextvars.copy_context())
    await loop.create_task(views.acount_of(second), context=contextvars.copy_context())


async def eager_tasks():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    await asyncio.gather(*(views.acount_of(user) for user in await views.arows()))  # loop


async def two_eager_tasks():
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    first, second, *_ = await views.arows()
    one = asyncio.create_task(views.acount_of(first))
    other = asyncio.create_task(views.acount_of(second))
    await asyncio.gather(one, other)


async def with_a_timeout():
    for user in await views.arows():  # loop
        await asyncio.wait_for(views.acount_of(user), 30)


async def twice_with_a_timeout():
    first, second, *_ = await views.arows()
    await asyncio.wait_for(views.acount_of(first), 30)
    await asyncio.wait_for(views.acount_of(second), 30)


async def shielded():
    for user in await views.arows():  # loop
        await asyncio.shield(views.acount_of(user))


async def twice_shielded():
    first, second, *_ = await views.arows()
    await asyncio.shield(views.acount_of(first))
    await asyncio.shield(views.acount_of(second))


async def group_of_anyio():
    import anyio

    async with anyio.create_task_group() as group:
        for user in await views.arows():  # loop
            group.start_soon(views.acount_of, user)


async def group_of_anyio_of_two():
    import anyio

    first, second, *_ = await views.arows()
    async with anyio.create_task_group() as group:
        group.start_soon(views.acount_of, first)
        group.start_soon(views.acount_of, second)


async def tasks_of_a_task():
    async def of_all():
        await asyncio.gather(*(views.acount_of(user) for user in await views.arows()))  # loop

    await asyncio.create_task(of_all())


async def a_task_of_a_task():
    async def of_one():
        await asyncio.create_task(views.acount_of((await views.arows())[0]))

    await asyncio.create_task(of_one())


async def called_later():
    loop, users = asyncio.get_running_loop(), await views.arows()
    left = [loop.create_future() for _ in users]

    def count(user, future):
        task = asyncio.ensure_future(views.acount_of(user))
        task.add_done_callback(lambda task: future.set_result(task.result()))

    for user, future in zip(users, left, strict=True):  # loop
        loop.call_later(0.001, count, user, future)
    await asyncio.gather(*left)


async def called_later_by_hand():
    def count(user):
        tasks.append(asyncio.ensure_future(views.acount_of(user)))
        if len(tasks) > 1:
            both.set()

    loop, tasks, both = asyncio.get_running_loop(), [], asyncio.Event()
    first, second, *_ = await views.arows()
    loop.call_later(0.001, count, first)
    loop.call_at(loop.time() + 0.001, count, second)
    await both.wait()
    await asyncio.gather(*tasks)


MADE = [
    (called_later, called_later_by_hand),
    (with_a_timeout, twice_with_a_timeout),
    (shielded, twice_shielded),
    (group_of_anyio, group_of_anyio_of_two),
    (tasks_of_a_task, a_task_of_a_task),
]
if sys.version_info >= (3, 11):
    MADE.append((tasks_with_a_context, two_tasks_with_a_context))


def uvloop_run(coroutine):
    return pytest.importorskip("uvloop").run(coroutine)


def uvloop_run_until_complete(coroutine):
    loop = pytest.importorskip("uvloop").new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


loops_of = pytest.mark.parametrize(
    "start",
    [asyncio.run, uvloop_run, uvloop_run_until_complete],
    ids=["asyncio", "uvloop", "uvloop by hand"],
)


@loops_of
@pytest.mark.parametrize("function", [one[0] for one in MADE], ids=name_of)
def test_a_loop_over_tasks_is_found(start, function):
    report = run(function, start=start)
    assert report.query_count == 4
    assert_found(function, report, 3, helpers=HELPERS)


@loops_of
@pytest.mark.parametrize("function", [one[1] for one in MADE], ids=name_of)
def test_its_healthy_twin_is_not(start, function):
    report = run(function, start=start)
    assert report.query_count
    assert report.findings == (), str(report)


if sys.version_info >= (3, 12):  # before, tasks always start later

    def test_tasks_that_start_at_once():
        report = run(eager_tasks)
        assert report.query_count == 4
        assert_found(eager_tasks, report, 3, helpers=HELPERS)
        assert run(two_eager_tasks).findings == ()


async def called_back():
    def done(task):
        after.append(asyncio.ensure_future(views.acount_of(task.result())))  # loop

    async def same(user):
        return user

    after = []
    for user in await views.arows():
        task = asyncio.ensure_future(same(user))
        task.add_done_callback(done)
        await task
        await asyncio.sleep(0)
    await asyncio.gather(*after)


async def called_back_once():
    first, *_ = await views.arows()
    task = asyncio.ensure_future(views.acount_of(first))
    task.add_done_callback(lambda task: asyncio.ensure_future(views.acount_of(first)))
    await task


def test_of_callbacks_the_line_inside_is_named():
    """The event loop calls them, and nobody knows for whom."""
    assert_found(called_back, run(called_back), 3, helpers=HELPERS)
    assert run(called_back_once).findings == ()


@pytest.mark.parametrize("view", ASYNC, ids=name_of)
def test_a_loop_is_found_under_uvloop(view):
    async def scenario():
        await read(await view(None))

    report = run(scenario, start=uvloop_run)
    assert_found(view, report, 3, helpers=HELPERS)


@pytest.mark.parametrize("view", [views.PAIRS[view] for view in ASYNC], ids=name_of)
def test_its_healthy_twin_is_not_under_uvloop(view):
    async def scenario():
        await read(await view(None))

    assert run(scenario, start=uvloop_run).findings == ()


def test_paths_of_tasks_that_start_the_next_one_do_not_grow_without_end():
    async def chain(left):
        if left:
            await asyncio.create_task(other_chain(left - 1))
        carried.append(len(callpath.carried.get()))

    async def other_chain(left):
        await asyncio.create_task(chain(left))

    carried = []
    with watch():
        asyncio.run(chain(300))
    assert len(carried) == 301
    assert max(carried) <= callpath.MAX_CARRIED


# --- faults inside the guard ---------------------------------------------------------------------


@pytest.fixture
def _log_anew():
    faults.forget_logged()
    yield
    faults.forget_logged()


@pytest.mark.usefixtures("_log_anew")
@pytest.mark.parametrize("function", [one[0] for one in MADE], ids=name_of)
def test_a_fault_leaves_tasks_untouched(function, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise RuntimeError("a fault of the guard")

    monkeypatch.setattr(callpath, "call_path", broken)
    with watch() as report:
        asyncio.run(function())
    assert report.query_count == 4
    assert "failed in capture.bridges" in caplog.text


def test_a_context_that_is_in_use_is_left_alone():
    """``create_task(context=…)`` with the context that runs at the moment."""
    import contextvars

    async def scenario():
        context = contextvars.copy_context()
        with watch() as inside:
            context.run(bridges_async._set_in, context, callpath.Path())
        return inside

    assert asyncio.run(scenario()).internal_errors == ()
