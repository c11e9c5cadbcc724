"""A Celery application with everything in memory, and its tasks."""

from __future__ import annotations

import threading

from celery import Celery, signals

from tests.integrations import work

app = Celery(
    "tests.integrations", broker="memory://", backend="cache+memory://", set_as_current=False
)
app.conf.update(
    broker_connection_retry_on_startup=True,
    broker_transport_options={"polling_interval": 0.01},
)


@signals.setup_logging.connect
def leave_logging_alone(**_):
    """The workers run in the process of the tests, whose logging is pytest's."""


@app.task(name="tasks.loop")
def loop(*_):
    return work.loop()


@app.task(name="tasks.healthy")
def healthy(*_):
    return work.healthy()


@app.task(name="tasks.failing")
def failing():
    work.failing()


@app.task(name="tasks.retried", bind=True, max_retries=2)
def retried(self):
    """Fails twice; the third try succeeds."""
    work.loop() if self.request.retries else work.healthy()
    if self.request.retries < 2:
        raise self.retry(exc=work.Broken("not yet"), countdown=0)
    return self.request.retries


@app.task(name="tasks.parent")
def parent():
    """Runs one task in its own place, and asks for another one."""
    work.healthy()
    names = loop.apply().result
    healthy.apply_async(queue="solo")
    return names


@app.task(name="tasks.leaving")
def leaving():
    work.healthy()
    raise SystemExit(3)


#: Two tasks meet here in the middle of their loops.
meeting = threading.Barrier(2)


@app.task(name="tasks.meeting")
def meet(name):
    work.loop()
    meeting.wait(timeout=10)
    work.loop()
    return name
