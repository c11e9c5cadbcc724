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

#: Comparisons that Python refuses where one side is ``None``, and SQL answers with no.
_NEVER_NULL: Final = frozenset("gt gte lt lte contains startswith endswith".split())


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
    if shape is None or "__" in name or not _is_of_its_type(field, one):
        return None
    told = shape.format(row=f"{row}.{name}", value=value)
    if field.null and one.lookup in _NEVER_NULL:
        return f"{row}.{name} is not None and {told}"
    return told


def _is_of_its_type(field: Any, one: Condition) -> bool:
    """Whether Python compares a literal as it stands: the database takes ``"7"`` for 7."""
    literals = getattr(one.value, "elts", []) if one.lookup == "in" else [one.value]
    given = [node.value for node in literals if isinstance(node, ast.Constant)]
    try:
        return all(value is None or _same(field.to_python(value), value) for value in given)
    except Exception:  # validation errors of the field, or whatever a field of others raises
        return False


def _same(one: object, other: object) -> bool:
    numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    return one == other and (numbers or type(one) is type(other))


def key_of(link: Link, row: str, model: Any) -> tuple[str, bool] | None:
    """``key=`` of ``sorted()`` for ``order_by()``, and whether the order is reversed.

    ``None`` for columns that may be NULL, too: databases put it first or last, Python nowhere.
    """
    names = [str(one.value) for one in link.args if isinstance(one, ast.Constant)]
    if link.name != "order_by" or len(names) != len(link.args) or not names:
        return None
    down = {name.startswith("-") for name in names}
    bare = [name.lstrip("-") for name in names]
    if len(down) > 1 or not all(_is_ordered(model, name) for name in bare):
        return None
    fields = [f"{row}.{name}" for name in bare]
    key = fields[0] if len(fields) == 1 else f"({', '.join(fields)})"
    return f"lambda {row}: {key}", down.pop()


def _is_ordered(model: Any, name: str) -> bool:
    """Whether Python orders the values of a column, as the database does."""
    field = meta.field_of(model, name)
    if field is None or field.null:
        return False
    return not field.is_relation or name == getattr(field, "attname", "")
