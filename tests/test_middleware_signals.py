"""Requests inside a scope are units of their own, with the middleware or without it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar, copy_context

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.test import AsyncClient, Client, modify_settings, override_settings

from nplusone_guard import request_units
from nplusone_guard.capture import faults
from nplusone_guard.capture.scope import current_scope
from nplusone_guard.guard import watch
from nplusone_guard.policy import IgnoreEntry, Policy
from tests.webapp import GUARD, views

pytestmark = pytest.mark.usefixtures("users")

#: With and without the middleware, which must make no difference to the scope around.
either = pytest.mark.parametrize("installed", [[], [GUARD]], ids=["signals", "middleware"])


@pytest.fixture
def routes(installed, delivered):
    with override_settings(
        ROOT_URLCONF="tests.webapp.urls", MIDDLEWARE=installed, NPLUSONE_GUARD={"MODE": "log"}
    ):
        yield
    assert current_scope.get() is None
    assert request_units._unit.get() is None


#: Set in the context of a test that looks at what is opened.
looking = ContextVar("looking", default=False)


@pytest.fixture
def opened(monkeypatch):
    """The names of the scopes that were opened for requests."""
    names = []
    open_scope = request_units.open_scope
    looking.set(True)

    def note(name, kind, *args, **kwargs):
        if looking.get():  # threads of other tests may still answer requests of their own
            names.append(f"{kind} {name}")
        return open_scope(name, kind, *args, **kwargs)

    monkeypatch.setattr(request_units, "open_scope", note)
    return names


def rules(report):
    return [finding.rule for finding in report.findings]


@either
@pytest.mark.usefixtures("routes")
def test_many_healthy_requests_are_healthy(opened):
    with watch("test") as report:
        for _ in range(5):
            Client().get("/healthy/")
    assert report.query_count == 5
    assert rules(report) == []
    assert opened == ["request GET /healthy/"] * 5


@either
@pytest.mark.usefixtures("routes")
def test_what_a_request_finds_is_taken_over(opened):
    with watch("test") as report:
        Client().get("/loop/")
        Client().get("/healthy/")
        User.objects.count()
    assert report.query_count == 6
    assert rules(report) == ["query-in-loop"]
    assert report[0].count == 3
    assert len(opened) == 2


@either
@pytest.mark.usefixtures("routes")
def test_a_loop_of_the_test_around_a_request_is_not_the_requests():
    with watch("test") as report:
        for _ in range(2):
            User.objects.count()
            Client().get("/healthy/")
    assert all(finding.site.file != views.__file__ for finding in report)


@either
@pytest.mark.usefixtures("routes")
def test_outside_any_scope_signals_open_nothing(installed, opened):
    Client().get("/loop/")
    assert len(opened) == len(installed)


@either
@pytest.mark.usefixtures("routes")
def test_the_policy_of_the_scope_around_judges(delivered):
    entry = IgnoreEntry("as before", path=views.__file__)
    with watch("test", policy=Policy(ignores=(entry,))) as report:
        Client().get("/loop/")
    assert rules(report) == []
    assert "ignored" in {one.reason for one in report.cleared}
    assert all(rules(one) == [] for one in delivered.reports)


@either
@pytest.mark.usefixtures("routes")
def test_exceptions_of_a_view_close_the_unit(opened):
    with watch("test") as report:
        with pytest.raises(views.Broken):
            Client().get("/failing/")
        User.objects.count()
    assert report.query_count == 5
    assert rules(report) == ["query-in-loop"]


@either
@pytest.mark.usefixtures("routes")
def test_a_request_that_never_finishes_ends_with_the_next():
    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True), watch("test") as report:
        for _ in range(2):
            with pytest.raises(views.Broken):
                Client().get("/failing/")
        Client().get("/healthy/")
    assert report.query_count == 9
    assert rules(report) == ["query-in-loop"]


@either
@pytest.mark.usefixtures("routes")
def test_streamed_bodies_belong_to_their_request(opened):
    with watch("test") as report:
        for _ in range(2):
            list(Client().get("/stream/").streaming_content)
    assert report.query_count == 8
    assert rules(report) == ["query-in-loop"]
    assert len(opened) == 2


@either
@pytest.mark.usefixtures("routes")
@pytest.mark.parametrize("ended_by", ["its end", "the next request"])
def test_a_body_that_is_never_read_does_no_harm_to_the_next_scope(ended_by):
    with watch("test") as report:
        response = Client().get("/stream/")
    with watch("next") as following:
        for pk in range(2):
            User.objects.filter(pk=pk).count()
    assert (report.report.query_count, following.query_count) == (0, 2)
    assert rules(following) == ["query-in-loop"]
    if ended_by == "its end":
        response.close()
    else:
        Client().get("/healthy/")


@either
@pytest.mark.usefixtures("routes")
def test_async_requests_are_units(opened):
    with modify_settings(INSTALLED_APPS={"append": "django.contrib.humanize"}):
        pass  # the apps were made ready once more

    async def run():
        async with watch("test") as report:
            for _ in range(3):
                await AsyncClient().get("/healthy/")
            await AsyncClient().get("/aloop/")
        return report

    report = async_to_sync(run)()
    assert report.query_count == 7
    assert rules(report) == ["query-in-loop"]
    assert len(opened) == 4


@either
@pytest.mark.usefixtures("routes")
def test_async_requests_at_once_are_units_each(installed, delivered):
    async def run():
        async with watch("test") as report:
            await asyncio.gather(*(AsyncClient().get("/healthy/") for _ in range(3)))
        return report

    report = async_to_sync(run)()
    assert report.query_count == 3
    assert rules(report) == []
    assert delivered.summary() == [("GET /healthy/", 1, [])] * 3 * len(installed)


@either
@pytest.mark.usefixtures("routes")
def test_after_an_async_request_the_scope_around_counts_again():
    async def run():
        async with watch("test") as report:
            for path in ("/healthy/", "/aloop/"):
                await AsyncClient().get(path)
                inside.append(current_scope.get())
                await User.objects.acount()
            inside.append(report.scope)
        return report

    inside = []
    report = async_to_sync(run)()
    assert report.query_count == 7
    assert len(set(inside)) == 1
    assert report.late_queries == 0


@either
@pytest.mark.usefixtures("routes")
def test_an_async_body_belongs_to_its_request():
    async def run():
        async with watch("test") as report:
            for _ in range(2):
                response = await AsyncClient().get("/astream/")
                assert len([chunk async for chunk in response.streaming_content]) == 3
                inside.append(current_scope.get())
            inside.append(report.scope)
        return report

    inside = []
    report = async_to_sync(run)()
    assert report.query_count == 8
    assert rules(report) == ["query-in-loop"]
    assert report[0].count == 3
    assert len(set(inside)) == 1


@either
@pytest.mark.usefixtures("routes")
def test_an_async_request_that_raises_closes_its_unit():
    async def run():
        async with watch("test") as report:
            for _ in range(2):
                with pytest.raises(views.Broken):
                    await AsyncClient().get("/afailing/")
            inside.append(current_scope.get())
            inside.append(report.scope)
        return report

    inside = []
    with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True):
        report = async_to_sync(run)()
    assert report.query_count == 8
    assert rules(report) == ["query-in-loop"]
    assert len(set(inside)) == 1


def test_signals_of_other_senders_do_no_harm():
    with watch("test") as report:
        request_finished.send(sender=None)
        request_started.send(sender=None)
        request_started.send(sender=None, environ={})
        User.objects.count()
        request_finished.send(sender=None)
    assert report.query_count == 1
    assert report.internal_errors == ()


@pytest.fixture
def _log_anew():
    faults.forget_logged()
    yield
    faults.forget_logged()


@pytest.mark.usefixtures("_log_anew")
def test_a_fault_in_the_signals_leaves_the_request_untouched(guarded, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise RuntimeError("inside the guard")

    monkeypatch.setattr(request_units, "open_scope", fail)
    with guarded("off"), watch("test"):
        assert Client().get("/healthy/").status_code == 200
    assert "failed in signals" in caplog.text


@pytest.mark.usefixtures("_log_anew")
@pytest.mark.parametrize("broken", ["open_scope", "_close", "partial"])
def test_a_fault_around_an_async_request_leaves_it_untouched(guarded, monkeypatch, caplog, broken):
    def fail(*args, **kwargs):
        raise RuntimeError("inside the guard")

    async def run():
        async with watch("test"):
            return await AsyncClient().get("/healthy/")

    monkeypatch.setattr(request_units, broken, fail)
    with guarded("off"):
        # What cannot be closed stays in the context until the next request: not in ours.
        assert copy_context().run(async_to_sync(run)).status_code == 200
    assert "failed in signals" in caplog.text
