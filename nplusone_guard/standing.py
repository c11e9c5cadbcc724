"""How findings stand against a baseline, in words: after a run, or once shards are joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from nplusone_guard.baseline import Comparison, Entry
from nplusone_guard.report import columns, shards
from nplusone_guard.report.session import SessionReport

#: Stale entries, or new findings, that are named unless all are asked for.
MAX_NAMED: Final = 20
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
    new: Iterable[str] = (),
    aside: int = 0,
    width: int = MAX_LINE,
) -> Iterator[str]:
    """One line of counts for the baseline ``name``, and below it what to do about it.

    ``strict``: stale entries fail; ``updated``: the baseline was written after all this;
    ``new``: a line for each new finding, where nothing else names them; ``aside``: how many
    findings are not held to it, warnings above all. ``width`` is that of the terminal.
    """
    note = min(width, MAX_LINE)
    yield from rows(f" baseline {name}: {', '.join(_counts(compared, aside))}", width)
    yield from _named([f"   new  {each}" for each in new], verbose, width)
    for _, entry in compared.expired:
        yield from rows(f"   expired {entry.until}  {_told(entry)}", width)
        yield from _reason(entry, note)
    if not updated:
        yield from _stale(compared.stale, strict, verbose, width)
        yield from _outdated(len(compared.outdated), note)


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


def _counts(compared: Comparison, aside: int) -> Iterator[str]:
    yield f"{len(compared.known):,} known"
    yield f"{len(compared.new):,} new"
    if compared.expired:
        yield f"{len(compared.expired):,} expired"
    if compared.stale:
        yield f"{len(compared.stale):,} stale"
    if aside:
        yield f"{aside:,} only reported"


def _reason(entry: Entry, width: int) -> Iterator[str]:
    """What somebody meant to do by the last day."""
    room = width - len(_INDENT)
    told = columns.wrap(columns.clean(entry.reason), room, MAX_REASON) if entry.reason else []
    yield from (f"{_INDENT}{row}" for row in told)


def _stale(stale: tuple[Entry, ...], strict: bool, verbose: bool, width: int) -> Iterator[str]:
    yield from _named([f"   stale  {_told(entry)}" for entry in stale], verbose, width)
    if stale:
        remedy = "--nplusone-update-baseline=prune removes them"
        told = f"   no longer found{', which fails' if strict else ''}"
        yield from in_width(told, remedy, min(width, MAX_LINE))


def _named(lines: list[str], verbose: bool, width: int) -> Iterator[str]:
    """As many of ``lines`` as are asked for, and how many more there are."""
    shown = lines if verbose else lines[:MAX_NAMED]
    for line in shown:
        yield from rows(line, width)
    if more := len(lines) - len(shown):
        yield f"   and {more:,} more"


def _outdated(count: int, width: int) -> Iterator[str]:
    if count:
        goes = "goes by an id" if count == 1 else "go by ids"
        told = f"   {count:,} {goes} of an earlier release"
        yield from in_width(told, f"--nplusone-update-baseline renews {them(count)}", width)


def in_width(told: str, remedy: str, width: int = MAX_LINE) -> Iterator[str]:
    """Both on one line, or the remedy on a line below."""
    line = f"{told}; {remedy}"
    indent = _indent_of(told) + 2
    yield from [line] if len(line) <= width else [told, f"{' ' * indent}{remedy}"]


def rows(line: str, width: int) -> list[str]:
    """``line`` in rows of ``width`` columns, the later ones indented; no path is broken."""
    return columns.unbroken(line, width, " " * (_indent_of(line) + 2))


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip())


def them(count: int) -> str:
    """The pronoun for ``count`` things."""
    return "it" if count == 1 else "them"


def _told(entry: Entry) -> str:
    return columns.clean(f"{entry.rule}  {entry.file} {entry.function}  [{entry.id}]")
