"""Views that loop in tasks and threads, and their healthy twins: each is a route by its name.

Where there are no labels in a view, its helper has them.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse

from nplusone_guard.capture.scope import Scope, current_scope

#: Each loop with its healthy twin.
PAIRS = {}


def twin_of(loop):
    """Say of which looping view this is the healthy twin."""

    def remember(view):
        PAIRS[loop] = view
        return view

    return remember


def count_of(user):
    return User.objects.filter(pk=user.pk).count()  # site


async def acount_of(user):
    return await User.objects.filter(pk=user.pk).acount()  # site


async def arows():
    return [user async for user in User.objects.order_by("pk")]


def answer(counts):
    return HttpResponse(str(sum(counts)))


# --- async views ----------------------------------------------------------------------------


async def async_for(request):
    counts = []
    async for user in User.objects.order_by("pk"):  # loop
        counts.append(await User.objects.filter(pk=user.pk).acount())  # site
    return answer(counts)


@twin_of(async_for)
async def async_for_alone(request):
    return answer([1 async for _ in User.objects.order_by("pk")])


async def gathered(request):
    return answer(await asyncio.gather(*(acount_of(user) for user in await arows())))  # loop


@twin_of(gathered)
async def gathered_by_hand(request):
    first, second, *_ = await arows()
    return answer(await asyncio.gather(acount_of(first), acount_of(second)))


async def gathered_methods(request):
    rows = [User.objects.filter(pk=user.pk) for user in await arows()]
    return answer(await asyncio.gather(*(row.acount() for row in rows)))  # loop site


@twin_of(gathered_methods)
async def gathered_methods_of_two(request):
    live, gone = User.objects.filter(is_active=True), User.objects.filter(is_active=False)
    return answer(await asyncio.gather(live.acount(), gone.acount()))


async def created_tasks(request):
    tasks = [asyncio.create_task(acount_of(user)) for user in await arows()]  # loop
    return answer([await task for task in tasks])


@twin_of(created_tasks)
async def two_created_tasks(request):
    first, second, *_ = await arows()
    one = asyncio.create_task(acount_of(first))
    other = asyncio.create_task(acount_of(second))
    return answer([await one, await other])


async def ensured_futures(request):
    tasks = []
    for user in await arows():  # loop
        tasks.append(asyncio.ensure_future(acount_of(user)))
    return answer(await asyncio.gather(*tasks))


@twin_of(ensured_futures)
async def one_ensured_future(request):
    return answer([await asyncio.ensure_future(acount_of((await arows())[0]))])


async def as_completed(request):
    counts = []
    for job in asyncio.as_completed([acount_of(user) for user in await arows()]):  # loop
        counts.append(await job)
    return answer(counts)


@twin_of(as_completed)
async def as_completed_by_hand(request):
    first, second, *_ = await arows()
    counts = []
    for job in asyncio.as_completed([acount_of(first), acount_of(second)]):
        counts.append(await job)
    return answer(counts)


async def waited_for(request):
    tasks = [asyncio.create_task(acount_of(user)) for user in await arows()]  # loop
    done, _ = await asyncio.wait(tasks)
    return answer([task.result() for task in done])


@twin_of(waited_for)
async def two_waited_for(request):
    first, second, *_ = await arows()
    tasks = {asyncio.create_task(acount_of(first))}
    tasks.add(asyncio.create_task(acount_of(second)))
    done, _ = await asyncio.wait(tasks)
    return answer([task.result() for task in done])


async def helped_by_threads(request):
    counts = []
    for user in await arows():  # loop
        counts.append(await sync_to_async(count_of)(user))
    return answer(counts)


@twin_of(helped_by_threads)
async def helped_by_threads_twice(request):
    first, second, *_ = await arows()
    return answer([await sync_to_async(count_of)(first), await sync_to_async(count_of)(second)])


async def helped_by_other_threads(request):
    counts = []
    for user in await arows():  # loop
        counts.append(await sync_to_async(count_of, thread_sensitive=False)(user))
    return answer(counts)


@twin_of(helped_by_other_threads)
async def helped_by_other_threads_twice(request):
    first, second, *_ = await arows()
    count = sync_to_async(count_of, thread_sensitive=False)
    return answer([await count(first), await count(second)])


async def to_threads(request):
    counts = []
    for user in await arows():  # loop
        counts.append(await asyncio.to_thread(count_of, user))
    return answer(counts)


@twin_of(to_threads)
async def to_threads_twice(request):
    first, second, *_ = await arows()
    one = await asyncio.to_thread(count_of, first)
    return answer([one, await asyncio.to_thread(count_of, second)])


async def counts_of_rows():
    async for user in User.objects.order_by("pk"):  # loop
        yield await acount_of(user)


async def async_generator(request):
    return answer([count async for count in counts_of_rows()])


@twin_of(async_generator)
async def async_generator_of_rows(request):
    async def rows():
        async for _ in User.objects.order_by("pk"):
            yield 1

    return answer([count async for count in rows()])


async def streamed(request):
    async def chunks():
        for user in await arows():  # loop
            yield str(await acount_of(user)).encode()

    return StreamingHttpResponse(chunks())


@twin_of(streamed)
async def streamed_rows(request):
    async def chunks():
        async for user in User.objects.order_by("pk"):
            yield user.username.encode()

    return StreamingHttpResponse(chunks())


if sys.version_info >= (3, 11):

    async def task_group(request):
        rows = await arows()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(acount_of(user)) for user in rows]  # loop
        return answer([task.result() for task in tasks])

    @twin_of(task_group)
    async def task_group_of_two(request):
        first, second, *_ = await arows()
        async with asyncio.TaskGroup() as group:
            one = group.create_task(acount_of(first))
            other = group.create_task(acount_of(second))
        return answer([one.result(), other.result()])


# --- sync views -------------------------------------------------------------------------------


def pool_map(request):
    with ThreadPoolExecutor(2) as pool:
        return answer(pool.map(count_of, list(User.objects.order_by("pk"))))  # loop


@twin_of(pool_map)
def pool_submits(request):
    first, second, *_ = User.objects.order_by("pk")
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(count_of, first), pool.submit(count_of, second)
    return answer([one.result(), other.result()])


def threads(request):
    started = []
    for user in User.objects.order_by("pk"):  # loop
        started.append(threading.Thread(target=count_of, args=(user,)))
        started[-1].start()
    for thread in started:
        thread.join()
    return answer([])


@twin_of(threads)
def one_thread(request):
    thread = threading.Thread(target=lambda: list(User.objects.order_by("pk")))
    thread.start()
    thread.join()
    return answer([])


# --- many at once -------------------------------------------------------------------------------


def soak(request, queries):
    """As many queries as asked for, and one."""
    return answer([count_of(user) for user in [User.objects.first()] * queries])


async def asoak(request, queries):
    rows = [await User.objects.afirst()] * queries
    half = len(rows) // 2
    counts = [await acount_of(user) for user in rows[:half]]
    return answer(counts + await asyncio.gather(*(acount_of(user) for user in rows[half:])))


#: Larger than what a socket takes before somebody reads.
CHUNK = b"." * 200_000


def stream(request, chunks):
    """As many chunks as asked for, each after a query."""

    def body():
        user = User.objects.first()
        for _ in range(chunks):
            count_of(user)
            yield CHUNK

    return StreamingHttpResponse(body())


async def astream(request, chunks):
    async def body():
        user = await User.objects.afirst()
        for _ in range(chunks):
            await acount_of(user)
            yield CHUNK

    return StreamingHttpResponse(body())


def state(request):
    """What the server's process and thread hold while this request alone is answered."""
    here = current_scope.get()
    gc.collect()
    others = [one for one in gc.get_objects() if type(one) is Scope and one is not here]
    return JsonResponse({"open": [one.name for one in others if not one.closed]})
