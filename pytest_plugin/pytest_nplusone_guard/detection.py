"""Query loops over a whole suite: each test is watched, and what is found is gathered."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nplusone_guard.items import around_function
from pytest_nplusone_guard.marks import Marked, marked_key, read_markers
from pytest_nplusone_guard.options import Mode, Options, django_is_configured, read_options

if TYPE_CHECKING:
    from nplusone_guard.report.session import SessionReport
    from pytest_nplusone_guard.judging import Watched
    from pytest_nplusone_guard.testcode import TestCode

#: What a test was found to do, until its report is made.
watched_key: Final = pytest.StashKey["Watched"]()
#: The attribute of a report that carries a session as JSON from worker to controller.
ATTRIBUTE: Final = "nplusone_guard"
TITLE: Final = "query loops"
PROPERTIES: Final = ("nplusone_queries", "nplusone_findings")


class Suite:
    """The hooks of detection. While it is off, each returns at once."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.options = Options("off")
        self.is_worker = hasattr(config, "workerinput")
        #: Whether anything is or was watched in this run.
        self.active = False
        self.parts: list[SessionReport] = []
        self._code: TestCode | None = None

    # ── before the tests ──────────────────────────────────────────────────────────────

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Read the options, once Django's settings are there."""
        self.options = read_options(self.config)
        if self.options.mode != "off":
            self._activate()

    def pytest_report_header(self) -> str | None:
        """Which mode holds, and who says so."""
        if not self.options.source:
            return None
        return f"nplusone: {self.options.mode} (from {self.options.source})"

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Read the markers; one that asks for a test to be watched switches on."""
        read_markers(items)
        if not self.active and any(self._mode(item) != "off" for item in items):
            self._activate()

    def _activate(self) -> None:
        self.active = True

    def _mode(self, item: pytest.Item) -> Mode:
        if self.options.barred or not isinstance(item, pytest.Function):
            return "off"
        return item.stash.get(marked_key, Marked()).mode or self.options.mode

    # ── each test ─────────────────────────────────────────────────────────────────────

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch the test itself, and fail it, where it passed, with all it has found."""
        if watched_key in item.stash:  # of a run before: the test is run again
            del item.stash[watched_key]
        mode = self._mode(item) if self.active else "off"
        if mode == "off" or not django_is_configured():
            return (yield)
        watched = self._watch(item)
        with around_function(item, watched.opening):
            result = yield
        failing = watched.failing(self.known) if mode == "fail" else ()
        if failing and not _has_failed(item):
            watched.told = True
            pytest.fail(watched.render(failing), pytrace=False)
        return result

    def _watch(self, item: pytest.Item) -> Watched:
        from pytest_nplusone_guard import judging, testcode

        if self._code is None:
            self._code = testcode.TestCode(self.config, self.options.test_paths)
        self._code.add(str(item.path))
        marked = item.stash.get(marked_key, Marked())
        policy = judging.policy_for(self.config, marked.ignores)
        watched = item.stash[watched_key] = judging.Watched(item.nodeid, policy, self._code)
        return watched

    @property
    def known(self) -> frozenset[str]:
        """The ids of findings that pass."""
        return frozenset()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put what was found on the report of the call."""
        watched = item.stash.get(watched_key, None) if call.when == "call" else None
        if watched is None:
            return (yield)
        marked = item.stash.get(marked_key, Marked())
        watched.note_ignores(marked.ignores)
        _note_properties(item, watched)
        report = yield
        setattr(report, ATTRIBUTE, watched.session.to_json())
        if watched.findings and not watched.told:
            report.sections.append((TITLE, watched.render(watched.findings)))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather what the tests have found, of whatever process they ran in."""
        found = getattr(report, ATTRIBUTE, None)
        if found is not None and not self.is_worker:
            from nplusone_guard.report.session import SessionReport

            self.active = True
            self.parts.append(SessionReport.from_json(found))

    # ── after the tests ───────────────────────────────────────────────────────────────

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show each finding once."""
        if self.is_worker or not self.parts:
            return
        from nplusone_guard.report.session import session_of
        from pytest_nplusone_guard.summary import write_summary

        write_summary(terminalreporter, session_of(*self.parts))


def _has_failed(item: pytest.Item) -> bool:
    """Whether a ``TestCase`` has an error of its own, which it keeps instead of raising it."""
    return bool(getattr(item, "_excinfo", None))


def _note_properties(item: pytest.Item, watched: Watched) -> None:
    """Numbers for JUnit's file; those of a run before, where the test is run again, go."""
    kept = [each for each in item.user_properties if each[0] not in PROPERTIES]
    queries = sum(scope.query_count for scope in watched.session.scopes)
    values = (queries, " ".join(finding.id for finding in watched.findings))
    item.user_properties[:] = [*kept, *zip(PROPERTIES, values, strict=True)]
