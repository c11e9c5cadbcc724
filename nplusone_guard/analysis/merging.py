"""Verdicts of several scopes as one: each finding once, however many requests reached it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from nplusone_guard.analysis.eager import joined
from nplusone_guard.analysis.verdicts import Cleared, Verdicts

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import Finding, Shape

#: Entries of each kind that an outer scope takes over.
MAX_MERGED: Final = 5_000

NOTHING: Final = Verdicts()

T = TypeVar("T")


def merge(one: Verdicts, other: Verdicts) -> Verdicts:
    """Both verdicts together; a loop that both found keeps its worst turn-out.

    ``other`` is of scopes that are closed, and has each entry once already.
    """
    if one == NOTHING:
        return other
    findings = _merge(one.findings + other.findings, _finding_key, _worse)
    return Verdicts(
        findings=tuple(sorted(findings, key=worst_first)),
        cleared=_merge(one.cleared + other.cleared, _cleared_key, _more_cleared),
        shapes=_merge(one.shapes + other.shapes, shape_key, _added),
        unused_ignores=tuple(dict.fromkeys(one.unused_ignores + other.unused_ignores)),
        eager_loads=joined(one.eager_loads + other.eager_loads),
    )


def worst_first(finding: Finding) -> tuple[object, ...]:
    """Errors before warnings, then by queries that could be saved, then by place.

    Not by duration: two runs of one program list the same in the same order.
    """
    return (finding.severity != "error", -finding.advice.saves, -finding.count, by_place(finding))


def by_place(finding: Finding) -> tuple[str, int, str, str]:
    """What sets an order between findings that are equally bad."""
    return (finding.site.file, finding.site.line, finding.rule, finding.id)


def _merge(
    entries: tuple[T, ...], key: Callable[[T], Hashable], join: Callable[[T, T], T]
) -> tuple[T, ...]:
    if len(entries) < 2:
        return entries
    merged: dict[Hashable, T] = {}
    for entry in entries:
        name = key(entry)
        if name in merged:
            merged[name] = join(merged[name], entry)
        elif len(merged) < MAX_MERGED:
            merged[name] = entry
    return tuple(merged.values())


def _finding_key(finding: Finding) -> Hashable:
    return (finding.id, finding.loop.line if finding.loop is not None else finding.site.line)


def _worse(one: Finding, other: Finding) -> Finding:
    return one if one.count >= other.count else other


def _cleared_key(cleared: Cleared) -> Hashable:
    return (cleared.reason, cleared.detail, cleared.fingerprint, cleared.site)


def _more_cleared(one: Cleared, other: Cleared) -> Cleared:
    return replace(one, count=one.count + other.count)


def shape_key(shape: Shape) -> Hashable:
    """What two shapes have in common that are one in a report."""
    return (shape.database, shape.fingerprint, shape.site)


def _added(one: Shape, other: Shape) -> Shape:
    return replace(
        one,
        count=one.count + other.count,
        failed=one.failed + other.failed,
        duration=one.duration + other.duration,
    )
