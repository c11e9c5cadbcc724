"""Advice for rows that are made one by one: ``bulk_create()`` behind the loop."""

from __future__ import annotations

import ast

from nplusone_guard.analysis.advice import meanwhile, meta
from nplusone_guard.analysis.advice.case import Plan, after, replace
from nplusone_guard.analysis.advice.chains import Query
from nplusone_guard.analysis.advice.matching import owner_of
from nplusone_guard.analysis.advice.new_rows import (
    created_behind,
    lost_by_saving,
    makes_rows,
    manager_of,
    new_row,
)
from nplusone_guard.analysis.advice.trees import binding_of, own_nodes
from nplusone_guard.analysis.advice.write_calls import Write, collected


def creating(write: Write) -> Plan | None:
    """``bulk_create()`` of the objects that ``create()`` makes one by one."""
    query = write.query
    if query is None or query.model is None or not makes_rows(query):
        return None
    item = new_row(query)
    options = ", ignore_conflicts=True" if _conflicts_are_caught(write) else ""
    behind = f"{manager_of(query)}.bulk_create({{name}}{options})"
    kept_in = _appended_to(write)
    if kept_in and not options and not _is_tried(write):
        plan = _creating_those_in(write, query, kept_in, item, behind.format(name=kept_in))
    else:
        plan = created_behind(write, query, item, behind, conflicts=bool(options))
    if plan is not None and query.value.kind == "related":  # which does not name the model
        plan.imports = (*plan.imports, *owner_of(write.spot, query.model)[1])
    return plan


def _is_tried(write: Write) -> bool:
    """Whether the rows have to be there before the loop is through."""
    subject = write.subject
    ordered = meanwhile.may_leave(write.loop) or meanwhile.is_read(subject)
    return ordered or meanwhile.is_tried(subject, write.call)


def _appended_to(write: Write) -> str:
    """The list that the loop fills with the new objects, and with nothing else."""
    call = write.spot.tree.parents.get(write.node)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return ""
    rows = call.func.value
    around = write.spot.tree.parents.get(call)
    if call.func.attr != "append" or not isinstance(rows, ast.Name):
        return ""
    bound = binding_of(write.spot.tree, rows.id, rows)
    empty = bound is not None and isinstance(bound.value, ast.List) and not bound.value.elts
    inside = bound is not None and any(
        one is write.loop for one in write.spot.tree.above(bound.node)
    )
    function = write.spot.tree.function(write.call) or write.spot.tree.module
    filled = [
        one
        for one in own_nodes(function)
        if isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id == rows.id
        and one.attr in {"append", "extend", "insert"}
    ]
    alone = empty and not inside and len(filled) == 1 and isinstance(around, ast.Expr)
    return rows.id if alone else ""


def _creating_those_in(
    write: Write, query: Query, rows: str, item: str, behind: str
) -> Plan | None:
    """``made.append(Tag.objects.create(…))``: the list is there already."""
    from django.db import connections

    features = connections[write.subject.group.alias].features
    if not features.can_return_rows_from_bulk_insert:
        return None  # the objects would go without their keys
    last = write.awaited(behind, "bulk_create")
    return Plan(
        kind="bulk_create",
        file=write.spot.tree.file,
        line=int(getattr(write.loop, "lineno", 0)),
        expression=last,
        read=f"{rows}.append({item})",
        steps=(
            replace(write.spot, item, write.node),
            after(write.spot, write.loop, last),
        ),
        loses=lost_by_saving(query.model),
        place="behind the loop at",
    )


def _conflicts_are_caught(write: Write) -> bool:
    """Whether an ``IntegrityError`` of one row is passed over."""
    for node in write.spot.tree.above(write.call):
        if node is write.loop:
            return False
        for handler in node.handlers if isinstance(node, ast.Try) else ():
            if handler.type is not None and "IntegrityError" in ast.unparse(handler.type):
                return all(isinstance(one, (ast.Pass, ast.Continue)) for one in handler.body)
    return False


def gathering(write: Write) -> Plan | None:
    """``bulk_create([one])`` in a loop."""
    query = write.query
    if query is None or not write.call.args:
        return None
    rows = ast.unparse(write.call.args[0])
    rest = [ast.unparse(one) for one in [*write.call.args[1:], *write.call.keywords]]
    if any(write.varies(one) for one in [*write.call.args[1:], *write.call.keywords]):
        return None
    behind = f"{manager_of(query)}.{write.name}({', '.join(['{name}', *rest])})"
    behind = behind.replace("{", "{{").replace("}", "}}").replace("{{name}}", "{name}")
    return collected(
        write,
        meta.plural(query.model),
        rows,
        write.awaited(behind, write.name),
        write.name,
        method="extend",
    )
