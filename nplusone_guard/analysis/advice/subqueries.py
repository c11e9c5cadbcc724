"""Advice to ask for the rows inside the parents' query: ``Subquery(…)`` and ``Exists(…)``."""

from __future__ import annotations

import ast
from dataclasses import replace as changed
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.annotation import (
    annotation,
    can_annotate,
    free_name,
    read_annotations,
    wanted,
)
from nplusone_guard.analysis.advice.asks import Ask, all_rows, model_import
from nplusone_guard.analysis.advice.case import Plan
from nplusone_guard.analysis.advice.prefetches import is_generic_relation
from nplusone_guard.analysis.advice.relations import quoted


def subqueried(ask: Ask, path: str) -> Plan | None:
    """``annotate(…=Subquery(…))``: no join of its own, so that it suits any queryset."""
    joined = _outer_condition(ask)
    plain = all(hasattr(link.node, "func") and link.name not in _NO_ROWS for link in ask.links)
    if not joined or not plain or is_generic_relation(ask):
        return None
    back = joined.partition("=")[0]
    rows = _of_the_outer(ask, joined)
    names = {}
    for key, aggregate in wanted(ask):
        inner = "total" if meta.field_of(ask.model, "total") is None else "subtotal"
        told = ast.unparse(aggregate) if isinstance(aggregate, ast.Call) else aggregate
        inner_query = f"{rows}.order_by().values({quoted(back)}).annotate({inner}={told})"
        value = f"Subquery({inner_query}.values({quoted(inner)}))"
        counts = told.startswith(("Count(", "models.Count("))
        value = f"Coalesce({value}, 0)" if counts else value
        names[free_name(ask, f"{path}_{key}", value)] = value
    if not names:
        return None
    arguments = ", ".join(f"{name}={text}" for name, text in names.items())
    functions = ["OuterRef", "Subquery", *(["Count"] if ask.operation == "count" else [])]
    plan = annotation(ask, arguments, read_annotations(ask, list(names)), sorted(functions))
    coalesce = "from django.db.models.functions import Coalesce"
    more = [coalesce] if "Coalesce(" in arguments else []
    return changed(plan, imports=(*plan.imports, *more, *model_import(ask)))


_NO_ROWS: Final = frozenset("values values_list dates datetimes union distinct annotate".split())


def _outer_condition(ask: Ask) -> str:
    """``author=OuterRef("pk")``: how the rows name their parent; empty where they cannot."""
    condition = ask.relative.condition
    if ask.deep:
        return f'{condition.field}=OuterRef("pk")' if condition is not None else ""
    field = meta.relation(ask.relative.parent_model, ask.accessor)
    back, outer = _back_condition(field) if field is not None else ("", "")
    return f"{back}=OuterRef({quoted(outer)})" if back else ""


def _of_the_outer(ask: Ask, joined: str) -> str:
    """The rows of one parent of the outer query, with the filters that the loop has."""
    links = "".join(link.text for link in ask.links)
    first, _, rest = links.partition(".filter(")
    positional = any(
        link.name == "filter" and (link.args or any(one.arg is None for one in link.keywords))
        for link in ask.links
    )
    inner = f"{first}.filter({joined}, {rest}" if rest else None
    if inner is None or positional:
        inner = f".filter({joined}){links}"
    return f"{all_rows(ask)}{inner}"


def existing(ask: Ask) -> Plan | None:
    """``annotate(Exists(…))``."""
    if not can_annotate(ask) or is_generic_relation(ask):
        return None
    joined = _outer_condition(ask)
    if not joined:
        return None
    value = f"Exists({_of_the_outer(ask, joined)})"
    name = free_name(ask, f"has_{ask.accessor.rpartition('__')[2].removesuffix('_set')}", value)
    argument = f"{name}={value}"
    found = annotation(ask, argument, f"{ask.parent}.{name}", ["Exists", "OuterRef"])
    return changed(found, imports=(*found.imports, *model_import(ask)))


def _back_condition(field: Any) -> tuple[str, str]:
    """How the rows name their parent in a condition, and what of the parent it is compared to."""
    if field.many_to_many:
        if field.auto_created:
            return str(field.field.name), "pk"
        return str(field.related_query_name()), "pk"
    target = field.field.target_field
    return str(field.field.name), "pk" if target.primary_key else str(target.attname)
