"""Advice for rows that are written one by one: which maker knows which method."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, Subject
from nplusone_guard.analysis.advice.creating import creating, gathering
from nplusone_guard.analysis.advice.filtered_writes import deleting, updating
from nplusone_guard.analysis.advice.get_or_create import get_or_creating
from nplusone_guard.analysis.advice.many_to_many import adding, clearing, setting
from nplusone_guard.analysis.advice.saving import saving
from nplusone_guard.analysis.advice.validation import validating
from nplusone_guard.analysis.advice.write_calls import ASYNC, Write


def plans(subject: Subject) -> list[Plan]:
    """The ways to write the rows of all turns at once."""
    write = _write_of(subject)
    if write is None:
        return []
    makers = _MAKERS.get(write.name, ())
    found = [plan for maker in makers if (plan := maker(write)) is not None]
    if found and _is_echo(subject, write):
        # The same call sends this statement, too: one edit removes both. A delete of many rows
        # sends one of each sort that a delete of one row does.
        for plan in found:
            plan.costs = int(plan.kind == "delete")
    return found


def _is_echo(subject: Subject, write: Write) -> bool:
    first = next(one for one in subject.case.subjects if one.site == subject.site)
    other = _write_of(first) if first is not subject else None
    return other is not None and other.call is write.call


def _write_of(subject: Subject) -> Write | None:
    spot, loop = subject.spot, subject.loop
    if spot is None or loop is None or not subject.local or isinstance(loop, ast.Call):
        return None
    for node in ast.walk(spot.node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            plain = name[1:] if name in ASYNC else name
            write = Write(subject, spot, loop, node, node.func.value, plain)
            if plain in _MAKERS and not _makes_another(write):
                return write
    return None


def _makes_another(write: Write) -> bool:
    """Whether the rows that ``create()`` makes are of a model that was not written: where only
    the line is known (Python 3.10), a call may stand inside another.
    """
    if write.name != "create" or write.query is None:
        return False
    made, written = write.query.model, meta.model_of(write.subject.facts.model)
    return made is not None and written is not None and made is not written


_Maker = Callable[[Write], Plan | None]


_MAKERS: Final[dict[str, tuple[_Maker, ...]]] = {
    "create": (creating,),
    "save": (saving,),
    "bulk_create": (gathering,),
    "bulk_update": (gathering,),
    "get_or_create": (get_or_creating,),
    "update_or_create": (get_or_creating,),
    "update": (updating,),
    "delete": (deleting,),
    "add": (adding,),
    "remove": (adding,),
    "set": (setting,),
    "clear": (clearing,),
    "full_clean": (validating,),
}
