"""A fault anywhere inside the guard leaves the query and the response as they are."""

from __future__ import annotations

import asyncio
import contextvars
import logging

import pytest
from django.db import connection

from nplusone_guard.analysis import advice, judge, location, loops, origin, places, rules
from nplusone_guard.capture import (
    bridges,
    bridges_async,
    callpath,
    faults,
    hook,
    landmarks,
    sightings,
)
from nplusone_guard.guard import watch
from nplusone_guard.report import build
from tests.corpus.data import populate
from tests.corpus.models import Author, Entry

pytestmark = pytest.mark.django_db

FAULTS = [
    (hook, "path_of"),
    (callpath, "fold"),
    (landmarks, "read"),
    (hook, "digest"),
    (hook, "sight"),
    (hook, "note_in_transaction"),
    (sightings, "_find_parent"),
    (sightings, "_make_group"),
    (sightings, "_note_second"),
    (judge, "locate"),
    (location, "call_site"),
    (loops, "enclosing_loops"),
    (loops, "position_of"),
    (origin, "parents_of"),
    (advice, "advise"),
    (rules, "clear"),
    (rules, "rule_of"),
    (places, "source_line"),
    (build, "suspects_of"),
    (judge, "judge"),
]


@pytest.fixture(autouse=True)
def _log_anew():
    faults.forget_logged()
    yield
    faults.forget_logged()


def broken(*args: object, **kwargs: object) -> object:
    raise RuntimeError("a fault of the guard")


def run_a_loop() -> list[str]:
    return [entry.author.name for entry in Entry.objects.order_by("pk")]


@pytest.mark.parametrize(("module", "name"), FAULTS, ids=lambda one: getattr(one, "__name__", one))
def test_fault_is_contained_logged_once_and_reported(
    module: object,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    populate(3)
    expected = run_a_loop()
    monkeypatch.setattr(callpath, "table", callpath.CodeTable())  # nothing is remembered
    monkeypatch.setattr(module, name, broken)
    with watch("faulty") as recording:
        assert run_a_loop() == expected
        assert run_a_loop() == expected
    assert any("a fault of the guard" in error for error in recording.report.internal_errors)
    records = [record for record in caplog.records if record.name == "nplusone_guard"]
    assert [record.levelno for record in records] == [logging.ERROR]


def test_broken_fingerprint_is_contained() -> None:
    connection.ensure_connection()
    ours = hook.hook_of(connection)
    original = ours.fingerprint_of
    ours.fingerprint_of = broken
    try:
        with watch() as report:
            assert Author.objects.count() == 0
    finally:
        ours.fingerprint_of = original
    assert report.internal_errors == ("capture.hook: RuntimeError: a fault of the guard",)


def test_broken_bridge_is_contained(monkeypatch: pytest.MonkeyPatch) -> None:
    from asgiref.sync import async_to_sync

    async def count() -> int:
        return await Author.objects.acount()

    monkeypatch.setattr(callpath, "call_path", broken)
    with watch() as report:
        assert async_to_sync(count)() == 0
    assert report.query_count == 1
    assert any("capture.bridges" in error for error in report.internal_errors)


@pytest.mark.parametrize(("module", "name"), [(landmarks, "load"), (bridges, "install")])
def test_broken_installation_still_counts(
    module: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.uninstall()
    monkeypatch.setattr(module, name, broken)
    try:
        with watch() as report:
            run_a_loop()
        assert report.query_count == 1
    finally:
        monkeypatch.undo()
        hook.uninstall()
        hook.install()


def test_coroutine_thrown_away_in_another_context_raises_nothing() -> None:
    async def forever() -> None:
        await asyncio.sleep(3600)

    coroutine = bridges_async.with_path(callpath.Path(), forever())

    async def start() -> None:
        coroutine.send(None)

    contextvars.copy_context().run(asyncio.run, start())
    coroutine.close()


def test_broken_landmark_costs_the_detail_not_the_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    populate(3)
    monkeypatch.setattr(landmarks.orm, "_note_conditions", broken)
    with watch() as report:
        for author in Author.objects.order_by("pk"):
            Entry.objects.filter(author=author).count()
    assert len(report.findings) == 1
    assert any("capture.landmarks" in error for error in report.internal_errors)


def test_applications_own_error_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), watch():
        Author.objects.count()
        raise ZeroDivisionError


def test_a_log_handler_that_raises_is_contained() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("a broken handler")

    handler = Broken()
    faults.logger.addHandler(handler)
    try:
        faults.contain("test", ValueError("x"))
    finally:
        faults.logger.removeHandler(handler)


def test_faults_of_one_report_are_bounded() -> None:
    errors: list[str] = []
    for number in range(100):
        faults.contain(f"test.{number}", ValueError("x"), errors)
    assert len(errors) == faults.MAX_FAULTS
