"""What a session tells beside its findings: the ignores that nothing needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nplusone_guard.report.joining import session_of
from nplusone_guard.report.settling import complete
from tests.report.factory import (
    COMMENT,
    ENTRY,
    cleared,
    report,
    site,
)


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
