"""A Celery worker of the example project: a process of its own, for one block.

Its messages and results are files in a folder, so that no broker is needed. What a task took is
what the guard in the worker says of it: one line of JSON for each report.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from apps.demo.servers import require, stop

TASK = "background_tasks.wellness_report"
COMMAND = (
    "-m celery -A background_tasks.celery_tasks worker --pool solo --loglevel WARNING "
    "--without-gossip --without-mingle --without-heartbeat"
)
#: Where messages are written, within the folder of the worker.
OUTBOX = "outbox"
#: Seconds that a task may take until its report is there, the worker's start included.
PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that runs: its process, the client that asks it, and its guard's reports."""

    process: subprocess.Popen[bytes]
    client: Any
    reports: Path
    log: Path

    def report(self, variant: str, tenants: int) -> tuple[int, float]:
        """Queries and seconds of the wellness report as a task, as the worker's guard counted them.

        Raises ``CommandError`` where the worker has ended, or takes too long.
        """
        asked = self.client.send_task(TASK, (variant, tenants))
        hand_over(self.log.parent)
        line = self._line_of(asked.id)
        asked.forget()
        return line["queries"], line["seconds"]

    def _line_of(self, task_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            for line in read_lines(self.reports):
                # A task that nobody watched asks for has its own id to correlate by.
                if line.get("correlation_id") == task_id:
                    return line
            time.sleep(0.02)
        said = self.log.read_text(errors="replace").strip()[-2000:] or "nothing"
        last = said.splitlines()[-1]
        raise CommandError(f"The worker reported no task. It ended with: {last}\n{said}")


def hand_over(folder: Path) -> None:
    """Move the messages that were written to where the worker reads, each in one step.

    Written there, one could be read while it is still empty, and that ends a worker.
    """
    for message in (folder / OUTBOX).iterdir():
        message.rename(folder / message.name)


def read_lines(reports: Path) -> Iterator[dict[str, Any]]:
    """The reports written so far; a line without its end is still being written."""
    text = reports.read_text() if reports.exists() else ""
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)


@contextmanager
def working() -> Iterator[Worker]:
    """A worker on the database of this process.

    Raises ``CommandError`` where Celery is not installed, or no other process sees the database.
    """
    require("celery")
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        raise CommandError("no worker sees a database in memory.")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "worker.log")
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 -- this Python, and the words above
                [sys.executable, *COMMAND.split()],
                env={**os.environ, **environment(folder)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            yield Worker(process, client(folder), Path(folder, "reports"), log)
        finally:
            stop(process)


def environment(folder: str) -> dict[str, str]:
    """What the worker's settings read: the guard logs, and all that is exchanged is in ``folder``."""
    return {
        "PYTHONPATH": os.pathsep.join(
            filter(None, (str(settings.BASE_DIR), os.environ.get("PYTHONPATH")))
        ),
        "DEBUG": "0",
        "GUARD_MODE": "log",
        "GUARD_LOG": os.path.join(folder, "reports"),
        "CELERY_FOLDER": folder,
    }


def client(folder: str) -> Any:
    """A Celery application that asks the worker whose folder this is."""
    from celery import Celery

    outbox = Path(folder, OUTBOX)
    outbox.mkdir()
    options = {
        "data_folder_in": folder,
        "data_folder_out": str(outbox),
        "control_folder": folder,
    }
    asking = Celery(set_as_current=False, broker="filesystem://", backend=f"file://{folder}")
    asking.conf.broker_transport_options = options
    return asking
