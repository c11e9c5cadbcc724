"""Streaming responses: the scope stays open until the body is closed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import warnings
from wsgiref.util import FileWrapper

import django
import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.test import AsyncClient, Client, RequestFactory

from nplusone_guard.capture.scope import current_scope
from nplusone_guard.exceptions import NPlusOneDetected
from nplusone_guard.guard import watch
from nplusone_guard.recording import Recording
from tests.concurrency.checking import assert_found
from tests.webapp import GUARD, views

pytestmark = pytest.mark.usefixtures("users")

#: Before Django 5.0 a handler does not listen while it answers.
DISCONNECTS_ARE_HEARD = django.VERSION >= (5, 0)

NAMES = [b"user0", b"user1", b"user2"]


@pytest.fixture(autouse=True)
def _nothing_left_open():
    yield
    assert current_scope.get() is None


def wsgi(path, method="GET"):
    """Call the WSGI application as a server does; the body is the server's to read."""
    environ = RequestFactory().generic(method, path).environ
    environ["wsgi.file_wrapper"] = FileWrapper
    started = []
    body = get_wsgi_application()(environ, lambda status, headers: started.append(status))
    return started[0], body


def asgi(path):
    """A conversation with the ASGI application, as a server leads it."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
        "asgi": {"version": "3.0"},
    }
    return ApplicationCommunicator(get_asgi_application(), scope)


async def read_asgi(path):
    talk = asgi(path)
    await talk.send_input({"type": "http.request"})
    chunks = []
    assert (await talk.receive_output(5))["status"] == 200
    more = True
    while more:
        message = await talk.receive_output(5)
        more = message.get("more_body", False)
        chunks += filter(None, [message.get("body")])
    await talk.wait(5)
    return chunks


# --- read to the end -----------------------------------------------------------------------


@pytest.mark.usefixtures("logging_requests")
def test_a_wsgi_body_is_watched_while_it_is_read(delivered):
    _, body = wsgi("/stream/")
    chunks = iter(body)
    assert current_scope.get() is None
    assert next(chunks) == b"user0"
    assert current_scope.get() is None
    User.objects.count()  # the server's own query between two chunks
    assert list(chunks) == NAMES[1:]
    assert delivered.summary() == [("GET /stream/", 4, ["query-in-loop"])]
    body.close()
    assert len(delivered) == 1


@pytest.mark.usefixtures("other_threads", "logging_requests")
def test_an_asgi_body_is_watched_while_it_is_read(delivered):
    assert async_to_sync(read_asgi)("/astream/") == NAMES
    assert delivered.summary() == [("GET /astream/", 4, ["query-in-loop"])]


@pytest.mark.usefixtures("other_threads", "logging_requests")
def test_a_sync_body_under_asgi(delivered):
    with pytest.warns(Warning, match="must consume synchronous iterators"):
        chunks = async_to_sync(read_asgi)("/stream/")
    assert chunks == NAMES
    assert delivered.summary() == [("GET /stream/", 4, ["query-in-loop"])]


@pytest.mark.usefixtures("logging_requests")
def test_an_async_body_under_wsgi(delivered):
    _, body = wsgi("/astream/")
    with pytest.warns(Warning, match="must consume asynchronous iterators"):
        assert list(body) == NAMES
    ((name, queries, _),) = delivered.summary()
    assert (name, queries) == ("GET /astream/", 4)


@pytest.mark.usefixtures("logging_requests")
def test_the_test_clients_read_bodies_as_ever(delivered):
    assert list(Client().get("/stream/").streaming_content) == NAMES

    async def read():
        response = await AsyncClient().get("/astream/")
        return [chunk async for chunk in response.streaming_content]

    assert async_to_sync(read)() == NAMES
    assert [name for name, *_ in delivered.summary()] == ["GET /stream/", "GET /astream/"]


def read_wsgi(path):
    return list(wsgi(path)[1])


BODIES = [
    (read_wsgi, "/stream/", views.load_one_by_one),
    (read_wsgi, "/chunks-as-file/", views.load_one_by_one),
    (read_wsgi, "/astream/", views.aload_one_by_one),
    (async_to_sync(read_asgi), "/astream/", views.aload_one_by_one),
    (async_to_sync(read_asgi), "/stream/", views.load_one_by_one),
    (async_to_sync(read_asgi), "/chunks-as-file/", views.load_one_by_one),
]
bodies = pytest.mark.parametrize(
    ("read", "path", "generator"),
    BODIES,
    ids=[f"{'wsgi' if read is read_wsgi else 'asgi'}{path}" for read, path, _ in BODIES],
)


@bodies
@pytest.mark.usefixtures("other_threads", "logging_requests")
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_the_lines_of_a_loop_in_a_body(delivered, read, path, generator):
    assert read(path) == NAMES
    (report,) = delivered.reports
    assert report.query_count == 4
    assert_found(generator, report, 3)


@bodies
@pytest.mark.usefixtures("other_threads", "logging_requests")
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_its_healthy_twin(delivered, read, path, generator):
    path = f"{path[:-1]}-healthy/"
    assert read(path) == NAMES
    assert delivered.summary() == [(f"GET {path}", 1, [])]


# --- not read to the end -------------------------------------------------------------------


@pytest.mark.usefixtures("logging_requests")
@pytest.mark.parametrize("chunks", [0, 1, 5])
def test_a_body_closed_early_is_reported_once(delivered, chunks):
    _, body = wsgi("/stream-endless/")
    reading = iter(body)
    for _ in range(chunks):
        next(reading)
    assert delivered == []
    body.close()
    body.close()
    (report,) = delivered.reports
    assert report.query_count == (chunks and chunks + 1 + (chunks > 3))


@pytest.mark.usefixtures("logging_requests")
def test_the_body_of_a_head_request_is_never_made(delivered):
    Client().head("/stream/").close()
    assert delivered.summary() == [("HEAD /stream/", 0, [])]


@pytest.mark.usefixtures("other_threads", "logging_requests")
def test_a_client_that_disconnects(delivered):
    async def read():
        talk = asgi("/astream-endless/")
        await talk.send_input({"type": "http.request"})
        await talk.receive_output(5)
        for _ in range(4):
            await talk.receive_output(5)
        await talk.send_input({"type": "http.disconnect"})
        with contextlib.suppress(asyncio.CancelledError):
            if DISCONNECTS_ARE_HEARD:
                await talk.wait(5)
            else:
                talk.stop()

    async_to_sync(read)()
    if DISCONNECTS_ARE_HEARD:
        (report,) = delivered.reports
        assert report.query_count >= 5


# --- errors --------------------------------------------------------------------------------


@pytest.mark.usefixtures("logging_requests")
@pytest.mark.parametrize("path", ["/stream-failing/", "/astream-failing/"])
def test_an_exception_in_the_body_is_the_applications_own(delivered, path):
    _, body = wsgi(path)
    with warnings.catch_warnings(), pytest.raises(views.Broken):
        warnings.simplefilter("ignore")
        list(body)
    body.close()
    ((report, _, exception),) = delivered
    assert report.query_count == 4
    assert isinstance(exception, views.Broken)


@pytest.mark.parametrize("path", ["/stream-failing/", "/astream-failing/"])
def test_in_mode_raise_it_goes_before_ours(guarded, path):
    with guarded("raise"), warnings.catch_warnings(), pytest.raises(views.Broken):
        warnings.simplefilter("ignore")
        _, body = wsgi(path)
        list(body)


def test_raise_raises_at_the_end_of_the_body(guarded):
    with guarded("raise"):
        status, body = wsgi("/stream/")
        assert status == "200 OK"
        chunks = iter(body)
        assert [next(chunks) for _ in NAMES] == NAMES
        with pytest.raises(NPlusOneDetected):
            next(chunks)
        assert list(chunks) == []
        body.close()


def test_raise_raises_at_the_end_of_an_async_body(guarded):
    async def read():
        response = await AsyncClient().get("/astream/")
        got = []
        with pytest.raises(NPlusOneDetected):
            async for chunk in response.streaming_content:
                got.append(chunk)
        return got

    with guarded("raise"):
        assert async_to_sync(read)() == NAMES


@pytest.mark.parametrize("mode", ["log", "raise"])
def test_a_body_closed_early_is_logged_for_django_swallows_what_close_raises(
    guarded, monkeypatch, mode
):
    modes = []
    monkeypatch.setattr(
        "nplusone_guard.middleware.deliver",
        lambda report, policy, exception=None: modes.append(policy.mode),
    )
    monkeypatch.setattr("nplusone_guard.middleware.is_heard", lambda findings, policy: True)
    with guarded(mode):
        _, body = wsgi("/stream/")
        next(iter(body))
        body.close()
    assert modes == ["log"]


# --- files ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("logging_requests")
def test_a_file_still_goes_to_the_servers_file_wrapper(delivered):
    _, body = wsgi("/file/")
    assert isinstance(body, FileWrapper)
    assert body.blksize == 4096
    assert b"".join(body) == b"0123456789" * 1000
    body.close()
    assert delivered.summary() == [("GET /file/", 4, ["query-in-loop"])]


@pytest.mark.usefixtures("logging_requests")
def test_a_file_is_closed_with_its_response(delivered):
    response = Client().get("/file/")
    assert response.getvalue() == b"0123456789" * 1000
    response.close()
    assert views.files.pop().closed


@pytest.mark.usefixtures("other_threads", "logging_requests")
def test_a_file_under_asgi(delivered):
    with pytest.warns(Warning, match="must consume synchronous iterators"):
        assert b"".join(async_to_sync(read_asgi)("/file/")) == b"0123456789" * 1000
    assert len(delivered) == 1


@pytest.mark.usefixtures("logging_requests")
def test_chunks_in_a_file_response_are_watched_as_any_others(delivered):
    _, body = wsgi("/chunks-as-file/")
    assert list(body) == NAMES
    assert delivered.summary() == [("GET /chunks-as-file/", 4, ["query-in-loop"])]


# --- around it -----------------------------------------------------------------------------


def test_compressed_bodies_are_watched(guarded, delivered):
    gzip = "django.middleware.gzip.GZipMiddleware"
    for middleware in ([GUARD, gzip], [gzip, GUARD]):
        with guarded(middleware=middleware):
            response = Client().get("/stream/", HTTP_ACCEPT_ENCODING="gzip")
            assert response["Content-Encoding"] == "gzip"
            response.getvalue()
    assert delivered.summary() == [("GET /stream/", 4, ["query-in-loop"])] * 2


@pytest.mark.usefixtures("logging_requests")
def test_two_bodies_read_by_turns_do_not_mix(delivered):
    bodies = [iter(wsgi("/stream/")[1]) for _ in range(2)]
    assert [next(body) for _ in NAMES for body in bodies] == sorted(NAMES * 2)
    for body in bodies:
        assert next(body, None) is None
    assert delivered.summary() == [("GET /stream/", 4, ["query-in-loop"])] * 2


@pytest.mark.usefixtures("logging_requests")
def test_a_body_may_be_closed_in_another_thread(delivered):
    _, body = wsgi("/stream/")
    next(iter(body))
    thread = threading.Thread(target=body.close)
    thread.start()
    thread.join()
    assert delivered.summary() == [("GET /stream/", 2, [])]


@pytest.mark.usefixtures("logging_requests")
def test_a_scope_around_takes_over_what_a_body_finds(delivered):
    with watch("outer") as outer:
        list(Client().get("/stream/").streaming_content)
        User.objects.count()
    assert outer.query_count == 5
    assert [finding.rule for finding in outer.findings] == ["query-in-loop"]


# --- faults inside the guard ---------------------------------------------------------------


@pytest.mark.usefixtures("logging_requests")
@pytest.mark.parametrize("path", ["/stream/", "/astream/"])
@pytest.mark.parametrize("broken", ["suspend", "resume", "close"])
def test_a_fault_of_the_guard_leaves_the_body_untouched(monkeypatch, broken, path):
    def fail(self):
        current_scope.set(None)
        raise RuntimeError("inside the guard")

    monkeypatch.setattr(Recording, broken, fail)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, body = wsgi(path)
        assert list(body) == NAMES
        body.close()
