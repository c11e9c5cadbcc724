"""A row that is made but not saved yet, as the code says it, and what saves many of them."""

from __future__ import annotations

import ast
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan
from nplusone_guard.analysis.advice.chains import Query
from nplusone_guard.analysis.advice.values import value_of
from nplusone_guard.analysis.advice.write_calls import Write, collected

SAVED: Final = ("pre_save", "post_save")


def new_row(query: Query, extra: str = "") -> str:
    """``Tag(name=…)`` for ``create(name=…)``; with the parent of a related manager."""
    link = query.links[-1]
    given = [ast.unparse(one) for one in link.keywords if one.arg != "defaults"]
    if query.value.kind == "related" and query.value.parent is not None:
        parent_model = value_of(query.spot, query.value.parent).model
        field = meta.relation(parent_model, query.value.accessor) if parent_model else None
        if field is not None and field.one_to_many:
            given.append(f"{field.field.name}={ast.unparse(query.value.parent)}")
    given += [extra] if extra else []
    return f"{query.model.__name__}({', '.join(given)})"


def manager_of(query: Query) -> str:
    """``Tag.objects``, with ``using()`` where it is given."""
    if query.value.kind == "related":
        return f"{query.model.__name__}.{meta.manager_name(query.model)}"
    kept = [link.text for link in query.links if link.name == "using"]
    return ast.unparse(query.root) + "".join(kept)


def makes_rows(query: Query) -> bool:
    """Whether ``create()`` makes a row of the model and nothing besides, such as that of a relation."""
    parent = query.value.parent
    if query.value.kind != "related" or parent is None:
        return True
    model = value_of(query.spot, parent).model
    field = meta.relation(model, query.value.accessor) if model is not None else None
    return field is not None and field.one_to_many and not hasattr(field, "object_id_field_name")


def created_behind(
    write: Write, query: Query, item: str, behind: str, *, updates: bool = False, **more: Any
) -> Plan | None:
    """The new rows, collected in the loop and created behind it by ``bulk_create()``."""
    return collected(
        write,
        meta.plural(query.model),
        item,
        write.awaited(behind, "bulk_create"),
        "bulk_create",
        loses=lost_by_saving(query.model, updates=updates),
        **more,
    )


def lost_by_saving(model: Any, *, updates: bool = False) -> str:
    """What ``save()`` does for a row of ``model`` and ``bulk_create()`` does not."""
    return meta.losses(model, SAVED, ["save"], auto_now=updates)
