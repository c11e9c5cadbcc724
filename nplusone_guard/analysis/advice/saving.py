"""Advice for ``save()`` of each row: ``bulk_update()``, or ``bulk_create()`` of new ones."""

from __future__ import annotations

import ast
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan
from nplusone_guard.analysis.advice.new_rows import SAVED
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.trees import Bound, own_nodes, possible_bindings
from nplusone_guard.analysis.advice.values import value_of
from nplusone_guard.analysis.advice.write_calls import Write, collected


def saving(write: Write) -> Plan | None:
    """``bulk_update()`` of the fields that the loop changes; ``bulk_create()`` of new objects."""
    found = value_of(write.spot, write.owner)
    model = found.model if found.kind == "object" else meta.model_of(write.subject.facts.model)
    if model is None or not isinstance(write.owner, ast.Name):
        return None
    if write.subject.group.fingerprint.kind == "insert":
        # Rows that were made elsewhere have no key yet, which ``bulk_update()`` asks for.
        if not _is_new(write, model) or model._meta.parents or _is_handed_on(write, write.owner.id):
            return None
        behind = f"{model.__name__}.{meta.manager_name(model)}.bulk_create({{name}})"
        method = "bulk_create"
    else:
        fields = _changed_fields(write, model)
        if not fields or any(meta.is_unique(model, name) for name in fields):
            return None  # a copy; or rows that hand a value on, which one statement may not
        told = ", ".join(map(quoted, fields))
        behind = f"{model.__name__}.{meta.manager_name(model)}.bulk_update({{name}}, [{told}])"
        method = "bulk_update"
    return collected(
        write,
        f"changed_{meta.plural(model)}" if method == "bulk_update" else meta.plural(model),
        write.owner.id,
        write.awaited(behind, method),
        method,
        loses=meta.losses(model, SAVED, ["save"], auto_now=method == "bulk_update"),
    )


def _is_new(write: Write, model: Any) -> bool:
    """Whether each turn makes one of its own, of this very model in whichever branch."""
    assert isinstance(write.owner, ast.Name)
    made = possible_bindings(write.spot.tree, write.owner.id, write.owner)
    return bool(made) and all(_makes(write, one, model) for one in made)


def _makes(write: Write, bound: Bound, model: Any) -> bool:
    if bound.how != "value" or not isinstance(bound.value, ast.Call):
        return False
    inside = any(one is write.loop for one in write.spot.tree.above(bound.node))
    found = value_of(write.spot, bound.value.func)
    return inside and found.kind == "model" and found.model is model


def _is_handed_on(write: Write, name: str) -> bool:
    """Whether the loop, behind the ``save()``, calls a method of the object, which may need its key."""
    parents, end = write.spot.tree.parents, write.call.end_lineno or write.call.lineno
    for node in own_nodes(write.loop):
        if isinstance(node, ast.Name) and node.id == name and node.lineno > end:
            method = parents.get(node)
            call = parents.get(method) if isinstance(method, ast.Attribute) else None
            if isinstance(call, ast.Call) and call.func is method:
                return True
    return False


def _changed_fields(write: Write, model: Any) -> list[str]:
    """``update_fields``, else the fields that the loop assigns."""
    assert isinstance(write.owner, ast.Name)
    for one in write.call.keywords:
        if one.arg == "update_fields" and isinstance(one.value, (ast.List, ast.Tuple)):
            return [str(part.value) for part in one.value.elts if isinstance(part, ast.Constant)]
    if _may_change_elsewhere(write, write.owner.id):
        return []
    found = [
        node.attr
        for node in own_nodes(write.loop)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == write.owner.id
    ]
    fields = (meta.field_of(model, name) for name in found)
    return list(dict.fromkeys(str(field.name) for field in fields if field is not None))


def _may_change_elsewhere(write: Write, name: str) -> bool:
    """Whether a method or a function gets the object, and may set fields of its own choice."""
    parents = write.spot.tree.parents
    for node in own_nodes(write.loop):
        if not isinstance(node, ast.Name) or node.id != name:
            continue
        user = parents.get(node)
        if isinstance(user, ast.Attribute):
            call = parents.get(user)
            methods = isinstance(call, ast.Call) and call.func is user
            if methods and user.attr not in _HARMLESS and not user.attr.startswith("get_"):
                return True
        elif isinstance(user, ast.Call) and ast.unparse(user.func) not in {"str", "repr", "print"}:
            return True
    return False


_HARMLESS: Final = frozenset("save asave full_clean clean_fields refresh_from_db".split())
