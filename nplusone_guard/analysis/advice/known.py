"""Advice for loops that make the rows which are not there yet: what is there, kept up to date.

``if not Note.objects.filter(slug=slug).exists(): Note.objects.create(slug=slug)`` becomes
``if not slug in known_slugs``, where each new slug is added, so that a key which comes twice is
made once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from nplusone_guard.analysis.advice import keyed, meanwhile, meta
from nplusone_guard.analysis.advice.case import Plan, Subject, after, spot_of_group
from nplusone_guard.analysis.advice.chains import Condition, Query, conditions, parse, query_of
from nplusone_guard.analysis.advice.lookups import Lookup
from nplusone_guard.analysis.advice.matching import PLAIN
from nplusone_guard.analysis.advice.trees import COMPREHENSIONS, Spot, binding_of


@dataclass(frozen=True, slots=True)
class Made:
    """The only statement of the loop that makes rows of the table."""

    spot: Spot
    statement: ast.stmt
    call: ast.Call
    #: What the row is made of, as it is written.
    values: dict[str, str]
    #: What the object is called; empty where it has no name.
    name: str


def plans(subject: Subject) -> list[Plan]:
    """What is there before the loop, to which the loop adds what it makes."""
    known = subject.case.known
    key = id(subject.candidate)
    if key not in known:
        known[key] = [plan] if (plan := _plan(subject)) is not None else []
    return list(known[key])


def answered(subject: Subject) -> list[Plan]:
    """The plans of the reads that need no longer see at once what ``subject`` writes."""
    found: list[Plan] = []
    for other in subject.case.subjects:
        if other is not subject and other.candidate.rule == "query-in-loop" and _writes(other):
            made = plans(other)
            found += made
            subject.case.answered |= {id(one) for one in other.candidate.groups if made}
    return found


def _writes(subject: Subject) -> bool:
    return subject.group.fingerprint.kind == "select" and meanwhile.is_written(subject)


def _plan(subject: Subject) -> Plan | None:
    spot, loop, query = subject.spot, subject.loop, query_of(subject)
    if spot is None or query is None or not subject.local or len(subject.spots) != 1:
        return None
    if not isinstance(loop, ast.For) or subject.case.loops(spot) != [loop]:
        return None
    made = made_by(subject, query)
    if made is None or meanwhile.is_changed(loop, loop.iter) or not _is_sure(subject, made, query):
        return None
    lookup = keyed.lookup_of(subject) if _is_mirrored(query, made) else None
    if lookup is None or lookup.errors or lookup.many or lookup.otherwise:
        return None
    plan = keyed.plan_of(lookup) if lookup.operation == "exists" or _is_kept(lookup, made) else None
    if plan is None:
        return None
    adds = f"{lookup.name}.add({lookup.key})"
    if lookup.operation != "exists":
        adds = f"{lookup.name}[{lookup.key}] = {made.name}"
    plan.steps = (*plan.steps, after(made.spot, made.statement, adds))
    plan.adds = f"{adds} where a row is made"
    return plan


def _is_kept(lookup: Lookup, made: Made) -> bool:
    """Whether a row is looked up by its key, and a new one has a name to be kept by.

    A new one would keep a key of another type as it was given.
    """
    plain = lookup.unique and all(match == PLAIN for match in lookup.matches)
    return plain and bool(made.name) and lookup.operation in {"get", "first"}


def made_by(subject: Subject, query: Query) -> Made | None:
    """What makes rows of the table that ``subject`` reads, where nothing else writes to it."""
    tables, model, loop = subject.group.fingerprint.tables, query.model, subject.loop
    if model is None or len(tables) != 1 or model._meta.parents:
        return None
    if meta.losses(model, ("pre_save",), ["save"], auto_now=False):
        return None  # which may give the row other values
    groups = meanwhile.writing(subject, tables[0])
    spots = [spot_of_group(one) for one in groups if one.fingerprint.kind == "insert"]
    found = [one for one in spots if one is not None and any(_is_in(loop, one))]
    statements = {id(one.tree.statement(one.node)) for one in found}
    if len(found) != len(groups) or len(statements) != 1:
        return None
    return next(_made(found[0], query), None)


def _is_in(loop: ast.AST | None, spot: Spot) -> Iterator[bool]:
    return (one is loop for one in spot.tree.above(spot.node))


def _made(spot: Spot, query: Query) -> Iterator[Made]:
    tree, asked = spot.tree, spot.tree.statement(spot.node)
    for call in ast.walk(asked) if asked is not None else ():
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        statement = tree.statement(call)
        around = tree.parents.get(statement) if statement is not None else None
        if statement is None or getattr(around, "lineno", 0) == statement.lineno:
            continue  # ``if new: make()``
        if call.func.attr == "create":
            given, row = parse(spot, call), ""
            if given is None or given.model is not query.model or given.value.kind == "related":
                continue
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                row = statement.targets[0].id
            yield Made(spot, statement, call, _values(call), row)
        elif call.func.attr == "save" and isinstance(call.func.value, ast.Name):
            row = call.func.value.id
            bound = binding_of(tree, row, call.func.value)
            made = bound.value if bound is not None else None
            if isinstance(made, ast.Call) and ast.unparse(made.func) == query.model.__name__:
                yield Made(spot, statement, call, _values(made), row)


def _is_sure(subject: Subject, made: Made, query: Query) -> bool:
    """Whether behind its statement the row is there: made by it, or by ``first() or create()`` found."""
    if meanwhile.is_tried(subject, made.call, made.spot):
        return False  # what is known would outlast a row that is rolled back
    above = made.spot.tree.above(made.call)
    within = list(takewhile(lambda one: one is not made.statement, above))
    either = within[0] if len(within) == 1 else None
    if isinstance(either, ast.BoolOp) and isinstance(either.op, ast.Or):
        return either.values == [query.node, made.call]
    inner = (ast.BoolOp, ast.IfExp, ast.Lambda, *COMPREHENSIONS)
    return not any(isinstance(one, inner) for one in within)


def _values(call: ast.Call) -> dict[str, str]:
    return {one.arg: ast.unparse(one.value) for one in call.keywords if one.arg is not None}


def _is_mirrored(query: Query, made: Made) -> bool:
    """Whether each row that is made is one that the query asks for by its very values."""
    asked = conditions(query.links)
    given = {meta.field_of(query.model, name): text for name, text in made.values.items()}
    simple = all(link.name in {"filter", "get", "exists", "first", "all"} for link in query.links)
    plain = not any(link.args for link in query.links)
    return bool(asked) and simple and plain and all(_is_given(query, one, given) for one in asked)


def _is_given(query: Query, one: Condition, given: dict[Any, str]) -> bool:
    field = meta.field_of(query.model, one.field)
    return (
        one.lookup == "exact" and field is not None and given.get(field) == ast.unparse(one.value)
    )
