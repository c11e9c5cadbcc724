"""The Django application: what starts when Django has started."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from django.apps import AppConfig
from django.conf import settings

from nplusone_guard.capture.faults import contain

logger = logging.getLogger("nplusone_guard")


class NPlusOneGuardConfig(AppConfig):
    """Installs the hook, the checks, the signals and, under DEBUG, the console."""

    name = label = "nplusone_guard"
    verbose_name = "N+1 guard"

    def ready(self) -> None:
        """Start each part; one that fails is logged and keeps none of the others back."""
        for start in (
            _install_hook,
            _register_checks,
            _connect_signals,
            _connect_integrations,
            log_to_console,
        ):
            _contained(start)


def _contained(start: Callable[[], None]) -> None:
    try:
        start()
    except Exception as error:
        contain(f"apps.{start.__name__}", error)


def _install_hook() -> None:
    from nplusone_guard.capture import hook

    hook.install()


def _register_checks() -> None:
    from nplusone_guard import checks

    checks.register()


def _connect_signals() -> None:
    from nplusone_guard.request_units import connect_signals

    connect_signals()


def _connect_integrations() -> None:
    from nplusone_guard.integrations import loading

    loading.connect()


class ConsoleHandler(logging.Handler):
    """Writes to standard error whatever no other handler would write.

    Python's last resort shows warnings only, and Django's own logging configures
    ``django`` alone, so that without this a first request would show nothing.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, unless a handler of the application's own gets it, too."""
        if _is_handled(excepting=self):
            return
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except Exception:
            self.handleError(record)


def _is_handled(*, excepting: logging.Handler) -> bool:
    """Whether a record of our logger reaches another handler, as logging walks up to the root."""
    found: logging.Logger | None = logger
    while found is not None:
        if any(handler is not excepting for handler in found.handlers):
            return True
        found = found.parent if found.propagate else None
    return False


def log_to_console() -> None:
    """Under DEBUG, show our log on standard error unless logging is configured for it."""
    if not settings.DEBUG or logger.hasHandlers():
        return
    logger.addHandler(ConsoleHandler())
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
