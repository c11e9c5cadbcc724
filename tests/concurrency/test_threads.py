"""Threads and pools: their queries belong to the scope that they were started in."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.pool import ThreadPool

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection

from nplusone_guard import ignore
from nplusone_guard.capture import bridges_threads, callpath, faults
from nplusone_guard.guard import watch
from nplusone_guard.policy import Policy
from tests.concurrency.checking import assert_found, lines, run
from tests.concurrency.conftest import left_in_context
from tests.corpus.models import Author, Entry

pytestmark = pytest.mark.usefixtures("rows")


def count_of(author):
    return author.entries.count()  # site


def total():
    return Author.objects.count()


def authors():
    return list(Author.objects.order_by("pk"))


def two_authors():
    return authors()[:2]


class Counting(threading.Thread):
    """A thread with a ``run`` of its own."""

    def __init__(self, author):
        super().__init__()
        self.author = author

    def run(self):
        self.counted = count_of(self.author)


# --- loops, and under each its healthy twin -------------------------------------------------


def threads_started_in_a_loop():
    threads = [threading.Thread(target=count_of, args=(author,)) for author in authors()]
    for thread in threads:  # loop
        thread.start()
    for thread in threads:
        thread.join()


def two_threads():
    first, second = (threading.Thread(target=count_of, args=(one,)) for one in two_authors())
    first.start()
    second.start()
    first.join()
    second.join()


def threads_of_a_class():
    threads = [Counting(author) for author in authors()]
    [thread.start() for thread in threads]  # loop
    [thread.join() for thread in threads]
    assert all(thread.counted == 1 for thread in threads)


def two_threads_of_a_class():
    first, second = map(Counting, two_authors())
    first.start()
    second.start()
    first.join()
    second.join()


def timers():
    timers = []
    for author in authors():  # loop
        timers.append(threading.Timer(0, count_of, (author,)))
        timers[-1].start()
    for timer in timers:
        timer.join()


def one_timer():
    timer = threading.Timer(0, count_of, two_authors()[:1])
    timer.start()
    timer.join()


def submitted_in_a_loop():
    with ThreadPoolExecutor(3) as pool:
        for author in authors():  # loop
            pool.submit(count_of, author)


def submitted_twice():
    first, second = two_authors()
    with ThreadPoolExecutor(3) as pool:
        pool.submit(count_of, first)
        pool.submit(count_of, second)


def submitted_in_a_comprehension():
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(count_of, author) for author in authors()]  # loop
    assert sum(job.result() for job in jobs) == 5


def submitted_methods():
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(Author.objects.count), pool.submit(Entry.objects.count)]
    assert [job.result() for job in jobs] == [5, 5]


def mapped():
    with ThreadPoolExecutor(3) as pool:
        counts = pool.map(count_of, authors())  # loop
    assert sum(counts) == 5


def mapped_without_queries():
    with ThreadPoolExecutor(3) as pool:
        names = pool.map(lambda author: author.name, authors())
    assert len(list(names)) == 5


def mapped_by_chunks():
    rows = authors()
    with ThreadPoolExecutor(3) as pool:
        for start in range(0, len(rows), 3):
            list(pool.map(count_of, rows[start : start + 3]))  # loop


def mapped_over_what_is_written_out():
    first, second = two_authors()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(count_of, (first, second)))


def looping_in_the_thread():
    def count_all():
        for author in authors():  # loop
            count_of(author)

    thread = threading.Thread(target=count_all)
    thread.start()
    thread.join()


def prefetched_in_the_thread():
    def count_all():
        for author in Author.objects.prefetch_related("entries"):
            len(author.entries.all())

    thread = threading.Thread(target=count_all)
    thread.start()
    thread.join()


def jobs_of_jobs():
    def count_all(pool):
        return [pool.submit(count_of, author) for author in authors()]  # loop

    with ThreadPoolExecutor(3) as pool:
        jobs = pool.submit(count_all, pool).result()
        assert sum(job.result() for job in jobs) == 5


def a_job_of_a_job():
    with ThreadPoolExecutor(3) as pool:
        pool.submit(lambda: pool.submit(count_of, two_authors()[0])).result().result()


def contexts_of_the_callers_own():
    with ThreadPoolExecutor(3) as pool:
        for author in authors():  # loop
            pool.submit(contextvars.copy_context().run, count_of, author)


def two_contexts_of_the_callers_own():
    first, second = two_authors()
    with ThreadPoolExecutor(3) as pool:
        pool.submit(contextvars.copy_context().run, count_of, first)
        pool.submit(contextvars.copy_context().run, count_of, second)


def threads_with_contexts():
    for author in authors():  # loop
        work = partial(contextvars.copy_context().run, count_of, author)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()


def two_threads_with_contexts():
    first, second = two_authors()
    one = threading.Thread(target=contextvars.copy_context().run, args=(count_of, first))
    one.start()
    one.join()
    other = threading.Thread(target=contextvars.copy_context().run, args=(count_of, second))
    other.start()
    other.join()


async def rows_in_threads():
    for author in await sync_to_async(authors)():  # loop
        await asyncio.to_thread(count_of, author)


async def two_rows_in_threads():
    first, second = await sync_to_async(two_authors)()
    await asyncio.to_thread(count_of, first)
    await asyncio.to_thread(count_of, second)


async def rows_in_threads_at_once():
    rows = await sync_to_async(authors)()
    await asyncio.gather(*(asyncio.to_thread(count_of, author) for author in rows))  # loop


async def two_rows_in_threads_at_once():
    first, second = await sync_to_async(two_authors)()
    await asyncio.gather(asyncio.to_thread(count_of, first), asyncio.to_thread(count_of, second))


async def rows_in_an_executor():
    rows, loop = await sync_to_async(authors)(), asyncio.get_running_loop()
    jobs = [loop.run_in_executor(None, count_of, author) for author in rows]  # loop
    await asyncio.gather(*jobs)


async def two_rows_in_an_executor():
    first, second = await sync_to_async(two_authors)()
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, count_of, first)
    await loop.run_in_executor(None, count_of, second)


async def rows_in_threads_of_asgiref():
    for author in await sync_to_async(authors)():  # loop
        await sync_to_async(count_of, thread_sensitive=False)(author)


async def two_rows_in_threads_of_asgiref():
    first, second = await sync_to_async(two_authors)()
    await sync_to_async(count_of, thread_sensitive=False)(first)
    await sync_to_async(count_of, thread_sensitive=False)(second)


async def rows_in_threads_of_asgiref_at_once():
    count = sync_to_async(count_of, thread_sensitive=False)
    await asyncio.gather(*(count(author) for author in await sync_to_async(authors)()))  # loop


async def two_rows_in_threads_of_asgiref_at_once():
    count = sync_to_async(count_of, thread_sensitive=False)
    first, second = await sync_to_async(two_authors)()
    await asyncio.gather(count(first), count(second))


def rows_in_the_thread_that_waits():
    async def count_all():
        for author in await sync_to_async(authors)():  # loop
            await sync_to_async(count_of)(author)

    async_to_sync(count_all)()


def two_rows_in_the_thread_that_waits():
    async def count_both():
        first, second = await sync_to_async(two_authors)()
        await sync_to_async(count_of)(first)
        await sync_to_async(count_of)(second)

    async_to_sync(count_both)()


def rows_in_a_thread_that_waits_for_others():
    def wait(rows):
        for row in rows:  # each leaves the path of its caller as it was
            async_to_sync(sync_to_async(bool))(row)

    def handed(author):
        wait([author, author])
        return count_of(author)

    async def count_all():
        for author in await sync_to_async(authors)():  # loop
            await sync_to_async(handed)(author)

    async_to_sync(count_all)()


def two_rows_awaited_later():
    async def count_both():
        first, second = await sync_to_async(two_authors)()
        count = sync_to_async(count_of)
        one, other = count(first), count(second)
        await other
        await one

    async_to_sync(count_both)()


async def rows_in_threads_of_anyio():
    from anyio import to_thread

    for author in await sync_to_async(authors)():  # loop
        await to_thread.run_sync(count_of, author)


async def two_rows_in_threads_of_anyio():
    from anyio import to_thread

    first, second = await sync_to_async(two_authors)()
    await to_thread.run_sync(count_of, first)
    await to_thread.run_sync(count_of, second)


def mapped_by_multiprocessing():
    with ThreadPool(2) as pool:
        for _ in range(1):
            counts = pool.map(count_of, authors())  # loop
    assert counts == [1] * 5


def applied_by_multiprocessing():
    first, second = two_authors()
    with ThreadPool(2) as pool:
        one = pool.apply_async(count_of, (first,))
        assert [one.get(), pool.apply(count_of, (second,))] == [1, 1]


def mapped_lazily_by_multiprocessing():
    with ThreadPool(2) as pool:
        assert list(pool.imap(count_of, authors())) == [1] * 5  # loop


def mapped_by_multiprocessing_without_queries():
    with ThreadPool(2) as pool:
        assert pool.map(bool, authors()) == [True] * 5


LOOPS = [
    (mapped_by_multiprocessing, applied_by_multiprocessing, "call"),
    (mapped_lazily_by_multiprocessing, mapped_by_multiprocessing_without_queries, "call"),
    (threads_started_in_a_loop, two_threads, "for"),
    (threads_of_a_class, two_threads_of_a_class, "comprehension"),
    (timers, one_timer, "for"),
    (submitted_in_a_loop, submitted_twice, "for"),
    (submitted_in_a_comprehension, submitted_methods, "comprehension"),
    (mapped, mapped_without_queries, "call"),
    (mapped_by_chunks, mapped_over_what_is_written_out, "call"),
    (looping_in_the_thread, prefetched_in_the_thread, "for"),
    (jobs_of_jobs, a_job_of_a_job, "comprehension"),
    (contexts_of_the_callers_own, two_contexts_of_the_callers_own, "for"),
    (threads_with_contexts, two_threads_with_contexts, "for"),
    (rows_in_threads, two_rows_in_threads, "for"),
    (rows_in_threads_at_once, two_rows_in_threads_at_once, "gather"),
    (rows_in_an_executor, two_rows_in_an_executor, "comprehension"),
    (rows_in_threads_of_asgiref, two_rows_in_threads_of_asgiref, "for"),
    (rows_in_threads_of_asgiref_at_once, two_rows_in_threads_of_asgiref_at_once, None),
    (rows_in_the_thread_that_waits, two_rows_in_the_thread_that_waits, "for"),
    (rows_in_a_thread_that_waits_for_others, two_rows_awaited_later, "for"),
    (rows_in_threads_of_anyio, two_rows_in_threads_of_anyio, "for"),
]


def name_of(one):
    return getattr(one, "__name__", None)


@pytest.mark.parametrize(("function", "kind"), [(one[0], one[2]) for one in LOOPS], ids=name_of)
def test_a_loop_over_threads_is_found(function, kind):
    report = run(function)
    assert report.query_count == 6
    assert_found(function, report, 5, helpers=[count_of], kind=kind)


@pytest.mark.parametrize("function", [one[1] for one in LOOPS], ids=name_of)
def test_its_healthy_twin_is_not(function):
    report = run(function)
    assert report.query_count
    assert report.findings == (), str(report)


def in_a_thread(work):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def test_the_stack_of_a_thread_is_walked_once(monkeypatch):
    def walked_for(times):
        walks.clear()
        for _ in range(times):
            with watch("unit", kind="request") as report:
                in_a_thread(total)
            assert report.query_count == 1
        return len(walks)

    walks, walk = [], callpath._walk
    monkeypatch.setattr(callpath, "_walk", lambda *given: walks.append(given) or walk(*given))
    walked_for(2)
    assert walked_for(5) == 0


def test_what_was_remembered_of_a_thread_goes_on_where_it_was_started():
    def twice():
        in_a_thread(total)
        in_a_thread(total)

    def in_a_loop():
        for _ in range(2):
            in_a_thread(total)

    for _ in range(3):  # once they are remembered as well
        assert run(twice).findings == ()
        assert [finding.count for finding in run(in_a_loop).findings] == [2]


# --- what belongs to the scope -----------------------------------------------------------------


def test_queries_of_a_thread_count_in_all_scopes_around():
    with watch("outer") as outer, watch("unit", kind="request") as unit, watch("inner") as inner:
        mapped()
    assert (outer.query_count, unit.query_count, inner.query_count) == (6, 6, 6)
    assert [len(one.findings) for one in (outer, unit, inner)] == [1, 1, 1]


def test_a_scope_inside_a_thread_belongs_to_the_one_around():
    def work():
        with watch("request", kind="request") as recording:
            total()
        inside.append(recording)

    inside = []
    with watch("outer") as outer, ThreadPoolExecutor(1) as pool:
        pool.submit(work)
        pool.submit(work)
    assert [one.query_count for one in inside] == [1, 1]
    assert outer.query_count == 2
    assert outer.findings == ()  # each is a unit: nothing repeats in any of them


def test_an_ignore_around_goes_along():
    with watch() as report, ignore("query-in-loop", reason="on purpose"):
        mapped()
    assert report.findings == ()
    assert [one.reason for one in report.cleared] == ["ignored"]


def test_what_a_thread_rolls_back_is_its_own():
    """Each thread has its own connection, so a rollback of one undoes nothing of another."""
    from django.db import transaction

    def fail():
        in_transaction.wait(10)
        with transaction.atomic():
            Author.objects.filter(pk=0).exists()
            transaction.set_rollback(True)

    def read():
        with transaction.atomic():
            for author in two_authors():
                count_of(author)
            in_transaction.set()
            failing.result(10)

    in_transaction = threading.Event()
    with watch() as report, ThreadPoolExecutor(2) as pool:
        failing = pool.submit(fail)
        pool.submit(read).result(10)
    assert [finding.count for finding in report.findings] == [2]


def test_the_setting_turns_it_off():
    with watch(policy=Policy(threads=False)) as report:
        threads_started_in_a_loop()
        mapped()
    assert report.query_count == 2
    assert report.findings == ()


def test_without_the_setting_contexts_of_the_callers_own_are_as_before():
    """``asyncio.to_thread`` copies the context, so the scope is there: it needs the path, too."""
    with watch(policy=Policy(threads=False)) as report:
        asyncio.run(two_rows_in_threads())
    assert report.query_count == 3
    assert report.findings == ()


# --- late --------------------------------------------------------------------------------------


def test_a_thread_that_outlives_its_scope_is_late():
    def work():
        started.set()
        closed.wait(10)
        for author in rows:
            count_of(author)

    rows, started, closed = authors(), threading.Event(), threading.Event()
    thread = threading.Thread(target=work)
    with watch("short") as report:
        total()
        thread.start()
        started.wait(10)
    frozen = report.report
    closed.set()
    thread.join()
    assert (frozen.query_count, frozen.late_queries) == (1, 0)
    assert (report.query_count, report.report.late_queries) == (1, 5)
    assert report.findings == ()
    assert "5 queries ran after this scope had closed" in str(report)


def test_late_queries_still_belong_to_an_outer_scope():
    def work():
        closed.wait(10)
        for author in rows:  # loop
            count_of(author)

    rows, closed = authors(), threading.Event()
    thread = threading.Thread(target=work)
    with watch("outer") as outer:
        with watch("inner") as inner:
            thread.start()
        closed.set()
        thread.join()
    assert (inner.report.late_queries, outer.report.late_queries) == (5, 0)
    assert outer.query_count == 5
    loop = outer.findings[0].loop
    assert {(loop.file, loop.line)} == lines(work, "loop")


# --- what stays behind -------------------------------------------------------------------------


def test_workers_of_multiprocessing_keep_nothing(scopes_alive):
    with ThreadPool(1) as pool:
        with watch("first") as report:
            assert pool.apply(left_in_context)[0] is report.scope
        assert pool.apply(left_in_context) == (None, (), None)
    with watch(), ThreadPool(1) as pool:
        pass
    report = None
    assert scopes_alive() == 0


def test_workers_keep_nothing(scopes_alive):
    with ThreadPoolExecutor(1) as pool:
        with watch("first"):
            worker, inside = pool.submit(
                lambda: (threading.get_ident(), left_in_context())
            ).result()
        assert inside[0] is not None
        after = pool.submit(lambda: (threading.get_ident(), left_in_context())).result()
        assert after == (worker, (None, (), None))
        inside = None
        assert scopes_alive() == 0


def test_a_worker_keeps_nothing_of_a_job_that_fails():
    def fail():
        with ignore("query-in-loop", reason="x"):
            watch("left open").__enter__()
            raise ZeroDivisionError

    with ThreadPoolExecutor(1) as pool:
        with watch(), pytest.raises(ZeroDivisionError):
            pool.submit(fail).result()
        assert pool.submit(left_in_context).result() == (None, (), None)


def test_a_pool_that_starts_inside_a_scope_does_not_belong_to_it():
    """Its threads live on, for others."""
    with ThreadPoolExecutor(1, initializer=lambda: seen.append(left_in_context())) as pool:
        seen = []
        with watch():
            pool.submit(total).result()
    assert seen == [(None, (), None)]


def test_a_thread_object_is_as_it_was():
    threads = [threading.Thread(target=total), Counting(two_authors()[0])]
    with watch() as report:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all("run" not in vars(thread) for thread in threads)
    assert report.query_count == 2


def test_a_run_that_is_an_attribute_is_put_back():
    thread = threading.Thread()
    thread.run = total
    with watch() as report:
        thread.start()
        thread.join()
    assert thread.run is total
    assert report.query_count == 1


def test_a_thread_that_cannot_start_is_as_it_was():
    thread = threading.Thread(target=total)
    with watch() as report:
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
    assert "run" not in vars(thread)
    assert report.query_count == 1


def test_scopes_go_with_their_threads(scopes_alive):
    for _ in range(3):
        with watch() as report:
            threads_started_in_a_loop()
            mapped()
        assert report.query_count == 12
    report = None
    assert scopes_alive() == 0


def test_outside_any_scope_nothing_is_wrapped(monkeypatch):
    monkeypatch.setattr(bridges_threads, "run_carried", None)
    two_threads()
    submitted_twice()


def test_results_and_errors_are_the_functions_own():
    with watch(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda a, *, b: a + b, 1, b=2).result() == 3
        with pytest.raises(ZeroDivisionError):
            pool.submit(lambda: 1 / 0).result()
        with pytest.raises(TypeError):
            pool.submit()
    with watch(), ThreadPoolExecutor(1) as pool:
        pass
    with watch(), pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(total)


# --- faults inside the guard ---------------------------------------------------------------------


@pytest.fixture
def _log_anew():
    faults.forget_logged()
    yield
    faults.forget_logged()


def broken(*args, **kwargs):
    raise RuntimeError("a fault of the guard")


@pytest.mark.usefixtures("_log_anew")
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (bridges_threads, "_owner"),
        (bridges_threads, "_is_of_pool"),
        (bridges_threads, "path_at"),
        (bridges_threads, "Carried"),
        (bridges_threads.Carried, "_set"),
        (bridges_threads, "_reset"),
        (callpath, "call_path"),
        (callpath, "path_of"),
    ],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_a_fault_leaves_threads_untouched(owner, name, monkeypatch, caplog):
    rows = authors()
    monkeypatch.setattr(owner, name, broken)
    counted = []
    with watch():
        thread = threading.Thread(target=lambda: counted.append(count_of(rows[0])))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(2) as pool:
            counted += pool.map(count_of, rows)
    assert counted == [1] * 6
    assert "failed in capture.bridges" in caplog.text


def test_a_thread_has_a_connection_of_its_own_that_is_watched():
    def work():
        connection.ensure_connection()
        watched.append((connection.connection, list(connection.execute_wrappers)))
        total()

    watched = []
    with watch() as report:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    ((raw, wrappers),) = watched
    assert raw is not connection.connection
    assert len(wrappers) == 1
    assert report.query_count == 1
