"""Advice for related rows that are read after the loop has written what was loaded.

``entry.tags.add(…)`` forgets what was prefetched for ``entry.tags``, and so do the other methods
that write through a related manager: a prefetch serves no read behind them. ``tag.entries.add(entry)``
leaves it as it was, and no longer true.
"""

from __future__ import annotations

import ast
import os
from dataclasses import replace
from typing import Any

from nplusone_guard.analysis.advice import lost, meanwhile, meta, relations
from nplusone_guard.analysis.advice.case import Plan, Subject, spot_of_group
from nplusone_guard.analysis.advice.chains import RELATION_WRITES
from nplusone_guard.analysis.advice.trees import own_nodes
from nplusone_guard.capture.scope import Group


def undropped(plans: list[Plan], subject: Subject) -> list[Plan]:
    """``plans``; in words alone where a prefetch is dropped, or outdated, before the loop reads it.

    Then the read has to come first, and whether it may is for the user to say. Where the loop
    reads before and behind, the plans save the reads before.
    """
    if subject.spot is None or not any("prefetch" in plan.kind for plan in plans):
        return plans
    call = _dropping(subject)
    if call is None:
        return _up_to_date(plans, subject)
    if call.lineno < subject.spot.line:
        return [_in_words(plans[0], subject, call, "drops it")]
    behind = sum(one.count for one in subject.candidate.groups if _line(one) > call.lineno)
    return [replace(plan, costs=plan.costs + behind) for plan in plans]


def _up_to_date(plans: list[Plan], subject: Subject) -> list[Plan]:
    """``plans`` where nothing else writes to the relation in between.

    A row that a turn adds from the other side is no matter of later turns, and what it adds to
    another object is none of this one's.
    """
    field = _relation(subject)
    table = meta.through_table(field) if field is not None else ""
    if not table:
        return plans
    earlier: list[ast.Call] = []
    for group in meanwhile.writing(subject, table):
        call = _writing(subject, group)
        if call is not None and _is_of_another(subject, call, field):
            continue
        if call is None or [ast.unparse(one) for one in call.args] != [_parent(subject)]:
            return [_not_shown(subject, group)]
        earlier += [call] if subject.spot and call.lineno < subject.spot.line else []
    if not earlier:
        return plans
    first = min(earlier, key=lambda one: one.lineno)
    return [_in_words(plans[0], subject, first, "makes it outdated")]


def _relation(subject: Subject) -> Any:
    model = meta.model_of(subject.facts.parent_model)
    return meta.relation(model, subject.facts.accessor) if model is not None else None


def _parent(subject: Subject) -> str:
    """``entry`` of ``entry.tags``."""
    return _rows(subject).rpartition(".")[0]


def _writing(subject: Subject, group: Group) -> ast.Call | None:
    """``tag.entries.add(entry)``, where it stands in the loop itself."""
    spot = spot_of_group(group)
    if spot is None or not any(one is subject.loop for one in spot.tree.above(spot.node)):
        return None
    calls = (one for one in ast.walk(spot.node) if isinstance(one, ast.Call))
    return next((one for one in calls if _method(one) in RELATION_WRITES), None)


def _is_of_another(subject: Subject, call: ast.Call, field: Any) -> bool:
    """``copy.tags.set(…)`` beside ``entry.tags``: the same side of another object."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    forward = field.field if field.auto_created else field
    both = bool(forward.remote_field.symmetrical)
    return isinstance(owner, ast.Attribute) and owner.attr == subject.facts.accessor and not both


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _not_shown(subject: Subject, group: Group) -> Plan:
    site = subject.case.locate(group).site
    same = site.file == subject.site.file
    where = f":{site.line}" if same else f"{os.path.basename(site.file)}:{site.line}"
    text = (
        f"no prefetch before the loop shows what is written at {where}: read "
        f"{relations.reading(subject)} once for all rows behind the loop, or write there"
    )
    return Plan(
        "prefetched", subject.site.file, subject.site.line, costs=subject.count, text=text, place=""
    )


def _in_words(plan: Plan, subject: Subject, call: ast.Call, why: str) -> Plan:
    read = f"read {relations.reading(subject)} before {_method(call)}() at :{call.lineno} {why}"
    text, costs = f"{lost.loaded(subject)}: {read}", 0
    if lost.prefetch_of(subject) is None:
        where = f"{os.path.basename(plan.file)}:{plan.line}"
        calls = "".join(f".{method}({argument})" for method, argument in plan.calls)
        text, costs = f"add {calls} {plan.place} {where}, and {read}", plan.costs
    if subject is not subject.case.subjects[0]:
        costs = subject.count  # the sentence is about another statement
    return Plan("prefetched", subject.site.file, call.lineno, costs=costs, text=text, place="")


def _rows(subject: Subject) -> str:
    """``entry.tags``, as it is written."""
    return relations.reading(subject).removesuffix(".all()")


def _dropping(subject: Subject) -> ast.Call | None:
    """The first call in the loop that drops what its related manager has loaded."""
    rows = _rows(subject)
    if subject.loop is None or not subject.local or not rows:
        return None
    found = (
        node
        for node in own_nodes(subject.loop)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and _method(node) in RELATION_WRITES
        and ast.unparse(node.func.value) == rows
    )
    return min(found, key=lambda node: node.lineno, default=None)


def _line(group: Group) -> int:
    spot = spot_of_group(group)
    return spot.line if spot is not None else 0
