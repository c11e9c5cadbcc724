"""Advice for related rows that are read after their manager has dropped what was loaded.

``entry.tags.add(…)`` forgets what was prefetched for ``entry.tags``, and so do the other methods
that write through a related manager: a prefetch serves no read behind them.
"""

from __future__ import annotations

import ast
import os
from dataclasses import replace
from typing import Final

from nplusone_guard.analysis.advice import lost, relations
from nplusone_guard.analysis.advice.case import Plan, Subject, spot_of_group
from nplusone_guard.analysis.advice.trees import own_nodes
from nplusone_guard.capture.scope import Group

_DROPPING: Final = frozenset("add remove set clear aadd aremove aset aclear".split())


def undropped(plans: list[Plan], subject: Subject) -> list[Plan]:
    """``plans``; in words alone where a prefetch is dropped before the loop reads it.

    Then the read has to come first, and whether it may is for the user to say. Where the loop
    reads before and behind, the plans save the reads before.
    """
    call = _dropping(subject) if any("prefetch" in plan.kind for plan in plans) else None
    if call is None or subject.spot is None:
        return plans
    if call.lineno < subject.spot.line:
        return [_in_words(plans[0], subject, call)]
    behind = sum(one.count for one in subject.candidate.groups if _line(one) > call.lineno)
    return [replace(plan, costs=plan.costs + behind) for plan in plans]


def _in_words(plan: Plan, subject: Subject, call: ast.Call) -> Plan:
    assert isinstance(call.func, ast.Attribute)
    read = f"read {relations.reading(subject)} before {call.func.attr}() at :{call.lineno} drops it"
    text, costs = f"{lost.loaded(subject)}: {read}", 0
    if lost.prefetch_of(subject) is None:
        where = f"{os.path.basename(plan.file)}:{plan.line}"
        calls = "".join(f".{method}({argument})" for method, argument in plan.calls)
        text, costs = f"add {calls} {plan.place} {where}, and {read}", plan.costs
    if subject is not subject.case.subjects[0]:
        costs = subject.count  # the sentence is about another statement
    return Plan("prefetched", subject.site.file, call.lineno, costs=costs, text=text, place="")


def _dropping(subject: Subject) -> ast.Call | None:
    """The first call in the loop that drops what its related manager has loaded."""
    rows = relations.reading(subject).removesuffix(".all()")
    if subject.loop is None or not subject.local or not rows:
        return None
    found = (
        node
        for node in own_nodes(subject.loop)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _DROPPING
        and ast.unparse(node.func.value) == rows
    )
    return min(found, key=lambda node: node.lineno, default=None)


def _line(group: Group) -> int:
    spot = spot_of_group(group)
    return spot.line if spot is not None else 0
