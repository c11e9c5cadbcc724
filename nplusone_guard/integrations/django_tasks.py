"""Django Tasks, Django's own and the backport ``django-tasks``: a scope for each task."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from nplusone_guard import correlation
from nplusone_guard.capture.faults import contain
from nplusone_guard.integrations import units


def connect(signals: ModuleType) -> None:
    """Receive the signals of ``django.tasks.signals``; again changes nothing."""
    signals.task_started.connect(_on_started, dispatch_uid="nplusone_guard")
    signals.task_finished.connect(_on_finished, dispatch_uid="nplusone_guard")


def _on_started(task_result: Any = None, **_: object) -> None:
    try:
        task_id = str(task_result.id)
        inside = correlation.current_correlation_id() is not None
        units.begin(
            task_id,
            f"task:{task_result.task.module_path}",
            correlation_id="" if inside else correlation.accept(task_id),
        )
    except Exception as error:
        contain("integrations.django_tasks", error)


def _on_finished(task_result: Any = None, **_: object) -> None:
    try:
        units.end(str(task_result.id))
    except Exception as error:
        contain("integrations.django_tasks", error)
