"""One id for a request, its log lines and its report, whatever the request brings along."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from hypothesis import given
from hypothesis import strategies as st

from nplusone_guard import Report, correlation, watch
from nplusone_guard.capture import faults
from nplusone_guard.correlation import (
    MAX_LENGTH,
    RESPONSE_HEADER,
    CorrelationFilter,
    current_correlation_id,
)
from nplusone_guard.report.text import render
from tests.webapp import GUARD

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
GENERATED = re.compile("[0-9a-f]{32}")


# --- what comes from outside ---------------------------------------------------------------

GOOD = ["a", "order-17", "A" * 128, "550e8400-e29b-41d4-a716-446655440000", "a+/b==", "x@y:1.2_3"]
BAD = [
    "",
    "A" * 129,
    "a b",
    "a\n",
    "\na",
    "a\x00",
    "a\x1b[31m",
    "é",
    "a,b",
    '"a"',
    "<a>",
    "%s",
    "٣",
]


#: Those of them that a server lets through.
BAD_HEADERS = [value for value in BAD if "\n" not in value and value not in {"\x00", "٣"}]


@pytest.mark.parametrize("value", GOOD)
def test_an_id_is_taken_as_it_is(value):
    assert correlation.accept(value) == value


@pytest.mark.parametrize("value", [*BAD, None, 17, b"a", ["a"]])
def test_what_cannot_be_an_id_is_refused(value):
    assert correlation.accept(value) == ""


@given(st.text())
def test_what_is_accepted_is_short_and_harmless_everywhere(value):
    accepted = correlation.accept(value)
    assert accepted in {"", value}
    assert len(accepted) <= MAX_LENGTH
    assert accepted.isascii()
    assert accepted.isprintable()
    assert not set(accepted) & set(" \"'`<>&%\\,;(){}[]|$!#*?")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (TRACEPARENT, TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-what-comes-later", TRACE),
        (f"00-{TRACE}-00f067aa0ba902b7-01-more", ""),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", ""),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (TRACEPARENT.upper(), ""),
        (TRACEPARENT + "\n", ""),
        (f" {TRACEPARENT}", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_trace_id_is_read_as_the_w3c_says(value, expected):
    assert correlation.trace_id(value) == expected


# --- requests ------------------------------------------------------------------------------

logger = logging.getLogger("shop")


def view(request):
    list(User.objects.all())
    logger.warning("in the view")
    return HttpResponse(current_correlation_id())


async def aview(request):
    async for _ in User.objects.all():
        pass
    return HttpResponse(current_correlation_id())


urlpatterns = [path("view/", view), path("aview/", aview)]


def get(path, headers):
    return Client().get(path, headers=headers)


@async_to_sync
async def aget(path, headers):
    return await AsyncClient().get(path, headers=headers)


both = pytest.mark.parametrize(
    ("send", "path"), [(get, "/view/"), (aget, "/view/"), (aget, "/aview/")]
)


@pytest.fixture
def guarded():
    with override_settings(
        ROOT_URLCONF=__name__, MIDDLEWARE=[GUARD], NPLUSONE_GUARD={"MODE": "log"}
    ):
        yield


@both
@pytest.mark.usefixtures("guarded", "users")
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"traceparent": TRACEPARENT}, TRACE),
        ({"X-Request-ID": "order-17"}, "order-17"),
        ({"traceparent": TRACEPARENT, "X-Request-ID": "order-17"}, TRACE),
        ({"traceparent": "00-bad", "X-Request-ID": "order-17"}, "order-17"),
    ],
)
def test_the_report_carries_what_the_request_brings(send, path, delivered, headers, expected):
    assert send(path, headers).content == expected.encode()
    assert [report.correlation_id for report in delivered.reports] == [expected]


@both
@pytest.mark.usefixtures("guarded", "users")
@pytest.mark.parametrize("headers", [{}, *({"X-Request-ID": bad} for bad in BAD_HEADERS)])
def test_what_is_missing_or_bad_is_replaced_by_a_new_id(send, path, delivered, headers):
    first, second = (send(path, headers).content.decode() for _ in range(2))
    assert GENERATED.fullmatch(first)
    assert GENERATED.fullmatch(second)
    assert first != second
    assert [report.correlation_id for report in delivered.reports] == [first, second]


@both
@pytest.mark.usefixtures("guarded", "users")
@pytest.mark.parametrize(("debug", "told"), [(True, "order-17"), (False, None)])
def test_the_response_tells_it_under_debug(send, path, debug, told):
    with override_settings(DEBUG=debug):
        response = send(path, {"X-Request-ID": "order-17"})
    assert response.headers.get(RESPONSE_HEADER) == told


@both
@pytest.mark.usefixtures("guarded", "users")
@pytest.mark.parametrize("middleware_installed", [True, False])
def test_a_request_inside_a_scope_has_its_own_id_or_that_of_the_scope(
    send, path, middleware_installed
):
    with (
        override_settings(MIDDLEWARE=[GUARD] if middleware_installed else []),
        watch("two") as recording,
    ):
        own = send(path, {"X-Request-ID": "order-17"}).content
        inherited = send(path, {}).content
    assert own == b"order-17"
    assert inherited == recording.report.correlation_id.encode()


# --- scopes --------------------------------------------------------------------------------


def test_scopes_inside_a_scope_share_its_id():
    with watch("outer") as outer, watch("inner") as inner:
        first = current_correlation_id()
        with watch("innermost") as innermost:
            pass
    assert GENERATED.fullmatch(first)
    reports = [recording.report for recording in (outer, inner, innermost)]
    assert [report.correlation_id for report in reports] == [first] * 3


def test_scopes_side_by_side_have_ids_of_their_own():
    with watch("first") as first:
        pass
    with watch("second") as second:
        pass
    assert first.report.correlation_id != second.report.correlation_id


def test_outside_every_scope_there_is_no_id():
    assert current_correlation_id() is None


def test_an_open_scope_reports_the_id_it_will_have():
    with watch("open") as recording:
        early = recording.report.correlation_id
    assert early == recording.report.correlation_id


def test_tasks_of_a_scope_that_ask_at_once_are_told_one_id():
    async def ask():
        return await asyncio.to_thread(current_correlation_id)

    async def ask_often():
        with watch("asked"):
            return await asyncio.gather(*(ask() for _ in range(8)))

    assert len(set(asyncio.run(ask_often()))) == 1


# --- reports -------------------------------------------------------------------------------


def test_a_report_without_it_is_read_as_ever():
    with watch("older") as recording:
        pass
    report = recording.report
    document = json.loads(report.to_json())
    assert Report.from_json(report.to_json()) == report
    assert document.pop("correlation_id") == report.correlation_id
    assert Report.from_json(json.dumps(document)).correlation_id == ""


def test_the_text_tells_it_only_where_it_tells_everything():
    with watch("told") as recording:
        pass
    report = recording.report
    assert report.correlation_id not in render(report)
    assert render(report, show_cleared=True).endswith(f"\n correlation id: {report.correlation_id}")


# --- log records ---------------------------------------------------------------------------


@pytest.fixture
def lines():
    """What a handler with the filter writes, for the loggers of the guard and of ``shop``."""
    written = []
    handler = logging.Handler()
    handler.setFormatter(logging.Formatter("%(name)s [%(correlation_id)s]"))
    handler.addFilter(CorrelationFilter())
    handler.emit = lambda record: written.append(handler.format(record).splitlines()[0])
    loggers = [logger, logging.getLogger("nplusone_guard")]
    for each in loggers:
        each.addHandler(handler)
    yield written
    for each in loggers:
        each.removeHandler(handler)


@pytest.mark.usefixtures("guarded", "users")
def test_records_of_the_application_and_of_the_guard_carry_it(lines, caplog):
    caplog.set_level(logging.INFO, logger="nplusone_guard")
    get("/view/", {"X-Request-ID": "order-17"})
    assert lines == ["shop [order-17]", "nplusone_guard [order-17]"]


@both
@pytest.mark.usefixtures("guarded", "users")
def test_the_record_of_a_request_has_it_among_its_own_facts(send, path, caplog):
    """What ``extra`` adds to a record needs no filter."""
    caplog.set_level(logging.INFO, logger="nplusone_guard")
    send(path, {"X-Request-ID": "order-17"})
    (record,) = [one for one in caplog.records if one.name == "nplusone_guard"]
    assert (record.report_name, record.correlation_id) == (f"GET {path}", "order-17")


def test_records_outside_every_scope_say_so(lines):
    logger.warning("outside")
    assert lines == ["shop [-]"]


def test_a_record_that_has_one_keeps_it(lines):
    with watch("inside"):
        logger.warning("inside", extra={"correlation_id": "their own"})
    assert lines == ["shop [their own]"]


def test_records_of_threads_without_a_scope_say_so(lines):
    thread = threading.Thread(target=logger.warning, args=("in a thread",))
    thread.start()
    thread.join()
    assert lines == ["shop [-]"]


def broken(*args, **kwargs):
    raise RuntimeError("a fault of the guard")


def test_a_fault_costs_the_id_and_never_the_record(lines, monkeypatch):
    faults.forget_logged()
    monkeypatch.setattr(correlation, "current_correlation_id", broken)
    with watch("faulty"):
        logger.warning("inside")
        logger.warning("inside")
    assert lines == ["nplusone_guard [-]", "shop [-]", "shop [-]"]
    faults.forget_logged()


@both
@pytest.mark.usefixtures("guarded", "users")
@pytest.mark.parametrize("name", ["of_request", "of_scope"])
def test_a_fault_costs_the_id_and_never_the_request(send, path, name, monkeypatch, delivered):
    faults.forget_logged()
    monkeypatch.setattr(correlation, name, broken)
    monkeypatch.setattr(f"{__name__}.current_correlation_id", lambda: "none")
    with override_settings(DEBUG=True):
        assert send(path, {"X-Request-ID": "order-17"}).status_code == 200
    faults.forget_logged()
