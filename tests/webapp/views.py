"""Views with a query loop, and healthy ones, for each way to answer a request."""

from __future__ import annotations

import asyncio
import io
import threading

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse


class Broken(Exception):
    """What the application itself raises."""


def load_one_by_one():
    """A query loop: one query for the names, then one for each."""
    for pk in list(User.objects.values_list("pk", flat=True)):  # loop
        yield User.objects.get(pk=pk).username.encode()  # site


async def aload_one_by_one():
    async for user in User.objects.all():  # loop
        yield (await User.objects.aget(pk=user.pk)).username.encode()  # site


def load_at_once():
    """The same names by one query."""
    for user in User.objects.iterator():
        yield user.username.encode()


async def aload_at_once():
    async for user in User.objects.aiterator():
        yield user.username.encode()


def healthy(request):
    return HttpResponse(",".join(user.username for user in User.objects.all()))


def loop(request, pk=0):
    return HttpResponse(b",".join(load_one_by_one()))


def swallowing(request):
    try:
        return loop(request)
    except Exception:
        return HttpResponse("swallowed")


def failing(request):
    list(load_one_by_one())
    raise Broken


def missing(request):
    list(load_one_by_one())
    raise Http404


async def aloop(request):
    return HttpResponse(b",".join([name async for name in aload_one_by_one()]))


async def afailing(request):
    async for _ in aload_one_by_one():
        pass
    raise Broken


def stream(request):
    return StreamingHttpResponse(load_one_by_one())


async def astream(request):
    return StreamingHttpResponse(aload_one_by_one())


def stream_healthy(request):
    return StreamingHttpResponse(load_at_once())


async def astream_healthy(request):
    return StreamingHttpResponse(aload_at_once())


def stream_failing(request):
    def chunks():
        yield from load_one_by_one()
        raise Broken

    return StreamingHttpResponse(chunks())


async def astream_failing(request):
    async def chunks():
        async for chunk in aload_one_by_one():
            yield chunk
        raise Broken

    return StreamingHttpResponse(chunks())


def stream_endless(request):
    def chunks():
        while True:
            yield from load_one_by_one()

    return StreamingHttpResponse(chunks())


async def astream_endless(request):
    async def chunks():
        while True:
            async for chunk in aload_one_by_one():
                yield chunk
            await asyncio.sleep(0.01)

    return StreamingHttpResponse(chunks())


#: The files that were sent.
files = []


def file(request):
    list(load_one_by_one())
    files.append(io.BytesIO(b"0123456789" * 1000))
    return FileResponse(files[-1], filename="digits.txt")


def chunks_as_file(request):
    return FileResponse(load_one_by_one())


def chunks_as_file_healthy(request):
    return FileResponse(load_at_once())


#: Two requests meet here in the middle of their loops.
meeting = threading.Barrier(2)


def wait(request, name):
    names = []
    for number, pk in enumerate(User.objects.values_list("pk", flat=True)):
        if number == 1:
            meeting.wait(timeout=10)
        names.append(User.objects.filter(pk=pk, email="" if name == "a" else name).count())
    return HttpResponse(str(len(names)))


async def await_(request, name):
    counted = 0
    async for user in User.objects.all():
        await asyncio.sleep(0.01)  # let the other request run
        counted += await User.objects.filter(pk=user.pk).acount()
        await sync_to_async(User.objects.filter(pk=user.pk).exists)()
    return HttpResponse(str(counted))
