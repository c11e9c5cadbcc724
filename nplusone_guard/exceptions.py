"""The exceptions and the warning that nplusone-guard raises on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nplusone_guard.report.model import Report


class NPlusOneGuardError(Exception):
    """Base of every error that nplusone-guard raises on purpose."""


class NPlusOneDetected(NPlusOneGuardError):
    """Query loops were found in a scope that runs in mode ``raise``.

    ``report`` is the report of that scope, with all its findings.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report

    def __reduce__(self) -> tuple[type[NPlusOneDetected], tuple[Report]]:
        return type(self), (self.report,)


class MaxQueriesExceeded(NPlusOneGuardError, AssertionError):
    """A query budget was exceeded; ``report`` is the report of the budgeted block.

    ``told`` has the ids of those of its findings that the text tells of.
    """

    def __init__(self, message: str, report: Report, told: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.report = report
        self.told = told

    def __reduce__(
        self,
    ) -> tuple[type[MaxQueriesExceeded], tuple[str, Report, frozenset[str]]]:
        return type(self), (str(self), self.report, self.told)


class ConfigError(NPlusOneGuardError, ValueError):
    """A setting, an option or a file says something that is not allowed.

    The message names the key, the value found, and what is allowed.
    """


class NPlusOneWarning(UserWarning):
    """A query loop, warned about at the user's own file and line (mode ``warn``)."""


# Filters name the public package: ``ignore::nplusone_guard.NPlusOneWarning``.
for _public in (
    NPlusOneGuardError,
    NPlusOneDetected,
    MaxQueriesExceeded,
    ConfigError,
    NPlusOneWarning,
):
    _public.__module__ = "nplusone_guard"
