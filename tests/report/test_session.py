"""Many reports as one: each finding once, with the scopes that reach it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nplusone_guard.analysis.findings import Advice, UnusedIgnore, Verdicts
from nplusone_guard.analysis.merging import merge as merge_verdicts
from nplusone_guard.analysis.merging import worst_first
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.report import markdown, summary
from nplusone_guard.report.session import (
    Gathering,
    SessionReport,
    Sighting,
    complete,
    diff,
    merge,
    session_of,
)
from tests.report.factory import cleared, finding, report, site, statement, wellness
from tests.report.strategies import REPORTS

SESSIONS = st.lists(REPORTS, max_size=3).map(lambda reports: session_of(*reports))


def seen(count: int, test: str, **facts):
    """A report of one test that sends ``count`` queries in the wellness loop."""
    advice = Advice("use select_related()", count - 1, count)
    found = finding("lazy-relation", statement(count), advice=advice, **facts)
    return report(found, name=test, kind="test", query_count=count + 1)


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


# --- joining --------------------------------------------------------------------------------


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


COMMENT = UnusedIgnore("a.py:60", "# nplusone: ignore[lazy-relation] small", "suppressed nothing")
ENTRY = UnusedIgnore("settings", "rule='lazy-relation', reason='small'", "suppressed nothing")


@pytest.mark.parametrize(
    ("ignore", "used", "idle"),
    [
        (COMMENT, cleared("ignored", detail="comment: small", site=site(60, file="a.py")), False),
        (COMMENT, cleared("ignored", detail="comment: small", loop=site(60, file="a.py")), False),
        (COMMENT, cleared("ignored", detail="comment: small", site=site(61, file="a.py")), True),
        (COMMENT, cleared("batched", site=site(60, file="a.py")), True),
        (ENTRY, cleared("ignored", detail="settings: small"), False),
        (ENTRY, cleared("ignored", detail="settings: large"), True),
        (ENTRY, cleared("ignored", detail="comment: small"), True),
    ],
)
def test_an_ignore_that_another_scope_needed_is_not_idle(ignore, used, idle):
    session = session_of(report(unused_ignores=(ignore,)), report(cleared=(used,), name="b"))
    assert bool(session.idle_ignores) is idle


@pytest.mark.parametrize(
    ("others", "told"), [(("whole",), 1), (("part",), 0), (("part", "broken"), 0)]
)
def test_only_a_whole_suite_tells_of_ignores_without_use(others, told):
    parts = [replace(session_of(report(unused_ignores=(ENTRY,))), coverage=each) for each in others]
    joined = session_of(*parts)
    assert joined.coverage == others[-1]
    assert len(joined.idle_ignores) == told
    # All the parts together are the suite, unless one of them broke off.
    whole = complete(joined)
    assert whole.coverage == ("broken" if "broken" in others else "whole")
    assert len(whole.idle_ignores) == (0 if "broken" in others else 1)


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


# --- JSON -----------------------------------------------------------------------------------


@settings(max_examples=15)
@given(SESSIONS)
def test_a_session_survives_the_round_trip(session):
    text = session.to_json()
    assert SessionReport.from_json(text) == session
    assert SessionReport.from_json(text).to_json() == text


def test_the_version_and_the_kind_come_first():
    document = json.loads(session_of(wellness()).to_json())
    assert list(document) == [
        "schema_version",
        "kind",
        "scopes",
        "findings",
        "cleared",
        "unused_ignores",
        "internal_errors",
        "eager_loads",
        "coverage",
        "suite",
    ]
    assert (document["schema_version"], document["kind"]) == (1, "session")


def test_a_single_report_is_a_session_of_one_scope():
    assert SessionReport.from_json(wellness().to_json()) == session_of(wellness())


def changed(key, value):
    return json.dumps(json.loads(session_of(wellness()).to_json()) | {key: value})


NEWER = (
    "/schema_version is 2, but this release of nplusone-guard reads version 1; "
    "read it with a newer release"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed("scopes", [{"name": "a"}]), "/scopes/0/kind is missing; allowed: a string"),
        (changed("findings", [{"finding": 1}]), "/findings/0/finding is 1; allowed: an object"),
        (changed("schema_version", 0), "/schema_version is 0; allowed: 1"),
        (changed("kind", 7), "/name is missing; allowed: a string"),
        (changed("schema_version", 2), NEWER),
        ("[]", "the document is []; allowed: an object"),
        ("<", "not JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_what_is_no_session_is_refused(text, message):
    with pytest.raises(ConfigError) as caught:
        SessionReport.from_json(text)
    assert str(caught.value) == f"session JSON: {message}"


def test_keys_that_a_later_release_adds_are_passed_over():
    assert SessionReport.from_json(changed("color", "red")) == session_of(wellness())


# --- comparing ------------------------------------------------------------------------------


def test_a_difference_is_by_id():
    old = session_of(seen(3, "a", id="gone"), seen(3, "a", id="kept"))
    new = session_of(seen(9, "b", id="kept", site=site(99)), seen(3, "a", id="new"))
    difference = diff(old, new)
    assert [entry.finding.id for entry in difference.new] == ["new"]
    assert [entry.finding.id for entry in difference.gone] == ["gone"]
    assert [entry.sightings for entry in difference.kept] == [(Sighting("b", 9, 8),)]


@settings(max_examples=15)
@given(SESSIONS)
def test_a_session_differs_from_itself_in_nothing(session):
    difference = diff(session, session)
    assert (difference.new, difference.gone) == ((), ())
    assert difference.kept == session.findings


# --- as text --------------------------------------------------------------------------------


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


def test_a_loop_that_is_mended_in_part_is_kept_and_not_new():
    whole = finding("lazy-relation", statement(id="a"), statement(id="b"), id="a")
    old, new = session_of(report(whole)), seen(3, "t", id="b")
    change = diff(old, session_of(new))
    assert ([each.finding.id for each in change.kept], change.new, change.gone) == (["b"], (), ())
    change = diff(session_of(new), old)
    assert [each.finding.id for each in change.new] == ["a"]


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
