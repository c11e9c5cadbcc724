"""Trees that are asked for level by level: as many queries as they are deep, whatever their size.

``level = list(Node.objects.filter(parent__in=level))`` in a ``while`` loop asks for the whole next
level at once. Lists that are short in a test grow with the tree; the number of queries does not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from nplusone_guard.analysis.advice.case import loops_inside, spot_of_group
from nplusone_guard.analysis.advice.trees import (
    FUNCTIONS,
    LOOPS,
    FunctionNode,
    LoopNode,
    Spot,
    names_in,
    own_nodes,
    parameters,
    targets,
)
from nplusone_guard.analysis.advice.values import called
from nplusone_guard.analysis.flow import led_to
from nplusone_guard.analysis.rules import Clearance
from nplusone_guard.capture.scope import Group, Scope

#: Functions that take a part of a collection.
_TAKING_ONE: Final = frozenset({"pop", "popleft", "popitem", "next", "islice"})


def clear(group: Group, scope: Scope) -> Clearance | None:
    """The reason to clear ``group`` where each turn asks for all that the one before has led to."""
    spot = spot_of_group(group) if group.fingerprint.in_lists else None
    if spot is None:
        return None
    found = _by_recursion(spot, scope) if group.recursed else _by_loop(spot, scope)
    return Clearance("batched", "one query a level") if found else None


def _by_loop(spot: Spot, scope: Scope) -> bool:
    loops = loops_inside(scope, spot)
    if len(loops) != 1 or not _goes_over_no_rows(loops[0]) or _is_called_again(spot, scope):
        return False
    around = loops[0]
    return any(_is_given(around, name, led) for name, led in _asked(around))


def _goes_over_no_rows(loop: LoopNode) -> bool:
    """``while level:``, or ``for depth in range(3):``."""
    if isinstance(loop, ast.For):
        return isinstance(loop.iter, ast.Call) and called(loop.iter) in {"range", "count"}
    return isinstance(loop, ast.While)


def _is_called_again(spot: Spot, scope: Scope) -> bool:
    """Whether a loop further out begins the walk anew in each turn: once a row, it may be."""
    caller = spot.caller()
    while caller is not None:
        if loops_inside(scope, caller):
            return True
        caller = caller.caller()
    return False


def _asked(around: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """The lists that are asked for by ``…__in=level``, and the names that the answer leads to."""
    for node in own_nodes(around):
        if isinstance(node, ast.Call):
            for one in node.keywords:
                if one.arg is not None and one.arg.endswith("__in") and _is_whole(one.value):
                    led = led_to(around, node)
                    yield from ((name, led) for name in names_in(one.value))


def _is_whole(value: ast.expr) -> bool:
    """Whether a list is asked for as it is, and no part of it: ``[stack.pop()]``, ``rows[:100]``."""
    if isinstance(value, (ast.List, ast.Tuple, ast.Set)):
        return all(isinstance(one, ast.Starred) for one in value.elts)
    parts = ast.walk(value)
    return not any(isinstance(one, ast.Subscript) or _takes_one(one) for one in parts)


def _takes_one(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and called(node) in _TAKING_ONE


def _is_given(around: LoopNode, name: str, led: set[str]) -> bool:
    """Whether each turn gives the list its value, and that from what was answered."""
    given = [
        node.value
        for node in own_nodes(around)
        if isinstance(node, (ast.Assign, ast.NamedExpr))
        and name in {one for target in _targets(node) for one, _ in targets(target)}
    ]
    return bool(given) and all(
        _is_whole(one) and name in led and led & names_in(one) for one in given
    )


def _targets(node: ast.Assign | ast.NamedExpr) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _by_recursion(spot: Spot, scope: Scope) -> bool:
    function = spot.tree.function(spot.node)
    if function is None or any(spot.tree.loops(spot.node)) or _is_called_again(spot, scope):
        return False
    names = parameters(function.args)
    return any(
        name in names and _is_handed_on(spot, function, led) for name, led in _asked(function)
    )


def _is_handed_on(spot: Spot, function: FunctionNode, led: set[str]) -> bool:
    """Whether the function calls itself, once, with all that was answered."""
    calls = [
        node
        for node in own_nodes(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(function.name)
    ]
    if len(calls) != 1 or any(isinstance(one, LOOPS) for one in _between(spot, calls[0])):
        return False
    return any(_is_whole(one) and names_in(one) & led for one in calls[0].args)


def _between(spot: Spot, node: ast.AST) -> Iterator[ast.AST]:
    for one in spot.tree.above(node):
        if isinstance(one, FUNCTIONS):
            return
        yield one
