"""How failures are shown is asked for by what runs the tests, and taken back by it."""

from __future__ import annotations

import pytest

from nplusone_guard.report.shown import Shown, show_as, shown_as

pytestmark = pytest.mark.usefixtures("usual_failures")


def test_what_a_call_states_counts_before_what_was_asked_for():
    undo = show_as(Shown(verbose=True, width=72))
    assert shown_as(None, None) == Shown(verbose=True, width=72)
    assert shown_as(False, None) == Shown(verbose=False, width=72)
    assert shown_as(None, 60) == Shown(verbose=True, width=60)
    undo()
    assert shown_as(None, None) == Shown(verbose=False, width=100)


def test_each_takes_its_own_wish_back():
    """As where a test runs pytest in its own process."""
    outer, inner = show_as(Shown(width=80)), show_as(Shown(width=70))
    assert shown_as(None, None).width == 70
    outer()
    assert shown_as(None, None).width == 70
    inner()
    assert shown_as(None, None).width == 100
