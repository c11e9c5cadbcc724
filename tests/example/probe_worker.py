"""Asks a Celery worker for the wellness report, and where there can be none; prints what came back.

Run as a program with the example project's own settings; ``test_tasks`` reads it.
"""

from __future__ import annotations

import json
import sys

import project  # sets Django up, before the models are imported

# isort: split
from apps.demo import worker
from django.core.management.base import CommandError
from django.db import connection


def main() -> None:
    project.seed()
    with worker.working() as asked:
        queries = {
            variant: asked.report(variant, 3)[0] for variant in ("before", "claimed", "fixed")
        }
        lines = list(worker.read_lines(asked.reports))
        handed_over = messages(asked)
        with asked.reports.open("a") as reports:
            reports.write('{"name": "half a li')
        unfinished = list(worker.read_lines(asked.reports)) == lines
    refused = [refusal(), refusal(COMMAND="-c raise")]
    connection.settings_dict["NAME"] = ":memory:"
    refused.append(refusal())
    sys.modules["celery"] = None  # type: ignore[assignment]  # as if it were not installed
    refused.append(refusal())
    print(
        json.dumps(
            {
                "queries": queries,
                "lines": lines,
                "handed_over": handed_over,
                "unfinished": unfinished,
                "ended": asked.process.poll() is not None,
                "refused": refused,
            }
        )
    )


def messages(asked: worker.Worker) -> list[int]:
    """How many messages lie before the worker: after sending one, and once it was handed over.

    They are of a queue that no worker reads.
    """
    folder = asked.log.parent
    asked.client.send_task("nothing", queue="unread")
    sent = len(list(folder.glob("*.unread.msg")))
    worker.hand_over(folder)
    return [sent, len(list(folder.glob("*.unread.msg")))]


def refusal(**changed: str) -> str:
    """What a worker's first task is refused with; empty if it is not."""
    kept = {name: getattr(worker, name) for name in changed}
    vars(worker).update(changed)
    try:
        with worker.working() as asked:
            asked.report("fixed", 1)
    except CommandError as error:
        return str(error)
    finally:
        vars(worker).update(kept)
    return ""


if __name__ == "__main__":
    main()
