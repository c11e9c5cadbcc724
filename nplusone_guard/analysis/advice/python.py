"""Conditions and orders of a query, as Python says them over rows that are loaded already."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Subject
from nplusone_guard.analysis.advice.chains import Condition, Link, conditions
from nplusone_guard.analysis.advice.field_kinds import kind_of_field
from nplusone_guard.analysis.advice.matching import is_exact, match
from nplusone_guard.analysis.advice.trees import Spot

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
_OF_TEXT: Final = frozenset("contains startswith endswith".split())
_OF_ORDER: Final = frozenset("gt gte lt lte".split())


@dataclass(frozen=True, slots=True)
class Loaded:
    """A row that is loaded already, as the code is to call it."""

    subject: Subject
    spot: Spot
    row: str
    model: Any


def test_of(links: tuple[Link, ...], loaded: Loaded) -> str | None:
    """The condition of ``filter()``, ``exclude()`` and ``get()`` on one row.

    Empty where there is none; ``None`` where Python cannot say it.
    """
    told = []
    for link in links:
        if link.name not in {"filter", "exclude", "get"} or link.args:
            return None
        parts = [_compared(one, loaded) for one in conditions((_as_filter(link),))]
        if None in parts or len(parts) != len(link.keywords):
            return None
        text = " and ".join(part for part in parts if part)
        told.append(f"not ({text})" if link.name == "exclude" else text)
    return " and ".join(filter(None, told))


def _as_filter(link: Link) -> Link:
    return Link("filter", link.node, link.args, link.keywords)


def _compared(one: Condition, loaded: Loaded) -> str | None:
    name, row = one.field, loaded.row
    field = meta.field_of(loaded.model, name)
    if field is None or (field.is_relation and name != getattr(field, "attname", "")):
        return None  # comparing objects would load them
    if one.lookup == "isnull":
        wanted = isinstance(one.value, ast.Constant) and one.value.value
        return f"{row}.{name} is {'' if wanted else 'not '}None"
    shape = _COMPARED.get(one.lookup)
    value = _value(field, one, loaded) if "__" not in name else None
    if shape is None or value is None:
        return None
    told = shape.format(row=f"{row}.{name}", value=value)
    if field.null and one.lookup in _NEVER_NULL:
        return f"{row}.{name} is not None and {told}"
    return told


def _value(field: Any, one: Condition, loaded: Loaded) -> str | None:
    """What rows are compared with, of their own type: the database takes ``"7"`` for 7."""
    text = kind_of_field(field).type is str
    if one.lookup in _OF_TEXT and not text:
        return None
    if text and not _compares_texts(field, one, loaded):
        return None
    literals = _literals(one)
    if literals is not None:
        fits = all(_is_of_type(field, each) for each in literals)
        return ast.unparse(one.value) if fits else None
    many = one.lookup == "in"
    found = match(loaded.subject, loaded.spot, one.value, loaded.model, one.field, many=many)
    if found is None or found.statement or found.imports or found.caught:
        return None
    told = ast.unparse(one.value)
    return f"list({found.each(told)})" if many and found.call else found.of(told)


def _compares_texts(field: Any, one: Condition, loaded: Loaded) -> bool:
    """Whether Python compares texts as the database does; few collations have its order."""
    if one.lookup in _OF_ORDER and loaded.subject.vendor != "sqlite":
        return False
    return is_exact(loaded.subject, field)


def _literals(one: Condition) -> list[Any] | None:
    """The values where they are written out."""
    nodes = getattr(one.value, "elts", [None]) if one.lookup == "in" else [one.value]
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return values if len(values) == len(nodes) else None


def _is_of_type(field: Any, value: Any) -> bool:
    try:
        return value is None or _same(field.to_python(value), value)
    except Exception:  # validation errors of the field, or whatever a field of others raises
        return False


def _same(one: object, other: object) -> bool:
    numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    return one == other and (numbers or type(one) is type(other))


def key_of(link: Link, loaded: Loaded) -> tuple[str, bool] | None:
    """``key=`` of ``sorted()`` for ``order_by()``, and whether the order is reversed.

    ``None`` for columns that may be NULL, too: databases put it first or last, Python nowhere.
    """
    names = [str(one.value) for one in link.args if isinstance(one, ast.Constant)]
    if link.name != "order_by" or len(names) != len(link.args) or not names:
        return None
    down = {name.startswith("-") for name in names}
    bare = [name.lstrip("-") for name in names]
    if len(down) > 1 or not all(_is_ordered(loaded, name) for name in bare):
        return None
    fields = [f"{loaded.row}.{name}" for name in bare]
    key = fields[0] if len(fields) == 1 else f"({', '.join(fields)})"
    return f"lambda {loaded.row}: {key}", down.pop()


def _is_ordered(loaded: Loaded, name: str) -> bool:
    """Whether Python orders the values of a column, as the database does."""
    field = meta.field_of(loaded.model, name)
    if field is None or field.null:
        return False
    if kind_of_field(field).type is str and loaded.subject.vendor != "sqlite":
        return False  # by a collation: "a" before "B"
    return not field.is_relation or name == getattr(field, "attname", "")
