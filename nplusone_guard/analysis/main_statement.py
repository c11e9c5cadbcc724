"""Which of a loop's statements names its finding: by no counts, so that the identity is stable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from nplusone_guard.analysis import rules
from nplusone_guard.analysis.location import Location
from nplusone_guard.capture.scope import Group


class Named(Protocol):
    """A statement of a loop, and the rule that it breaks."""

    group: Group
    location: Location
    rule: str


C = TypeVar("C", bound=Named)


def main_of(candidates: Sequence[C]) -> C:
    """The statement that names the finding.

    Of the relations that one place reads by their names, a set may give any first.
    """
    main = min(candidates, key=_main_first)
    if main.rule != "lazy-relation":
        return main
    alike = (one for one in candidates if one.rule == main.rule and _is_one_place(one, main))
    return min(alike, key=lambda one: one.group.fingerprint.text)


def _is_one_place(one: Named, other: Named) -> bool:
    here, there = one.location.place, other.location.place
    # A serializer has one line of the user's for all its fields.
    if here is None or there is None or one.location.site != other.location.site:
        return one is other
    return here.code is there.code and here.lasti == there.lasti


def _main_first(candidate: Named) -> tuple[bool, bool, int]:
    """Which statement names the finding: no counts, so that the identity is stable."""
    group = candidate.group
    reads_to_write = candidate.rule == "write-in-loop" and group.fingerprint.kind == "select"
    warning = rules.severity_of(candidate.rule, group) != "error"
    return (warning, reads_to_write, group.sequence)
