"""The recipes of docs/tasks.md: jobs of RQ, Dramatiq and Huey under ``@watch``."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.stub import StubBroker
from huey import MemoryHuey

from nplusone_guard import watch
from tests.integrations import work

#: The reports in the order of their ends.
reports = []

broker = StubBroker()
huey = MemoryHuey("tests", immediate=False)


@watch("rq:loop", kind="task", on_report=reports.append)
def rq_loop():
    return work.loop()


@watch("rq:healthy", kind="task", on_report=reports.append)
def rq_healthy():
    return work.healthy()


@dramatiq.actor(broker=broker, max_retries=0)
@watch("dramatiq:loop", kind="task", on_report=reports.append)
def dramatiq_loop():
    work.loop()


@dramatiq.actor(broker=broker, max_retries=0)
@watch("dramatiq:healthy", kind="task", on_report=reports.append)
def dramatiq_healthy():
    work.healthy()


@huey.task()
@watch("huey:loop", kind="task", on_report=reports.append)
def huey_loop():
    return work.loop()


@huey.task()
@watch("huey:healthy", kind="task", on_report=reports.append)
def huey_healthy():
    return work.healthy()
