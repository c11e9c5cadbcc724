"""Each integration starts when the application imports what it is for, and never before."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Final

import wrapt

from nplusone_guard.capture.faults import contain

#: The module that is waited for → the module here whose ``connect()`` takes it.
INTEGRATIONS: Final = {
    "celery.signals": "celery",
    "django.core.management.base": "commands",
    "django.tasks.signals": "django_tasks",
    "django_tasks.signals": "django_tasks",
}

_awaited: set[str] = set()


def connect() -> None:
    """Connect what is imported already now, and the rest at its import; again changes nothing."""
    for awaited in INTEGRATIONS.keys() - _awaited:
        _awaited.add(awaited)
        wrapt.register_post_import_hook(partial(_connect, INTEGRATIONS[awaited]), awaited)


def _connect(name: str, module: ModuleType) -> None:
    # A fault in here would fail the application's own import.
    try:
        import_module(f"nplusone_guard.integrations.{name}").connect(module)
    except Exception as error:
        contain(f"integrations.{name}", error)
