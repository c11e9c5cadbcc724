"""Runs the wellness report through a Celery worker and as a Django Task; prints what came back.

Run as a program with the example project's own settings; ``test_tasks`` reads it.
"""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import project  # sets Django up, before the models are imported

# isort: split
import django
from background_tasks.journal_wellness_tasks import build_wellness_report


def main() -> None:
    project.seed()
    expected = json.loads(json.dumps(build_wellness_report().as_dict()))
    ways = {"celery": by_celery, "django": by_django}
    needed = {"celery": "celery", "django": "django_tasks"}
    if django.VERSION >= (6, 0):
        needed["django"] = "django"
    there = {name: way for name, way in ways.items() if importlib.util.find_spec(needed[name])}
    print(
        json.dumps(
            {
                name: [way(v) == expected for v in ("claimed", "fixed")]
                for name, way in there.items()
            }
        )
    )


def by_celery(variant: str) -> Any:
    """From a worker in a thread of its own, by way of a broker in memory."""
    from background_tasks.celery_tasks import app, wellness_report
    from celery.contrib.testing.worker import start_worker

    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        return wellness_report.delay(variant).get(timeout=60)


def by_django(variant: str) -> Any:
    """At once: that is what Django's default backend does."""
    from background_tasks.django_tasks import wellness_report

    return wellness_report.enqueue(variant).return_value


if __name__ == "__main__":
    main()
