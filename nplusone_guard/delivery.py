"""What becomes of a report, by ``Policy.mode``: a log record, warnings, or one exception."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterable
from contextlib import nullcontext, suppress
from typing import Any, Final

from nplusone_guard.analysis.findings import Finding
from nplusone_guard.capture.faults import contain
from nplusone_guard.exceptions import NPlusOneDetected, NPlusOneWarning
from nplusone_guard.policy import Policy
from nplusone_guard.report import columns, text
from nplusone_guard.report.model import Report

logger = logging.getLogger("nplusone_guard")

#: Findings remembered as logged; the ones longest unseen go first.
MAX_LOGGED: Final = 4_096
#: Files without a module, such as templates, whose warnings are remembered.
MAX_FILES: Final = 1_024

_logged: dict[str, None] = {}
_registries: dict[str, dict[Any, Any]] = {}
_lock = threading.Lock()


def deliver(report: Report, policy: Policy, *, exception: BaseException | None = None) -> None:
    """Hand ``report`` on as ``policy.mode`` says.

    ``log``: one record, INFO, or WARNING where there are findings; a finding that this
    process logged before takes one line of it. ``warn``: an ``NPlusOneWarning`` at the
    line of each finding, shown as often as Python's warning filters say. ``raise``:
    ``NPlusOneDetected`` if a finding fails by the policy; what does not fail is logged.

    Never raises where ``exception``, the application's own, is on its way, and never
    because of a fault in here.
    """
    try:
        _MODES[policy.mode](report, policy, exception)
    except (NPlusOneDetected, NPlusOneWarning):
        raise
    except Exception as error:
        with suppress(Exception):  # A broken handler is no reason to fail, either.
            contain("delivery", error)


def is_heard(findings: Collection[Finding], policy: Policy) -> bool:
    """Whether anybody is told of a report with these ``findings``: else it need not be made.

    Most requests have none, and only mode ``log`` says so, where level INFO is listened to.
    """
    if policy.mode == "log":
        return logger.isEnabledFor(logging.WARNING if findings else logging.INFO)
    return policy.mode != "off" and bool(findings)


def deliver_unraised(report: Report, policy: Policy) -> None:
    """As ``deliver``, where what is raised would change what the application has done.

    What would be raised (mode ``raise``, and warnings that a filter makes errors) is a
    log record of level ERROR instead.
    """
    try:
        deliver(report, policy)
    except (NPlusOneDetected, NPlusOneWarning):
        try:
            _log(report, policy, None, level=logging.ERROR)
        except Exception as error:
            contain("delivery", error)


def forget_logged() -> None:
    """Log every finding in full, and warn about it, as if for the first time (for tests)."""
    with _lock:
        _logged.clear()
        _registries.clear()


def _off(report: Report, policy: Policy, exception: BaseException | None) -> None:
    """Mode ``off``: nobody is told."""


def _log(
    report: Report, policy: Policy, exception: BaseException | None, level: int | None = None
) -> None:
    level = level or (logging.WARNING if report.findings else logging.INFO)
    if not logger.isEnabledFor(level):
        return
    ids = [finding.id for finding in report.findings]
    message = text.render(
        report,
        show_cleared=policy.show_cleared,
        base_dir=policy.base_dir,
        brief_ids=_logged_before(ids),
    )
    # No key of `extra` may be one of the record's own, as `name` is.
    extra = {
        "report_name": report.name,
        "report_kind": report.kind,
        "query_count": report.query_count,
        "query_time": report.query_time,
        "wall_time": report.wall_time,
        "finding_ids": ids,
        "correlation_id": report.correlation_id,
    }
    logger.log(level, message, extra=extra)


def _logged_before(ids: Iterable[str]) -> set[str]:
    """Those of ``ids`` that were asked for before; from now on all of them were."""
    with _lock:
        known = {each for each in ids if each in _logged}
        for each in ids:
            _logged.pop(each, None)
            _logged[each] = None
        _drop_oldest(_logged, MAX_LOGGED)
    return known


def _drop_oldest(remembered: dict[str, Any], limit: int) -> None:
    for each in list(remembered)[: max(len(remembered) - limit, 0)]:
        del remembered[each]


def _warn(report: Report, policy: Policy, exception: BaseException | None) -> None:
    # A filter may make the warning an error.
    silent = suppress(NPlusOneWarning) if exception is not None else nullcontext()
    for finding in report.findings:
        with silent:
            _warn_of(finding)


def _warn_of(finding: Finding) -> None:
    site = finding.site
    plain = columns.clean(f"{finding.rule}: {finding.summary}; fix: {finding.advice.text}")
    told = _Text(plain)
    told.key = finding.id
    warning = NPlusOneWarning(told)
    module, registry = _module_of(site.file)
    try:
        warnings.warn_explicit(
            warning, NPlusOneWarning, site.file, site.line, module=module, registry=registry
        )
    finally:
        # Whoever recorded the warning shall find a string like any other: pytest-xdist
        # sends it to another process.
        warning.args = (plain,)


class _Text(str):
    """A warning's text that is equal to another of the same finding.

    Python remembers a warning that was shown by its text. With the count in it, every
    request would show it again, and the memory would grow.
    """

    __slots__ = ("key",)

    key: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Text) and self.key == other.key

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self  # str() would make it a plain string.


def _module_of(file: str) -> tuple[str, dict[Any, Any]]:
    """The name of the module made from ``file``, and where Python remembers its warnings."""
    for module in list(sys.modules.values()):
        # Not getattr(): lazy modules import others when asked.
        names = getattr(module, "__dict__", {})
        if names.get("__file__") == file and "__name__" in names:
            return names["__name__"], names.setdefault("__warningregistry__", {})
    with _lock:
        registry = _registries.setdefault(file, {})
        _drop_oldest(_registries, MAX_FILES)
    return file.removesuffix(".py"), registry  # As warnings itself would name it.


def _raise(report: Report, policy: Policy, exception: BaseException | None) -> None:
    if exception is None and any(
        policy.fails(finding.rule, finding.severity) for finding in report.findings
    ):
        raise NPlusOneDetected(report)
    if report.findings:
        _log(report, policy, exception)


_MODES: dict[str, Callable[[Report, Policy, BaseException | None], None]] = {
    "off": _off,
    "log": _log,
    "warn": _warn,
    "raise": _raise,
}
