"""Advice for large trees: level by level from the root, or what to say of all rows at once."""

from __future__ import annotations

import ast
from itertools import takewhile
from typing import Any

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, Subject, before, replace
from nplusone_guard.analysis.advice.chains import Link
from nplusone_guard.analysis.advice.trees import (
    COMPREHENSIONS,
    FunctionNode,
    Spot,
    fresh,
    parameters,
)

#: Links that leave rows as they are, whichever of them are asked for at once.
KEEPING = frozenset(
    "filter exclude order_by select_related prefetch_related only defer using".split()
)


def of_all_rows(model: Any, parent: str = "") -> str:
    """What to do instead of loading a whole table, where that is large.

    ``parent`` is the foreign key by which rows are asked for on the way down.
    """
    levels = f"ask level by level with filter({parent}__in=level), or " if parent else ""
    return f"loads all {model.__name__} rows: where they are many, {levels}use a recursive CTE"


def by_level(
    subject: Subject, spot: Spot, outer: ast.AST, field: Any, links: tuple[Link, ...], query: Spot
) -> Plan | None:
    """One query a level, from the row that the walk begins with, where that shows.

    ``query`` is what asks for the rows below one, and ``outer`` the function around the walk.
    """
    start = _start(spot, outer)
    row = _first_row(start, spot, outer) if start is not None else None
    scope = subject.case.scope
    deep = sum(one is subject.group for one in scope.groups.values())
    if start is None or row is None or deep >= subject.count:
        return None
    tree, model, parent = start.tree, field.related_model, field.field
    name = fresh(tree, start.node, f"{meta.plural(model)}_by_parent")
    level, one = fresh(tree, start.node, "level"), fresh(tree, start.node, "row")
    named = isinstance(row, ast.Name)
    begin = ast.unparse(row) if named else fresh(tree, start.node, f"first_{meta.variable(model)}")
    rows = f"{model.__name__}.{meta.manager_name(model)}.filter({parent.name}__in={level})"
    statement = ("" if named else f"{begin} = {ast.unparse(row)}\n") + (
        f"{name} = {{}}\n"
        f"{level} = [{begin}]\n"
        f"while {level}:\n"
        f"    {level} = list({rows}{''.join(link.text for link in links)})\n"
        f"    for {one} in {level}:\n"
        f"        {name}.setdefault({one}.{parent.attname}, []).append({one})"
    )
    read = f"{name}.get({_walked(spot)}.pk, [])"
    begins = [] if named else [replace(start, begin, row)]
    return Plan(
        kind="tree",
        file=tree.file,
        line=start.line,
        expression=statement,
        read=read,
        steps=(before(start, start.node, statement), *begins, replace(query, read)),
        costs=deep,
        place="before the walk at",
    )


def _start(spot: Spot, outer: ast.AST) -> Spot | None:
    """The call in the outer function that begins the walk; none where a loop begins several."""
    caller: Spot | None = spot
    while caller is not None and caller.tree.function(caller.node) is not outer:
        caller = caller.caller()
    return caller if caller is not None and not list(caller.tree.loops(caller.node)) else None


def _walk(spot: Spot) -> FunctionNode | None:
    return spot.tree.function(spot.node)


def _walked(spot: Spot) -> str:
    """The parameter of the walk that is the row of a turn: its first."""
    walk = _walk(spot)
    names = parameters(walk.args) if walk is not None else []
    return names[0] if names else ""


def _first_row(start: Spot, spot: Spot, outer: ast.AST) -> ast.expr | None:
    """What the only call from outside gives the walk first, where it gives it in any case."""
    walk = _walk(spot)
    if walk is None:
        return None
    own = set(map(id, ast.walk(walk)))
    names = [
        node
        for node in ast.walk(outer)
        if isinstance(node, ast.Name) and node.id == walk.name and id(node) not in own
    ]
    call = start.tree.parents.get(names[0]) if len(names) == 1 else None
    if not isinstance(call, ast.Call) or call.func is not names[0] or not call.args:
        return None
    statement = start.tree.statement(call)
    within = list(takewhile(lambda one: one is not statement, start.tree.above(call)))
    if statement is not start.tree.statement(start.node) or isinstance(statement, ast.While):
        return None
    inner = (ast.IfExp, ast.BoolOp, ast.Lambda, *COMPREHENSIONS)
    return None if any(isinstance(one, inner) for one in within) else call.args[0]
