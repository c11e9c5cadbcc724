"""Celery: a scope for each try of a task, by the signals that Celery sends around it."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from nplusone_guard import correlation
from nplusone_guard.capture.faults import contain
from nplusone_guard.integrations import units

#: The message header that passes the correlation id on to a task.
HEADER: Final = "nplusone_guard_correlation_id"

#: Celery's own tasks, such as ``celery.chord_unlock``, which asks again and again.
_OWN_TASKS: Final = "celery."


def connect(signals: ModuleType) -> None:
    """Receive the signals of ``celery.signals``; again changes nothing."""
    for signal, receiver in (
        (signals.before_task_publish, _on_publish),
        (signals.task_prerun, _on_prerun),
        (signals.task_postrun, _on_postrun),
    ):
        signal.connect(receiver, weak=False, dispatch_uid=f"nplusone_guard.{receiver.__name__}")


def _on_publish(headers: Any = None, **_: object) -> None:
    """Tell the task which scope has asked for it."""
    try:
        found = correlation.current_correlation_id()
        if found is not None and isinstance(headers, dict):
            headers[HEADER] = found
    except Exception as error:
        contain("integrations.celery", error)


def _on_prerun(task_id: str = "", task: Any = None, **_: object) -> None:
    try:
        if task.name.startswith(_OWN_TASKS):
            return
        request = task.request
        units.begin(
            task_id,
            f"celery:{task.name}",
            correlation_id=_correlation_id(task_id, request),
            extra={"retries": request.retries},
        )
    except Exception as error:
        contain("integrations.celery", error)


def _correlation_id(task_id: str, request: Any) -> str:
    """What came with the message, else the id of the task that all of it began with.

    Empty for a task that runs in the place of its caller, as it belongs to the scope there.
    """
    found = correlation.accept(request.get(HEADER)) or correlation.trace_id(
        request.get("traceparent")
    )
    if found or (request.is_eager and correlation.current_correlation_id()):
        return found
    return correlation.accept(request.root_id or task_id)


def _on_postrun(task_id: str = "", **_: object) -> None:
    try:
        units.end(task_id)
    except Exception as error:
        contain("integrations.celery", error)
