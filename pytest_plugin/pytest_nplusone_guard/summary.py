"""The terminal summary: totals, each finding once, the tests that reach it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from nplusone_guard.report import summary

if TYPE_CHECKING:
    from nplusone_guard.report.session import SessionReport

#: Findings that are told in full without ``-v``.
MAX_FINDINGS: Final = 20


def write_summary(terminal: Any, session: SessionReport) -> None:
    """Write what all tests together have found."""
    terminal.section("query loops", sep="=")
    for line in _lines(terminal, session):
        terminal.line(line)


def _lines(terminal: Any, session: SessionReport) -> list[str]:
    verbose = terminal.config.get_verbosity() > 0
    most = len(session) if verbose else MAX_FINDINGS
    shown = replace(session, findings=session.findings[:most])
    text = summary.render(
        shown,
        width=max(terminal._tw.fullwidth, 60),
        base_dir=str(terminal.config.rootpath),
        show_cleared=verbose,
    )
    lines = [summary.totals(session), *text.split("\n")[1:]]
    more = len(session) - most
    if more > 0:
        lines.append(f" {more:,} more: -v shows them all")
    return lines
