"""How two sessions differ: by the ids of their findings."""

from __future__ import annotations

from hypothesis import given, settings

from nplusone_guard.report.comparing import diff
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.session import Sighting
from tests.report.factory import (
    finding,
    report,
    seen,
    site,
    statement,
)
from tests.report.strategies import SESSIONS


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


def test_a_loop_that_is_mended_in_part_is_kept_and_not_new():
    whole = finding("lazy-relation", statement(id="a"), statement(id="b"), id="a")
    old, new = session_of(report(whole)), seen(3, "t", id="b")
    change = diff(old, session_of(new))
    assert ([each.finding.id for each in change.kept], change.new, change.gone) == (["b"], (), ())
    change = diff(session_of(new), old)
    assert [each.finding.id for each in change.new] == ["a"]
