"""``watch``: around blocks and every kind of function; nesting, units, threads."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import pickle
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection

import nplusone_guard
from nplusone_guard import NPlusOneDetected, watch
from nplusone_guard.capture.scope import Scope, current_scope
from nplusone_guard.capture.transactions import note_transaction_end
from nplusone_guard.policy import Policy
from nplusone_guard.recording import Recording, open_scope
from nplusone_guard.report.model import Report
from tests.corpus.data import populate
from tests.corpus.models import Author, Entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def reports() -> list[Report]:
    return []


def loop_once() -> int:
    populate(3)
    return sum(len(entry.author.name) for entry in Entry.objects.all())


# --- blocks -----------------------------------------------------------------------------


def test_block_fills_its_report() -> None:
    populate(3)
    with watch("authors") as report:
        for author in Author.objects.all():
            author.entries.count()
    assert report.name == "authors"
    assert report.query_count == 4
    assert len(report) == 1
    assert [finding.rule for finding in report] == ["query-in-loop"]
    assert report[0].count == 3
    assert "authors: 4 queries" in str(report)
    assert Report.from_json(report.to_json()) == report.report


def test_report_of_an_open_block_is_a_snapshot() -> None:
    with watch() as report:
        Author.objects.count()
        assert report.query_count == 1
        assert not report.closed
        Author.objects.count()
    assert report.query_count == 2
    assert report.closed


def test_nothing_is_watched_outside() -> None:
    with watch() as report:
        pass
    Author.objects.count()
    assert report.query_count == 0
    assert current_scope.get() is None


def test_async_block() -> None:
    async def run() -> int:
        async with watch() as report:
            await Author.objects.acount()
        return report.query_count

    assert async_to_sync(run)() == 1


def test_loop_around_the_block_is_not_inside_it() -> None:
    populate(3)
    for _ in range(3):
        with watch() as report:
            Author.objects.count()
        assert not report.findings


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind must be one of block, request"):
        open_scope("x", "banana")


# --- nesting and units ------------------------------------------------------------------


def test_nested_blocks_both_find_the_loop() -> None:
    with watch("outer") as outer:
        Author.objects.count()
        with watch("inner") as inner:
            loop_once()
    assert len(inner.findings) == len(outer.findings) == 1
    assert outer.query_count == inner.query_count + 1


def test_same_query_once_in_each_of_two_units_is_no_loop() -> None:
    def request() -> None:
        recording = open_scope("GET /", "request")
        Author.objects.count()
        recording.close()

    with watch("test", kind="test") as report:
        for _ in range(10):
            request()
    assert report.query_count == 10
    assert report.findings == ()


def test_outer_scope_takes_over_what_units_found() -> None:
    populate(3)
    with watch("test", kind="test") as report:
        for _ in range(2):
            with watch("GET /", kind="request"):
                for author in Author.objects.all():
                    author.entries.count()
    assert [(finding.rule, finding.count) for finding in report] == [("query-in-loop", 3)]
    assert sum(shape.count for shape in report.shapes) == report.query_count == 8


def test_block_between_unit_and_test_hands_on_what_it_adopted() -> None:
    populate(3)
    with watch("test") as outer, watch("block") as block, watch("GET /", kind="request"):
        for author in Author.objects.all():
            author.entries.count()
    assert len(block.findings) == len(outer.findings) == 1


def test_scopes_left_open_inside_are_closed_with_the_outer_one() -> None:
    populate(3)
    with watch("test") as outer:
        left_open = open_scope("GET /", "request")
        for author in Author.objects.all():
            author.entries.count()
    assert left_open.closed
    assert current_scope.get() is None
    assert len(outer.findings) == 1
    Author.objects.count()
    assert outer.query_count == left_open.query_count == 4


def test_threads_have_scopes_of_their_own() -> None:
    seen: dict[str, int] = {}

    def work(name: str, count: int) -> None:
        with watch(name) as report:
            for _ in range(count):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
        seen[name] = report.query_count
        connection._close()  # close() leaves a database in memory open
        connection.connection = None

    with watch("main") as report:
        threads = [threading.Thread(target=work, args=(f"t{n}", n)) for n in (1, 2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == {"t1": 1, "t2": 2, "t3": 3}
    assert report.query_count == 6


def test_task_that_outlives_its_scope_is_counted_as_late() -> None:
    async def run() -> tuple[int, int]:
        gate = asyncio.Event()

        async def straggler() -> None:
            await gate.wait()
            await Author.objects.acount()

        with watch() as report:
            task = asyncio.create_task(straggler())
            await asyncio.sleep(0)
        gate.set()
        await task
        return report.query_count, report.scope.late

    assert async_to_sync(run)() == (0, 1)


# --- decorators -------------------------------------------------------------------------


def test_decorated_function(reports: list[Report]) -> None:
    @watch("named", on_report=reports.append)
    def function(first: int, *, second: int) -> int:
        """Its own words."""
        return first + second + loop_once()

    assert function(1, second=2) > 3
    assert function.__doc__ == "Its own words."
    assert reports[0].name == "named"
    assert len(reports[0]) == 1


def test_bare_decorator_logs_under_the_functions_name(caplog: pytest.LogCaptureFixture) -> None:
    @watch
    def nightly() -> int:
        return loop_once()

    with caplog.at_level(logging.INFO, "nplusone_guard"):
        nightly()
    assert "nightly: " in caplog.text
    assert "lazy-relation" in caplog.text


def test_named_decorator_without_more_logs(caplog: pytest.LogCaptureFixture) -> None:
    @watch("the job")
    def nightly() -> int:
        return loop_once()

    with caplog.at_level(logging.INFO, "nplusone_guard"):
        nightly()
    assert "the job: " in caplog.text


def test_decorator_in_mode_raise() -> None:
    @watch("strict", mode="raise")
    def nightly() -> int:
        return loop_once()

    with pytest.raises(NPlusOneDetected) as caught:
        nightly()
    assert len(caught.value.report) == 1


def test_mode_raise_never_replaces_the_applications_error() -> None:
    with pytest.raises(ZeroDivisionError), watch("strict", mode="raise"):
        loop_once()
        raise ZeroDivisionError


def test_decorated_methods(reports: list[Report]) -> None:
    class Job:
        @watch("method", on_report=reports.append)
        def method(self) -> str:
            Author.objects.count()
            return type(self).__name__

        @watch("class", on_report=reports.append)
        @classmethod
        def above(cls) -> str:
            Author.objects.count()
            return cls.__name__

        @classmethod
        @watch("class", on_report=reports.append)
        def below(cls) -> str:
            Author.objects.count()
            return cls.__name__

        @staticmethod
        @watch("static", on_report=reports.append)
        def static() -> str:
            Author.objects.count()
            return "static"

    results = [Job().method(), Job.above(), Job.below(), Job().below(), Job.static()]
    assert results == ["Job", "Job", "Job", "Job", "static"]
    assert [report.query_count for report in reports] == [1] * 5


def test_decorated_coroutine_function(reports: list[Report]) -> None:
    @watch("coroutine", on_report=reports.append)
    async def work() -> int:
        return await Author.objects.acount()

    assert asyncio.iscoroutinefunction(work)
    assert async_to_sync(work)() == 0
    assert reports[0].query_count == 1


def test_decorated_generator_watches_only_its_own_code(reports: list[Report]) -> None:
    @watch("generator", on_report=reports.append)
    def rows():
        got = yield Author.objects.count()
        yield got
        try:
            yield "last"
        except KeyError:
            yield Author.objects.count()

    generator = rows()
    assert next(generator) == 0
    Author.objects.count()  # the consumer's own
    assert current_scope.get() is None
    assert generator.send("sent") == "sent"
    assert next(generator) == "last"
    assert generator.throw(KeyError()) == 0
    assert list(generator) == []
    assert [report.query_count for report in reports] == [2]


def test_abandoned_generator_closes_its_scope(reports: list[Report]) -> None:
    @watch("generator", on_report=reports.append)
    def rows():
        try:
            yield Author.objects.count()
            yield 2
        finally:
            Author.objects.count()

    generator = rows()
    next(generator)
    generator.close()
    assert [report.query_count for report in reports] == [2]
    assert current_scope.get() is None


def test_decorated_async_generator(reports: list[Report]) -> None:
    @watch("async generator", on_report=reports.append)
    async def rows():
        async for author in Author.objects.all():
            yield author
            await Entry.objects.acount()

    async def consume() -> int:
        seen = 0
        async for _ in rows():
            seen += 1
            await Author.objects.acount()  # the consumer's own
        return seen

    populate(3)
    seen = async_to_sync(consume)()
    assert seen == 3
    assert [report.query_count for report in reports] == [4]


def test_sync_to_async_helper_belongs_to_the_scope() -> None:
    async def run() -> int:
        with watch() as report:
            await sync_to_async(Author.objects.count)()
        return report.query_count

    assert async_to_sync(run)() == 1


def test_timeline_counts_every_query_under_its_shape() -> None:
    populate(2)
    with watch("outer") as report:
        Author.objects.count()
        with watch("GET /", kind="request"):
            Entry.objects.count()
        for author in Author.objects.all():
            author.entries.count()
    named = [report.shapes[entry.shape].headline for entry in report.timeline]
    assert named == ["SELECT corpus_author"] * 2 + ["SELECT corpus_entry"] * 2
    assert [entry.offset for entry in report.timeline] == sorted(
        entry.offset for entry in report.timeline
    )


def test_reports_and_exceptions_travel_between_processes() -> None:
    with watch() as recording:
        loop_once()
    error = pickle.loads(pickle.dumps(NPlusOneDetected(recording.report)))
    assert error.report == recording.report


# --- the public package -----------------------------------------------------------------


@pytest.mark.parametrize("name", nplusone_guard.__all__)
def test_public_names_are_importable(name: str) -> None:
    assert getattr(nplusone_guard, name) is not None
    assert name in dir(nplusone_guard)


def test_unknown_public_name() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'wacth'"):
        _ = nplusone_guard.wacth


# --- memory -----------------------------------------------------------------------------


def scopes_alive() -> int:
    return sum(type(one) is Scope for one in gc.get_objects())


def test_a_closed_scope_goes_at_once() -> None:
    """Nothing of it waits for the garbage collector."""
    gc.collect()
    before = scopes_alive()
    gc.disable()
    try:
        with watch("authors") as report:
            Author.objects.count()
        assert scopes_alive() == before + 1
        report = report.report
        assert scopes_alive() == before
        assert report.query_count == 1
    finally:
        gc.enable()


class Closing(Scope):
    """A scope that another thread closes once a query has seen that it is open."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name == "recorders" and not self.closed and self.recording is not None:
            self.recording.close()
        return super().__getattribute__(name)


def test_a_query_that_meets_a_closing_scope_is_late() -> None:
    with watch("outer") as outer:
        recording = Recording(Closing("inner", "block", Policy(), outer.scope, None))
        Author.objects.count()
    assert recording.closed
    assert (recording.query_count, recording.report.late_queries) == (0, 1)
    assert (outer.query_count, outer.report.late_queries) == (1, 0)
    assert not outer.internal_errors


def test_a_closed_scope_takes_no_transaction_amiss() -> None:
    """Somebody who keeps its context may go on, to the end of a transaction."""
    with watch("authors") as report:
        context = contextvars.copy_context()
    context.run(note_transaction_end, connection, rolled_back=True)
    assert not report.internal_errors
