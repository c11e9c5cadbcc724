"""One test under watch: its scopes, what they found, and what of that fails it.

Imported when the first test is watched, and not before: it needs Django.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from nplusone_guard import live_requests
from nplusone_guard.analysis.merging import NOTHING
from nplusone_guard.capture import hook
from nplusone_guard.capture.scope import Scope
from nplusone_guard.policy import IgnoreEntry, Policy, UnusedIgnore
from nplusone_guard.recording import Recording, default_policy, open_scope
from nplusone_guard.report.build import totals
from nplusone_guard.report.joining import Found, session_of
from nplusone_guard.report.model import Report
from nplusone_guard.report.session import ScopeSummary, SessionReport
from nplusone_guard.request_units import connect_signals
from pytest_nplusone_guard.collecting import IDLE

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import Finding
    from pytest_nplusone_guard.declarations import Mode
    from pytest_nplusone_guard.testcode import TestCode


def start() -> None:
    """Do what the application does where it is installed.

    The connections of this thread are watched, which an async test uses from another one,
    and each request is a unit of its own.
    """
    hook.install()
    connect_signals()


class Watcher:
    """Begins to watch tests, each with the policy of the Django settings as it has it."""

    def __init__(self, code: TestCode) -> None:
        self.code = code
        self._policy: Policy | None = None
        #: The same with the ignores of a test before its own: made once, until it changes.
        self._adapted: dict[tuple[IgnoreEntry, ...], Policy] = {}

    def watch(self, name: str, mode: Mode, ignores: tuple[IgnoreEntry, ...]) -> Watched:
        """What one test is going to do."""
        policy = default_policy()
        if policy is not self._policy:  # a policy is hashed, and compared, by all its fields
            self._policy, self._adapted = policy, {}
        adapted = self._adapted.get(ignores)
        if adapted is None:
            adapted = self._adapted[ignores] = _adapted(policy, self.code, ignores)
        return Watched(name, mode, adapted)


def _adapted(policy: Policy, code: TestCode, ignores: tuple[IgnoreEntry, ...]) -> Policy:
    return replace(
        policy,
        ignores=(*ignores, *policy.ignores),
        base_dir=policy.base_dir or code.root,
        # The timeline of a test is shown nowhere.
        max_timeline=0,
        details=False,
        exempt=code,
    )


class Watched:
    """The scopes of one test: one, or with Hypothesis one for each example.

    Each is opened and closed by it as a context manager; the frame that enters it bounds the
    call paths.
    """

    def __init__(self, name: str, mode: Mode, policy: Policy) -> None:
        self.name = name
        self.mode = mode
        self.policy = policy
        self.found: Found | None = None
        self.shown: Report | None = None
        #: Queries to be recorded, and those that are not: they filled a cache of the process,
        #: which another test would have filled in another order, or a live server sent them,
        #: as many as its client asked for in time.
        self.lasting_count = self.fill_count = self.served_count = 0
        #: Whether the failure of the test is what was found.
        self.told = False
        #: Whether the test failed by what it did under watch, and not by itself.
        self.failed = False
        #: Ids of the findings that a failure of its own tells of.
        self._told_by_failure: frozenset[str] = frozenset()
        #: Those that are open; of two, the test's function calls itself.
        self._open: list[Recording] = []

    def __enter__(self) -> None:
        root = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe is this, optional
        recording = open_scope(self.name, "test", self.policy, root=root)
        self._open.append(recording)
        live_requests.begin(recording.scope)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        recording = self._open.pop()
        live_requests.end(recording.scope)
        self._take(recording)

    def _take(self, recording: Recording) -> None:
        """Keep what one call has found."""
        found: Found
        verdicts = recording.end()
        # As in most tests; nearly all of those have the very same verdicts.
        quiet = verdicts is NOTHING or verdicts == NOTHING
        if quiet and not recording.scope.errors:
            found = _in_numbers(recording.scope)
        else:
            found = recording.report
            if self.shown is None or len(found) > len(self.shown):
                self.shown = found
        fills, served = recording.scope.fill_count, recording.scope.served_count
        lasting = found.query_count - fills - served
        if lasting >= self.lasting_count:  # of several examples, the worst
            self.lasting_count, self.fill_count, self.served_count = lasting, fills, served
        # Joining takes longer than many a test, and most have one scope.
        self.found = found if self.found is None else session_of(self.found, found)

    @property
    def session(self) -> SessionReport:
        """Each scope once; of several, the report of each example is judged alone."""
        found = self.found
        if isinstance(found, SessionReport):
            return found
        return session_of(found) if found is not None else SessionReport()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding of the test."""
        if self.shown is None or not self.shown.findings:
            return ()
        return tuple(entry.finding for entry in self.session)

    @property
    def judged(self) -> tuple[Finding, ...]:
        """The findings that fail by the policy, unless they are known."""
        if self.shown is None:
            return ()
        return tuple(
            finding
            for finding in self.findings
            if self.policy.fails(finding.rule, finding.severity)
        )

    @property
    def query_count(self) -> int:
        """Queries of the test; of several examples, those of the worst."""
        return self.found.query_count if self.found is not None else 0

    def note_ignores(self, ignores: tuple[IgnoreEntry, ...]) -> None:
        """Let the session know the ignores of markers; it tells those without use."""
        from nplusone_guard.ignores.unused import why_unused

        unused = tuple(
            UnusedIgnore(entry.where, entry.as_code, why_unused(entry, IDLE)) for entry in ignores
        )
        session = self.session
        self.found = replace(session, unused_ignores=(*session.unused_ignores, *unused))

    def note_failure(self, error: BaseException) -> None:
        """Let the test's own failure tell what it tells of the findings."""
        told = getattr(error, "told", None)
        if isinstance(told, frozenset):  # an attribute of that name may be anybody's
            self._told_by_failure = told

    @property
    def untold(self) -> tuple[Finding, ...]:
        """The findings that the failure of the test has not told already."""
        if self.told:
            return ()
        return tuple(each for each in self.findings if each.id not in self._told_by_failure)

    def render(self, findings: tuple[Finding, ...], width: int) -> str:
        """``findings`` in full, below a line on the whole test."""
        report = self.shown
        if report is None:
            return ""
        from nplusone_guard.report import text

        shown = replace(report, findings=findings, unused_ignores=())
        return text.render(shown, width=width, base_dir=self.policy.base_dir, named=False)


def _in_numbers(scope: Scope) -> ScopeSummary:
    """A closed ``scope`` in numbers: all that there is to tell of one without any verdict."""
    count, failed, seconds, _ = totals(scope)
    return ScopeSummary(
        scope.name,
        scope.kind,
        count,
        scope.transactions,
        failed,
        seconds,
        scope.wall_time,
        scope.late,
        scope.unjudged,
    )
