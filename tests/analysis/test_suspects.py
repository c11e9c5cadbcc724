"""What is worth a judge: everything else costs no look at any source."""

from __future__ import annotations

import textwrap

import pytest
from django.contrib.auth.models import Group

from nplusone_guard import ignore, watch
from nplusone_guard.analysis import judge
from nplusone_guard.policy import Policy

pytestmark = pytest.mark.django_db

#: As the pytest plugin asks: nobody sees the shapes.
BRIEF = Policy(details=False, max_timeline=0)


@pytest.fixture
def no_judge(monkeypatch):
    """Whatever is watched is through without a judge."""

    def fail(*arguments):
        raise AssertionError("a judge was asked")

    monkeypatch.setattr(judge, "judge", fail)


def test_what_is_asked_once_needs_no_judge(no_judge):
    with watch("once", policy=BRIEF) as report:
        Group.objects.filter(pk=1).first()
        Group.objects.count()
    assert (report.query_count, report.findings, report.internal_errors) == (2, (), ())
    assert (report.shapes, report.timeline) == ((), ())


def test_what_is_asked_on_two_lines_needs_no_judge(no_judge):
    with watch("two lines", policy=BRIEF) as report:
        Group.objects.filter(pk=1).first()
        Group.objects.filter(pk=2).first()
    assert (report.query_count, report.findings, report.internal_errors) == (2, (), ())


def test_two_lines_in_one_loop_are_found():
    with watch("branches", policy=BRIEF) as report:
        for number in range(2):
            if number:
                Group.objects.filter(pk=number).first()
            else:
                Group.objects.filter(pk=number).first()
    (finding,) = report.findings
    assert finding.count == 2


def thrice():
    Group.objects.filter(pk=1).first()
    Group.objects.filter(pk=1).first()
    return Group.objects.filter(pk=1).first()


@pytest.mark.parametrize("threshold", [2, 9])
def test_duplicates_on_three_lines_are_found_whatever_counts_as_a_loop(threshold):
    with watch("thrice", policy=Policy(details=False, threshold=threshold)) as report:
        thrice()
    (finding,) = report.findings
    assert (finding.rule, finding.count) == ("duplicate-query", 3)


def test_an_ignore_without_use_is_told_though_nothing_repeats():
    with watch("ignored", policy=BRIEF) as report, ignore("query-in-loop", reason="there is none"):
        Group.objects.count()
    (unused,) = report.unused_ignores
    assert "query-in-loop" in str(unused)


class Exempt:
    """This file, or the loop on one of its lines."""

    def __init__(self, line=0):
        self.line = line

    def owns(self, file, package):
        return not self.line and file == __file__

    def why(self, scope, fingerprint, loop, sites):
        return "a loop of mine" if loop.line == self.line else ""


def loops():
    for number in range(3):
        Group.objects.filter(pk=number).first()
    for number in range(3):
        Group.objects.filter(name=str(number)).first()


def test_whoever_opened_the_scope_may_know_better():
    line = loops.__code__.co_firstlineno + 1
    with watch("exempt", policy=Policy(exempt=Exempt(line))) as report:
        loops()
    (finding,) = report.findings
    assert finding.loop.line == line + 2
    (cleared,) = report.cleared
    assert (cleared.reason, cleared.detail, cleared.count) == ("test-code", "a loop of mine", 3)
    assert cleared.loop.line == line


def test_loops_of_exempt_code_alone_need_no_judge(no_judge):
    with watch("exempt", policy=Policy(details=False, exempt=Exempt())) as report:
        loops()
    assert (report.findings, report.internal_errors) == ((), ())
    assert [(one.reason, one.count, one.site.line) for one in report.cleared] == [
        ("test-code", 3, loops.__code__.co_firstlineno + 2),
        ("test-code", 3, loops.__code__.co_firstlineno + 4),
    ]


def test_duplicates_of_exempt_code_alone_need_no_judge(no_judge):
    with watch("exempt", policy=Policy(details=False, exempt=Exempt())) as report:
        thrice()
    assert (report.findings, report.cleared, report.internal_errors) == ((), (), ())


def test_the_loop_of_a_library_is_not_that_of_the_code_that_calls_it():
    """What a package repeats says something about the package, whoever has called it."""

    def is_known(line):
        return Group.objects.filter(name=line).exists()

    with watch("library", policy=Policy(exempt=Exempt())) as report:
        textwrap.indent("one\ntwo\nthree", "> ", predicate=is_known)
    (finding,) = report.findings
    assert (finding.loop.package, finding.site.file) == ("textwrap", __file__)
