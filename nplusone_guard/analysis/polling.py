"""Loops that ask the same again until the answer is another one: they wait, and go over no rows."""

from __future__ import annotations

import ast

from nplusone_guard.analysis.advice.case import spot_of_group
from nplusone_guard.analysis.advice.meanwhile import changed_names
from nplusone_guard.analysis.advice.trees import (
    LOOPS,
    LoopNode,
    Spot,
    names_in,
    own_nodes,
    stored_in,
)
from nplusone_guard.analysis.advice.values import called
from nplusone_guard.analysis.flow import led_to
from nplusone_guard.analysis.rules import Clearance
from nplusone_guard.capture.scope import Group


def clear(group: Group) -> Clearance | None:
    """The reason to clear ``group`` where its loop pauses, or is counted, and ends by the answer."""
    if group.fingerprint.kind != "select" or group.recursed:
        return None
    spot = spot_of_group(group)
    while spot is not None and _loop_of(spot) is None:
        spot = spot.caller()
    loop = _loop_of(spot) if spot is not None else None
    if spot is None or loop is None:
        return None
    asked = question(spot.node)
    waits = (_pauses(loop) or is_counted(loop)) and not _varies(loop, asked)
    if not waits or not ends_by(loop, asked):
        return None
    return Clearance("polled", "the same question, until the answer ends the loop")


def _loop_of(spot: Spot) -> LoopNode | None:
    """The loop around a node; where only the statement is known, a ``while`` is it itself."""
    node = spot.node
    return node if isinstance(node, ast.While) else next(spot.tree.loops(node), None)


def question(node: ast.AST) -> ast.AST:
    """Of a statement, where no more is known, the expression that asks."""
    if isinstance(node, (ast.If, ast.While)):
        return node.test
    value = getattr(node, "value", None) if isinstance(node, ast.stmt) else None
    return value if isinstance(value, ast.expr) else node


def _varies(loop: LoopNode, asked: ast.AST) -> bool:
    """Whether a turn may ask for something else than the one before."""
    names = names_in(asked)
    return bool(names & (stored_in(loop) | changed_names(loop))) or any(
        isinstance(node, ast.Attribute)
        and not isinstance(node.ctx, ast.Load)
        and names_in(node.value) & names
        for node in own_nodes(loop)
    )


def _pauses(loop: LoopNode) -> bool:
    return any(isinstance(node, ast.Call) and called(node) == "sleep" for node in own_nodes(loop))


def is_counted(loop: LoopNode) -> bool:
    """``for _ in range(5)``: so many tries, whatever the data."""
    if not isinstance(loop, (ast.For, ast.AsyncFor)) or not isinstance(loop.iter, ast.Call):
        return False
    function, given = loop.iter.func, loop.iter.args
    counted = isinstance(function, ast.Name) and function.id == "range"
    return counted and all(isinstance(one, ast.Constant) for one in given)


def ends_by(loop: LoopNode, node: ast.AST) -> bool:
    """Whether a condition about the answer leaves the loop."""
    led = led_to(loop, node)
    if isinstance(loop, ast.While) and _is_about(loop.test, node, led):
        return True
    return any(
        isinstance(one, ast.If) and _is_about(one.test, node, led) and _leaves(one)
        for one in own_nodes(loop)
    )


def _is_about(test: ast.expr, node: ast.AST, led: set[str]) -> bool:
    return bool(names_in(test) & led) or any(one is node for one in ast.walk(test))


def _leaves(branch: ast.If) -> bool:
    """Whether the branch ends the loop, and not only one inside of it."""
    stack: list[ast.AST] = [*branch.body, *branch.orelse]
    while stack:
        one = stack.pop()
        if isinstance(one, (ast.Break, ast.Return, ast.Raise)):
            return True
        if not isinstance(one, LOOPS):
            stack.extend(ast.iter_child_nodes(one))
    return False
