"""Eager loads that nobody read: facts of many scopes, joined, and judged over a whole session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from nplusone_guard.analysis.verdicts import Site

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import EagerLoad

#: The rule that takes a whole session to judge.
RULE: Final = "unused-eager-load"


def joined(loads: Iterable[EagerLoad]) -> tuple[EagerLoad, ...]:
    """Each load once: it had rows if it ever had, and was read if it ever was."""
    found: dict[tuple[str, Site], EagerLoad] = {}
    for load in loads:
        key = (load.id, load.site)
        found[key] = _both(found[key], load) if key in found else load
    return tuple(sorted(found.values(), key=_place))


def _both(one: EagerLoad, other: EagerLoad) -> EagerLoad:
    return replace(
        one,
        rows=one.rows or other.rows,
        read=one.read or other.read,
        scopes=tuple(sorted({*one.scopes, *other.scopes})),
    )


def _place(load: EagerLoad) -> tuple[str, int, str, str]:
    return load.site.file, load.site.line, load.method, load.lookup


def unused(loads: Iterable[EagerLoad]) -> tuple[EagerLoad, ...]:
    """Those that had rows, and that nobody read; not those behind another one of these."""
    loads = tuple(loads)
    found = [load for load in loads if load.rows and not load.read]
    paths = {(load.model, load.site, load.lookup) for load in loads if not load.read}
    return tuple(load for load in found if not _above(load) & paths)


def _above(load: EagerLoad) -> set[tuple[str, Site, str]]:
    names = load.lookup.split("__")
    return {(load.model, load.site, "__".join(names[:depth])) for depth in range(1, len(names))}
