"""Advice for ``get_or_create()`` and ``update_or_create()`` of each row."""

from __future__ import annotations

import ast

from nplusone_guard.analysis.advice import meanwhile, meta
from nplusone_guard.analysis.advice.case import Plan, replace
from nplusone_guard.analysis.advice.chains import Query
from nplusone_guard.analysis.advice.matching import PLAIN, match
from nplusone_guard.analysis.advice.new_rows import (
    created_behind,
    lost_by_saving,
    makes_rows,
    manager_of,
    new_row,
)
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.rows import Rows, inlined, rows_of
from nplusone_guard.analysis.advice.values import global_attribute
from nplusone_guard.analysis.advice.write_calls import Write


def get_or_creating(write: Write) -> Plan | None:
    """``bulk_create()`` that passes over, or updates, the rows that are there."""
    query = write.query
    if query is None or not makes_rows(query) or not _is_plain(write):
        return None
    if write.statement is None:
        return _known_before(write, query)
    link = query.links[-1]
    names = [one.arg for one in link.keywords if one.arg and one.arg != "defaults"]
    defaults = _defaults(write)
    if defaults is None:
        return None
    item = new_row(query, ", ".join(f"{name}={value}" for name, value in defaults.items()))
    unique = meta.unique_together(query.model, names)
    if not unique:
        return _create_missing(write, query, names, item)
    rows, options = "{name}", "ignore_conflicts=True"
    if write.name == "update_or_create":
        rows, options = _latest(query, unique), _upsert(write, unique, list(defaults))
    behind = f"{manager_of(query)}.bulk_create({rows}, {options})"
    updates = write.name == "update_or_create"
    return created_behind(write, query, item, behind, updates=updates, conflicts=True)


def _is_plain(write: Write) -> bool:
    """Whether the keywords say what a row is made of: no look-ups, nothing that is called."""
    given = [one for one in write.call.keywords if one.arg != "defaults"]
    if any(one.arg is None or "__" in one.arg or one.arg == "create_defaults" for one in given):
        return False
    defaults = [one.value for one in write.call.keywords if one.arg == "defaults"]
    values = [value for one in defaults if isinstance(one, ast.Dict) for value in one.values]
    return not any(_is_called(write, value) for value in values)


def _is_called(write: Write, value: ast.expr) -> bool:
    """Whether the row gets what a default answers when it is called."""
    if isinstance(value, ast.Name):
        return callable(write.spot.tree.global_value(value.id))
    return isinstance(value, ast.Lambda) or callable(global_attribute(write.spot, value))


def _latest(query: Query, unique: list[str]) -> str:
    """Of several rows by one key the last, as PostgreSQL takes no key twice in one statement."""
    row = meta.variable(query.model)
    keys = [f"{row}.{meta.attribute(query.model, name)}" for name in unique]
    key = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
    return f"{{{{{key}: {row} for {row} in {{name}}}}}}.values()"


def _known_before(write: Write, query: Query) -> Plan | None:
    """Where the object is used: create what is missing before the loop, and look it up."""
    parent = write.spot.tree.parents.get(write.node)
    rows = rows_of(write.subject)
    names = [one for one in query.links[-1].keywords if one.arg != "defaults"]
    defaults = _defaults(write)
    if write.name != "get_or_create" or rows is None or len(names) != 1 or defaults is None:
        return None
    assigned = parent.targets[0] if isinstance(parent, ast.Assign) else None
    if not _ignores_created(write, assigned):
        return None
    if meanwhile.is_conditional(write.subject, write.spot, write.node):
        return None  # rows for turns that make none
    field, key = str(names[0].arg), inlined(write.spot, names[0].value, rows)
    # A new row would keep a key of another type as it was given.
    found = match(write.subject, write.spot, names[0].value, query.model, field)
    if key is None or found != PLAIN or not meta.unique_together(query.model, [field]):
        return None
    name = write.subject.fresh(f"{meta.plural(query.model)}_by_{field}")
    keys, base, wait = write.subject.fresh(f"{field}s"), manager_of(query), ""
    bulk_create, in_bulk = "bulk_create", "in_bulk"
    if write.is_async:
        wait, bulk_create, in_bulk = "await ", "abulk_create", "ain_bulk"
    item = f"{query.model.__name__}({field}=key)"
    made = f"[{item} for key in {keys}]"
    if defaults:
        item = _with_defaults(write, rows, f"{query.model.__name__}({field}={ast.unparse(key)}")
        made = f"[{item} {rows.clause}]"
    if not item:
        return None
    statement = (
        f"{keys} = {rows.listed(key)}\n"
        f"{wait}{base}.{bulk_create}({made}, ignore_conflicts=True)\n"
        f"{name} = {wait}{base}.{in_bulk}({keys}, field_name={quoted(field)})"
    )
    read = f"({name}[{ast.unparse(names[0].value)}], False)"
    return rows.before_loop(
        statement,
        read,
        [replace(write.spot, read, write.node)],
        kind="bulk_create",
        costs=2,
        loses=lost_by_saving(query.model),
    )


def _with_defaults(write: Write, rows: Rows, start: str) -> str:
    """A new row in terms of the loop; empty where its defaults cannot be said so."""
    given = next(one.value for one in write.call.keywords if one.arg == "defaults")
    assert isinstance(given, ast.Dict)
    parts = [start]
    for name, value in zip(given.keys, given.values, strict=True):
        meant = inlined(write.spot, value, rows)
        if meant is None or not isinstance(name, ast.Constant):
            return ""
        parts.append(f"{name.value!s}={ast.unparse(meant)}")
    return f"{', '.join(parts)})"


def _ignores_created(write: Write, target: ast.expr | None) -> bool:
    """Whether nobody reads if the row was created."""
    if not isinstance(target, ast.Tuple) or len(target.elts) != 2:
        return False
    created = ast.unparse(target.elts[1])
    function = write.spot.tree.function(write.call) or write.loop
    read = (one for one in ast.walk(function) if isinstance(one, ast.Name))
    return not any(one.id == created and isinstance(one.ctx, ast.Load) for one in read)


def _defaults(write: Write) -> dict[str, str] | None:
    """The defaults that are written out; ``None`` where they are not."""
    given = next((one.value for one in write.call.keywords if one.arg == "defaults"), None)
    if given is None:
        return {}
    if not isinstance(given, ast.Dict):
        return None
    keys = [key.value for key in given.keys if isinstance(key, ast.Constant)]
    if len(keys) != len(given.values):
        return None
    return {str(key): ast.unparse(value) for key, value in zip(keys, given.values, strict=True)}


def _upsert(write: Write, unique: list[str], changed: list[str]) -> str:
    """MySQL and MariaDB take no ``unique_fields``: any unique key conflicts there."""
    from django.db import connections

    features = connections[write.subject.group.alias].features
    target = ""
    if getattr(features, "supports_update_conflicts_with_target", True):
        target = f"unique_fields=[{', '.join(map(quoted, unique))}], "
    fields = ", ".join(map(quoted, changed or unique))
    return f"update_conflicts=True, {target}update_fields=[{fields}]"


def _create_missing(write: Write, query: Query, names: list[str], item: str) -> Plan | None:
    """Without a constraint: read what there is, create the rest."""
    if len(names) != 1 or write.name != "get_or_create" or write.is_async:
        return None
    given = next(one.value for one in query.links[-1].keywords if one.arg == names[0])
    found = match(write.subject, write.spot, given, query.model, str(names[0]))
    if found != PLAIN or query.value.kind == "related":
        return None  # rows would be created that are there
    field, base = meta.attribute(query.model, str(names[0])), manager_of(query)
    known = write.subject.fresh(f"known_{field}s")
    missing = write.subject.fresh("missing")
    row = meta.variable(query.model)
    behind = (
        f"{known} = {base}.filter({field}__in=[{row}.{field} for {row} in {{name}}])\n"
        f"{known} = set({known}.values_list({quoted(field)}, flat=True))\n"
        f"{missing} = {{{{{row}.{field}: {row} for {row} in {{name}} "
        f"if {row}.{field} not in {known}}}}}\n"
        f"{base}.bulk_create({missing}.values())"
    )
    plan = created_behind(write, query, item, behind)
    if plan is not None:
        plan.costs = 2
    return plan
