"""Advice for trees that are walked by a query a node: all nodes at once, by their parent."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, Subject, before, replace
from nplusone_guard.analysis.advice.chains import Link, Relative, query_at, relative_of
from nplusone_guard.analysis.advice.imported import value_at
from nplusone_guard.analysis.advice.tree_levels import KEEPING, by_level, of_all_rows
from nplusone_guard.analysis.advice.trees import (
    COMPREHENSIONS,
    FUNCTIONS,
    Spot,
    binding_of,
    fresh,
    names_in,
    parameters,
    stored_in,
)
from nplusone_guard.analysis.advice.values import called, value_of
from nplusone_guard.analysis.findings import Step
from nplusone_guard.analysis.sources import module_of
from nplusone_guard.capture.scope import Group, Scope


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
    if not made or len(made) < len(found):
        return []
    plan = _joined(made)
    if not meta.is_collection(field):
        plan.note = of_all_rows(field.model)
        if not isinstance(place[1], ast.While | ast.For):
            plan.costs = _times_begun(subject)
        return [plan]
    plan.note = of_all_rows(field.related_model, field.field.name)
    levels = _levels(subject, place, field) if len(spots) == 1 else None
    return [levels, plan] if levels is not None else [plan]


def _levels(subject: Subject, place: tuple[Spot, ast.AST], field: Any) -> Plan | None:
    """The same level by level, where the walk is a function inside another."""
    spot = place[0]
    asked = _asked(subject, spot)
    functions = [one for one in spot.tree.above(spot.node) if isinstance(one, FUNCTIONS)]
    if asked is None or len(functions) != 2:
        return None
    if any(isinstance(one, ast.AsyncFunctionDef) for one in functions):
        return None  # where to ask takes another form
    parent = asked.parent
    first = parameters(functions[0].args)[:1]
    if not isinstance(parent, ast.Name) or [parent.id] != first:
        return None
    bound = binding_of(spot.tree, parent.id, parent)
    if bound is None or bound.how != "param":
        return None
    return by_level(subject, spot, functions[1], field, _links(asked), asked.query.where())


def _joined(made: list[Plan]) -> Plan:
    plan = made[0]
    steps = [step for one in made for step in one.steps]
    plan.steps = tuple(dict.fromkeys(steps))
    plan.imports = tuple(dict.fromkeys(line for one in made for line in one.imports))
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
    if meta.narrows(field.model._base_manager):
        return []
    found = [_linked_from(walk, field) for walk in _begun(subject)]
    made = [one for one in found if one is not None]
    if not made or len(made) < len(found):
        return []
    plan = _joined(made)
    plan.note = of_all_rows(field.model)
    plan.costs = _times_begun(subject)
    return [plan] if plan.costs < subject.count else []


def _begun(subject: Subject) -> list[Spot]:
    """The places that read a parent, once for each call that begins the walk."""
    found: dict[tuple[str, int] | None, Spot] = {}
    for walk in subject.spots:
        start = _outermost(walk)
        key = (start.tree.file, id(start.node)) if start is not None else None
        found.setdefault(key, walk)
    return list(found.values())


def _times_begun(subject: Subject) -> int:
    """How often the walk was begun, going by how deep it went and what it asked for.

    A walk towards the root asks once a level, and for the root whichever row it begins with.
    Fewer than there were where walks of many depths have roots of their own.
    """
    return sum(_times_walked(subject.case.scope, one) for one in subject.candidate.groups)


def _times_walked(scope: Scope, group: Group) -> int:
    depth = sum(one is group for one in scope.groups.values())
    return max(-(-group.count // max(depth, 1)), *group.digests.values(), 1)


def _linked_from(walk: Spot, field: Any) -> Plan | None:
    start = _outermost(walk)
    row = _walked_from(start, walk) if start is not None else None
    if start is None or row is None or _is_conditional(start, row):
        return None
    tree, model = start.tree, field.model
    name = fresh(tree, start.node, f"{meta.plural(model)}_by_key")
    one = fresh(tree, start.node, meta.variable(model))
    # What hangs on the object that the walk begins with is kept: the object stays.
    named = isinstance(row, ast.Name)
    begin = ast.unparse(row) if named else fresh(tree, start.node, f"first_{one}")
    statement = ("" if named else f"{begin} = {ast.unparse(row)}\n") + (
        f"if {begin}.{field.attname} and not {model.__name__}.{field.name}.is_cached({begin}):\n"
        f"    {name} = {model.__name__}._base_manager.in_bulk()\n"
        f"    for {one} in {name}.values():\n"
        f"        {one}.{field.name} = {name}.get({one}.{field.attname})\n"
        f"    {begin}.{field.name} = {name}.get({begin}.{field.attname})"
    )
    read = [] if named else [replace(start, begin, row)]
    return _plan((start, start.node), model, statement, "" if named else begin, read)


def _is_conditional(start: Spot, row: ast.expr) -> bool:
    """Whether the statement may do without the row: before it, the row may be ``None``."""
    kinds = (ast.IfExp, ast.BoolOp, ast.Lambda, *COMPREHENSIONS)
    statement = start.tree.statement(row)
    above = start.tree.above(row)
    return isinstance(statement, ast.While) or any(
        isinstance(one, kinds) for one in takewhile(lambda one: one is not statement, above)
    )


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
    asked = _asked(subject, spot)
    if asked is None:
        return None
    query, model, relative = asked.query, asked.query.model, asked
    if isinstance(place[1], FUNCTIONS) and any(
        names_in(value) for link in _links(asked) for value in link.values
    ):
        return None  # they may be given behind the definition
    name = fresh(spot.tree, place[1], f"{meta.plural(model)}_by_parent")
    row = "row"
    parent = field.field.attname
    loop = spot.tree.parents.get(query.node)
    is_async = isinstance(loop, ast.AsyncFor)
    told = "".join(link.text for link in _links(asked)) or ".all()"
    statement = (
        f"{name} = {{}}\n"
        f"{'async ' if is_async else ''}for {row} in {_all(model)}{told}:\n"
        f"    {name}.setdefault({row}.{parent}, []).append({row})"
    )
    read = f"{name}.get({ast.unparse(relative.parent)}.pk, [])"
    step = replace(query.where(), read)
    if is_async and isinstance(loop, ast.AsyncFor):
        step = replace(spot, _plain_for(loop, read), loop)
    return _plan(place, model, statement, read, [step])


def _asked(subject: Subject, spot: Spot) -> Relative | None:
    """The query for the rows below one; what else it asks for has to be the same for all rows."""
    query = query_at(spot, "filter")
    relative = relative_of(subject, query) if query is not None else None
    if relative is None:
        return None
    walk = spot.tree.function(spot.node)
    own = subject.varying | (stored_in(walk) if walk is not None else set())
    own |= set(parameters(walk.args)) if walk is not None else set()
    for link in _links(relative):
        if link.name not in KEEPING or any(names_in(value) & own for value in link.values):
            return None
    return relative


def _links(relative: Relative) -> tuple[Link, ...]:
    return tuple(link for link in relative.links if link.name != "all")


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
    steps = [
        replace(spot, f"{name}.get({ast.unparse(node.value)}.{field.attname})", node)
        for node in nodes
    ]
    return _plan(place, field.model, statement, read, steps)


def _all(model: Any) -> str:
    return f"{model.__name__}.{meta.manager_name(model)}"


def _plan(
    place: tuple[Spot, ast.AST], model: Any, statement: str, read: str, steps: Sequence[Step]
) -> Plan:
    spot, node = place
    known = value_at(spot.tree, model.__name__, node) is model
    # The module of a base class cannot import the models that are made of it.
    module = module_of(spot.tree.file)
    of_a_base = not known and any(inspect.getmodule(one) is module for one in model.__mro__)
    return Plan(
        kind="tree",
        file=spot.tree.file,
        line=int(getattr(node, "lineno", 0)),
        expression=statement,
        read=read,
        steps=() if of_a_base else (before(spot, node, statement), *steps),
        imports=() if known else (f"from {model.__module__} import {model.__name__}",),
        place="before the walk at",
    )
