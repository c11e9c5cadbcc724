"""Advice for ``full_clean()`` of each row, which asks whether its values are taken."""

from __future__ import annotations

import ast
from typing import Any

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, replace
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.rows import inlined, rows_of
from nplusone_guard.analysis.advice.values import value_of
from nplusone_guard.analysis.advice.write_calls import Write
from nplusone_guard.capture.scope import WRITES


def validating(write: Write) -> Plan | None:
    """Ask once which values are taken; without that, say what is lost."""
    if write.call.args or write.call.keywords or write.is_async:
        return None
    return _validating_once(write) or _not_validating(write)


def _validating_once(write: Write) -> Plan | None:
    """For new objects of a model with one unique field, while the loop saves none of them."""
    made, rows = write.owner, rows_of(write.subject)
    model = value_of(write.spot, made.func).model if isinstance(made, ast.Call) else None
    if not isinstance(made, ast.Call) or model is None or rows is None or write.statement is None:
        return None
    field = meta.only_unique_field(model)
    given = next((one.value for one in made.keywords if one.arg == field), None)
    key = inlined(write.spot, given, rows) if field and given is not None else None
    if key is None or made.args or _writes_to(write, model):
        return None
    name = write.subject.fresh(f"taken_{field}s")
    base = f"{model.__name__}._base_manager"
    statement = (
        f"{name} = set({base}.filter({field}__in={rows.each(key)})"
        f".values_list({quoted(field)}, flat=True))"
    )
    one = write.subject.fresh(meta.variable(model))
    read = (
        f"{one} = {ast.unparse(made)}\n"
        f"{one}.full_clean(validate_unique=False, validate_constraints=False)\n"
        f"if {one}.{field} in {name}:\n"
        f"    error = {one}.unique_error_message({model.__name__}, ({quoted(field)},))\n"
        f"    raise ValidationError({{{quoted(field)}: error}})"
    )
    return rows.before_loop(
        statement,
        read,
        [replace(write.spot, read, write.statement)],
        kind="full_clean",
        imports=("from django.core.exceptions import ValidationError",),
    )


def _writes_to(write: Write, model: Any) -> bool:
    """Whether rows of the model are written meanwhile, so that more values are taken."""
    return any(
        group.fingerprint.kind in WRITES and group.fingerprint.main_table == model._meta.db_table
        for group in write.subject.case.groups
    )


def _not_validating(write: Write) -> Plan:
    """Another result, which the words have to say; so there is no edit to follow blindly."""
    new = (
        f"{ast.unparse(write.owner)}.full_clean(validate_unique=False, validate_constraints=False)"
    )
    return Plan(
        kind="full_clean",
        file=write.spot.tree.file,
        line=write.call.lineno,
        expression=new,
        read=new,
        costs=0,
        text=f"full_clean() asks by itself whether each value is taken: ask once for all rows "
        f"before the loop; or {new}, which changes the result (a value that is taken no longer "
        "raises ValidationError here, but IntegrityError when it is saved),",
        place="at",
    )
