"""Breaks one thing after the other, runs the 15 checks each time, and prints which fail, as JSON.

Run as a program with the example project's own settings; ``test_checks`` reads it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import project  # noqa: F401 -- sets Django up, before the models are imported

# isort: split
from apps.demo import checks
from apps.demo.seeding import Amounts, seed_database
from apps.peoples.models import People
from apps.y_helpdesk import paging, views
from background_tasks import journal_wellness_tasks as wellness
from django.core.management import call_command
from django.db import connection, migrations
from django.http import HttpRequest, JsonResponse

CURE = views.LOAD_PEOPLES["fixed"]
INDEX = "tracking_device_idx"
Breaking = Iterator[None]


def main() -> None:
    # A status of 500 is logged, each time.
    logging.disable()
    call_command("migrate", verbosity=0)
    seed_database(Amounts(20, 120, 300, 300, 1), 7, lambda *_: None)
    print(json.dumps({name: failed(broken) for name, broken in BROKEN.items()}))


def failed(broken: Callable[[], Any]) -> dict[str, str]:
    """The checks that fail inside ``broken``, with their evidence."""
    with broken():
        return {one.title: one.evidence for one in checks.run_checks("fixed") if not one.passed}


@contextmanager
def nothing() -> Breaking:
    yield


@contextmanager
def without_index(instead: str = "") -> Breaking:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {INDEX}")
        if instead:
            cursor.execute(f"CREATE INDEX {INDEX} ON attendance_tracking ({instead})")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {INDEX}")
        cursor.execute(f"CREATE INDEX {INDEX} ON attendance_tracking (deviceid)")


@contextmanager
def migrating_also(operation: migrations.RunPython) -> Breaking:
    module = import_module("apps.attendance.migrations.0031_add_tracking_performance_indexes")
    module.Migration.operations.append(operation)
    yield
    module.Migration.operations.remove(operation)


@contextmanager
def the_loop() -> Breaking:
    cure = wellness.VARIANTS["fixed"]
    wellness.VARIANTS["fixed"] = wellness.wellness_claimed
    yield
    wellness.VARIANTS["fixed"] = cure


@contextmanager
def capped_at(most: int) -> Breaking:
    paging.MOST = most
    yield
    paging.MOST = 100


@contextmanager
def answering(view: Callable[[HttpRequest], JsonResponse]) -> Breaking:
    views.LOAD_PEOPLES["fixed"] = view
    yield
    views.LOAD_PEOPLES["fixed"] = CURE


def changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[HttpRequest], JsonResponse]:
    """The cure's answer after ``change``, with its status."""

    def view(request: HttpRequest) -> JsonResponse:
        answer = CURE(request)
        content = json.loads(answer.content)
        change(content)
        return JsonResponse(content, status=answer.status_code)

    return view


def raising(request: HttpRequest) -> JsonResponse:
    raise RuntimeError(request.path)


def without_order(request: HttpRequest) -> JsonResponse:
    rows = People.objects.getPeoplesForEscForm(request).order_by("?")
    try:
        return JsonResponse(paging.PageRequest.read(request.GET).of(rows))
    except paging.PagingError as error:
        return JsonResponse({"error": str(error)}, status=400)


def do_nothing(*_: Any) -> None:
    """Forwards."""


def delete_some(apps: Any, _editor: Any) -> None:
    apps.get_model("attendance", "Tracking").objects.filter(pk__lt=10).delete()


BROKEN: dict[str, Callable[[], Any]] = {
    "nothing": nothing,
    "index dropped": without_index,
    "index of another column": lambda: without_index("latitude"),
    "no way back": lambda: migrating_also(migrations.RunPython(do_nothing)),
    "rows lost on the way": lambda: migrating_also(migrations.RunPython(do_nothing, delete_some)),
    "loop": the_loop,
    "error": lambda: answering(raising),
    "nothing in the answer": lambda: answering(changed(dict.clear)),
    "order by chance": lambda: answering(without_order),
    "nobody on a page": lambda: answering(changed(lambda page: page.get("items", []).clear())),
    "one too many": lambda: answering(
        changed(lambda page: page.update(total_count=page.get("total_count", 0) + 1))
    ),
    "no message": lambda: answering(changed(lambda page: page.pop("error", None))),
    "cap of 110": lambda: capped_at(110),
}

if __name__ == "__main__":
    main()
