"""RQ, Dramatiq and Huey by the recipe of the documentation: ``@watch`` under their decorator."""

from __future__ import annotations

import contextlib

import dramatiq
import pytest
import redis
import rq

from tests.integrations import queues
from tests.integrations.work import HEALTHY, LOOP, PLACE, place

NAMES = ["user0", "user1", "user2"]


@pytest.fixture(autouse=True)
def _no_reports():
    queues.reports.clear()


def check(prefix):
    """The loop, then its healthy twin twice: three reports, and the loop at its lines."""
    assert [
        (report.name, report.kind, report.query_count, [finding.rule for finding in report])
        for report in queues.reports
    ] == [
        (f"{prefix}:loop", "task", *LOOP),
        (f"{prefix}:healthy", "task", *HEALTHY),
        (f"{prefix}:healthy", "task", *HEALTHY),
    ]
    assert place(queues.reports[0][0]) == PLACE


def test_rq(redis_url, users):
    with contextlib.closing(redis.Redis.from_url(redis_url)) as connection:
        queue = rq.Queue("guard", connection=connection)
        work = [queues.rq_loop, queues.rq_healthy, queues.rq_healthy]
        jobs = [queue.enqueue(function) for function in work]
        assert rq.SimpleWorker([queue], connection=connection).work(burst=True)
        assert [job.return_value() for job in jobs] == [NAMES] * 3
    check("rq")


def test_dramatiq(users, other_threads):
    worker = dramatiq.Worker(queues.broker, worker_timeout=100, worker_threads=1)
    worker.start()
    try:
        for actor in (queues.dramatiq_loop, queues.dramatiq_healthy, queues.dramatiq_healthy):
            actor.send()
        queues.broker.join(queues.dramatiq_loop.queue_name, fail_fast=True, timeout=20_000)
        worker.join()
    finally:
        worker.stop()
    check("dramatiq")


def test_huey_in_its_consumer(users, other_threads):
    consumer = queues.huey.create_consumer(workers=1, periodic=False, initial_delay=0.01)
    consumer.start()
    try:
        for task in (queues.huey_loop, queues.huey_healthy, queues.huey_healthy):
            assert task().get(blocking=True, timeout=20) == NAMES
    finally:
        consumer.stop(graceful=True)
    check("huey")


def test_huey_at_once(users, monkeypatch):
    monkeypatch.setattr(queues.huey, "immediate", True)
    for task in (queues.huey_loop, queues.huey_healthy, queues.huey_healthy):
        assert task().get() == NAMES
    check("huey")
