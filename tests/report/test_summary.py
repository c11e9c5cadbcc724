"""A session, and a difference of two, as text."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from nplusone_guard.policy import UnusedIgnore
from nplusone_guard.report import markdown, summary
from nplusone_guard.report.comparing import diff
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.session import SessionReport
from nplusone_guard.report.settling import complete
from tests.report.factory import (
    COMMENT,
    cleared,
    finding,
    report,
    seen,
    wellness,
)
from tests.report.strategies import SESSIONS


def test_the_summary_tells_each_finding_once():
    tests = [seen(20, f"tests/test_wellness.py::test_{name}") for name in "abcde"]
    session = session_of(*tests, report(name="x", kind="test", cleared=(cleared(), cleared())))
    assert (
        summary.render(session, width=120)
        == """\
6 tests: 127 queries in 128 ms, 1 query loop, 95 queries avoidable
 lazy-relation  20 × SELECT peoples_people  18.2 ms  19 of 20 queries avoidable  [3f9c2a1b7d04]
   fix     use select_related()
   query   background_tasks/journal_wellness_tasks.py:61  User.objects.filter(tenant=tenant)
   loop    background_tasks/journal_wellness_tasks.py:60  for tenant in tenants:
   loaded  background_tasks/journal_wellness_tasks.py:58  20 tenants.Tenant  tenants = Tenant.objects.prefetch_related(…
   tests   tests/test_wellness.py::test_a, tests/test_wellness.py::test_b, tests/test_wellness.py::test_c and 2 more
 cleared: 1 batched"""
    )
    assert summary.render(session).split("\n")[-2] == (
        "   tests   tests/test_wellness.py::test_a, tests/test_wellness.py::test_b and 3 more"
    )


def test_scopes_beyond_the_first_are_counted():
    session = session_of(*(seen(3, name) for name in "abcde"))
    assert "   tests   a, b, c and 2 more" in summary.render(session)
    assert "   tests   a and 4 more" in summary.render(session, max_scopes=1)


def test_what_is_known_says_so():
    other = finding("duplicate-query", loop=None, id="other")
    session = session_of(seen(3, "a"), report(other, name="b"))
    text = summary.render(session, known={"other"}, record="known.json")
    (known,) = [part for part in text.split("\n ") if "known" in part]
    assert text.count("   known   by known.json") == 1
    assert text.index("[other]") < text.index(known)
    assert "known" not in summary.render(session)


def test_totals_fit_the_terminal():
    duplicate = finding("duplicate-query", loop=None, id="twice")
    session = session_of(seen(3, "a"), report(duplicate, name="b"))
    told = {width: summary.totals_in(session, width) for width in (100, 80, 60)}
    verdicts = "1 query loop, 1 duplicate query, 22 queries avoidable"
    assert told == {
        100: [f"2 scopes: 26 queries in 42.8 ms, {verdicts}"],
        80: [f"2 scopes: 26 queries, {verdicts}"],
        60: ["2 scopes: 26 queries in 42.8 ms,", f" {verdicts}"],
    }
    assert summary.render(session, width=60).split("\n")[:2] == told[60]


def test_a_session_without_findings_says_so():
    assert summary.render(session_of(report())) == "1 scope: 22 queries in 21.4 ms, no query loop"
    assert summary.render(SessionReport()) == "0 scopes: 0 queries, no query loop"


def test_what_was_cleared_is_shown_on_request():
    text = summary.render(session_of(report(cleared=(cleared(),))), width=120, show_cleared=True)
    assert (
        text.partition("\n")[2]
        == """\
 cleared: 1 batched
   batched  40 × SELECT journal_entry, IN lists of 500  background_tasks/journal_wellness_tasks.py:90"""
    )


def test_notes_tell_what_else_to_know():
    one = report(
        unjudged_queries=3, late_queries=1, internal_errors=("analysis: KeyError",), name="a"
    )
    assert summary.render(session_of(one, wellness())).split("\n")[-4:] == [
        " 3 queries not judged: more code paths than MAX_GROUPS keeps",
        " queries ran after their scope had closed: a",
        " 1 error inside nplusone-guard, the application went on: analysis: KeyError",
        " unused ignore at settings: suppressed nothing here; remove it.  rule query-in-loop",
    ]


def test_an_unused_comment_is_told_below_the_base_directory():
    one = report(
        unused_ignores=tuple(replace(COMMENT, where=at) for at in ("/p/a.py:6", "/b.py:7"))
    )
    session = complete(session_of(one))
    told = summary.render(session, base_dir="/p", width=120).split("\n")
    assert told[-2:] == [
        f" unused ignore at {at}: suppressed nothing  # nplusone: ignore[lazy-relation] small"
        for at in ("/b.py:7", "a.py:6")
    ]
    written = markdown.render(session, base_dir="/p").split("\n")
    assert [line for line in written if "unused" in line] == [
        f"- unused ignore at `{at}`: suppressed nothing `# nplusone: ignore[lazy-relation] small`"
        for at in ("/b.py:7", "a.py:6")
    ]


def test_an_unused_ignore_is_told_whole_but_for_its_own_words():
    """Where the terminal is narrow, what was meant and where stand on rows of their own."""
    reason = 'suppressed nothing: clinic.Patient has no field "visits". Did you mean "visit_set"?'
    at = "tests/test_pages.py::TestWard @nplusone[clinic.Patient.visits]"
    entry = UnusedIgnore(
        at, "field='clinic.Patient.visits', reason='" + "three at most, " * 9, reason
    )
    session = complete(session_of(report(unused_ignores=(entry,))))
    assert summary.render(session, width=80).split("\n")[1:] == [
        " unused ignore at tests/test_pages.py::TestWard",
        "   @nplusone[clinic.Patient.visits]:",
        '   suppressed nothing: clinic.Patient has no field "visits". Did you mean',
        '   "visit_set"?',
        "   field='clinic.Patient.visits', reason='three at most, three at most, three a…",
    ]


def test_a_difference_tells_the_new_ones_in_full():
    old, new = session_of(seen(3, "a", id="gone")), session_of(seen(9, "a", id="new"))
    lines = summary.render_diff(diff(old, new)).split("\n")
    assert lines[:3] == [
        "1 new finding, 1 gone, 0 kept",
        "new:",
        " lazy-relation  9 × SELECT peoples_people  18.2 ms  8 of 9 queries avoidable  [new]",
    ]
    assert lines[-2] == "gone:"
    assert lines[-1].endswith(":61  [gone]")
    assert summary.render_diff(diff(new, new)) == "0 new findings, 0 gone, 1 kept"


@settings(max_examples=15)
@given(SESSIONS, st.sampled_from([60, 100]))
def test_no_line_is_too_wide_or_obeyed_by_a_terminal(session, width):
    for line in summary.render(session, width=width, show_cleared=True).split("\n"):
        assert len(line) <= width
        assert line.isprintable()
