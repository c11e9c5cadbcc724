"""Loops that make another turn only where one came to nothing: a value was taken, a write failed.

``while True: code = random_code(); if not taken(code): return code`` and ``for _ in range(3): try:
return save()`` are left in their first turn, whatever the data. What repeats is a loop around them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Final

from nplusone_guard.analysis.advice.trees import LoopNode, Spot, names_in, own_nodes, spot_of
from nplusone_guard.analysis.location import Location
from nplusone_guard.analysis.polling import ends_by, is_counted, question
from nplusone_guard.analysis.rules import Clearance
from nplusone_guard.capture import steps
from nplusone_guard.capture.scope import Group, Scope

#: What a call is named that gives another value each time, which no earlier turn leads to.
_DRAWING: Final = re.compile(r"random|uuid|token|secret|generat|choice|sample|nonce")
#: Errors of a database, as they are caught.
_ERRORS: Final = frozenset({"IntegrityError", "OperationalError", "DatabaseError"})


def clear(group: Group, location: Location) -> Clearance | None:
    """The reason to clear ``group`` where it is the loop of tries itself that asked again."""
    place, node = location.loop_place, location.node
    spot = spot_of(((place.code, place.lasti),)) if place and node and not place.spot else None
    loop = _loop_on(spot, node.line) if spot is not None and node is not None else None
    if spot is None or loop is None or group.fingerprint.kind != "select":
        return None
    return Clearance("polled", "a value is drawn until one is free") if draws(spot, loop) else None


def is_of_tries(scope: Scope, place: steps.Place, line: int) -> bool:
    """Whether the loop on a line goes on only where what it asked for, or wrote, was in vain."""
    spot = spot_of(((place.code, place.lasti),))
    loop = _loop_on(spot, line) if spot is not None else None
    if spot is None or loop is None:
        return False
    return draws(spot, loop) or (_leaves_behind(spot, loop) and not _has_failed(scope))


def _loop_on(spot: Spot, line: int) -> LoopNode | None:
    return next((one for one in spot.tree.loops(spot.node) if one.lineno == line), None)


def _has_failed(scope: Scope) -> bool:
    return any(group.failed or group.rolled_back for group in scope.all_groups())


# -- until a value is free ---------------------------------------------------------------


def draws(spot: Spot, loop: LoopNode) -> bool:
    """Whether each turn asks for a value that is drawn anew, and ends by the answer."""
    if not (isinstance(loop, ast.While) or is_counted(loop)):
        return False
    asked = question(spot.node)
    given = _given(loop)
    changing = names_in(asked) & set(given)
    drawn = all(_is_drawn(value, given) for name in changing for value in given[name])
    return bool(changing) and drawn and ends_by(loop, asked)


def _given(loop: LoopNode) -> dict[str, list[ast.expr | None]]:
    """What the loop gives names; ``None`` for other ways than ``name = value``."""
    given: dict[str, list[ast.expr | None]] = {}
    for node in own_nodes(loop):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            given.setdefault(node.id, []).append(_value_of(node, loop))
    return given


def _value_of(name: ast.Name, loop: LoopNode) -> ast.expr | None:
    for node in own_nodes(loop):
        if isinstance(node, ast.Assign) and node.targets == [name]:
            return node.value
    return None


def _is_drawn(value: ast.expr | None, given: Iterable[str]) -> bool:
    if value is None or names_in(value) & set(given):
        return False
    calls = (ast.unparse(one.func) for one in ast.walk(value) if isinstance(one, ast.Call))
    return any(_DRAWING.search(call) for call in calls)


# -- until a write is taken --------------------------------------------------------------


def _leaves_behind(spot: Spot, loop: LoopNode) -> bool:
    """Whether the turn that sends a query is the last one, if no statement fails."""
    if any(isinstance(one, ast.Continue) for one in own_nodes(loop)):
        return False
    below = spot.tree.statement(spot.node)
    while below is not None and below is not loop:
        if _leaves(below) or any(map(_leaves, _later(spot, below))):
            return True
        parent = spot.tree.parents.get(below)
        while parent is not None and not isinstance(parent, ast.stmt):
            parent = spot.tree.parents.get(parent)
        below = parent
    return False


def _later(spot: Spot, statement: ast.stmt) -> list[ast.stmt]:
    """The statements of a block behind one of them."""
    parent = spot.tree.parents.get(statement)
    for block in ("body", "orelse", "finalbody"):
        found = getattr(parent, block, None)
        if isinstance(found, list) and statement in found:
            return list(found[found.index(statement) + 1 :])
    return []


def _leaves(statement: ast.stmt) -> bool:
    """Whether a statement always ends the loop it stands in, but for errors of the database."""
    if isinstance(statement, (ast.Return, ast.Break, ast.Raise)):
        return True
    if isinstance(statement, ast.If):
        return any(map(_leaves, statement.body)) and any(map(_leaves, statement.orelse))
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return any(map(_leaves, statement.body))
    if isinstance(statement, ast.Try):
        ends = any(map(_leaves, [*statement.body, *statement.orelse]))
        return ends and all(map(_is_passed, statement.handlers))
    return False


def _is_passed(handler: ast.ExceptHandler) -> bool:
    """Whether a handler leaves the loop as well, or is one for what failed in the database."""
    if any(map(_leaves, handler.body)):
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return all(one is not None and ast.unparse(one).rpartition(".")[2] in _ERRORS for one in caught)
