"""Eager loads of many scopes: joined in any order, judged once, told by every outlet."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from nplusone_guard.analysis.findings import EagerLoad
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.report import github, gitlab, markdown, sarif, summary
from nplusone_guard.report.comparing import diff
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.session import SessionReport
from nplusone_guard.report.settling import settled
from tests.report.factory import report, wellness

SITE = Site("/srv/shop/views.py", 12, "books", "for book in books:")
AUTHOR = EagerLoad(
    "select_related", "author", "shop.Book", SITE, rows=True, read=False, id="0123456789ab"
)
TAGS = replace(AUTHOR, method="prefetch_related", lookup="tags", id="ba9876543210")
BEHIND = replace(AUTHOR, lookup="author__country", id="111111111111")


def scope(name, *loads):
    return report(name=name, eager_loads=loads)


def unused(*reports):
    return [entry.finding.relation for entry in settled(session_of(*reports))]


def test_a_scope_that_reads_speaks_for_all_in_any_order():
    scopes = (scope("a", AUTHOR), scope("b", replace(AUTHOR, read=True)), scope("c", AUTHOR))
    for some in permutations(scopes):
        assert unused(*some) == []
    assert unused(scopes[0], scopes[2]) == ["shop.Book.author"]


def test_rows_of_one_scope_are_evidence_for_all():
    empty = replace(AUTHOR, rows=False)
    assert unused(scope("a", empty)) == []
    assert unused(scope("a", empty), scope("b", AUTHOR)) == ["shop.Book.author"]


def test_what_lies_behind_is_told_with_what_it_lies_behind():
    assert unused(scope("a", AUTHOR, BEHIND)) == ["shop.Book.author"]
    assert unused(scope("a", replace(AUTHOR, read=True), BEHIND)) == ["shop.Book.author__country"]


def test_two_lines_are_two_loads():
    elsewhere = replace(AUTHOR, site=replace(SITE, line=40), read=True)
    assert unused(scope("a", AUTHOR, elsewhere)) == ["shop.Book.author"]


def test_a_verdict_is_taken_back_when_more_is_known():
    first = settled(session_of(scope("a", AUTHOR)))
    assert len(first) == 1
    assert len(settled(first)) == 1
    assert len(settled(session_of(first, scope("b", replace(AUTHOR, read=True))))) == 0


def test_it_leaves_other_findings_as_they_are():
    session = session_of(wellness(), scope("a", TAGS))
    assert [*session] == [*session_of(wellness())]
    assert [entry.finding.rule for entry in settled(session)][:-1] == [
        entry.finding.rule for entry in session
    ]


def test_it_survives_the_round_trip():
    session = settled(session_of(scope("a", AUTHOR, TAGS)))
    assert SessionReport.from_json(session.to_json()) == session


def test_the_summary():
    session = settled(session_of(scope("a", TAGS), scope("b", TAGS)))
    assert summary.totals(session).endswith("1 unused eager load, 2 queries avoidable")


@pytest.mark.parametrize("render", [github.render, gitlab.render, markdown.render, sarif.render])
def test_every_outlet_tells_it(render):
    assert "unused-eager-load" in render(settled(session_of(scope("a", AUTHOR))), "/srv/shop")


def test_the_text():
    session = settled(session_of(scope("a", AUTHOR)))
    text = summary.render(session, base_dir="/srv/shop")
    assert 'drop select_related("author") at views.py:12: it costs a join' in text
    assert "views.py:12  for book in books:" in text


def test_two_sessions_compared():
    before = settled(session_of(scope("a", AUTHOR)))
    after = settled(session_of(scope("a", TAGS)))
    found = diff(before, after)
    assert [entry.finding.id for entry in found.new] == [TAGS.id]
    assert [entry.finding.id for entry in found.gone] == [AUTHOR.id]
