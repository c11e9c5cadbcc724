"""Asks a Celery worker for the wellness report, and where there can be none; prints what came back.

Run as a program with the example project's own settings; ``test_tasks`` reads it.
"""

# ruff: noqa: E402 (models can be imported only after django.setup())

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "example_project"))
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

import django

django.setup()

from apps.demo import worker
from apps.demo.seeding import Amounts, seed_database
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection


def main() -> None:
    call_command("migrate", verbosity=0)
    seed_database(Amounts(3, 9, 90), 7, lambda *_: None)
    with worker.working() as asked:
        queries = {
            variant: asked.report(variant, 3)[0] for variant in ("before", "claimed", "fixed")
        }
        lines = list(worker.read_lines(asked.reports))
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
                "unfinished": unfinished,
                "ended": asked.process.poll() is not None,
                "refused": refused,
            }
        )
    )


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
