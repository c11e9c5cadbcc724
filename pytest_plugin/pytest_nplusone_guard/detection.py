"""Query loops over a whole suite: each test is watched, and what is found is gathered."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_nplusone_guard.collecting import IDLE, TITLE, Collected, Ran
from pytest_nplusone_guard.declarations import Mode, deselected_key, django_is_configured
from pytest_nplusone_guard.fixtures import is_verbose
from pytest_nplusone_guard.items import around_function
from pytest_nplusone_guard.marks import UNMARKED, marked_key
from pytest_nplusone_guard.options import Options, read_options
from pytest_nplusone_guard.workers import (
    are_grouped,
    hand_width_on,
    is_worker,
    output_of,
    raise_refused,
    width_of,
    without_group,
)

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import Finding
    from nplusone_guard.report.joining import Found, Gathering
    from nplusone_guard.report.session import SessionReport
    from pytest_nplusone_guard.ending import Ending
    from pytest_nplusone_guard.judging import Watched, Watcher
    from pytest_nplusone_guard.ratchet import Ratchet

    #: The ids that the ratchet holds, the number of queries, and everything else.
    Gathered = tuple[list[str], int, SessionReport]

#: The attribute of a report that carries what was found, as JSON, from any process.
ATTRIBUTE: Final = "nplusone_guard"
NAME: Final = "nplusone_guard_suite"
#: What a test's reports are of; one of a crash is of none.
PHASES: Final = ("setup", "call", "teardown")
PROPERTIES: Final = ("nplusone_queries", "nplusone_findings")
OLDEST_PYTEST: Final = (8, 0)


class Suite:
    """The hooks of detection; registered once a run, or a marker in it, asks for it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.options: Options = read_options(config)
        self.is_worker = is_worker(config)
        #: What a test is called in any run.
        self._name = without_group if are_grouped(config) else str
        self.collected = Collected()
        self.ran = Ran()
        #: What the tests have found; there once the first of them has reported.
        self._gathering: Gathering | None = None
        #: What a test of this process was found to do, until its report is heard of.
        self._held: dict[str, Watched] = {}
        self._process = os.getpid()
        self._is_child = False
        #: What was recorded; there once anything is watched.
        self._ratchet: Ratchet | None = None
        #: There once a test is watched.
        self._watcher: Watcher | None = None
        #: There once all tests have run.
        self._ending: Ending | None = None
        if self.options.mode != "off":
            self._activate()

    # ── before the tests ──────────────────────────────────────────────────────────────

    def see(self, items: list[pytest.Item]) -> None:
        """Switch on where the marker of a test asks for it."""
        if self._ratchet is None and any(self._mode(item) != "off" for item in items):
            self._activate()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what was collected; a controller of workers has no tests."""
        self.collected.tests = len(session.items)
        self.collected.deselected = self.config.stash.get(deselected_key, 0)
        # No test has run yet: what failed could not be collected.
        self.collected.errors = session.testsfailed

    def _activate(self) -> Ratchet:
        from pytest_nplusone_guard import outputs, ratchet

        if pytest.version_tuple < OLDEST_PYTEST:
            oldest = ".".join(map(str, OLDEST_PYTEST))
            raise pytest.UsageError(
                f"nplusone-guard watches tests with pytest {oldest} or later; "
                f"this is {pytest.__version__}"
            )
        self._ratchet = ratchet.load(self.options, str(self.config.rootpath))
        if not self.is_worker:
            outputs.check(self.options.reports, self.options.place_of("report"))
        return self._ratchet

    def _mode(self, item: pytest.Item) -> Mode:
        if self.options.barred or not isinstance(item, pytest.Function):
            return "off"
        return item.stash.get(marked_key, UNMARKED).mode or self.options.mode

    # ── each test ─────────────────────────────────────────────────────────────────────

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch the test itself, and fail it, where it passed, with all it has found."""
        mode = self._mode(item)
        if self._ratchet is None or mode == "off" or not django_is_configured():
            return (yield)
        watched = self._watch(item, mode)
        try:
            with around_function(item, watched):
                result = yield
        except BaseException as error:
            watched.note_failure(error)
            raise
        finally:
            self._hold(item, watched)
        failure = _kept_failure(item)
        if failure is not None:
            watched.note_failure(failure)
        elif mode == "fail" and (watched.shown is not None or self._ratchet.queries is not None):
            self._fail(watched, self._ratchet)
        return result

    def _watch(self, item: pytest.Item, mode: Mode) -> Watched:
        if self._watcher is None:
            self._watcher = self._start()
        self._watcher.code.add(str(item.path))
        ignores = item.stash.get(marked_key, UNMARKED).ignores
        return self._watcher.watch(self._name(item.nodeid), mode, ignores)

    def _start(self) -> Watcher:
        from pytest_nplusone_guard import judging, testcode

        judging.start()
        return judging.Watcher(testcode.TestCode(self.config, self.options.test_paths))

    def _hold(self, item: pytest.Item, watched: Watched) -> None:
        """Keep what was found until the report of the call comes by."""
        if watched.found is None:  # the function was not called
            return
        ignores = item.stash.get(marked_key, UNMARKED).ignores
        if ignores:
            watched.note_ignores(ignores)
        _note_properties(item, watched)
        self._held[item.nodeid] = watched
        if os.getpid() != self._process and not self._is_child:
            self._is_child = True
            self.config.pluginmanager.register(_Forked(self))

    def _fail(self, watched: Watched, ratchet: Ratchet) -> None:
        __tracebackhide__ = True
        failing = tuple(each for each in watched.judged if not ratchet.passes(each))
        excess = ratchet.excess(
            watched.name,
            watched.lasting_count,
            fills=watched.fill_count,
            served=watched.served_count,
        )
        told = [excess] if excess else []
        if failing:
            watched.told = True
            width = width_of(self.config)
            told += [watched.render(failing, width), *ratchet.expiries(failing, width)]
        if told:
            watched.failed = True
            pytest.fail("\n".join(told), pytrace=False)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather what the tests have found, of whatever process they ran in."""
        if self.is_worker:
            self.pack(report)
        elif report.when == "call":
            name = self._name(report.nodeid)
            (self.ran.passed.add if report.passed else self.ran.passed.discard)(name)
            watched = self._held.pop(report.nodeid, None)
            if watched is not None and watched.found is not None:
                if watched.failed or watched.shown is not None:  # in most tests there is nothing
                    self._show(report, watched)
                self._gather(name, report.passed, *self._judged_of(watched), watched.found)
            elif (found := _unpacked(report)) is not None:
                self._gather(name, report.passed, *found)
        elif report.when not in PHASES:  # the process of the test has died
            self.collected.errors += 1

    def pack(self, report: pytest.TestReport) -> None:
        """Put what was found on the report that another process is going to read, as text."""
        watched = self._held.pop(report.nodeid, None) if report.when == "call" else None
        if watched is not None:
            self._show(report, watched)
            session = watched.session.to_json()
            setattr(report, ATTRIBUTE, json.dumps([*self._judged_of(watched), session]))

    def _show(self, report: pytest.TestReport, watched: Watched) -> None:
        if watched.failed:
            from pytest_nplusone_guard import failures

            failures.as_of_test(report, self.config)
        known: list[Finding] = []
        new: list[Finding] = []
        for each in watched.untold:
            is_known = self._ratchet is not None and self._ratchet.is_known(each)
            (known if is_known else new).append(each)
        if not is_verbose(self.config):
            known.clear()
        for title, findings in ((TITLE, new), (f"known {TITLE}", known)):
            if findings:
                text = watched.render(tuple(findings), width_of(self.config))
                report.sections.append((title, text))

    def _judged_of(self, watched: Watched) -> tuple[list[str], int]:
        """The findings that the ratchet holds, and the number of queries that it records."""
        # A test that is marked to report only is none of them.
        held = watched.shown is not None and (
            watched.mode == "fail" or self.options.mode == "report"
        )
        return [each.id for each in watched.judged] if held else [], watched.lasting_count

    def _gather(
        self,
        name: str,
        passed: bool,
        judged: list[str],
        count: int,
        found: Found,
    ) -> None:
        self.ran.note(name, passed, judged, count)
        if self._gathering is None:
            from nplusone_guard.report.joining import Gathering

            self._gathering = Gathering()
        self._gathering.add(found)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note that a test has run; a controller hears of those of its workers."""
        self.ran.finished.add(self._name(nodeid))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist what it cannot see."""
        hand_width_on(node)

    # ── after the tests ───────────────────────────────────────────────────────────────

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add what a worker of pytest-xdist has collected."""
        raise_refused(node)
        data = getattr(node, "workeroutput", {}).get(ATTRIBUTE)
        if data is not None:
            self.collected.add(data)
        else:
            self.collected.errors += 1  # it died, and what it held is lost

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Hold everything against what is recorded, and write what was asked for."""
        if self.is_worker:
            self.collected.idle = self._idle_ignores()
            output_of(self.config)[ATTRIBUTE] = self.collected.to_data()
        elif self.config.getoption("collectonly"):
            return
        elif (self._ratchet or self._gathering) is not None and exitstatus in (0, 1, 2, 5):
            from pytest_nplusone_guard.ending import Ending

            ending = Ending(self.config, self.options, self._ratchet or self._activate())
            ending.judge(self._gathered(), self.collected, self.ran)
            self._ending = ending
            if ending.fails and session.exitstatus in (0, 5):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _gathered(self) -> SessionReport:
        """What all tests have found, and the ignores of the settings that none of them needs."""
        from nplusone_guard.policy import UnusedIgnore
        from nplusone_guard.report.joining import Gathering
        from nplusone_guard.report.session import SessionReport

        gathering = self._gathering or Gathering()
        idle = self.collected.idle if self.collected.processes else self._idle_ignores()
        ignores = tuple(UnusedIgnore(*each) for each in idle or ())
        gathering.add(SessionReport(unused_ignores=ignores))
        return gathering.session()

    def _idle_ignores(self) -> list[list[str]]:
        if self._ratchet is None or not django_is_configured():
            return []
        from nplusone_guard.recording import default_policy

        policy = default_policy()
        if not policy.ignores:  # what they do need not be loaded
            return []
        from nplusone_guard.ignores.unused import unused_settings_ignores

        unused = unused_settings_ignores(policy, IDLE)
        return [[each.where, each.text, each.reason] for each in unused]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show each finding once, and how the run stands against what is recorded."""
        if self._ending is not None:
            self._ending.tell(terminalreporter)


class _Forked:
    """In a child that runs one test and hands its reports on, where nobody is told of them."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._suite.pack(report)
        return report


def switch_on(config: pytest.Config) -> Suite:
    """The hooks of detection, registered. Raises ``UsageError`` for wrong options."""
    suite: Suite | None = config.pluginmanager.get_plugin(NAME)
    if suite is None:
        suite = Suite(config)
        config.pluginmanager.register(suite, NAME)
    return suite


def _unpacked(report: pytest.TestReport) -> Gathered | None:
    """What the report of another process carries."""
    packed = getattr(report, ATTRIBUTE, None)
    if packed is None:
        return None
    from nplusone_guard.report.session import SessionReport

    judged, count, session = json.loads(packed)
    return judged, count, SessionReport.from_json(session)


def _kept_failure(item: pytest.Item) -> BaseException | None:
    """The error of a ``TestCase``, which it keeps instead of raising it."""
    kept = getattr(item, "_excinfo", None)
    return kept[0].value if kept else None


def _note_properties(item: pytest.Item, watched: Watched) -> None:
    """Numbers for JUnit's file; those of a run before, where the test is run again, go."""
    properties = item.user_properties
    if properties:
        properties[:] = [each for each in properties if each[0] not in PROPERTIES]
    ids = " ".join([each.id for each in watched.findings]) if watched.shown is not None else ""
    properties += zip(PROPERTIES, (watched.query_count, ids), strict=True)
