"""One loop told once, where tests have seen different statements of it.

A finding goes by the first statement of its loop that is sent, so that two tests, one of
which skips that statement, have two findings. Both stand in the report as data; for a
reader the lesser one is told with the greater. That is done only where no other loop, and
no fix, can be hidden: both are of one loop statement, of which there is one a line; the
greater has all the statements of the lesser; and no scope tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from nplusone_guard.report.joining import worst_first
from nplusone_guard.report.session import SessionFinding, SessionReport

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import Finding

#: Kinds of loops that begin a line of their own; comprehensions and tags need not.
_STATEMENTS: Final = frozenset({"for", "async for", "while"})


def told_once(session: SessionReport) -> SessionReport:
    """``session`` with one finding for each loop statement, the worst of it."""
    return replace(session, findings=_joined(session.findings))


def _joined(entries: Iterable[SessionFinding]) -> tuple[SessionFinding, ...]:
    by_loop: dict[object, list[SessionFinding]] = {}
    for entry in entries:
        by_loop.setdefault(_loop_of(entry.finding), []).append(entry)
    told = [entry for same in by_loop.values() for entry in _of_one_loop(same)]
    return tuple(sorted(told, key=worst_first))


def _loop_of(finding: Finding) -> object:
    loop = finding.loop
    # Whatever may share its line with another loop stands for itself.
    return (finding.rule, loop) if loop is not None and loop.kind in _STATEMENTS else finding.id


def _of_one_loop(entries: list[SessionFinding]) -> list[SessionFinding]:
    told: list[SessionFinding] = []
    # The most statements first, so that what others are told with is there before them.
    for entry in sorted(entries, key=lambda each: -len(_statements(each.finding))):
        at = next((at for at, other in enumerate(told) if _is_part(entry, other)), None)
        if at is None:
            told.append(entry)
        else:
            both = (*told[at].sightings, *entry.sightings)
            told[at] = replace(told[at], sightings=tuple(sorted(both, key=lambda each: each.scope)))
    return told


def _is_part(lesser: SessionFinding, greater: SessionFinding) -> bool:
    one, other = lesser.finding, greater.finding
    return (
        not one.also_at  # elsewhere it may be in another loop
        and _statements(one) < _statements(other)
        and set(lesser.scopes).isdisjoint(greater.scopes)
    )


def _statements(finding: Finding) -> set[tuple[str, str, object]]:
    return {(each.database, each.fingerprint, each.site) for each in finding.statements}
