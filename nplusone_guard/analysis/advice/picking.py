"""Advice to load the rows whole, and to pick from them in Python."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.annotation import named_aggregates
from nplusone_guard.analysis.advice.asks import Ask
from nplusone_guard.analysis.advice.case import Plan
from nplusone_guard.analysis.advice.chains import CONDITIONS, Link
from nplusone_guard.analysis.advice.handlers import needs_its_error
from nplusone_guard.analysis.advice.prefetches import eager
from nplusone_guard.analysis.advice.python import Loaded, key_of, test_of
from nplusone_guard.analysis.advice.relations import quoted


def in_python(ask: Ask) -> Plan | None:
    """Load the rows whole, and pick from them in the loop."""
    if ask.narrowed or (ask.relative.query.is_async and not _can_replace_async(ask)):
        return None
    read = picked(ask)
    if read is None:
        return None
    return eager(ask, read=read, raised=raised(ask))


def raised(ask: Ask) -> str:
    """What is raised where there is no row to pick."""
    return "ValueError" if ask.operation in {"latest", "earliest"} else "IndexError"


def _can_replace_async(ask: Ask) -> bool:
    return ask.relative.query.awaited


def picked(ask: Ask) -> str | None:
    """What the query gives, from the loaded rows; ``None`` where Python cannot say it."""
    shape = _SHAPES.get(ask.operation)
    if shape is None or ask.of_the_database or _ignores_case(ask):
        return None
    if ask.raises and needs_its_error(
        ask.subject, ask.relative.query.spot, ask.relative.query.node
    ):
        return None
    return shape(ask)


def _ignores_case(ask: Ask) -> bool:
    """Whether the database compares text by LIKE, to which "a" and "A" are one (SQLite)."""
    if ask.subject.vendor != "sqlite":
        return False
    links = [*ask.links, *([ask.terminal] if ask.terminal is not None else [])]
    names = (one.arg or "" for link in links if link.name in CONDITIONS for one in link.keywords)
    return any(name.rpartition("__")[2] in _BY_LIKE for name in names)


_BY_LIKE: Final = frozenset("contains startswith endswith".split())


def _source(ask: Ask) -> tuple[str, str]:
    """What to go through, as ``for row in rows``, and how a row is called in it."""
    names = ask.accessor.split("__")
    if len(names) == 1:
        return f"for {ask.row} in {ask.rows}", ask.row
    parts, owner = [], ask.parent
    for name in names[:-1]:
        inner = _singular(name)
        parts.append(f"for {inner} in {owner}.{name}.all()")
        owner = inner
    parts.append(f"for {ask.row} in {owner}.{names[-1]}.all()")
    return " ".join(parts), ask.row


def _singular(name: str) -> str:
    name = name.removesuffix("_set")
    return f"{name[:-3]}y" if name.endswith("ies") else name.removesuffix("s") or name


def _loaded(ask: Ask, row: str) -> Loaded:
    return Loaded(ask.subject, ask.relative.query.spot, row, ask.model)


def _filters(links: tuple[Link, ...]) -> tuple[Link, ...]:
    return tuple(link for link in links if link.name in {"filter", "exclude", "get"})


def _chosen(ask: Ask, links: tuple[Link, ...], element: str) -> str | None:
    """``element for row in rows if condition``."""
    source, row = _source(ask)
    condition = test_of(_filters(links), _loaded(ask, row))
    if condition is None:
        return None
    return f"{element.format(row=row)} {source}" + (f" if {condition}" if condition else "")


def _only(links: tuple[Link, ...], *names: str) -> bool:
    return all(link.name in {"filter", "exclude", *names} for link in links)


def _distinct_values(ask: Ask) -> str | None:
    """``values_list("status", flat=True).distinct()``, which comes in no order of its own."""
    kept = tuple(link for link in ask.links if link.name != "distinct")
    told = len(ask.links) - len(kept)
    if not told or not kept or kept[-1].name != "values_list" or ask.model._meta.ordering:
        return None
    bare = all(not link.values for link in ask.links if link.name == "distinct")
    if not bare or not _only(kept[:-1]) or not all(map(_compares_alike(ask), kept[-1].args)):
        return None
    values = _values_shape(ask, kept[-1], kept[:-1])
    return f"list(dict.fromkeys({values}))" if values is not None else None


def _compares_alike(ask: Ask) -> Callable[[ast.expr], bool]:
    """Whether Python finds values of a field equal where the database does."""
    from django.db import models

    #: A collation may find "a" and "A" equal (MySQL, MariaDB).
    texts = (models.CharField, models.TextField) if ask.subject.vendor != "mysql" else ()
    plain = (models.IntegerField, models.BooleanField, models.DateField, models.ForeignKey, *texts)

    def alike(name: ast.expr) -> bool:
        field = meta.field_of(ask.model, str(getattr(name, "value", "")))
        while isinstance(field, models.ForeignKey):
            field = field.target_field
        return isinstance(field, plain)

    return alike


def _listed_shape(ask: Ask) -> str | None:
    return _distinct_values(ask) or _rows_shape(ask)


def _rows_shape(ask: Ask) -> str | None:
    links = ask.links
    slices = [link for link in links if isinstance(link.node, ast.Subscript)]
    orders = [link for link in links if link.name == "order_by"]
    last = links[-1] if links else None
    if last is not None and last.name in {"values", "values_list", "dates"}:
        return _values_shape(ask, last, links[:-1])
    if not _only(links, "order_by", "[]", "distinct") or len(orders) > 1 or len(slices) > 1:
        return None
    if slices and slices[0] is not last:
        return None
    if not _filters(links) and not ask.deep:
        rows: str | None = ask.rows
        rows = f"list({rows})" if slices and not orders else rows
    else:
        chosen = _chosen(ask, links, "{row}")
        rows = f"[{chosen}]" if chosen is not None else None
    if rows is None:
        return None
    if orders:
        key = key_of(orders[0], _loaded(ask, ask.row))
        if key is None:
            return None
        rows = f"sorted({rows}, key={key[0]}{', reverse=True' if key[1] else ''})"
    return rows + (slices[0].text if slices else "")


def _values_shape(ask: Ask, last: Link, links: tuple[Link, ...]) -> str | None:
    names = [str(one.value) for one in last.args if isinstance(one, ast.Constant)]
    if len(names) != len(last.args) or not _only(links):
        return None
    if last.name == "dates":
        return _dates_shape(ask, names)
    # The value of a foreign key is the key, not the object.
    read = {name: getattr(meta.field_of(ask.model, name), "attname", "") for name in names}
    if not all(read.values()):
        return None
    flat = any(one.arg == "flat" for one in last.keywords)
    if not names or (last.keywords and not flat):
        return None
    if flat:
        element = f"{{row}}.{read[names[0]]}"
    elif last.name == "values":
        pairs = ", ".join(f"{quoted(name)}: {{row}}.{read[name]}" for name in names)
        element = f"{{{{{pairs}}}}}"
    else:
        element = "(" + ", ".join(f"{{row}}.{read[name]}" for name in names) + ",)"
    chosen = _chosen(ask, links, element)
    return f"[{chosen}]" if chosen is not None else None


def _dates_shape(ask: Ask, names: list[str]) -> str | None:
    parts = {"year": "month=1, day=1", "month": "day=1", "day": ""}
    if len(names) != 2 or names[1] not in parts:
        return None
    chosen = _chosen(ask, ask.links[:-1], f"{{row}}.{names[0]}.replace({parts[names[1]]})")
    return f"sorted({{{chosen}}})" if chosen is not None else None


def _count_shape(ask: Ask) -> str | None:
    if not _only(ask.links, "order_by"):
        return None
    if not _filters(ask.links) and not ask.deep:
        return f"len({ask.rows})"
    chosen = _chosen(ask, ask.links, "1")
    return f"sum({chosen})" if chosen is not None else None


def _exists_shape(ask: Ask) -> str | None:
    if not _only(ask.links, "order_by"):
        return None
    if not _filters(ask.links) and not ask.deep:
        return f"bool({ask.rows})"
    chosen = _chosen(ask, ask.links, "True")
    return f"any({chosen})" if chosen is not None else None


def _get_shape(ask: Ask) -> str | None:
    assert ask.terminal is not None
    if not _only(ask.links, "order_by"):
        return None
    chosen = _chosen(ask, (*ask.links, ask.terminal), "{row}")
    # No StopIteration: it would end a generator around the loop, and nobody would notice.
    return f"[{chosen}][0]" if chosen is not None else None


def _end_shape(ask: Ask) -> str | None:
    """``first()``, ``last()``, ``latest()``, ``earliest()`` by ``min()`` or ``max()``."""
    orders = [link for link in ask.links if link.name == "order_by"]
    if not _only(ask.links, "order_by") or len(orders) > 1:
        return None
    order = orders[0] if orders else None
    if ask.operation in {"latest", "earliest"} and ask.terminal is not None:
        order = Link("order_by", ask.terminal.node, ask.terminal.args)
    if order is None and ask.model._meta.ordering:
        return None
    by_key = (f"lambda {ask.row}: {ask.row}.pk", False)
    key = key_of(order, _loaded(ask, ask.row)) if order is not None else by_key
    if key is None:
        return None
    largest = key[1] != (ask.operation in {"last", "latest"})
    chosen = _chosen(ask, ask.links, "{row}")
    if chosen is None:
        return None
    rows = f"({chosen})" if _filters(ask.links) or ask.deep else ask.rows
    missing = "" if ask.operation in {"latest", "earliest"} else ", default=None"
    return f"{'max' if largest else 'min'}({rows}, key={key[0]}{missing})"


def _aggregate_shape(ask: Ask) -> str | None:
    parts = []
    for key, call in named_aggregates(ask):
        function = call.func.id if isinstance(call.func, ast.Name) else ""
        field = call.args[0] if call.args else None
        if not isinstance(field, ast.Constant) or not _only(ask.links):
            return None
        if function != "Count" or field.value not in {"pk", "id", "*"}:
            return None
        counted = _count_shape(ask)
        if counted is None:
            return None
        parts.append(f"{quoted(key)}: {counted}")
    return "{" + ", ".join(parts) + "}" if parts else None


_SHAPES: Final[dict[str, Callable[[Ask], str | None]]] = {
    "filter": _listed_shape,
    "iterator": _listed_shape,
    "count": _count_shape,
    "exists": _exists_shape,
    "get": _get_shape,
    "first": _end_shape,
    "last": _end_shape,
    "latest": _end_shape,
    "earliest": _end_shape,
    "aggregate": _aggregate_shape,
}
