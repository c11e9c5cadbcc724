"""Advice to load the rows with their parents: ``prefetch_related()`` and ``Prefetch(…)``."""

from __future__ import annotations

import ast
from dataclasses import replace as changed
from typing import Any, Final

from nplusone_guard.analysis.advice import meta, relations
from nplusone_guard.analysis.advice.asks import Ask, all_rows, model_import
from nplusone_guard.analysis.advice.case import Plan, replace
from nplusone_guard.analysis.advice.chains import Link
from nplusone_guard.analysis.advice.handlers import caught, instead, needs_its_error
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.findings import Step


def eager(
    ask: Ask,
    read: str,
    argument: str = "",
    imports: tuple[str, ...] = (),
    raised: str = "IndexError",
) -> Plan:
    """The relation loaded with the parents, and ``read`` in the place of the query.

    ``raised`` is what ``read`` raises for a row that is missing.
    """
    plan = relations.eager(ask.subject, ask.root, ask.accessor, argument)
    query = ask.relative.query
    handlers, missing = missing_row(ask, raised)
    steps: tuple[Step, ...] = (replace(query.where(), read), *handlers)
    same = ast.unparse(query.node) == read
    return changed(plan, read=read, steps=() if same else steps, imports=imports, **missing)


def missing_row(ask: Ask, raised: str) -> tuple[tuple[Step, ...], dict[str, Any]]:
    """The handlers of a missing row, and what is told of it, where ``raised`` is raised instead."""
    query = ask.relative.query
    if not ask.raises or ask.single:
        return (), {}
    handlers = caught(ask.subject, query.spot, query.node, raised)
    if handlers:
        return handlers, {"catches": raised}
    return (), {"missing": instead(ask.subject, query.spot, query.node, raised, ask.model)}


def plain(ask: Ask) -> Plan | None:
    """``prefetch_related("entries")``, read by ``.all()``; ``count()`` and ``exists()`` use it."""
    if not ask.whole or ask.deep:
        return None
    if ask.operation in {"count", "exists"} and ask.relative.condition is None:
        query = ask.relative.query
        return changed(eager(ask, read=ast.unparse(query.node)), steps=())
    if ask.operation in {"filter", "iterator"}:
        return eager(ask, read=ask.rows)
    return None


def filtered(ask: Ask) -> Plan | None:
    """``Prefetch(…, queryset=…, to_attr=…)`` for what is filtered, ordered or sliced."""
    plainly = ask.operation in {"filter", "iterator"} and ask.editable
    if not plainly or not ask.fixed or ask.whole or ask.deep:
        return None
    if any(link.name in _VALUES for link in ask.links) or not _can_slice(ask):
        return None
    links, index = ask.links, _index_of(ask)
    if index is None:
        return _prefetched(ask, _queryset(ask, links), _attribute(ask), "{rows}")
    if index < 0:
        return None
    one = f"[{index or ''}:{index + 1}]"
    return _prefetched(ask, _queryset(ask, links[:-1]) + one, _attribute(ask), "{rows}[0]")


def _index_of(ask: Ask) -> int | None:
    """The index of a queryset that is asked for one row; -1 where it is not written out."""
    last = ask.links[-1].node if ask.links else None
    if not isinstance(last, ast.Subscript) or isinstance(last.slice, ast.Slice):
        return None
    at = last.slice.value if isinstance(last.slice, ast.Constant) else None
    return at if isinstance(at, int) else -1


_VALUES: Final = frozenset("values values_list dates datetimes union".split())


def _can_slice(ask: Ask) -> bool:
    sliced = any(isinstance(link.node, ast.Subscript) for link in ask.links)
    return not sliced or not is_generic_relation(ask)


def is_generic_relation(ask: Ask) -> bool:
    """Whether the accessor is a ``GenericRelation``, which has no column of the parent."""
    field = meta.relation(ask.relative.parent_model, ask.accessor)
    return field is not None and hasattr(field, "object_id_field_name")


def _prefetched(ask: Ask, queryset: str, attribute: str, shape: str) -> Plan:
    way = "__".join((*ask.root.way, ask.accessor))
    plain_read = ask.looped
    to_attr = "" if plain_read else f", to_attr={quoted(attribute)}"
    argument = f"Prefetch({quoted(way)}, queryset={queryset}{to_attr})"
    rows = ask.rows if plain_read else f"{ask.parent}.{attribute}"
    imports = ("from django.db.models import Prefetch", *model_import(ask))
    return eager(ask, shape.format(rows=rows), argument, imports)


def _queryset(ask: Ask, links: tuple[Link, ...]) -> str:
    """The rows of all parents: ``Entry.objects.filter(status="live")``."""
    base = all_rows(ask)
    return base + "".join(link.text for link in links)


def _attribute(ask: Ask) -> str:
    """A name for the rows that no attribute of the model has."""
    accessor = ask.accessor.removesuffix("_set")
    word = {"first": "first", "last": "last", "latest": "latest", "earliest": "earliest"}.get(
        ask.operation
    ) or _word(ask)
    name = f"{word}_{accessor}"
    while meta.has_attribute(ask.relative.parent_model, name):
        name += "_loaded"
    return name


def _word(ask: Ask) -> str:
    """``live`` for ``filter(status="live")``, ``ordered`` for ``order_by()``."""
    from django.db.models import QuerySet

    for link in ask.links:
        constants = [one.value for one in link.keywords if isinstance(one.value, ast.Constant)]
        texts = [str(one.value) for one in constants if isinstance(one.value, str)]
        alone = link.name == "filter" and len(texts) == len(link.keywords) == 1
        if alone and texts[0].isidentifier():
            return texts[0].lower()
    names = {link.name for link in ask.links}
    own = [name for name in names if not hasattr(QuerySet, name) and name.isidentifier()]
    if len(own) == 1:
        return own[0]  # a method of the user's own says best what it gives
    return "ordered" if names == {"order_by"} else "filtered" if "filter" in names else "loaded"


def first_row(ask: Ask) -> Plan | None:
    """A sliced Prefetch (Django ≥ 4.2) for the first or last row of each parent."""
    if not ask.fixed or ask.deep or is_generic_relation(ask) or not ask.editable:
        return None
    order = _order(ask)
    if order is None or any(link.name in _VALUES for link in ask.links):
        return None
    if ask.raises and needs_its_error(
        ask.subject, ask.relative.query.spot, ask.relative.query.node
    ):
        return None
    queryset = _queryset(ask, ask.links) + order + "[:1]"
    shape = "{rows}[0]" if ask.operation in {"latest", "earliest"} else "next(iter({rows}), None)"
    return _prefetched(ask, queryset, _attribute(ask), shape)


def _order(ask: Ask) -> str | None:
    operation, terminal = ask.operation, ask.terminal
    ordered = any(link.name == "order_by" for link in ask.links) or ask.model._meta.ordering
    if operation in {"first", "last"}:
        if not ordered:
            return f'.order_by("{"-" if operation == "last" else ""}pk")'
        return ".reverse()" if operation == "last" else ""
    given = terminal.args if terminal is not None else ()
    names = [str(one.value) for one in given if isinstance(one, ast.Constant)]
    if not names or len(names) != len(given):
        return None
    told = [_turned(name) for name in names] if operation == "latest" else names
    return f".order_by({', '.join(map(quoted, told))})"


def _turned(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"
