"""Advice for trees that are walked by a query a node: all nodes at once, by their parent."""

from __future__ import annotations

import ast
from typing import Any

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, Subject, before, replace
from nplusone_guard.analysis.advice.chains import query_at, relative_of
from nplusone_guard.analysis.advice.trees import FUNCTIONS, Spot, fresh
from nplusone_guard.analysis.advice.values import called, value_of


def plans(subject: Subject) -> list[Plan]:
    """The whole tree in one query, where the walk is a function inside another, or a loop."""
    place = _before_the_walk(subject)
    field = _self_relation(subject)
    if place is None and field is not None and not meta.is_collection(field):
        return _linked(subject, field)
    if place is None or field is None:
        return []
    spots = subject.spots
    if meta.is_collection(field):
        found = [_children(subject, spot, place, field) for spot in spots]
    else:
        found = [_parent(subject, spot, place, field) for spot in spots]
    made = [one for one in found if one is not None]
    return [_joined(made)] if len(made) == len(found) and made else []


def _joined(made: list[Plan]) -> Plan:
    plan = made[0]
    steps = [step for one in made for step in one.steps]
    plan.steps = tuple(dict.fromkeys(steps))
    return plan


def is_walk(subject: Subject) -> bool:
    """Whether a ``while`` loop goes along a relation of a model to itself."""
    return isinstance(subject.loop, ast.While) and _self_relation(subject) is not None


def _self_relation(subject: Subject) -> Any:
    facts = subject.facts
    model = meta.model_of(facts.parent_model or facts.model)
    field = meta.relation(model, facts.accessor) if model is not None and facts.accessor else None
    if field is None and facts.fks:
        model = meta.model_of(facts.model)
        field = meta.relation(model, facts.fks[0].accessor) if model is not None else None
    if field is None or not meta.same_rows(meta.related_model(field), model):
        return None
    return field if not field.many_to_many else None


def _before_the_walk(subject: Subject) -> tuple[Spot, ast.AST] | None:
    """The function that calls itself, defined in another one; or the loop."""
    spot = subject.spot
    if spot is None:
        return None
    if isinstance(subject.loop, ast.While) and subject.local:
        return spot, subject.loop
    functions = [one for one in spot.tree.above(spot.node) if isinstance(one, FUNCTIONS)]
    if len(functions) < 2:
        return None
    outer = functions[-1]
    walks = [one for one in outer.body if isinstance(one, FUNCTIONS)]
    if not walks:
        return None
    # Rows may be written between the definition and the call.
    return (spot, _begins(spot, outer) or walks[0])


def _begins(spot: Spot, outer: ast.AST) -> ast.AST | None:
    """The statement of the outer function that begins the walk, or the loop around it."""
    caller: Spot | None = spot
    while caller is not None and caller.tree.function(caller.node) is not outer:
        caller = caller.caller()
    if caller is None:
        return None
    loops = list(caller.tree.loops(caller.node))
    return caller.tree.statement(loops[-1] if loops else caller.node)


def _linked(subject: Subject, field: Any) -> list[Plan]:
    """All rows at once, each given its parent, where a method or function of a module walks up."""
    walk = subject.spot
    start = _outermost(walk) if walk is not None else None
    row = _walked_from(start, walk) if start is not None and walk is not None else None
    if start is None or row is None or meta.narrows(field.model._base_manager):
        return []
    name = fresh(start.tree, start.node, f"{meta.plural(field.model)}_by_key")
    one = meta.variable(field.model)
    one = fresh(start.tree, start.node, one)
    statement = (
        f"{name} = {field.model.__name__}._base_manager.in_bulk()\n"
        f"for {one} in {name}.values():\n"
        f"    {one}.{field.name} = {name}.get({one}.{field.attname})"
    )
    read = f"{name}[{ast.unparse(row)}.pk]"
    return [_plan((start, start.node), statement, read, replace(start, read, row))]


def _outermost(walk: Spot) -> Spot | None:
    """The call that enters the function which calls itself."""
    inside, caller = walk.tree.function(walk.node), walk.caller()
    while caller is not None and caller.tree.function(caller.node) is inside:
        caller = caller.caller()
    return caller


def _walked_from(start: Spot, walk: Spot) -> ast.expr | None:
    """The object that the walk begins with: whose method it is, or the only argument."""
    function = walk.tree.function(walk.node)
    if function is None or list(start.tree.loops(start.node)):
        return None
    for node in ast.walk(start.node):
        if isinstance(node, ast.Attribute) and node.attr == function.name:
            return node.value if walk.tree.class_around(walk.node) is not None else None
        if isinstance(node, ast.Call) and called(node) == function.name and len(node.args) == 1:
            return node.args[0]
    return None


def _children(subject: Subject, spot: Spot, place: tuple[Spot, ast.AST], field: Any) -> Plan | None:
    query = query_at(spot, "filter")
    relative = relative_of(subject, query) if query is not None else None
    if query is None or relative is None or relative.links not in {(), relative.links[:1]}:
        return None
    if any(link.name != "all" for link in relative.links):
        return None
    model = query.model
    name = fresh(spot.tree, place[1], f"{meta.plural(model)}_by_parent")
    row = "row"
    parent = field.field.attname
    loop = spot.tree.parents.get(query.node)
    is_async = isinstance(loop, ast.AsyncFor)
    statement = (
        f"{name} = {{}}\n"
        f"{'async ' if is_async else ''}for {row} in {_all(model)}.all():\n"
        f"    {name}.setdefault({row}.{parent}, []).append({row})"
    )
    read = f"{name}.get({ast.unparse(relative.parent)}.pk, [])"
    step = replace(query.where(), read)
    if is_async and isinstance(loop, ast.AsyncFor):
        step = replace(spot, _plain_for(loop, read), loop)
    return _plan(place, statement, read, step)


def _plain_for(loop: ast.AsyncFor, read: str) -> str:
    body = ast.parse(read, mode="eval").body
    plain = ast.For(loop.target, body, loop.body, loop.orelse, lineno=0, col_offset=0)
    return ast.unparse(ast.fix_missing_locations(plain))


def _parent(subject: Subject, spot: Spot, place: tuple[Spot, ast.AST], field: Any) -> Plan | None:
    name = fresh(spot.tree, place[1], f"{meta.plural(field.model)}_by_key")
    statement = f"{name} = {_all(field.model)}.in_bulk()"
    walk = place[1] if isinstance(place[1], ast.While) else spot.tree.function(spot.node)
    nodes = [
        node
        for node in ast.walk(walk or place[1])
        if isinstance(node, ast.Attribute)
        and node.attr == field.name
        and isinstance(node.ctx, ast.Load)
        and value_of(spot.at(node), node).kind in {"object", "unknown"}
    ]
    if not nodes:
        return None
    read = f"{name}.get({ast.unparse(nodes[0].value)}.{field.attname})"
    plan = _plan(place, statement, read, replace(spot, read, nodes[0]))
    plan.steps = (
        plan.steps[0],
        *(
            replace(spot, f"{name}.get({ast.unparse(node.value)}.{field.attname})", node)
            for node in nodes
        ),
    )
    return plan


def _all(model: Any) -> str:
    return f"{model.__name__}.{meta.manager_name(model)}"


def _plan(place: tuple[Spot, ast.AST], statement: str, read: str, step: Any) -> Plan:
    spot, node = place
    return Plan(
        kind="tree",
        file=spot.tree.file,
        line=int(getattr(node, "lineno", 0)),
        expression=statement,
        read=read,
        steps=(before(spot, node, statement), step),
        place="before the walk at",
    )
