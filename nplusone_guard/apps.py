"""The Django application: what starts when Django has started."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TextIO

from django.apps import AppConfig
from django.conf import settings

from nplusone_guard.capture.faults import contain


class NPlusOneGuardConfig(AppConfig):
    """Installs the hook, the checks, the request signals and, under DEBUG, the console."""

    name = label = "nplusone_guard"
    verbose_name = "N+1 guard"

    def ready(self) -> None:
        """Start each part; one that fails is logged and keeps none of the others back."""
        for start in (_install_hook, _register_checks, _connect_signals, log_to_console):
            _contained(start)


def _contained(start: Callable[[], None]) -> None:
    try:
        start()
    except Exception as error:  # noqa: BLE001 - the application starts all the same
        contain(f"apps.{start.__name__}", error)


def _install_hook() -> None:
    from nplusone_guard.capture import hook

    hook.install()


def _register_checks() -> None:
    from nplusone_guard import checks

    checks.register()


def _connect_signals() -> None:
    from nplusone_guard.middleware import connect_signals

    connect_signals()


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error whatever no other handler would write.

    Python's last resort shows warnings only, and Django's own logging configures
    ``django`` alone, so that without this a first request would show nothing.
    """

    def __init__(self) -> None:
        logging.Handler.__init__(self)  # the stream is a property: it may be replaced

    @property
    def stream(self) -> TextIO:
        """Standard error as it is now."""
        return sys.stderr

    def filter(self, record: logging.LogRecord) -> bool | logging.LogRecord:
        """Nothing where a handler of the application's own gets the record, too."""
        return not _others(self) and super().filter(record)


def _others(ours: logging.Handler) -> bool:
    """Whether a record of our logger reaches another handler, as logging walks up."""
    logger: logging.Logger | None = logging.getLogger("nplusone_guard")
    while logger is not None:
        if any(handler is not ours for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def log_to_console() -> None:
    """Under DEBUG, show our log on standard error unless logging is configured for it."""
    logger = logging.getLogger("nplusone_guard")
    if not settings.DEBUG or logger.hasHandlers():
        return
    logger.addHandler(ConsoleHandler())
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
