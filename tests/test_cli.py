"""``nplusone-guard``: merge, diff and render, without Django."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace

import pytest

from nplusone_guard import baseline, budget_file, cli
from nplusone_guard.baseline import Baseline, Entry
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.session import SessionReport, Suite
from tests.report.factory import finding, report, statement, wellness


@dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the program in a directory with ``a.json``, ``b.json`` and ``wellness.json``."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_WORKSPACE", "GITHUB_SERVER_URL", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    a = report(finding(id="a"), finding(id="both"), name="test_a", kind="test")
    b = report(finding(id="b"), finding(id="both"), name="test_b", kind="test")
    for name, one in (("a", a), ("b", b), ("wellness", wellness())):
        (tmp_path / f"{name}.json").write_text(one.to_json())

    def run(*arguments):
        try:
            code = cli.main(arguments)
        except SystemExit as end:
            code = end.code
        return Done(code, *capsys.readouterr())

    return run


# --- merge ----------------------------------------------------------------------------------


def test_merge_writes_a_session(run, tmp_path):
    assert run("merge", "a.json", "b.json", "-o", "all.json") == Done(0, "", "")
    session = SessionReport.from_json((tmp_path / "all.json").read_text())
    assert {entry.finding.id: entry.scopes for entry in session} == {
        "a": ("test_a",),
        "b": ("test_b",),
        "both": ("test_a", "test_b"),
    }


def test_merge_prints_where_no_file_is_named(run):
    done = run("merge", "wellness.json")
    assert SessionReport.from_json(done.out) == session_of(wellness())


def test_merging_again_changes_nothing(run, tmp_path):
    run("merge", "a.json", "b.json", "-o", "all.json")
    once = (tmp_path / "all.json").read_text()
    run("merge", "b.json", "all.json", "a.json", "-o", "all.json")
    assert (tmp_path / "all.json").read_text() == once


def suite(name, *, shards=(), coverage="part", **facts):
    one = report(finding(id=name), name=f"test_{name}", kind="test")
    known = Suite(judged=(name,), shards=tuple(shards), **facts)
    return replace(session_of(one), coverage=coverage, suite=known)


@pytest.fixture
def parts(run, tmp_path):
    """Runs the program beside parts of a suite: two of three, and two without a number."""
    sessions = {
        "1": suite("a", shards=["1/3"]),
        "3": suite("c", shards=["3/3"]),
        "of-4": suite("d", shards=["4/4"]),
        "plain": suite("p"),
        "other": suite("o"),
    }
    for name, session in sessions.items():
        (tmp_path / f"{name}.json").write_text(session.to_json())
    known = [Entry(name, "bypassed-prefetch", "a.py", "f") for name in ("a", "p", "gone")]
    baseline.save(tmp_path / "known.json", Baseline(tuple(known)))
    return run


MISSING = [
    (("1.json", "3.json"), "1 shard is missing, 2/3; there: 1.json (1/3), 3.json (3/3)"),
    (("1.json",), "2 shards are missing, 2/3, 3/3; there: 1.json (1/3)"),
    (("1.json", "1.json"), "2 shards are missing, 2/3, 3/3; there: 1.json (1/3)"),
    (("1.json", "plain.json"), "2 shards are missing, 2/3, 3/3; there: 1.json (1/3)"),
    (("1.json", "of-4.json"), "not parts of one whole: 1.json (1/3), of-4.json (4/4)"),
    (
        ("1.json", "--expect=4"),
        "4 reports are expected, but there are others: 1.json (1/3)",
    ),
    (
        ("plain.json", "other.json", "--expect=3"),
        "3 reports are expected, but there are 2: plain.json, other.json",
    ),
    (
        ("plain.json", "plain.json", "--expect=2"),
        "2 reports are expected, but there is 1: plain.json",
    ),
    (
        ("plain.json", "other.json", "--expect=1"),
        "1 report is expected, but there are 2: plain.json, other.json",
    ),
    (("plain.json", "--strict"), "--strict needs a file: --baseline FILE"),
    (
        ("plain.json", "--baseline=no.json"),
        "no.json cannot be read: No such file or directory",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), MISSING)
def test_parts_that_are_missing_are_one_clear_error(parts, tmp_path, arguments, message):
    done = parts("merge", *arguments, "-o", "all.json")
    assert done == Done(2, "", f"nplusone-guard: error: {message}\n")
    assert not (tmp_path / "all.json").exists()


@pytest.mark.parametrize("expected", ["0", "-1", "two", ""])
def test_a_number_of_reports_is_a_number(parts, expected):
    done = parts("merge", "plain.json", f"--expect={expected}")
    assert (done.code, done.out) == (2, "")
    assert f"argument --expect: {expected!r} is no number of reports" in done.err


def test_render_shows_the_parts_that_are_there(parts):
    done = parts("render", "1.json", "3.json", "--json")
    assert done.err == "nplusone-guard: warning: missing shards: 2/3\n"
    assert SessionReport.from_json(done.out).coverage == "part"


COUNTS = " baseline known.json: 1 known, 1 new"
STALE = (
    "   stale  bypassed-prefetch  a.py f  [a]",
    "   stale  bypassed-prefetch  a.py f  [gone]",
    "   no longer found; --nplusone-update-baseline=prune removes them",
)


NOT_JUDGED = "   stale entries are not judged: "
NEW = "   new  bypassed-prefetch  20 × SELECT peoples_people  journal_wellness_tasks.py:61  [o]"
HELD = [
    (
        ("plain.json", "other.json"),
        [COUNTS, NEW, f"{NOT_JUDGED}--expect N says how many reports there are"],
    ),
    (("plain.json", "other.json", "--expect=2"), [f"{COUNTS}, 2 stale", NEW, *STALE]),
    (
        ("plain.json", "a.json", "--expect=2"),
        [
            " baseline known.json: 1 known, 0 new, 2 only reported",
            f"{NOT_JUDGED}not of a run of tests: a.json",
        ],
    ),
    (("plain.json", "--expect=1"), [" baseline known.json: 1 known, 0 new, 2 stale", *STALE]),
]


@pytest.mark.parametrize(("arguments", "told"), HELD)
def test_stale_entries_take_all_parts_of_a_suite(parts, arguments, told):
    done = parts("merge", *arguments, "--baseline", "known.json", "-o", "all.json")
    assert (done.out, done.err.splitlines()) == ("", told)
    assert done.code == (1 if "1 new" in done.err else 0)


# --- diff -----------------------------------------------------------------------------------


def test_diff_tells_what_came_and_went(run):
    done = run("diff", "a.json", "b.json")
    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert lines[0] == "1 new finding, 1 gone, 1 kept"
    assert lines[2].endswith("[b]")
    assert lines[-1].endswith("[a]")


def test_diff_fails_where_asked(run):
    assert run("diff", "a.json", "b.json", "--fail").code == 1
    assert run("diff", "a.json", "a.json", "--fail").code == 0


def test_a_new_warning_is_no_failure(run, tmp_path):
    warned = report(finding("write-in-loop", statement(), id="w"))
    (tmp_path / "w.json").write_text(warned.to_json())
    done = run("diff", "a.json", "w.json", "--fail")
    assert (done.code, done.out.split("\n")[0]) == (0, "1 new finding, 2 gone, 0 kept")


def test_diff_in_markdown(run, tmp_path):
    assert run("diff", "a.json", "b.json", "--markdown", "-o", "diff.md", "--fail").code == 1
    assert (tmp_path / "diff.md").read_text().startswith("## nplusone-guard\n\n1 new finding, 1 ")


# --- render ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "start"),
    [
        ((), "1 scope: 22 queries in 21.4 ms, 1 query loop, 20 queries avoidable\n bypassed"),
        (("--text",), "1 scope: 22 queries"),
        (("--md",), "## nplusone-guard\n\n1 scope: 22 queries"),
        (("--markdown",), "## nplusone-guard\n\n1 scope: 22 queries"),
        (("--sarif",), '{\n  "$schema": '),
        (("--github",), "::error file=background_tasks/journal_wellness_tasks.py,line=61,"),
        (("--gitlab",), '[\n  {\n    "type": "issue",'),
        (("--json",), '{\n  "schema_version": 1,\n  "kind": "session"'),
    ],
)
def test_render_in_each_format(run, tmp_path, option, start):
    printed = run("render", "wellness.json", *option)
    assert (printed.code, printed.err) == (0, "")
    assert printed.out.startswith(start)
    assert run("render", "wellness.json", *option, "-o", "out") == Done(0, "", "")
    assert (tmp_path / "out").read_text().startswith(start[:40])


def test_render_merges_several_files(run):
    assert run("render", "a.json", "b.json").out.startswith("2 tests: 44 queries in 42.8 ms, 3 ")


def test_render_shows_what_was_cleared_on_request(run):
    assert "   batched  4 ×" in run("render", "wellness.json", "--show-cleared").out
    assert "   batched  4 ×" not in run("render", "wellness.json").out


def test_a_file_may_come_from_standard_input(run, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(wellness().to_json().encode()))
    monkeypatch.setattr("sys.stdin", stream)
    assert run("render", "-").out.startswith("1 scope: 22 queries")


def test_paths_are_relative_to_the_workspace(run, tmp_path, monkeypatch):
    text = wellness().to_json().replace("background_tasks/", "/srv/app/tasks/")
    (tmp_path / "abs.json").write_text(text)
    assert "::error title=" in run("render", "abs.json", "--github").out
    given = run("render", "abs.json", "--github", "--base-dir", "/srv/app").out
    assert given.startswith("::error file=tasks/journal_wellness_tasks.py,line=61,")
    monkeypatch.setenv("GITHUB_WORKSPACE", "/srv")
    assert "::error file=app/tasks/" in run("render", "abs.json", "--github").out


def test_on_github_markdown_links_to_the_commit(run, monkeypatch):
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/name")
    monkeypatch.setenv("GITHUB_SHA", "c0ffee")
    link = (
        "(https://github.com/owner/name/blob/c0ffee/background_tasks/journal_wellness_tasks.py#L61)"
    )
    assert link in run("render", "wellness.json", "--md").out


# --- what is wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (baseline.dumps(Baseline((Entry("abc", "lazy-relation", "a.py", "f"),))), "a baseline"),
        (budget_file.dumps({"test_it.py::test_it": 3}), "budgets of tests"),
    ],
)
def test_another_file_of_the_guard_is_called_what_it_is(run, tmp_path, document, kind):
    (tmp_path / "other.json").write_text(document)
    told = f"other.json: the document is {kind}; allowed: a report or a session"
    assert run("render", "a.json", "other.json") == Done(2, "", f"nplusone-guard: error: {told}\n")


NEWER = (
    "/schema_version is 9, but this release of nplusone-guard reads version 1; "
    "read it with a newer release"
)
NUMBER = "K/N, the number of this shard and how many there are: 1/4"
WRONG = {
    "text.json": ("<html>", "not JSON: Expecting value: line 1 column 1 (char 0)"),
    "list.json": ("[]", "the document is []; allowed: an object"),
    "key.json": ('{"schema_version": 1, "name": 5}', "/name is 5; allowed: a string"),
    "version.json": ('{"schema_version": 9}', NEWER),
    "session.json": (
        '{"schema_version": 1, "kind": "session", "scopes": 1}',
        "/scopes is 1; allowed: a list",
    ),
    "shard.json": (
        '{"schema_version": 1, "kind": "session", "suite": {"shards": ["1/2", "3/2"]}}',
        f'/suite/shards/1 is "3/2"; allowed: {NUMBER}',
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("command", ["merge", "render", "diff"])
def test_a_bad_file_is_one_clear_error(run, tmp_path, command, name):
    text, message = WRONG[name]
    (tmp_path / name).write_text(text)
    done = run(command, "a.json", name)
    assert done == Done(2, "", f"nplusone-guard: error: {name}: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("merge", "nowhere.json"), "nowhere.json cannot be read: No such file or directory"),
        (("merge", "."), ". cannot be read: Is a directory"),
        (
            ("merge", "a.json", "-o", "no/x.json"),
            "no/x.json cannot be written: No such file or directory",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_error(run, arguments, message):
    assert run(*arguments) == Done(2, "", f"nplusone-guard: error: {message}\n")


def test_standard_input_that_is_no_text(run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    message = "standard input is not UTF-8: byte 0 cannot be read"
    assert run("render", "-") == Done(2, "", f"nplusone-guard: error: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("rendre", "a.json"), "argument COMMAND: invalid choice: 'rendre'"),
        (("render",), "the following arguments are required: FILE"),
        (("render", "a.json", "--md", "--sarif"), "not allowed with argument"),
        (("diff", "a.json"), "the following arguments are required: NEW"),
    ],
)
def test_wrong_options_are_told_with_the_usage(run, arguments, message):
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("usage: nplusone-guard")
    assert message in done.err


@pytest.mark.parametrize(("command", "files"), [("render", 1), ("diff", 2)])
def test_an_option_that_a_command_has_not_is_told_with_its_usage(run, command, files):
    done = run(command, *["a.json"] * files, "--html")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"usage: nplusone-guard {command} ")
    told = "unrecognized arguments: --html; --help lists those there are"
    assert done.err.endswith(f"nplusone-guard {command}: error: {told}\n")


# --- help -----------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("merge",), ("diff",), ("render",)])
def test_help_tells_the_exit_codes(run, arguments):
    done = run(*arguments, "--help")
    assert (done.code, done.err) == (0, "")
    assert "\nexit codes:\n  0  done\n" in done.out


def test_every_line_of_help_fits_a_terminal(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in ((), ("merge",), ("diff",), ("render",)):
        assert max(map(len, run(*arguments, "--help").out.splitlines())) <= 80


def test_the_version(run, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", {"nplusone-guard": "1.2.3"}.__getitem__)
    assert run("--version") == Done(0, "nplusone-guard 1.2.3\n", "")


# --- as a program ---------------------------------------------------------------------------


def program(*arguments, **options):
    command = [sys.executable, "-m", "nplusone_guard.cli", *arguments]
    return subprocess.run(command, check=False, capture_output=True, timeout=60, **options)


def test_it_imports_no_django():
    code = "import sys, nplusone_guard.cli; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"django", "sqlparse", "wrapt", "asgiref"}.isdisjoint(done.stdout.split())


def test_output_is_spelled_in_the_encoding_of_the_stream(tmp_path):
    (tmp_path / "a.json").write_text(wellness().to_json())
    done = program(
        "render", "a.json", cwd=tmp_path, env={**os.environ, **path(), "PYTHONIOENCODING": "ascii"}
    )
    assert b"20 x SELECT peoples_people" in done.stdout


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    (tmp_path / "a.json").write_text(report(*(finding(id=str(n)) for n in range(2000))).to_json())
    command = f"{sys.executable} -m nplusone_guard.cli render a.json | head -1"
    done = subprocess.run(
        command,
        shell=True,
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **path()},
    )
    assert done.stdout.startswith("1 scope: ")
    assert done.stderr == ""


def path():
    return {"PYTHONPATH": os.path.dirname(os.path.dirname(cli.__file__))}


def test_the_program_is_installed_by_its_name():
    root = os.path.dirname(os.path.dirname(cli.__file__))
    with open(os.path.join(root, "pyproject.toml")) as file:
        assert '[project.scripts]\nnplusone-guard = "nplusone_guard.cli:main"\n' in file.read()


def test_json_output_is_json(run):
    assert json.loads(run("render", "a.json", "--gitlab").out)[0]["fingerprint"] == "a"
