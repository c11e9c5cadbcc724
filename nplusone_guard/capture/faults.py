"""Faults inside the guard: caught where they happen, logged once, counted in the report."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Final

logger = logging.getLogger("nplusone_guard")

#: Different faults that one report names.
MAX_FAULTS: Final = 20

_logged: set[str] = set()


def contain(where: str, error: BaseException, errors: list[str] | None = None) -> None:
    """Log ``error`` once in this process and note it in ``errors``, a scope's list."""
    line = f"{where}: {type(error).__name__}: {error}"[:300]
    if errors is not None and line not in errors and len(errors) < MAX_FAULTS:
        errors.append(line)
    key = f"{where}:{type(error).__name__}"
    if key in _logged:
        return
    _logged.add(key)
    with suppress(Exception):  # a handler of the application's own may raise
        logger.error(
            "nplusone-guard failed in %s; the application goes on. Logged once.",
            where,
            exc_info=(type(error), error, error.__traceback__),
        )


def forget_logged() -> None:
    """Log every fault anew (for tests)."""
    _logged.clear()
