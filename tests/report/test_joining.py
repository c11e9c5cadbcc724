"""Many reports as one: each finding once, with the scopes that reach it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nplusone_guard.analysis.findings import Advice
from nplusone_guard.analysis.merging import merge as merge_verdicts
from nplusone_guard.analysis.merging import worst_first
from nplusone_guard.analysis.verdicts import Verdicts
from nplusone_guard.report.joining import Gathering, merge, session_of
from nplusone_guard.report.session import SessionReport
from tests.report.factory import (
    cleared,
    finding,
    report,
    seen,
    site,
    statement,
)
from tests.report.strategies import REPORTS, SESSIONS


@settings(max_examples=15)
@given(st.lists(st.one_of(REPORTS, SESSIONS), max_size=4))
def test_what_is_gathered_one_by_one_is_what_is_joined(reports):
    gathering = Gathering()
    for each in reports:
        gathering.add(each)
    assert gathering.session() == session_of(*reports)


def test_of_a_test_without_findings_only_its_numbers_are_kept():
    gathering = Gathering()
    for name in "abc":
        gathering.add(report(name=name))
    assert len(gathering) == 3
    assert not gathering._others


def test_a_finding_is_told_once_with_the_tests_that_reach_it():
    session = session_of(seen(3, "b"), seen(20, "a"), report(name="c", kind="test"))
    assert len(session) == 1
    assert session[0].scopes == ("a", "b")
    assert session[0].finding.count == 20
    assert (session[0].count, session[0].saves) == (23, 21)
    assert [scope.name for scope in session.scopes] == ["a", "b", "c"]
    assert session.query_count == 21 + 4 + 22


def test_a_test_that_ran_again_counts_once():
    once = session_of(seen(20, "a"))
    assert session_of(seen(20, "a"), seen(20, "a")) == once
    assert session_of(seen(3, "a"), seen(20, "a")) == once


def test_the_worst_comes_first():
    one = seen(3, "a", id="a")
    warning = report(finding("write-in-loop", statement(90), id="w"), name="w")
    session = session_of(one, warning, seen(9, "b", id="b"))
    assert [entry.finding.id for entry in session] == ["b", "a", "w"]


@pytest.mark.parametrize("slow", ["early", "late"])
def test_of_equals_the_place_decides_and_not_how_long_they_took(slow):
    early, late, worse = (
        finding(
            "lazy-relation",
            statement(3, site=site(line), duration=0.5 if name == slow else 0.1),
            id=name,
            advice=Advice("use select_related()", saves, 3),
        )
        for name, line, saves in [("early", 10, 2), ("late", 20, 2), ("worse", 30, 3)]
    )
    listed = ["worse", "early", "late"]
    assert [each.id for each in sorted([late, worse, early], key=worst_first)] == listed
    session = session_of(report(late, worse, early))
    assert [entry.finding.id for entry in session] == listed
    one, other = Verdicts(findings=(late, worse)), Verdicts(findings=(early,))
    assert [each.id for each in merge_verdicts(one, other).findings] == listed


@pytest.mark.parametrize("slow", [65, 70])
def test_which_line_of_a_finding_is_told_does_not_depend_on_time(slow):
    sent = [statement(site=site(line), duration=0.5 * (line == slow)) for line in (65, 70)]
    (entry,) = session_of(
        *(report(finding("lazy-relation", each, summary="20 ×")) for each in sent)
    )
    assert entry.finding.site.line == 70
    assert entry.finding.also_at == (site(65),)


def test_other_lines_of_one_finding_are_kept_beside_it():
    session = session_of(
        report(finding(), finding(site=site(70)), name="a"), report(finding(site=site(65)))
    )
    assert len(session) == 1
    kept = session[0].finding
    assert {kept.site.line, *(each.line for each in kept.also_at)} == {61, 65, 70}


def test_a_healthy_repetition_is_listed_once():
    session = session_of(
        report(cleared=(cleared(count=4), cleared("paged"))),
        report(cleared=(cleared(count=9),), name="b"),
    )
    assert [each.count for each in session.cleared] == [9, 40]
    assert session.cleared_reasons == {"batched": 1, "paged": 1}


@settings(max_examples=15)
@given(SESSIONS, SESSIONS, SESSIONS)
def test_the_order_of_joining_does_not_matter(a, b, c):
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c)) == session_of(a, b, c)


@settings(max_examples=15)
@given(SESSIONS)
def test_what_is_joined_twice_counts_once(session):
    assert merge(session, session) == session
    assert merge(session, SessionReport()) == session
