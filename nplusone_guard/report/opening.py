"""How the text of a failure begins: on one line, or broken where its sentences can be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from nplusone_guard.exceptions import MaxQueriesExceeded
from nplusone_guard.report import columns

#: What a traceback puts before the first line of a failure that is raised.
NAME: Final = f"{MaxQueriesExceeded.__module__}.{MaxQueriesExceeded.__name__}: "

_INDENT: Final = "   "

#: The clauses of one sentence, which commas join.
Sentence = Sequence[str]


def opening(sentences: Iterable[Sentence], width: int, before: str = "") -> list[str]:
    """The ``sentences`` on one line of ``width`` columns; else each on lines of its own.

    ``before`` is what stands on the first line already.
    """
    said = [[columns.clean(" ".join(each.split())) for each in one] for one in sentences]
    said = [clauses for clauses in said if any(clauses)]
    whole = ": ".join(map(", ".join, said))
    if columns.columns(before + whole) <= width:
        return [whole]
    first, *others = [_ended(clauses, ":") for clauses in said[:-1]] + [_ended(said[-1])]
    # What the first row has no room for is indented as the others are.
    rows = _filled(first, width - max(len(before), len(_INDENT)))
    rows += [row for each in others for row in _filled(each, width - len(_INDENT))]
    return [rows[0], *(f"{_INDENT}{row}" for row in rows[1:])]


def _ended(clauses: Sentence, end: str = "") -> list[str]:
    """The clauses with the comma, or the end, behind each."""
    *others, last = clauses
    return [*(f"{each}," for each in others), f"{last}{end}"]


def _filled(clauses: Iterable[str], room: int) -> list[str]:
    """As many clauses a row as there is room for; one that is longer is broken at a space."""
    rows: list[str] = []
    for clause in clauses:
        joined = f"{rows[-1]} {clause}" if rows else clause
        if rows and columns.columns(joined) <= room:
            rows[-1] = joined
        else:
            rows += columns.wrap(clause, room, lines=len(clause))
    return rows
