"""The terminal summary: totals, each finding once, the tests that reach it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, Final

from nplusone_guard.report import summary
from nplusone_guard.report.once import told_once
from nplusone_guard.report.session import SessionReport
from pytest_nplusone_guard.workers import width_of

#: Findings that are told in full without ``-v``.
MAX_FINDINGS: Final = 20


def lines(
    terminal: Any, session: SessionReport, known: Collection[str], record: str
) -> Iterator[str]:
    """What all tests together have found; what is ``known``, by ``record``, only with ``-v``."""
    verbose = terminal.config.get_verbosity() > 0
    new = [each for each in session if verbose or each.finding.id not in known]
    told = told_once(replace(session, findings=tuple(new))).findings
    most = len(told) if verbose else MAX_FINDINGS
    text = summary.render(
        replace(session, findings=told[:most]),
        width=width_of(terminal.config),
        base_dir=str(terminal.config.rootpath),
        show_cleared=verbose,
        whole=session,
        known=known,
        record=record,
    )
    yield from text.split("\n")
    hidden = len(told) - most
    if hidden > 0:
        yield f" {hidden:,} more: -v shows them, --nplusone-report=FILE.md writes them"
