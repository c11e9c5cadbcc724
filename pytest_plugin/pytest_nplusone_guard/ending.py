"""The end of a run: what was found is held against what is recorded, written and told.

Imported once all tests have run, and not by the workers of pytest-xdist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from nplusone_guard.exceptions import ConfigError
from nplusone_guard.report.session import UNUSED, SessionReport, Suite
from pytest_nplusone_guard import outputs
from pytest_nplusone_guard.collecting import TITLE, Collected, Ran, coverage
from pytest_nplusone_guard.declarations import django_is_configured
from pytest_nplusone_guard.ratchet import Tests
from pytest_nplusone_guard.workers import width_of

if TYPE_CHECKING:
    from pytest_nplusone_guard.options import Options
    from pytest_nplusone_guard.ratchet import Outcome, Ratchet


#: Columns of a summary that no terminal shows.
WIDE: Final = 200


class Ending:
    """What a whole run comes to."""

    def __init__(self, config: pytest.Config, options: Options, ratchet: Ratchet) -> None:
        self.config = config
        self.options = options
        self.ratchet = ratchet
        self.session = SessionReport()
        self.outcome: Outcome | None = None
        #: What fails the run, and what does not.
        self.problems: list[str] = []
        self.warnings: list[str] = []

    @property
    def fails(self) -> bool:
        """Whether the run fails for more than what its tests have failed for."""
        stale = self.outcome is not None and self.outcome.stale and not self.options.update
        return bool(self.problems or (stale and self.options.strict))

    # ── judging ───────────────────────────────────────────────────────────────────────

    def judge(self, found: SessionReport, collected: Collected, ran: Ran) -> None:
        """Hold everything against what is recorded, and write what was asked for."""
        known = self._known_tests()
        reached = coverage(self.config, collected, ran, known)
        reached = "part" if reached == "whole" and self.options.is_part else reached
        shards = (self.options.shard,) if self.options.shard else ()
        suite = Suite(tuple(sorted(ran.judged)), tuple(sorted(ran.unproven)), shards)
        self.session = _settled(replace(found, coverage=reached, suite=suite))
        unread = {each.finding.id for each in self.session if each.finding.rule == UNUSED}
        ran.judged |= unread
        tests = Tests(ran.counts, ran.unproven)
        try:
            self.outcome = self.ratchet.judge(
                self.session, ran.judged, tests, complete=reached == "whole"
            )
        except ConfigError as error:
            self.problems.append(str(error))
        self._note_unread(unread)
        self._write()

    def _known_tests(self) -> set[str]:
        """The tests that something is recorded of."""
        ratchet = self.ratchet
        return {entry.test for entry in ratchet.findings or ()} | {*(ratchet.queries or ())}

    def _note_unread(self, unread: set[str]) -> None:
        new = unread - (self.outcome.known if self.outcome is not None else frozenset())
        if self.options.mode == "fail" and new:
            many = len(new)
            self.problems.append(f"{many:,} eager load{'s' * (many > 1)} that no test reads")

    def _write(self) -> None:
        self.problems += outputs.write(self.options.reports, self.session, self._root)
        # All that it holds is told by the terminal as well.
        self.warnings += outputs.add_step_summary(
            self.session, self._root, self.outcome, self._standing(WIDE), fails=self.fails
        )

    @property
    def _root(self) -> str:
        return outputs.workspace(str(self.config.rootpath))

    # ── telling ───────────────────────────────────────────────────────────────────────

    def tell(self, terminal: Any) -> None:
        """Show each finding once, and how the run stands against what is recorded."""
        terminal.section(TITLE, sep="=")
        for line in self._lines(terminal):
            terminal.line(line)
        if outputs.on_github():
            outputs.annotate(terminal, self.session, self._root, self.outcome)

    def _lines(self, terminal: Any) -> Iterator[str]:
        from pytest_nplusone_guard import summary

        if self.session.scopes:
            known, record = (self.outcome.known, self.outcome.name) if self.outcome else ((), "")
            yield from summary.lines(terminal, self.session, known, record)
        else:
            yield "no test was watched" + (
                "" if django_is_configured() else ": Django is not set up"
            )
        yield from self._standing(width_of(self.config))
        for warning in self.warnings:
            from pytest_nplusone_guard.wrapping import rows

            yield from rows(self.config, f" warning: {warning}", width_of(self.config))

    def _standing(self, width: int) -> list[str]:
        """How the run stands against what is recorded, and what else fails it."""
        verbose = self.config.get_verbosity() > 0
        notes = [f" {note}" for note in (*self.ratchet.missing, *self.problems)]
        if self.outcome is None:
            return notes
        told = self.outcome.lines(strict=self.options.strict, verbose=verbose, width=width)
        return [*told, *notes]


def _settled(session: SessionReport) -> SessionReport:
    """What nobody reads, or nothing ignores, only all tests together can tell."""
    if session.coverage != "whole" or not session.eager_loads:
        return session
    from nplusone_guard.report.settling import settled

    return settled(session)
