"""Usage errors and warnings fit the terminal, and no path in them is cut."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_nplusone_guard.wrapping import rows
from tests.pytest_plugin.workers import needs_xdist

HOME = "/home/ann/My Project"
FILE = "all my/reports.md"
CONFIG = SimpleNamespace(
    rootpath=Path(HOME),
    invocation_params=SimpleNamespace(dir=Path("/home/ann")),
    getoption={"--nplusone-baseline": None, "--nplusone-report": [FILE]}.get,
    getini={"nplusone_baseline": "", "nplusone_report": []}.get,
)


@pytest.mark.parametrize(
    ("text", "before", "told"),
    [
        ("short", "", ["short"]),
        ("a first line and another", "", ["a first line and", " another"]),
        ("a first line and another", "ERROR: ", ["a first", " line and another"]),
        ("first\n second", "", ["first", " second"]),
        ("a word-that-is-never-broken b", "", ["a", " word-that-is-never-broken", " b"]),
        ("longer-than-all-of-it", "ERROR: ", ["longer-than-all-of-it"]),
        (f"in {HOME}/a.json now", "", ["in", f" {HOME}/a.json", " now"]),
        (f"in {HOME}/{FILE} now", "", ["in", f" {HOME}/{FILE}", " now"]),
        ("in all my/other.md now", "", ["in all my/other.md", " now"]),
    ],
)
def test_rows(text, before, told):
    assert rows(CONFIG, text, 18, before=before) == told


def test_a_usage_error_fits_the_terminal(sample, monkeypatch):
    """It is told as the twin below tells it, in more rows."""
    assert said(sample, monkeypatch, columns=80) == [
        "ERROR: test_shelf.py::test_wrong: max_queries(): the number of queries is -1.",
        " Allowed: a whole number of 0 or more.",
    ]


def test_a_wide_terminal_has_it_on_one_line(sample, monkeypatch):
    (line,) = said(sample, monkeypatch, columns=200)
    assert line.endswith("the number of queries is -1. Allowed: a whole number of 0 or more.")


@needs_xdist
def test_a_worker_knows_the_width(sample, monkeypatch):
    narrow = said(sample, monkeypatch, "-n1", columns=80)
    assert narrow[0].endswith("the number of queries is -1.")
    assert narrow[1:] == [" Allowed: a whole number of 0 or more."]


def said(sample, monkeypatch, *arguments: str, columns: int) -> list[str]:
    """What stands on the standard error of a run with a wrong marker."""
    monkeypatch.setenv("COLUMNS", str(columns))
    source = """
        import pytest

        @pytest.mark.max_queries(-1)
        def test_wrong():
            pass
        """
    result = sample.run(source, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return [line for line in result.stderr.lines if line]
