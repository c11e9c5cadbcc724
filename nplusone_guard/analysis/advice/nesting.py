"""Loops around a loop: one query before all of them; how often it is sent where that cannot be."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from nplusone_guard.analysis.advice import meanwhile
from nplusone_guard.analysis.advice.case import Plan, Subject
from nplusone_guard.analysis.advice.rows import made_from, rows_of
from nplusone_guard.analysis.advice.trees import (
    LOOPS,
    Spot,
    binding_of,
    possible_bindings,
    spot_of,
)
from nplusone_guard.analysis.jumps import has_loop

Maker = Callable[[Subject], list[Plan]]

_AROUND: Final = ("before the loop", "behind the loop", "before the walk")


def outermost(maker: Maker, *, by_rows: bool = True) -> Maker:
    """``maker`` of the outermost loop for which it has a plan.

    Unless it does without them, the rows of all loops have to be known before the first one.
    """

    def widest(subject: Subject) -> list[Plan]:
        for wider in _wider(subject):
            plans = maker(wider) if not by_rows or rows_of(wider) is not None else []
            if plans:
                _take_over(subject, wider)
                return plans
        return maker(subject)

    return widest


def _wider(subject: Subject) -> Iterator[Subject]:
    """The same in the terms of each loop around its own, the outermost first."""
    spot, loop = subject.loop_spot, subject.loop
    if spot is None or not isinstance(loop, LOOPS):
        return
    if subject.group.fingerprint.kind != "select":
        return
    for around in reversed(subject.case.loops(spot.at(loop))):
        case = replace(subject.case, taken=set(subject.case.taken), rows=dict(subject.case.rows))
        taken, conversions = set(subject.taken), dict(subject.conversions)
        wider = Subject(case, subject.candidate, taken, conversions, around)
        if wider.local and not meanwhile.is_written(wider):
            yield wider


def _take_over(subject: Subject, wider: Subject) -> None:
    """The names that the plan of another subject has given."""
    subject.taken |= wider.taken
    subject.conversions.update(wider.conversions)
    subject.case.taken |= wider.case.taken
    subject.case.rows.update(wider.case.rows)


# -- what is left ----------------------------------------------------------------------


def told_honestly(plan: Plan, subject: Subject) -> Plan:
    """``plan`` with the queries that it leaves where its own loop stands in another."""
    spot = subject.loop_spot
    if not plan.place.startswith(_AROUND) or spot is None or plan.file != spot.tree.file:
        return plan
    loop = next((one for one in spot.tree.nodes_on(plan.line) if isinstance(one, LOOPS)), None)
    around = _around(subject, spot, loop) if loop is not None else []
    if loop is None or not around:
        return plan
    file, line = os.path.basename(around[0].tree.file), around[0].line
    plan.costs = min(plan.costs * _turns(subject, spot.at(loop), around), subject.count)
    plan.repeated = f"once for each turn of the loop at {file}:{line}"
    return plan


def _around(subject: Subject, spot: Spot, loop: ast.AST) -> list[Spot]:
    """The loops that a loop stands in, the innermost first, with those that call its function.

    A ``while`` that calls it may as well be one that tries again.
    """
    found = [spot.at(one) for one in subject.case.loops(spot.at(loop))]
    below: Spot | None = spot
    for number, (code, _) in enumerate(spot.callers):
        # The source of most callers need not be read.
        caller = spot_of(spot.callers[number:]) if has_loop(code) else None
        if caller is not None and not _stands_in(below, caller.node):
            loops = subject.case.loops(caller)
            found += [caller.at(one) for one in loops if not isinstance(one, ast.While)]
        below = caller
    return found


def _stands_in(below: Spot | None, node: ast.AST) -> bool:
    """Whether a call is that of a comprehension by the function around it, up to Python 3.11."""
    nodes = [below.node, *below.tree.above(below.node)] if below is not None else []
    return any(one is node for one in nodes)


def _turns(subject: Subject, loop: Spot, around: list[Spot]) -> int:
    """How often a loop was come to; where nothing tells, as often as the query was sent."""
    times = 1
    for one in around:
        number = _length(one.node)
        if number is None:
            break
        times *= number
    else:
        return times
    asked = meanwhile.sent_from(subject, made_from(loop)) if _is_made_anew(loop) else 0
    return asked or subject.count // _least_length(subject, loop, around)


def _is_made_anew(loop: Spot) -> bool:
    """Whether a loop runs over rows of its own each time it is come to."""
    tree, iterable = loop.tree, getattr(loop.node, "iter", None)
    if not isinstance(iterable, ast.Name):
        return iterable is not None
    bound, around = binding_of(tree, iterable.id, iterable), next(tree.loops(loop.node), None)
    value = bound.value if bound is not None and bound.how == "value" else None
    return value is not None and any(one is around for one in tree.above(value))


def _least_length(subject: Subject, loop: Spot, around: list[Spot]) -> int:
    """How many turns a loop has each time it is come to, as far as that can be told.

    Two where the first two queries were about two things of one parent, and each time the loop
    runs over the same rows and sends the query in each turn.
    """
    group, spot = subject.group, subject.spot
    first, second = group.first, group.second
    if first is None or second is None or spot is None or len(subject.candidate.groups) > 1:
        return 1
    same = bool(first.facts.parent_key) and first.facts.parent_key == second.facts.parent_key
    if not same or first.digest == second.digest or subject.loop is not loop.node:
        return 1
    # Without columns (Python 3.10) it is the whole statement: ``if new: entry.tags.add(tag)``.
    parts = () if spot.exact else ast.walk(spot.node)
    plain = not any(isinstance(one, (ast.If, ast.IfExp, ast.BoolOp, ast.Try)) for one in parts)
    plain = plain and not meanwhile.is_conditional(subject, spot, spot.node)
    return 2 if plain and _is_steady(loop, around) else 1


def _is_steady(loop: Spot, around: list[Spot]) -> bool:
    """Whether a loop runs over what was given a name before all the loops around it."""
    tree, iterable = loop.tree, getattr(loop.node, "iter", None)
    if not isinstance(iterable, ast.Name):
        return False
    bindings = possible_bindings(tree, iterable.id, iterable)
    if [one.how for one in bindings] != ["value"]:
        return False
    above = [bindings[0].node, *tree.above(bindings[0].node)]
    function = tree.function(loop.node)
    return all(
        one.tree is tree
        and tree.function(one.node) is function
        and all(one.node is not other for other in above)
        and not meanwhile.is_changed(one.node, iterable)
        for one in around
    )


def _length(loop: ast.AST) -> int | None:
    """The turns of a loop over a literal."""
    iterable = loop.iter if isinstance(loop, (ast.For, ast.AsyncFor)) else None
    if not isinstance(iterable, (ast.List, ast.Tuple, ast.Set)):
        return None
    return (
        None if any(isinstance(one, ast.Starred) for one in iterable.elts) else len(iterable.elts)
    )
