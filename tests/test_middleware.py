"""The middleware on requests that are answered at once, sync and async."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.utils.decorators import async_only_middleware, sync_only_middleware

from nplusone_guard import middleware, recording
from nplusone_guard.capture import faults
from nplusone_guard.capture.scope import current_scope
from nplusone_guard.exceptions import NPlusOneDetected
from nplusone_guard.guard import watch
from nplusone_guard.policy import Policy
from tests.webapp import GUARD, views


def get(path, **kwargs):
    return Client(**kwargs).get(path)


@async_to_sync
async def aget(path, **kwargs):
    return await AsyncClient(**kwargs).get(path)


both = pytest.mark.parametrize("send", [get, aget], ids=["sync", "async"])


@pytest.fixture(autouse=True)
def _nothing_left_open():
    yield
    assert current_scope.get() is None


# --- one scope a request -------------------------------------------------------------------


@both
@pytest.mark.usefixtures("users", "logging_requests")
@pytest.mark.parametrize(
    ("path", "name", "queries", "rules"),
    [
        ("/", "GET /", 1, []),
        ("/healthy/", "GET /healthy/", 1, []),
        ("/loop/", "GET /loop/", 4, ["query-in-loop"]),
        ("/loop/7/", "GET /loop/<int:pk>/", 4, ["query-in-loop"]),
        ("/nested/regex/7/", "GET /nested/regex/(?P<pk>[0-9]+)/", 4, ["query-in-loop"]),
        ("/aloop/", "GET /aloop/", 4, ["query-in-loop"]),
        ("/nowhere/", "GET /nowhere/", 0, []),
    ],
)
def test_a_request_is_reported_under_its_route(send, delivered, path, name, queries, rules):
    send(path)
    assert delivered.summary() == [(name, queries, rules)]
    (report,) = delivered.reports
    assert report.kind == "request"


@both
@pytest.mark.usefixtures("users", "logging_requests")
def test_each_request_is_judged_alone(send, delivered):
    for _ in range(3):
        send("/healthy/")
    assert delivered.summary() == [("GET /healthy/", 1, [])] * 3


@both
@pytest.mark.usefixtures("users")
@pytest.mark.parametrize(
    ("path", "level", "made"),
    [("/healthy/", "WARNING", 0), ("/healthy/", "INFO", 1), ("/loop/", "WARNING", 1)],
)
def test_no_report_is_made_that_nobody_would_read(
    send, guarded, monkeypatch, caplog, path, level, made
):
    reports = []
    build = recording.build
    monkeypatch.setattr(recording, "build", lambda *given: reports.append(1) or build(*given))
    caplog.set_level(level, "nplusone_guard")
    with guarded("log"):
        assert send(path).status_code == 200
    assert len(reports) == made
    assert len([one for one in caplog.records if one.name == "nplusone_guard"]) == made


@both
@pytest.mark.usefixtures("users", "logging_requests")
def test_the_findings_name_the_line_of_the_view(send, delivered):
    send("/loop/")
    (finding,) = delivered.reports[0].findings
    assert finding.count == 3
    assert finding.site.file == views.__file__
    assert finding.site.function == "load_one_by_one"


@both
@pytest.mark.parametrize(
    ("policy", "watched"),
    [
        ({}, True),
        ({"EXCLUDE_PATHS": ["/loop/"]}, False),
        ({"EXCLUDE_PATHS": ["*/7/"]}, False),
        ({"EXCLUDE_PATHS": ["/oop/", "/loop/?"]}, True),
    ],
)
def test_excluded_paths_are_left_alone(send, guarded, users, delivered, policy, watched):
    with guarded(**policy):
        assert send("/loop/7/").status_code == 200
    assert bool(delivered) is watched


@override_settings(STATIC_URL="/static/")
def test_static_files_are_left_alone(guarded, users, delivered):
    with guarded():
        assert get("/static/loop/").status_code == 200
    assert delivered == []


def test_under_a_script_name_both_paths_are_looked_at(guarded, users, delivered):
    with guarded(EXCLUDE_PATHS=["/shop/loop/"]):
        Client().get("/loop/", SCRIPT_NAME="/shop")
    with guarded(EXCLUDE_PATHS=["/loop/"]):
        Client().get("/loop/", SCRIPT_NAME="/shop")
    assert delivered == []


# --- on and off ----------------------------------------------------------------------------


@both
def test_off_passes_the_request_through(send, guarded, users, delivered):
    with guarded("off"):
        assert send("/loop/").status_code == 200
    assert delivered == []


def test_outside_debug_it_is_off_and_under_debug_it_logs(guarded, users, delivered):
    with guarded():
        for debug, requests in ((False, 0), (True, 1)):
            with override_settings(NPLUSONE_GUARD={}, DEBUG=debug):
                get("/loop/")
            assert len(delivered) == requests


def test_settings_are_read_at_each_request(guarded, users, delivered):
    client = Client()
    with guarded("off"):
        client.get("/loop/")
        with override_settings(NPLUSONE_GUARD={"MODE": "log"}):
            client.get("/loop/")
    assert len(delivered) == 1


@both
@pytest.mark.usefixtures("users")
def test_bad_settings_switch_it_off_and_are_logged_once(send, guarded, delivered, caplog):
    with guarded("log", TRESHOLD=3):
        for _ in range(3):
            assert send("/loop/").status_code == 200
    assert delivered == []
    (record,) = [record for record in caplog.records if record.name == "nplusone_guard"]
    assert record.getMessage() == (
        "GuardMiddleware is off: NPLUSONE_GUARD has an unknown key 'TRESHOLD'. "
        'Did you mean "THRESHOLD"?'
    )
    middleware._logged.clear()


def test_without_the_application_it_is_off_and_says_so(caplog):
    with (
        override_settings(INSTALLED_APPS=["django.contrib.contenttypes"]),
        pytest.raises(MiddlewareNotUsed),
    ):
        middleware.GuardMiddleware(lambda request: HttpResponse())
    assert caplog.messages == ['GuardMiddleware is off: add "nplusone_guard" to INSTALLED_APPS.']


# --- a sample of the requests --------------------------------------------------------------


@both
@pytest.mark.usefixtures("users")
def test_a_request_is_in_the_sample_by_chance(send, guarded, delivered, monkeypatch):
    chances = iter([0.0, 0.19, 0.2, 0.9, 0.1])
    monkeypatch.setattr(middleware, "_chance", lambda: next(chances))
    watched = []
    with guarded(SAMPLE=0.2):
        for _ in range(5):
            before = len(delivered)
            assert send("/loop/").content == b"user0,user1,user2"
            watched.append(len(delivered) > before)
    assert watched == [True, True, False, False, True]
    assert delivered.summary() == [("GET /loop/", 4, ["query-in-loop"])] * 3


@pytest.mark.parametrize(
    ("share", "watched"), [(0, {0}), (0.5, set(range(1, 400))), (1, {400}), (1.0, {400})]
)
def test_of_many_requests_a_share_is_watched(guarded, delivered, share, watched):
    with guarded(SAMPLE=share):
        answer = middleware.GuardMiddleware(lambda request: HttpResponse())
        for _ in range(400):
            answer(RequestFactory().get("/"))
    assert len(delivered) in watched


def test_the_applications_own_random_numbers_stay_as_they_are(guarded):
    random.seed(7)
    before = random.getstate()
    with guarded(SAMPLE=0.5):
        middleware.GuardMiddleware(lambda request: HttpResponse())(RequestFactory().get("/"))
    assert random.getstate() == before


@both
@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("share", [0, 1])
def test_a_request_outside_the_sample_has_no_scope(send, guarded, monkeypatch, share):
    scopes = []

    def load():
        scopes.append(current_scope.get())
        return [b"loaded"]

    monkeypatch.setattr(views, "load_one_by_one", load)
    with guarded(SAMPLE=share):
        send("/loop/")
    assert [scope is not None for scope in scopes] == [bool(share)]


@both
@pytest.mark.usefixtures("users")
def test_inside_a_scope_nothing_is_left_to_chance(send, guarded):
    with guarded("raise", SAMPLE=0), watch():
        for _ in range(2):
            with pytest.raises(NPlusOneDetected):
                send("/loop/")


@both
@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("share", [2, float("nan"), "0.1", None])
def test_a_share_that_is_none_watches_nothing_and_breaks_nothing(send, guarded, delivered, share):
    with guarded(SAMPLE=share):
        assert send("/loop/").content == b"user0,user1,user2"
    assert delivered == []
    middleware._logged.clear()


@both
@pytest.mark.usefixtures("users")
def test_a_fault_while_picking_leaves_the_response_untouched(
    send, guarded, delivered, monkeypatch, caplog
):
    def fail():
        raise OSError("no random numbers")

    faults.forget_logged()
    monkeypatch.setattr(middleware, "_chance", fail)
    with guarded(SAMPLE=0.5):
        for _ in range(2):
            assert send("/loop/").content == b"user0,user1,user2"
    assert delivered == []
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    faults.forget_logged()


# --- mode raise ----------------------------------------------------------------------------


@both
@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("path", ["/loop/", "/aloop/", "/swallowing/"])
def test_raise_raises_after_the_view(send, guarded, path):
    with guarded("raise"), pytest.raises(NPlusOneDetected) as raised:
        send(path)
    assert raised.value.report.name == f"GET {path}"
    assert [finding.rule for finding in raised.value.report.findings] == ["query-in-loop"]


@both
@pytest.mark.usefixtures("users")
def test_raise_becomes_an_error_response(send, guarded):
    with guarded("raise"):
        response = send("/loop/", raise_request_exception=False)
    assert response.status_code == 500


@both
@pytest.mark.usefixtures("users")
def test_raise_lets_healthy_requests_be(send, guarded):
    with guarded("raise"):
        assert send("/healthy/").status_code == 200


@both
@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("path", ["/failing/", "/afailing/"])
def test_the_views_own_exception_goes_before_ours(send, guarded, path):
    with guarded("raise"), pytest.raises(views.Broken):
        send(path)
    with guarded("raise"):
        assert send(path, raise_request_exception=False).status_code == 500


@both
@pytest.mark.usefixtures("users")
def test_a_404_stays_a_404(send, guarded):
    with guarded("raise"):
        assert send("/missing/").status_code == 404


@both
@pytest.mark.usefixtures("users", "logging_requests")
@pytest.mark.parametrize(
    ("path", "error"), [("/failing/", "Broken"), ("/missing/", "Http404"), ("/loop/", "NoneType")]
)
def test_the_exception_is_told_with_the_report(send, delivered, path, error):
    send(path, raise_request_exception=False)
    ((report, _, exception),) = delivered
    assert report.query_count == 4
    assert type(exception).__name__ == error


def failing_middleware(get_response):
    """Runs a query loop of its own, and then fails."""

    def run(request):
        list(views.load_one_by_one())
        raise views.Broken

    return run


@both
@pytest.mark.usefixtures("users")
def test_the_exception_of_another_middleware_goes_before_ours(send, guarded):
    with (
        guarded("raise", middleware=[GUARD, f"{__name__}.failing_middleware"]),
        pytest.raises(views.Broken),
    ):
        send("/healthy/")


@both
@pytest.mark.usefixtures("users")
def test_an_exception_nobody_handles_leaves_no_scope_open(send, guarded, delivered):
    with guarded("log"), override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True):
        with pytest.raises(views.Broken):
            send("/failing/")
    assert delivered.summary() == [("GET /failing/", 4, ["query-in-loop"])]


# --- sync and async ------------------------------------------------------------------------


def test_it_is_what_the_next_one_is():
    async def asynchronous(request):
        return HttpResponse()

    assert iscoroutinefunction(middleware.GuardMiddleware(asynchronous))
    assert not iscoroutinefunction(middleware.GuardMiddleware(lambda request: HttpResponse()))


@pytest.mark.parametrize("mode", ["off", "log"])
def test_async_requests_stay_in_their_thread(guarded, delivered, mode):
    threads = []

    async def view(request):
        threads.append(threading.get_ident())
        return HttpResponse()

    async def run():
        threads.append(threading.get_ident())
        await middleware.GuardMiddleware(view)(RequestFactory().get("/"))

    with guarded(mode):
        async_to_sync(run)()
    assert threads[0] == threads[1]
    assert len(delivered) == (mode == "log")


@sync_only_middleware
def sync_only(get_response):
    return lambda request: get_response(request)


@async_only_middleware
def async_only(get_response):
    async def run(request):
        return await get_response(request)

    return run


@both
@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("other", ["sync_only", "async_only"])
@pytest.mark.parametrize("path", ["/loop/", "/aloop/"])
def test_between_middleware_of_the_other_kind(send, guarded, delivered, other, path):
    other = f"{__name__}.{other}"
    for middleware_setting in ([GUARD, other], [other, GUARD]):
        with guarded(middleware=middleware_setting):
            assert send(path).content == b"user0,user1,user2"
    assert delivered.summary() == [(f"GET {path}", 4, ["query-in-loop"])] * 2


@pytest.mark.usefixtures("users", "logging_requests")
def test_nothing_keeps_a_request_from_being_freed_at_once(delivered):
    seen = []

    def view(request):
        seen.append(weakref.ref(request))
        return HttpResponse()

    gc.disable()
    try:
        middleware.GuardMiddleware(view)(RequestFactory().get("/"))
        assert seen[0]() is None
    finally:
        gc.enable()


# --- two requests at once ------------------------------------------------------------------


@pytest.mark.usefixtures("other_threads", "users", "logging_requests")
def test_requests_in_two_threads_do_not_mix(delivered):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(get, ["/wait/a/", "/wait/b/"]))
    assert delivered.summary() == [("GET /wait/<str:name>/", 4, ["query-in-loop"])] * 2


@pytest.mark.usefixtures("users", "logging_requests")
def test_requests_in_two_tasks_do_not_mix(delivered):
    async def run():
        await asyncio.gather(*(AsyncClient().get(f"/await/{name}/") for name in "ab"))

    async_to_sync(run)()
    assert [report.query_count for report in delivered.reports] == [7, 7]
    for report in delivered.reports:
        assert sum(finding.count for finding in report.findings) == 6


# --- faults inside the guard ---------------------------------------------------------------


@both
@pytest.mark.usefixtures("users", "logging_requests")
@pytest.mark.parametrize(
    "broken",
    [
        "request_units.open_scope",
        "middleware.unit_for",
        "middleware.is_heard",
        "middleware.deliver",
        "middleware.policy_from_settings",
        "middleware._name",
        "middleware._streams",
    ],
)
def test_a_fault_of_the_guard_leaves_the_response_untouched(send, monkeypatch, caplog, broken):
    def fail(*args, **kwargs):
        raise RuntimeError("inside the guard")

    faults.forget_logged()
    monkeypatch.setattr(f"nplusone_guard.{broken}", fail)
    for _ in range(2):
        response = send("/loop/")
        assert (response.status_code, response.content) == (200, b"user0,user1,user2")
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in logged] == [
        "nplusone-guard failed in middleware; the application goes on. Logged once."
    ]
    faults.forget_logged()


def test_the_exclusion_of_everything_is_possible():
    assert middleware.is_excluded(Policy(exclude_paths=("/",)), "/any/")
    assert not middleware.is_excluded(Policy(), "/any/")
