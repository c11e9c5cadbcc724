"""Advice for loops that look up the next row by what the last one holds, up to the root.

``node = Node.objects.get(pk=node.parent_id)``: what comes with the first row is gone in the next turn.
"""

from __future__ import annotations

import ast

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.asks import Ask, all_rows, ask_of
from nplusone_guard.analysis.advice.case import Plan, Subject, before_loop, replace
from nplusone_guard.analysis.advice.chains import Link
from nplusone_guard.analysis.advice.handlers import instead, is_caught_outside
from nplusone_guard.analysis.advice.tree_levels import KEEPING, of_all_rows


def plans(subject: Subject) -> list[Plan]:
    """All rows by their key before the walk; nothing where each turn has a row of the loop's."""
    ask = ask_of(subject)
    loop, spot = subject.loop, subject.spot
    if ask is None or spot is None or not isinstance(loop, (ast.For, ast.While)):
        return []
    if not (subject.local and ask.single and _is_handed_on(ask)):
        return []
    model, query = ask.model, ask.relative.query
    field = meta.relation(ask.relative.parent_model, ask.accessor)
    name = subject.fresh(f"{meta.plural(model)}_by_key")
    links, narrowed = _others(ask), ask.narrowed or bool(_others(ask))
    statement = f"{name} = {all_rows(ask)}{''.join(link.text for link in links)}.in_bulk()"
    key = field.attname if field is not None and field.concrete else ""
    by_key = field is not None and bool(key) and field.target_field.primary_key
    told = [query.root, *(value for link in links for value in link.values)]
    plain = ask.operation == "get" and by_key and all(link.name in KEEPING for link in links)
    plain = plain and not any(map(subject.varies, told))
    read = f"{name}[{ask.parent}.{key}]" if plain else f"the row of {ask.accessor} in it"
    # Who catches that a row is missing has to catch another error.
    caught = any(isinstance(one, ast.Try) for one in spot.tree.above(spot.node))
    caught = caught or is_caught_outside(subject)
    plan = before_loop(spot, loop, statement, read, [replace(query.where(), read)], kind="tree")
    plan.steps = plan.steps if plain and not caught else ()
    plan.place = "before the walk at"
    plan.missing = instead(subject, query.spot, query.node, "KeyError", model) if plain else ""
    plan.note = "" if narrowed else of_all_rows(model)
    return [plan]


def _others(ask: Ask) -> tuple[Link, ...]:
    """What is asked for besides the key, as links of its own."""
    last = ask.terminal
    if last is None or not last.keywords:
        return ask.links
    return (*ask.links, Link("filter", last.node, (), last.keywords))


def _is_handed_on(ask: Ask) -> bool:
    """Whether the row that a turn asks for is the one by which the next turn asks."""
    subject, query = ask.subject, ask.relative.query
    statement = query.spot.tree.statement(query.node)
    if not isinstance(statement, ast.Assign) or ask.parent in subject.targets:
        return False
    return [ast.unparse(one) for one in statement.targets] == [ask.parent]
