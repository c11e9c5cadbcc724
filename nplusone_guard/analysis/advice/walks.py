"""Advice for loops that look up the next row by what the last one holds, up to the root.

``node = Node.objects.get(pk=node.parent_id)``: what comes with the first row is gone in the next turn.
"""

from __future__ import annotations

import ast

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.asks import Ask, ask_of
from nplusone_guard.analysis.advice.case import Plan, Subject, before_loop, replace


def plans(subject: Subject) -> list[Plan]:
    """All rows by their key before the walk; nothing where each turn has a row of the loop's."""
    ask = ask_of(subject)
    loop, spot = subject.loop, subject.spot
    if ask is None or spot is None or not isinstance(loop, (ast.For, ast.While)):
        return []
    if not (subject.local and ask.single and _is_handed_on(ask)):
        return []
    model = ask.model
    field = meta.relation(ask.relative.parent_model, ask.accessor)
    name = subject.fresh(f"{meta.plural(model)}_by_key")
    statement = f"{name} = {model.__name__}.{meta.manager_name(model)}.in_bulk()"
    key = field.attname if field is not None and field.concrete else ""
    by_key = field is not None and bool(key) and field.target_field.primary_key
    plain = ask.operation == "get" and not ask.links and by_key
    read = f"{name}[{ask.parent}.{key}]" if plain else f"the row of {ask.accessor} in it"
    # Who catches that a row is missing has to catch another error.
    caught = any(isinstance(one, ast.Try) for one in spot.tree.above(spot.node))
    read_there = replace(ask.relative.query.where(), read)
    plan = before_loop(spot, loop, statement, read, [read_there], kind="tree")
    plan.steps = plan.steps if plain and not caught else ()
    plan.place = "before the walk at"
    return [plan]


def _is_handed_on(ask: Ask) -> bool:
    """Whether the row that a turn asks for is the one by which the next turn asks."""
    subject, query = ask.subject, ask.relative.query
    statement = query.spot.tree.statement(query.node)
    if not isinstance(statement, ast.Assign) or ask.parent in subject.targets:
        return False
    return [ast.unparse(one) for one in statement.targets] == [ask.parent]
