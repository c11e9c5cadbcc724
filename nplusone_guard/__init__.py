"""N+1 query detection for Django: every query loop found, only loops, and the fix named."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nplusone_guard.budgets import assert_max_queries
    from nplusone_guard.exceptions import (
        ConfigError,
        MaxQueriesExceeded,
        NPlusOneDetected,
        NPlusOneGuardError,
        NPlusOneWarning,
    )
    from nplusone_guard.growth import aassert_constant_queries, assert_constant_queries
    from nplusone_guard.guard import watch
    from nplusone_guard.ignores.blocks import ignore
    from nplusone_guard.report.model import Report

__all__ = [
    "ConfigError",
    "MaxQueriesExceeded",
    "NPlusOneDetected",
    "NPlusOneGuardError",
    "NPlusOneWarning",
    "Report",
    "aassert_constant_queries",
    "assert_constant_queries",
    "assert_max_queries",
    "ignore",
    "watch",
]

_HOMES = {
    "ConfigError": "exceptions",
    "MaxQueriesExceeded": "exceptions",
    "NPlusOneDetected": "exceptions",
    "NPlusOneGuardError": "exceptions",
    "NPlusOneWarning": "exceptions",
    "Report": "report.model",
    "aassert_constant_queries": "growth",
    "assert_constant_queries": "growth",
    "assert_max_queries": "budgets",
    "ignore": "ignores.blocks",
    "watch": "guard",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("nplusone-guard")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
