"""Annotations of GitHub Actions: one line a finding, as the runner reads it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from nplusone_guard.analysis.findings import Advice
from nplusone_guard.report import github
from nplusone_guard.report.joining import session_of
from tests.report.factory import finding, report, site, statement, wellness
from tests.report.strategies import REPORTS

BASE = "/home/runner/work/shop/shop"


def placed(file, **facts):
    return finding(
        "lazy-relation", statement(site=site(file=file)), loop=None, origin=None, **facts
    )


def read(line):
    """A command as the runner reads it: name, properties, message, escapes undone."""
    name, told, message = re.fullmatch(r"::(\w+) (.*?)::(.*)", line).groups()
    pairs = (pair.partition("=") for pair in told.split(","))
    return name, {key: undone(value) for key, _, value in pairs}, undone(message)


def undone(text):
    for escape, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, char)
    return text


def test_a_finding_is_one_command():
    assert github.render(wellness(), BASE) == (
        "::error file=background_tasks/journal_wellness_tasks.py,line=61,"
        "title=bypassed-prefetch%3A 20 × SELECT peoples_people at 61::"
        'Fix: read tenant.people_set.all(), or Prefetch("people_set", queryset=...)'
        "%0AThe loop: background_tasks/journal_wellness_tasks.py:60"
        "%0A20 tenants.Tenant loaded here: background_tasks/journal_wellness_tasks.py:58"
        "%0AReached by wellness_report"
        "%0AFinding 3f9c2a1b7d04\n"
    )


def test_a_warning_is_a_warning():
    assert github.render(report(finding("write-in-loop")), BASE).startswith("::warning file=")


def test_tests_beyond_the_third_are_counted():
    session = session_of(*(report(finding(), name=name, kind="test") for name in "abcde"))
    assert "%0AReached by a, b, c and 2 more%0A" in github.render(session, BASE)


def test_without_findings_there_is_nothing():
    assert github.render(report(), BASE) == ""


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        (f"{BASE}/shop/views.py", "file=shop/views.py,line=61,"),
        (f"{BASE}/a,b:c%d.py", "file=a%2Cb%3Ac%25d.py,line=61,"),
        ("shop/views.py", "file=shop/views.py,line=61,"),
        ("/usr/lib/python3/views.py", "title="),
    ],
)
def test_paths_are_relative_to_the_workspace(file, shown):
    assert github.render(report(placed(file)), BASE).startswith(f"::error {shown}")


def test_nothing_ends_the_command_or_begins_another():
    one = placed(
        "a::b,c\n::error::x.py", summary="100%, a: b\n::stop::", advice=Advice("%0A, :: \r\n::x")
    )
    text = github.render(report(one), BASE)
    assert text.count("\n") == 1
    _, properties, message = read(text.rstrip("\n"))
    assert properties["file"] == "a::b,c\n::error::x.py"
    assert properties["title"] == "lazy-relation: 100%, a: b\\n::stop::"
    assert message.split("\n")[0] == "Fix: %0A, :: \\r\\n::x"


@settings(max_examples=15)
@given(REPORTS)
def test_each_finding_is_one_line_that_can_be_read(one):
    lines = github.render(one, BASE).split("\n")[:-1]
    assert len(lines) == len(session_of(one))
    for line in lines:
        name, properties, _ = read(line)
        assert name in {"error", "warning"}
        assert set(properties) in ({"file", "line", "title"}, {"title"})
        line.encode()


def test_what_was_just_recorded_is_a_notice():
    session = session_of(report(finding(), finding("write-in-loop", id="000000000001")))
    (new, recorded) = sorted(finding_ids(session), reverse=True)
    lines = github.render(
        session, BASE, recorded=[recorded], record="nplusone-baseline.json"
    ).splitlines()
    told = {read(line)[0]: read(line)[2].splitlines()[-2:] for line in lines}
    assert told["notice"] == [
        f"Finding {recorded}",
        "Recorded in nplusone-baseline.json: known from now on",
    ]
    assert told["error"][-1] == f"Finding {new}"


def finding_ids(session):
    return [entry.finding.id for entry in session]
