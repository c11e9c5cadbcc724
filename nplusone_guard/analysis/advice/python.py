"""Conditions and orders of a query, as Python says them over rows that are loaded already."""

from __future__ import annotations

import ast
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.chains import Condition, Link, conditions

_COMPARED: Final = {
    "exact": "{row} == {value}",
    "gt": "{row} > {value}",
    "gte": "{row} >= {value}",
    "lt": "{row} < {value}",
    "lte": "{row} <= {value}",
    "in": "{row} in {value}",
    "contains": "{value} in {row}",
    "startswith": "{row}.startswith({value})",
    "endswith": "{row}.endswith({value})",
}


def test_of(links: tuple[Link, ...], row: str, model: Any) -> str | None:
    """The condition of ``filter()``, ``exclude()`` and ``get()`` on one row.

    Empty where there is none; ``None`` where Python cannot say it.
    """
    told = []
    for link in links:
        if link.name not in {"filter", "exclude", "get"} or link.args:
            return None
        parts = [_compared(one, row, model) for one in conditions((_as_filter(link),))]
        if None in parts or len(parts) != len(link.keywords):
            return None
        text = " and ".join(part for part in parts if part)
        told.append(f"not ({text})" if link.name == "exclude" else text)
    return " and ".join(filter(None, told))


def _as_filter(link: Link) -> Link:
    return Link("filter", link.node, link.args, link.keywords)


def _compared(one: Condition, row: str, model: Any) -> str | None:
    name, value = one.field, ast.unparse(one.value)
    field = meta.field_of(model, name)
    if field is None or (field.is_relation and name != getattr(field, "attname", "")):
        return None  # comparing objects would load them
    if one.lookup == "isnull":
        wanted = isinstance(one.value, ast.Constant) and one.value.value
        return f"{row}.{name} is {'' if wanted else 'not '}None"
    shape = _COMPARED.get(one.lookup)
    if shape is None or "__" in name:
        return None
    return shape.format(row=f"{row}.{name}", value=value)


def key_of(link: Link, row: str) -> tuple[str, bool] | None:
    """``key=`` of ``sorted()`` for ``order_by()``, and whether the order is reversed."""
    names = [one.value for one in link.args if isinstance(one, ast.Constant)]
    if link.name != "order_by" or len(names) != len(link.args) or not names:
        return None
    down = {str(name).startswith("-") for name in names}
    if len(down) > 1 or any("__" in str(name) or name == "?" for name in names):
        return None
    fields = [f"{row}.{str(name).lstrip('-')}" for name in names]
    key = fields[0] if len(fields) == 1 else f"({', '.join(fields)})"
    return f"lambda {row}: {key}", down.pop()
