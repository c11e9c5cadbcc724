"""Hypothesis strategies for reports, made from the types of their fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from nplusone_guard.analysis.findings import Finding
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.model import Report
from nplusone_guard.report.records import hints_of
from nplusone_guard.report.session import SessionReport

#: Letters, wide and combining ones, what terminals obey, undecodable bytes of file names.
CHARACTERS = st.one_of(
    st.characters(codec="utf-8"),
    st.sampled_from("/\\\n\r\t\x1b\x07\x9b\u202e\u2028\u200b\u3000日本語ｶé́e×…\udcff"),
)
TEXT = st.text(CHARACTERS, max_size=12) | st.text(st.sampled_from("ab/ 語.\x1b"), max_size=250)
NUMBER = st.floats(0, 1e6) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    if dataclasses.is_dataclass(hint):
        hints = hints_of(hint)
        return st.builds(hint, **{name: values(each) for name, each in hints.items()})
    args = get_args(hint)
    if get_origin(hint) is tuple:
        return st.lists(values(args[0]), max_size=2).map(tuple)
    if get_origin(hint) is Mapping:
        return st.dictionaries(TEXT, values(args[1]), max_size=2)
    if get_origin(hint) is Literal:
        return st.sampled_from(args)
    if type(None) in args:
        return st.none() | values(args[0])
    plain = {str: TEXT, int: st.integers(0, 10**6), float: NUMBER, bool: st.booleans(), Any: JSON}
    return plain[hint]


def _with_timeline_in_range(report: Report) -> Report:
    timeline = (
        dataclasses.replace(entry, shape=entry.shape % (len(report.shapes) + 1) - 1)
        for entry in report.timeline
    )
    return dataclasses.replace(report, timeline=tuple(timeline))


FINDINGS: st.SearchStrategy[Finding] = values(Finding)
REPORTS: st.SearchStrategy[Report] = values(Report).map(_with_timeline_in_range)
#: A few reports, joined.
SESSIONS: st.SearchStrategy[SessionReport] = st.lists(REPORTS, max_size=3).map(
    lambda reports: session_of(*reports)
)
