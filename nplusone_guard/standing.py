"""How findings stand against a baseline, in words: after a run, or once shards are joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from nplusone_guard.baseline import Comparison, Entry
from nplusone_guard.report import columns, shards
from nplusone_guard.report.session import SessionReport

#: Stale entries that are named unless all are asked for.
MAX_STALE: Final = 20
#: Columns of a line on what an update changes.
MAX_LINE: Final = 80
#: Lines of a reason.
MAX_REASON: Final = 4

_INDENT: Final = " " * 5


def lines(
    compared: Comparison,
    name: str,
    *,
    strict: bool = False,
    verbose: bool = False,
    updated: bool = False,
) -> Iterator[str]:
    """One line of counts for the baseline ``name``, and below it what to do about it.

    ``strict``: stale entries fail; ``updated``: the baseline was written after all this.
    """
    yield f" baseline {name}: {', '.join(_counts(compared))}"
    for _, entry in compared.expired:
        yield f"   expired {entry.until}  {_told(entry)}"
        yield from _reason(entry)
    if not updated:
        yield from _stale(compared.stale, strict, verbose)
        yield from _outdated(len(compared.outdated))


def why_unjudged(
    reports: Mapping[str, SessionReport], joined: SessionReport, expected: int | None
) -> str:
    """Why ``reports``, together ``joined``, do not tell which entries are stale; else nothing.

    That takes all the tests, and somebody who says that these are all.
    """
    foreign = [name for name, each in reports.items() if each.suite is None]
    broken = [name for name, each in reports.items() if each.coverage == "broken"]
    if foreign:
        return f"not of a run of tests: {', '.join(foreign)}"
    if broken:
        return f"did not run to the end: {', '.join(broken)}"
    numbered = shards.are_numbered(reports.values())
    whole = any(each.coverage == "whole" for each in reports.values())
    if joined.coverage != "whole" or not (numbered or expected or whole):
        return "--expect N says how many reports there are"
    return ""


def _counts(compared: Comparison) -> Iterator[str]:
    yield f"{len(compared.known):,} known"
    yield f"{len(compared.new):,} new"
    if compared.expired:
        yield f"{len(compared.expired):,} expired"
    if compared.stale:
        yield f"{len(compared.stale):,} stale"


def _reason(entry: Entry) -> Iterator[str]:
    """What somebody meant to do by the last day."""
    room = MAX_LINE - len(_INDENT)
    rows = columns.wrap(columns.clean(entry.reason), room, MAX_REASON) if entry.reason else []
    yield from (f"{_INDENT}{row}" for row in rows)


def _stale(stale: tuple[Entry, ...], strict: bool, verbose: bool) -> Iterator[str]:
    shown = stale if verbose else stale[:MAX_STALE]
    yield from (f"   stale  {_told(entry)}" for entry in shown)
    more = len(stale) - len(shown)
    if more:
        yield f"   and {more:,} more"
    if stale:
        fails = ", which fails" if strict else ""
        yield f"   no longer found{fails}; --nplusone-update-baseline=prune removes them"


def _outdated(count: int) -> Iterator[str]:
    if count:
        goes = "goes by an id" if count == 1 else "go by ids"
        told = f"   {count:,} {goes} of an earlier release"
        yield from in_width(told, f"--nplusone-update-baseline renews {them(count)}")


def in_width(told: str, remedy: str) -> Iterator[str]:
    """Both on one line, or the remedy on a line below."""
    line = f"{told}; {remedy}"
    indent = len(told) - len(told.lstrip()) + 2
    yield from [line] if len(line) <= MAX_LINE else [told, f"{' ' * indent}{remedy}"]


def them(count: int) -> str:
    """The pronoun for ``count`` things."""
    return "it" if count == 1 else "them"


def _told(entry: Entry) -> str:
    return f"{entry.rule}  {entry.file} {entry.function}  [{entry.id}]"
