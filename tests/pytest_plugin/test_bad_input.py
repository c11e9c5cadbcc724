"""Bad input: one error before the first test that names file, key, value and what is allowed."""

from __future__ import annotations

import json
import os
import signal
import sys

import pytest

from nplusone_guard.policy import RULES
from tests.pytest_plugin.conftest import PLUGIN, ROOT, section
from tests.pytest_plugin.suite import CI_VARIABLES
from tests.pytest_plugin.workers import alone_and_with

PASSING = "def test_it(): pass"
FAIL = "--nplusone=fail"
MODES = "off, report, fail"

ENTRY = {"id": "abc", "rule": "lazy-relation", "file": "a.py", "function": "f"}


@pytest.fixture
def run(pytester, monkeypatch):
    """pytest with this plugin and no other, so that it starts at once; returns what it says."""
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    paths = [str(ROOT), str(ROOT / "pytest_plugin"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    monkeypatch.setenv("COLUMNS", "1000")  # so that each error is told on one line
    pytester.makeini("[pytest]\naddopts = --strict-markers\n")

    def run(*arguments: str, source: str = PASSING) -> list[str]:
        pytester.makepyfile(test_it=source)
        result = pytester.runpytest_subprocess("-p", PLUGIN, "-pno:cacheprovider", *arguments)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        return refused(result)

    return run


def refused(result: pytest.RunResult) -> list[str]:
    """What stands on the standard error, where it must be all there is."""
    assert "passed" not in result.stdout.str()
    return [line for line in result.stderr.lines if line]


# ── baselines and budgets ───────────────────────────────────────────────────────────

RULE_NAMES = ", ".join(RULES)
NEWER = (
    "/schema_version is 99, but this release of nplusone-guard reads version 1; "
    "read it with a newer release"
)
BASELINE, BUDGETS, UPDATE = (
    f"--nplusone-{name}" for name in ("baseline", "budgets", "update-baseline")
)
FILES = {
    "no JSON": (
        BASELINE,
        "{\n<",
        ("not JSON: Expecting property name enclosed in double quotes: line 2 column 1 (char 2)"),
    ),
    "left of a merge": (
        BUDGETS,
        '{\n  "queries": {\n<<<<<<< HEAD\n    "a": 1\n=======\n    "a": 2\n>>>>>>> b\n  }\n}\n',
        (
            "a merge conflict is left at line 3; "
            "take either side, or all lines of both, then update it"
        ),
    ),
    "other JSON": (BASELINE, "[1]", "the document is [1]; allowed: an object"),
    "newer": (
        BASELINE,
        '{"schema_version": 99, "findings": []}',
        NEWER.replace("version 1", "versions 1 to 2"),
    ),
    "unknown rule": (
        BASELINE,
        json.dumps({"schema_version": 1, "findings": [{**ENTRY, "rule": "lazy"}]}),
        f'/findings/0/rule is "lazy"; allowed: {RULE_NAMES}',
    ),
    "until": (
        BASELINE,
        json.dumps({"schema_version": 1, "findings": [{**ENTRY, "until": "soon"}]}),
        '/findings/0/until is "soon"; allowed: a date, YYYY-MM-DD',
    ),
    "a baseline for budgets": (
        BUDGETS,
        json.dumps({"schema_version": 2, "findings": [ENTRY]}),
        "the document is a baseline; allowed: budgets of tests",
    ),
    "budgets for a baseline": (
        BASELINE,
        '{"schema_version": 1, "queries": {"test_it.py::test_it": 3}}',
        "the document is budgets of tests; allowed: a baseline",
    ),
    "a report for a baseline": (
        BASELINE,
        '{"schema_version": 1, "kind": "session", "scopes": [], "findings": []}',
        "the document is a report or a session; allowed: a baseline",
    ),
    "newer budgets": (BUDGETS, '{"schema_version": 99, "queries": {}}', NEWER),
    "wrong budgets": (
        BUDGETS,
        '{"schema_version": 1, "queries": {"test_it.py::test_it": "b"}}',
        '/queries/test_it.py::test_it is "b"; allowed: a number of queries, 0 or more',
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_wrong_is_named_and_left_alone(run, pytester, name):
    option, text, problem = FILES[name]
    path = pytester.path / "known.json"
    path.write_text(text)
    said = run(FAIL, f"{option}=known.json", *([] if name == "until" else [UPDATE]))
    assert said == [f"ERROR: {path}: {problem}"]
    assert path.read_text() == text


@pytest.mark.parametrize(("name", "ini"), [("baseline", False), ("budgets", True)])
def test_a_file_that_is_missing_in_ci_is_named(run, pytester, monkeypatch, name, ini):
    monkeypatch.setenv("CI", "true")
    if ini:
        pytester.makeini(f"[pytest]\nnplusone_{name} = absent.json\n")
    said = run(FAIL, *([] if ini else [f"--nplusone-{name}=absent.json"]))
    assert said == [
        (
            f"ERROR: {f'tox.ini: nplusone_{name}' if ini else f'--nplusone-{name}'}: "
            f"{pytester.path / 'absent.json'} does not exist. "
            "Write it with --nplusone-update-baseline, and commit it."
        )
    ]


# ── what cannot be written ──────────────────────────────────────────────────────────


ABSENT, DIRECTORY = "No such file or directory", "Is a directory"


@pytest.mark.parametrize(
    ("arguments", "path", "why"),
    [
        ([FAIL, "--nplusone-report"], "nowhere/out.json", ABSENT),
        ([FAIL, "--nplusone-report"], "is.json", DIRECTORY),
        (["--nplusone-update-baseline", "--nplusone-baseline"], "is.json", DIRECTORY),
        (["--nplusone-update-baseline", "--nplusone-budgets"], "nowhere/out.json", ABSENT),
    ],
)
def test_a_file_that_cannot_be_written_is_named(run, pytester, arguments, path, why):
    pytester.mkdir("is.json")
    *others, option = arguments
    said = run(*others, f"{option}={path}")
    assert said == [f"ERROR: {option}: {pytester.path / path} cannot be written: {why}"]


@pytest.mark.skipif(sys.platform != "linux", reason="where root may not write either")
def test_a_directory_that_may_not_be_written_to_is_named(run):
    with pytest.raises(OSError, match="sys") as error:
        os.open("/sys/out.md", os.O_WRONLY | os.O_CREAT)
    assert run(FAIL, "--nplusone-report=/sys/out.md") == [
        f"ERROR: --nplusone-report: /sys/out.md cannot be written: {error.value.strerror}"
    ]


KILLED = """
    import os, signal
    from nplusone_guard import files

    def killed(file):
        os.kill(os.getpid(), signal.SIGKILL)

    files.os.fsync = killed
    """


def test_a_run_that_is_killed_while_it_writes_leaves_the_old_baseline(pytester, run):
    """All of the new one is written by then, beside the old one and not over it."""
    path = pytester.path / "known.json"
    old = json.dumps({"schema_version": 1, "findings": [ENTRY]})
    path.write_text(old)
    pytester.makeconftest(KILLED)
    pytester.makepyfile(test_it=PASSING)
    result = pytester.runpytest_subprocess(
        "-p", PLUGIN, "--nplusone-baseline=known.json", "--nplusone-update-baseline"
    )
    assert result.ret == -signal.SIGKILL
    assert path.read_text() == old
    (other,) = pytester.path.glob(".nplusone-*.tmp")
    assert json.loads(other.read_text()) == {"schema_version": 2, "findings": []}


# ── options ─────────────────────────────────────────────────────────────────────────

OPTIONS = {
    ("--nplusone-update-baseline=some",): (
        "--nplusone-update-baseline is 'some'. Allowed: all, new-only, prune."
    ),
    # As a variable of the shell that is not set leaves them; the ini file would count instead.
    ("-o", "nplusone_baseline=one.json", f"{BASELINE}="): f"{BASELINE} is ''. Allowed: a file.",
    (f"{UPDATE}=", f"{BASELINE}=one.json"): f"{UPDATE} is ''. Allowed: all, new-only, prune.",
    (FAIL, "--nplusone-report=a.md", "--nplusone-report="): (
        "--nplusone-report is ''. Allowed: a file."
    ),
    (FAIL, f"{BUDGETS}=q.json", "--nplusone-allow="): (
        "--nplusone-allow is ''. Allowed: +10% or +2."
    ),
    (FAIL, "--nplusone-shard="): "--nplusone-shard is ''. Allowed: K/N.",
    (FAIL, "--nplusone-report=out.txt"): (
        "--nplusone-report: out.txt has no known ending. Allowed: .gitlab.json, .json, .md, .sarif."
    ),
    (FAIL, "--nplusone-budgets=queries.json", "--nplusone-allow=ten"): (
        '--nplusone-allow is "ten"; allowed: queries as in "+2", or a share as in "+10%"'
    ),
    (FAIL, "--nplusone-allow=+2"): "--nplusone-allow needs a file: --nplusone-budgets=FILE.",
    (FAIL, "--nplusone-strict"): "--nplusone-strict needs a file: --nplusone-baseline=FILE.",
    (
        "--nplusone-update-baseline",
        "--nplusone-baseline=one.json",
        "--nplusone-budgets=./one.json",
    ): (
        "--nplusone-baseline and --nplusone-budgets both name {path}/./one.json. "
        "Allowed: a file for each."
    ),
    (FAIL, "--nplusone-baseline=one.json", "--nplusone-report=one.json"): (
        "--nplusone-baseline and --nplusone-report both name {path}/one.json. "
        "Allowed: a file for each."
    ),
    (FAIL, "--nplusone", "report"): (
        "--nplusone has two modes, 'report' and 'fail'. Allowed: one."
    ),
    ("-o", "nplusone=never"): f"tox.ini: nplusone is 'never'. Allowed: {MODES}.",
    ("-o", "nplusone=off", "--nplusone-update-baseline", "--nplusone-baseline=one.json"): (
        "--nplusone-update-baseline, but nplusone is off (tox.ini). "
        "Allowed with it: --nplusone=report or --nplusone=fail."
    ),
    ("-o", "nplusone=fail", "-o", "nplusone_report=out.txt"): (
        "tox.ini: nplusone_report: out.txt has no known ending. "
        "Allowed: .gitlab.json, .json, .md, .sarif."
    ),
    ("-o", "nplusone=fail", "-o", "nplusone_budgets=q.json", "-o", "nplusone_allow=ten"): (
        'tox.ini: nplusone_allow is "ten"; allowed: queries as in "+2", or a share as in "+10%"'
    ),
}


@pytest.mark.parametrize("arguments", OPTIONS, ids=" ".join)
def test_options_that_are_wrong(run, pytester, arguments):
    assert run(*arguments) == [f"ERROR: {OPTIONS[arguments].format(path=pytester.path)}"]


def test_a_mode_that_there_is_not(run):
    """As pytest words it for all options of the kind; Python versions quote differently."""
    (line,) = [line for line in run("--nplusone=never") if ": error: " in line]
    told = line.partition(": error: ")[2].replace("'", "")
    assert told == f"argument --nplusone: invalid choice: never (choose from {MODES})"


@pytest.mark.parametrize("arguments", [["tests"], ["tests/test_it.py::test_it", FAIL]])
def test_a_path_behind_the_update_is_no_update(run, pytester, arguments):
    """The option takes it for its value, and says what to write in its place."""
    pytester.mkdir("tests").joinpath("test_it.py").write_text(PASSING)
    path, *others = arguments
    assert run(f"{BASELINE}=known.json", UPDATE, path, *others) == [
        f"ERROR: {UPDATE} is '{path}'. Allowed: all, new-only, prune.",
        f" To update by the tests of a path: {UPDATE}=all {path}",
    ]
    assert not (pytester.path / "known.json").exists()


def test_the_update_before_another_option_is_of_all(pytester, run):
    """The twin: nothing is taken for its value."""
    pytester.makepyfile(test_it=PASSING)
    result = pytester.runpytest_subprocess(
        "-p", PLUGIN, UPDATE, f"{BASELINE}=known.json", "test_it.py"
    )
    assert result.ret == 0
    assert json.loads((pytester.path / "known.json").read_text())["findings"] == []


# ── settings of Django ──────────────────────────────────────────────────────────────

CONFTEST = """
    import django
    from django.conf import settings

    settings.configure(NPLUSONE_GUARD={})
    """
SETTINGS = {
    '{"PYTEST": "never"}': f"NPLUSONE_GUARD[\"PYTEST\"] is 'never'. Allowed: {MODES}.",
    '{"PYTEST": "fail", "SELECTS": []}': (
        "NPLUSONE_GUARD has an unknown key 'SELECTS'. Did you mean \"SELECT\"?"
    ),
    '{"PYTEST": "fail", "SELECT": ["lazy"]}': (
        f"NPLUSONE_GUARD[\"SELECT\"][0] names 'lazy', which is not a rule. Known: {RULE_NAMES}."
    ),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_that_are_wrong(run, pytester, setting):
    pytester.makeconftest(CONFTEST.format(setting))
    assert run() == [f"ERROR: {SETTINGS[setting]}"]


# ── markers ─────────────────────────────────────────────────────────────────────────

NUMBER = "Allowed: a whole number of 0 or more."
USAGE = "Allowed: max_queries(n), with using, exact, info, transactions by name."
MARKERS = {
    "max_queries()": f"max_queries(). {USAGE}",
    "max_queries(-1)": f"max_queries(): the number of queries is -1. {NUMBER}",
    "max_queries('5')": f"max_queries(): the number of queries is '5'. {NUMBER}",
    "max_queries(5, exakt=True)": f"max_queries(5, exakt=True). {USAGE}",
    "nplusone(ignore=['lazy'], reason='x')": (
        "nplusone(ignore=['lazy'], reason='x') names 'lazy', which is not a rule. "
        f"Known: {RULE_NAMES}."
    ),
    "nplusone('never')": f"nplusone has mode 'never'. Allowed: {MODES}.",
    "nplusone('off')\n@pytest.mark.nplusone('fail')": (
        "nplusone has two modes, 'off' and 'fail'. Allowed: one."
    ),
}


@pytest.mark.parametrize("marker", MARKERS)
def test_markers_that_are_wrong(run, marker):
    said = run(source=f"import pytest\n@pytest.mark.{marker}\ndef test_it(): pass")
    assert said == [f"ERROR: test_it.py::test_it: {MARKERS[marker]}"]


def test_a_marker_that_names_no_database(sample):
    result = sample.run(
        """
        import pytest

        @pytest.mark.max_queries(1, using="replika")
        def test_it(): pass
        """
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert refused(result) == [
        (
            "ERROR: test_shelf.py::test_it: max_queries(): using names 'replika', which is not in "
            'DATABASES. Did you mean "replica"?'
        )
    ]


def test_a_marker_that_switches_on_needs_settings_that_can_be_read(run, pytester):
    pytester.makeconftest(CONFTEST.format('{"SELECTS": []}'))
    source = "import pytest\n@pytest.mark.nplusone('fail')\ndef test_it(): pass"
    said = run(source=source)
    assert said == ["ERROR: NPLUSONE_GUARD has an unknown key 'SELECTS'. Did you mean \"SELECT\"?"]


def test_a_marker_with_a_field_that_is_misspelt(sample, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    assert _refused_for(sample, "shelf.Book.auhtor") == [
        (
            "ERROR: test_shelf.py::test_it: nplusone(ignore=['shelf.Book.auhtor'], reason='x') "
            "names 'shelf.Book.auhtor', but shelf.Book has no field \"auhtor\". "
            'Did you mean "author"?'
        )
    ]
    assert _refused_for(sample, "shelf.Boook.*")[0].endswith(
        'the app "shelf" has no model "Boook". Did you mean "Book"?'
    )


def _refused_for(sample, field: str) -> list[str]:
    result = sample.run(
        f"""
        import pytest

        @pytest.mark.nplusone(ignore=["{field}"], reason="x")
        def test_it(): pass
        """
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return refused(result)


def test_a_marker_with_a_field_of_other_settings(sample):
    """The twin: an app may be installed elsewhere, and a test may define a model."""
    result = sample.run(
        """
        import pytest
        from django.db import models
        from django.test.utils import isolate_apps
        from shelf.models import Book

        @pytest.mark.nplusone(ignore=["shelv.Book.author", "shelf.Book.stock_set"], reason="x")
        def test_elsewhere(): pass

        @pytest.mark.nplusone(ignore=["shelf.MyBook.author"], reason="x")
        @isolate_apps("shelf")
        def test_local():
            class MyBook(Book):
                class Meta:
                    app_label = "shelf"
                    proxy = True
        """,
        "--nplusone=report",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            " unused ignore at *test_elsewhere @nplusone[[]shelf.Book.stock_set]:",
            '   suppressed nothing: shelf.Book has no field "stock_set". Remove it.  field=*',
            " unused ignore at *test_elsewhere @nplusone[[]shelv.Book.author]:",
            '   suppressed nothing: no app "shelv" is installed. Did you mean "shelf"?  field=*',
        ]
    )


@pytest.mark.parametrize("field", ["auhtor", "author"])
def test_a_setting_with_a_field_that_is_misspelt(sample, monkeypatch, field):
    """And the twin, which is spelt as the model has it."""
    monkeypatch.setenv("COLUMNS", "1000")
    entry = f'{{"field": "shelf.Book.{field}", "reason": "x"}}'
    settings = sample.pytester.path / "settings.py"
    settings.write_text(settings.read_text() + f'NPLUSONE_GUARD = {{"IGNORE": [{entry}]}}\n')
    result = sample.run(PASSING, "--nplusone=report")
    told = (
        "ERROR: NPLUSONE_GUARD[\"IGNORE\"][0] names 'shelf.Book.auhtor', but shelf.Book has no "
        'field "auhtor". Did you mean "author"?'
    )
    assert [line for line in result.stderr.lines if line] == [told] * (field == "auhtor")
    assert (result.ret == pytest.ExitCode.OK) == (field == "author")


# ── in a test ───────────────────────────────────────────────────────────────────────


def test_assertions_that_are_wrong_fail_at_their_own_line(sample):
    """A function that is called is no option: its test fails, and shows nothing of the guard."""
    result = sample.run(
        """
        import nplusone_guard

        def test_fixture(assert_max_queries):
            with assert_max_queries(-1):
                pass

        def test_alias(assert_max_queries):
            with assert_max_queries(1, using="replika"):
                pass

        def test_function():
            nplusone_guard.assert_max_queries(-1)

        def test_growth(assert_constant_queries):
            assert_constant_queries(print, print, sizes=(4, 2))
        """
    )
    result.assert_outcomes(failed=4)
    wrong = {
        "test_fixture": f"assert_max_queries(): the number of queries is -1. {NUMBER}",
        "test_alias": (
            "assert_max_queries(): using names 'replika', which is not in DATABASES. "
            'Did you mean "replica"?'
        ),
        "test_function": f"assert_max_queries(): the number of queries is -1. {NUMBER}",
        "test_growth": (
            "assert_constant_queries(): sizes is (4, 2). "
            "Allowed: two or more numbers of rows, growing."
        ),
    }
    for name, problem in wrong.items():
        lines = section(result, name).splitlines()
        assert [line for line in lines if line.startswith("E ")] == [
            f"E       nplusone_guard.ConfigError: {problem}"
        ]
        assert lines[-1].startswith("test_shelf.py:")
        assert "nplusone_guard/" not in section(result, name)


OLD = """
    import pytest
    pytest.version_tuple, pytest.__version__ = (7, 4, 4), "7.4.4"
    """


def test_an_old_pytest_is_named(pytester, run):
    """It lacks what the hooks of detection ask it for."""
    pytester.makeconftest(OLD)
    told = ["ERROR: nplusone-guard watches tests with pytest 8.0 or later; this is 7.4.4"]
    assert run(FAIL) == told
    assert run(source="import pytest\n@pytest.mark.nplusone('fail')\ndef test_it(): pass") == told


@alone_and_with("-pxdist.plugin", "-n1")
@pytest.mark.usefixtures("run")
def test_an_old_pytest_may_run_what_nobody_watches(pytester, workers):
    """The twin: switched off, the plugin changes nothing."""
    pytester.makeconftest(OLD)
    pytester.makepyfile(test_it=PASSING)
    pytester.runpytest_subprocess("-p", PLUGIN, *workers).assert_outcomes(passed=1)
