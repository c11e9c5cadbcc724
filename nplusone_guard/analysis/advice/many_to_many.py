"""Advice for ``add()``, ``remove()``, ``set()`` and ``clear()`` of many-to-many relations."""

from __future__ import annotations

import ast
from typing import Any

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan
from nplusone_guard.analysis.advice.values import value_of
from nplusone_guard.analysis.advice.write_calls import Write, collected


def adding(write: Write) -> Plan | None:
    """``add()`` of all objects at once, from the end that stays the same."""
    found = value_of(write.spot, write.owner)
    if found.kind != "related" or found.parent is None or len(write.call.args) != 1:
        return None
    one = write.call.args[0]
    if isinstance(one, ast.Starred):
        return None
    if not write.varies(found.parent):
        behind = f"{ast.unparse(write.owner)}.{write.name}(*{{name}})"
        wanted = f"{write.name}ed_{meta.plural(found.model)}".replace("removeed", "removed")
        return collected(
            write, wanted, ast.unparse(one), write.awaited(behind, write.name), write.name
        )
    return _adding_backwards(write, found, one)


def _adding_backwards(write: Write, found: Any, one: ast.expr) -> Plan | None:
    parent = value_of(write.spot, found.parent).model
    field = meta.relation(parent, found.accessor) if parent is not None else None
    if field is None or not field.many_to_many or write.varies(one):
        return None
    back = meta.way_back(field)
    if not back:
        return None
    behind = f"{ast.unparse(one)}.{back}.{write.name}(*{{name}})"
    wanted = f"{write.name}ed_{meta.plural(parent)}".replace("removeed", "removed")
    return collected(
        write, wanted, ast.unparse(found.parent), write.awaited(behind, write.name), write.name
    )


def setting(write: Write) -> Plan | None:
    """The rows of the through table: those there are deleted, the new ones made at once."""
    sides = _through(write)
    if sides is None or len(write.call.args) != 1 or write.is_async:
        return None
    through, source, target, parent = sides
    wanted = ast.unparse(write.call.args[0])
    if write.varies(write.call.args[0]):
        return None
    behind = (
        f"{through}.objects.filter({source}__in={{name}}).exclude({target}__in={wanted}).delete()\n"
        f"{through}.objects.bulk_create(\n"
        f"    [{through}({source}=one, {target}=other) for one in {{name}} for other in {wanted}],\n"
        f"    ignore_conflicts=True,\n)"
    )
    plan = collected(
        write,
        "parents",
        parent,
        behind,
        "bulk_create",
        loses=_lost_m2m(write),
    )
    if plan is not None:
        plan.costs = 2
    return plan


def clearing(write: Write) -> Plan | None:
    """The rows of the through table, deleted for all parents at once."""
    sides = _through(write)
    if sides is None:
        return None
    through, source, _, parent = sides
    behind = f"{through}.objects.filter({source}__in={{name}}).delete()"
    return collected(
        write,
        "cleared",
        parent,
        write.awaited(behind, "delete"),
        "delete",
        loses=_lost_m2m(write),
    )


def _through(write: Write) -> tuple[str, str, str, str] | None:
    """The through model as it is written, the names of its two sides, and the parent."""
    found = value_of(write.spot, write.owner)
    if found.kind != "related" or found.parent is None:
        return None
    parent = value_of(write.spot, found.parent).model
    field = meta.relation(parent, found.accessor) if parent is not None else None
    if field is None or not field.many_to_many:
        return None
    forward = field.field if field.auto_created else field
    if forward.remote_field.symmetrical:
        return None  # each row has another one for the way back
    source, target = forward.m2m_field_name(), forward.m2m_reverse_field_name()
    if field.auto_created:
        source, target = target, source
    through = f"{parent.__name__}.{found.accessor}.through"
    return through, str(source), str(target), ast.unparse(found.parent)


def _lost_m2m(write: Write) -> str:
    model = value_of(write.spot, write.owner).model
    return meta.losses(model, ("m2m_changed",), (), auto_now=False) if model is not None else ""
