"""Runs that are cut short, run again, forked or killed: what they tell, and what they leave."""

from __future__ import annotations

import re
import signal

import pytest

from tests.pytest_plugin.conftest import INI, only_plugins
from tests.pytest_plugin.suite import CI_VARIABLES, told, write_suite
from tests.pytest_plugin.workers import needs_xdist

SOURCE = """
    import os
    import pytest
    from shelf.reports import count, names

    def test_count(shelf):
        count()

    def test_loop(shelf):
        names()

    def test_page(client, shelf):
        client.get("/books/")
        assert not os.environ.get("FAILING")
    """
#: Nothing of the suite has anything to do with these.
STALE = """\
{
  "schema_version": 2,
  "findings": [
    {"id": "0123456789ab", "rule": "lazy-relation", "file": "shelf/old.py", "function": "old", \
"test": "test_shelf.py::test_count"}
  ]
}
"""
IGNORES = """
NPLUSONE_GUARD = {
    "IGNORE": [
        {"path": "shelf/views.py", "reason": "the page goes"},
        {"rule": "lazy-relation", "path": "shelf/old.py", "reason": "three at most"},
    ]
}
"""
UNUSED = (
    " unused ignore at settings:",
    "   suppressed nothing; remove it.  rule='lazy-relation', path='shelf/old.py', reason='three at most'",
)


@pytest.fixture
def suite(sample, monkeypatch):
    for name in (*CI_VARIABLES, "FAILING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    write_suite(sample)
    sample.pytester.makeini(f"{INI.rstrip()}\n    nplusone_baseline = known.json\n")
    sample.write(**{"known.json": STALE, "test_shelf.py": SOURCE})
    with (sample.pytester.path / "settings.py").open("a") as settings:
        settings.write(IGNORES)
    return sample


def run(suite, *arguments: str, mode: str = "fail") -> pytest.RunResult:
    """As a user runs it: with pytest's cache, so that ``--lf`` knows what failed."""
    return suite.pytester.runpytest_subprocess(
        *only_plugins(arguments), f"--nplusone={mode}", *arguments
    )


def loops_and_notes(result) -> list[str]:
    """The summary without what is told of each finding."""
    kept = [
        line
        for line in told(result).splitlines()
        if not re.match(r"   (fix|query|loop|loaded) ", line)
    ]
    return [re.sub(r"\[\w{12}\]", "[ID]", line) for line in kept]


UNJUDGED = "   stale entries are not judged: not all tests ran"
LOOP = " lazy-relation  3 × SELECT shelf_author  0 ms  3 of 3 queries avoidable  [ID]"
WHOLE = [
    "3 tests: 9 queries in 0 ms, 1 query loop, 3 queries avoidable",
    LOOP,
    "   test    test_shelf.py::test_loop",
    " cleared: 1 ignored",
    *UNUSED,
    " baseline known.json: 0 known, 1 new, 1 stale",
    "   stale  lazy-relation  shelf/old.py old  [ID]",
    "   no longer found; --nplusone-update-baseline=prune removes them",
]


def test_a_whole_run_tells_what_is_gone_and_what_ignores_nothing(suite):
    result = run(suite)
    result.assert_outcomes(passed=2, failed=1)
    assert loops_and_notes(result) == WHOLE


def test_x_tells_what_was_found_before_and_judges_nothing_else(suite):
    result = run(suite, "-x", "--nplusone-strict")
    result.assert_outcomes(passed=1, failed=1)
    assert loops_and_notes(result) == [
        "2 tests: 5 queries in 0 ms, 1 query loop, 3 queries avoidable",
        LOOP,
        "   test    test_shelf.py::test_loop",
        " baseline known.json: 0 known, 1 new",
        UNJUDGED,
    ]


def test_lf_judges_nothing_that_it_did_not_run_and_ff_judges_everything(suite):
    run(suite).assert_outcomes(passed=2, failed=1)

    result = run(suite, "--lf", "--nplusone-strict")
    result.assert_outcomes(failed=1)
    assert loops_and_notes(result) == [
        "1 test: 4 queries in 0 ms, 1 query loop, 3 queries avoidable",
        LOOP,
        "   test    test_shelf.py::test_loop",
        " baseline known.json: 0 known, 1 new",
        UNJUDGED,
    ]

    result = run(suite, "--ff", "-v")
    result.assert_outcomes(passed=2, failed=1)
    order = re.findall(r"^test_shelf\.py::(\w+) ", result.stdout.str(), re.MULTILINE)
    assert order == ["test_loop", "test_count", "test_page"]
    assert loops_and_notes(run(suite, "--ff")) == WHOLE


CRASHING = """
    import os
    import pytest
    from shelf.reports import names

    def test_loop(shelf):
        names()

    def test_crash():
        os._exit(1)

    def test_page(client, shelf):
        client.get("/books/")
    """
CRASHED = [
    "2 tests: 8 queries in 0 ms, 1 query loop, 3 queries avoidable",
    LOOP,
    "   test    test_shelf.py::test_loop",
    " cleared: 1 ignored",
    " baseline known.json: 0 known, 1 new",
]


#: As pytest-forked does it, with the reports as pytest-xdist hands them on.
FORKING = """
    import json
    import os
    import pytest
    from shelf.data import make_books
    from _pytest import runner

    @pytest.fixture
    def shelf(db):
        make_books(3)

    def _in_a_child(item):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            pack = item.config.hook.pytest_report_to_serializable
            reports = runner.runtestprotocol(item, log=False)
            packed = [pack(config=item.config, report=report) for report in reports]
            with open(writer, "w") as stream:
                json.dump(packed, stream)
            os._exit(0)
        os.close(writer)
        with open(reader) as stream:
            packed = json.loads(stream.read() or "[]")
        os.waitpid(child, 0)
        return packed or [_crashed(item)]

    def _crashed(item):
        call = runner.CallInfo.from_call(lambda: 0 / 0, "???")
        report = runner.pytest_runtest_makereport(item, call)
        return item.config.hook.pytest_report_to_serializable(config=item.config, report=report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(item):
        unpack = item.config.hook.pytest_report_from_serializable
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for data in _in_a_child(item):
            report = unpack(config=item.config, data=data)
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True
    """


@pytest.mark.skipif("not hasattr(__import__('os'), 'fork')", reason="needs os.fork")
def test_each_test_in_a_forked_child(suite):
    suite.write(**{"conftest.py": FORKING})
    result = run(suite)
    result.assert_outcomes(passed=2, failed=1)
    assert loops_and_notes(result) == WHOLE
    # Of a child that dies nobody knows what it would have found and ignored.
    suite.write(**{"test_shelf.py": CRASHING})
    result = run(suite)
    result.assert_outcomes(passed=1, failed=2)
    assert loops_and_notes(result) == CRASHED


@needs_xdist
def test_a_worker_that_dies_takes_no_findings_along(suite):
    suite.write(**{"test_shelf.py": CRASHING})
    result = run(suite, "-n1", "--nplusone-strict")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*crashed while running*test_crash*"])
    # What the dead one has collected and ignored nobody knows, so that nothing is stale.
    assert loops_and_notes(result) == [*CRASHED, UNJUDGED]


@needs_xdist
def test_ignores_of_the_settings_with_workers(suite):
    result = run(suite, "-n2")
    result.assert_outcomes(passed=2, failed=1)
    assert loops_and_notes(result) == WHOLE
    result = run(suite, "-n2", "-k", "not count")
    assert UNUSED[0] not in loops_and_notes(result)


KILLED = """
    import os
    import signal
    import pytest
    from shelf.data import make_books

    @pytest.fixture
    def shelf(db):
        make_books(3)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish():
        def kill(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)

        os.{call} = kill
        return (yield)
    """


@pytest.mark.skipif("not hasattr(__import__('signal'), 'SIGKILL')", reason="needs SIGKILL")
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_baseline_stays_whole_when_the_run_is_killed_while_it_is_written(suite, call):
    suite.write(**{"conftest.py": KILLED.replace("{call}", call)})
    result = run(suite, "--nplusone-update-baseline", mode="report")
    assert result.ret == -signal.SIGKILL
    known = suite.pytester.path / "known.json"
    assert known.read_text() == STALE
    assert len(list(suite.pytester.path.glob(".nplusone-*.tmp"))) == 1  # it was being written
    write_suite(suite)
    assert run(suite, "--nplusone-update-baseline", mode="report").ret == 0
    assert '"file": "shelf/reports.py"' in known.read_text()
