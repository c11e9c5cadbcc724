"""Look-ups of rows that the loop itself makes: no query before the loop can know these.

``parent = add_child(parent)``, where ``add_child()`` looks its parent up again, asks in each turn
for what another turn has made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from nplusone_guard.analysis.advice import meanwhile, meta
from nplusone_guard.analysis.advice.case import Plan, Subject
from nplusone_guard.analysis.advice.trees import LOOPS, names_in, spot_of
from nplusone_guard.analysis.flow import led_to
from nplusone_guard.analysis.rules import facts_of
from nplusone_guard.capture.scope import Group

#: What may have found the row in the place of making it.
_FINDING: Final = frozenset({"get_or_create", "update_or_create"})

_TEXT: Final = (
    "keep in the loop what is asked about the rows that it makes: no query before it knows them"
)


def are_asked_for(subject: Subject) -> bool:
    """Whether a loop asks by the key of rows that it has made, as many as it asks for."""
    loop, spot = subject.loop, subject.loop_spot
    if subject.candidate.rule != "query-in-loop" or spot is None or not isinstance(loop, LOOPS):
        return False
    asked = _value(spot.node)
    tables = _tables(subject)
    made = [group for table in tables for group in meanwhile.writing(subject, table)]
    made = [one for one in made if _is_new(one)]
    if asked is None or sum(one.count for one in made) < subject.count:
        return False
    names = names_in(asked)
    return any(names & led_to(loop, node) for one in made for node in _calls(subject, one))


def plans(subject: Subject) -> list[Plan]:
    """In words, of the statement that names the finding: nothing is saved."""
    if subject.candidate is not subject.case.main:
        return []
    place = subject.site
    return [Plan("words", place.file, place.line, costs=subject.count, text=_TEXT, place="")]


def are_told(plan: Plan) -> bool:
    """Whether ``plan`` is that of such look-ups."""
    return plan.text == _TEXT


def _is_new(group: Group) -> bool:
    return group.fingerprint.kind == "insert" and facts_of(group).operation not in _FINDING


def _tables(subject: Subject) -> set[str]:
    """The tables whose keys are asked for."""
    facts = subject.facts
    labels = {one.parent_model for one in facts.fks} | ({facts.model} if facts.by_key else set())
    models = map(meta.model_of, labels)
    return {model._meta.db_table for model in models if model is not None}


def _calls(subject: Subject, group: Group) -> Iterator[ast.AST]:
    """The expressions of the loop's own frame that lead to a statement."""
    place, line = subject.candidate.location.loop_place, meanwhile.line_of(subject, group)
    if place is None or not line:
        return
    for one in group.path:
        spot = spot_of(((one.code, one.lasti),)) if one.code is place.code else None
        value = _value(spot.node) if spot is not None else None
        if value is not None:
            yield value


def _value(node: ast.AST) -> ast.expr | None:
    """The expression that is sent; of a statement, where no more is known, its value."""
    if isinstance(node, ast.stmt):
        node = getattr(node, "value", None) or node
    return node if isinstance(node, ast.expr) else None
