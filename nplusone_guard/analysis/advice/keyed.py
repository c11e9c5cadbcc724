"""Advice for look-ups by a key of the loop: all of them before it, in one query.

``Author.objects.get(slug=slug)`` becomes ``authors[slug]``, where
``authors = Author.objects.in_bulk([…], field_name="slug")`` stands before the loop.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace as changed
from typing import Any, Final

from nplusone_guard.analysis.advice import meanwhile, meta
from nplusone_guard.analysis.advice.case import Plan, Subject, before_loop, replace
from nplusone_guard.analysis.advice.chains import (
    Condition,
    Link,
    Query,
    conditions,
    is_a_key,
    query_of,
    shortcut_of,
    without,
)
from nplusone_guard.analysis.advice.handlers import (
    caught,
    instead,
    is_caught_outside,
    needs_its_error,
)
from nplusone_guard.analysis.advice.lookups import Lookup, besides, is_slice, single
from nplusone_guard.analysis.advice.matching import PLAIN, Match, match
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.rows import Rows, inlined, may_fail, rows_of
from nplusone_guard.analysis.advice.trees import COMPREHENSIONS, Spot, parameters
from nplusone_guard.analysis.advice.values import value_of
from nplusone_guard.analysis.findings import Step


def plans(subject: Subject) -> list[Plan]:
    """The ways to ask once for all the keys of the loop."""
    query = query_of(subject)
    if query is None or subject.spot is None:
        return _or_404(subject)
    if subject.facts.operation == "contains":
        return _contained(subject, query)
    if _in_bulk_keys(query) is not None:
        query = _as_filter(query)
    keys = _keys(subject, query)
    if isinstance(subject.loop, ast.While) and subject.local:
        return _while(subject, query)
    rows = rows_of(subject) if subject.local or _is_closure(subject) else None
    if rows is None or keys is None:
        return _everything(subject, query, keys)
    plan = _of_lookup(_lookup(subject, query, keys, rows))
    return [plan] if plan is not None else []


def lookup_of(subject: Subject) -> Lookup | None:
    """The query of a loop by keys that are at hand before it."""
    query = query_of(subject)
    keys = _keys(subject, query) if query is not None else None
    rows = rows_of(subject)
    if query is None or keys is None or rows is None:
        return None
    return _lookup(subject, query, keys, rows)


def _of_lookup(lookup: Lookup | None) -> Plan | None:
    if lookup is None or any(
        not is_slice(link) and lookup.subject.varies(value)
        for link in lookup.links
        for value in link.values
    ):
        return None
    return plan_of(lookup)


def _lookup(
    subject: Subject,
    query: Query,
    keys: list[tuple[Condition, ast.expr]],
    rows: Rows,
    otherwise: str = "",
) -> Lookup | None:
    """A look-up whose keys Python finds where the database does; ``None`` where it may not."""
    if subject.local and not any(one is rows.loop for one in query.spot.tree.above(query.node)):
        return None  # another loop of that line, where no columns tell (Python 3.10)
    found = [_matched(subject, query, one) for one, _ in keys]
    matches = [one for one in found if one is not None]
    if len(matches) != len(found) or subject.varies(query.root) or _is_otherwise(query):
        return None
    lookup = Lookup(subject, query, keys, rows, matches, otherwise)
    if not all(match.exact for match in matches):
        if not lookup.unique or lookup.operation not in {"get", "first"}:
            return None
        lookup.otherwise = ast.unparse(query.node)
    if lookup.operation == "get" and needs_its_error(subject, query.spot, query.node):
        lookup.otherwise = ast.unparse(query.node)
    lookup.errors = _errors(lookup)
    if lookup.errors:
        if lookup.many or len(keys) > 1 or _would_rebind(rows):
            return None
        lookup.valid = subject.fresh("keys", alone=True)
    return lookup


def _would_rebind(rows: Rows) -> bool:
    """Whether a statement for the keys binds names that only the comprehension has for its own."""
    if not isinstance(rows.loop, COMPREHENSIONS):
        return False
    tree, own = rows.spot.tree, set(map(id, ast.walk(rows.loop)))
    function = tree.function(rows.loop)
    names = set(parameters(function.args)) if function is not None else set()
    around = ast.walk(function or tree.module)
    names |= {one.id for one in around if isinstance(one, ast.Name) and id(one) not in own}
    return bool(names & rows.names)


def _errors(lookup: Lookup) -> tuple[str, ...]:
    """What keys may raise that the loop passes over, or never comes to ask for."""
    subject, query = lookup.subject, lookup.query
    sometimes = meanwhile.is_conditional(subject, query.spot, query.node)
    found = [error for one in lookup.matches if sometimes or one.caught for error in one.errors]
    if sometimes and any(may_fail(query.spot, one.value) for one, _ in lookup.keys):
        found += ["AttributeError", "LookupError", "TypeError", "ValueError"]
    return tuple(sorted(set(found)))


def _is_otherwise(query: Query) -> bool:
    """Whether this advice was followed already: the query answers for keys without a row."""
    parent = query.spot.tree.parents.get(query.node)
    if not isinstance(parent, ast.IfExp) or parent.orelse is not query.node:
        return False
    return isinstance(parent.test, ast.Compare) and isinstance(parent.test.ops[0], ast.In)


def _matched(subject: Subject, query: Query, one: Condition) -> Match | None:
    only = single(one)
    node, many = (one.value, True) if only is None else (only, False)
    return match(subject, query.spot, node, query.model, one.field, many=many)


def _or_404(subject: Subject) -> list[Plan]:
    """``get_object_or_404()`` by a unique key, which stays to answer for rows that are missing."""
    query = shortcut_of(subject) if subject.local else None
    keys = _keys(subject, query) if query is not None else None
    rows = rows_of(subject)
    if query is None or rows is None or keys is None:
        return []
    lookup = _lookup(subject, query, keys, rows, ast.unparse(query.node))
    if lookup is None or not lookup.unique:
        return []
    if any(isinstance(one, ast.Call) for one in ast.walk(keys[0][0].value)):
        return []
    if any(subject.varies(value) for link in lookup.links for value in link.values):
        return []
    plan = plan_of(lookup)
    return [plan] if plan is not None else []


def _contained(subject: Subject, query: Query) -> list[Plan]:
    """``contains()`` of a queryset that is the same every time: its rows, read once."""
    spot, loop, terminal = subject.loop_spot, subject.loop, query.terminal
    if spot is None or loop is None or not subject.local or terminal is None or query.is_async:
        return []
    if subject.varies(query.root) or any(
        subject.varies(value) for link in query.body for value in link.values
    ):
        return []
    name = subject.fresh(f"those_{meta.plural(query.model)}", alone=True)
    rows = ast.unparse(query.root) + "".join(link.text for link in query.body)
    statement = f"{name} = set({rows})"
    read = f"{ast.unparse(terminal.args[0])} in {name}"
    return [_whole(subject, spot, loop, query, statement, read)]


def _in_bulk_keys(query: Query) -> ast.expr | None:
    terminal = query.terminal
    if terminal is not None and terminal.name == "in_bulk" and terminal.args:
        return terminal.args[0]
    return None


def _as_filter(query: Query) -> Query:
    """``in_bulk([key])`` asks by ``pk__in=[key]``."""
    terminal = query.terminal
    assert terminal is not None
    keyword = ast.keyword("pk__in", terminal.args[0])
    link = Link("filter", terminal.node, (), (keyword,))
    links = (*query.links[:-1], link, Link("in_bulk", terminal.node))
    return Query(query.spot, query.node, query.root, query.value, links, query.is_async)


def _is_closure(subject: Subject) -> bool:
    """Whether the call site is in a function inside that of the loop, whose names it sees."""
    spot, loop = subject.spot, subject.loop_spot
    if spot is None or loop is None or spot.tree is not loop.tree:
        return False
    outer = loop.tree.function(loop.node)
    return outer is not None and any(one is outer for one in spot.tree.above(spot.node))


def _keys(subject: Subject, query: Query) -> list[tuple[Condition, ast.expr]] | None:
    """The conditions that differ; ``None`` where they are not all of a kind that can be listed."""
    rows = rows_of(subject)
    found = [one for one in conditions(query.links) if subject.varies(one.value)]
    if rows is None or not found:
        return None
    if any(one.lookup not in {"exact", "in"} or "__" in one.field for one in found):
        return None
    if any(_may_be_an_object(query, one) for one in found):
        return None
    keys = [(one, inlined(query.spot, single(one) or one.value, rows)) for one in found]
    return [(one, key) for one, key in keys if key is not None] if all(k for _, k in keys) else None


def _may_be_an_object(query: Query, one: Condition) -> bool:
    """Whether the source leaves open if a relation is compared with an object or with a key."""
    field = meta.field_of(query.model, one.field)
    value = single(one) or one.value
    if field is None or not field.is_relation or one.field == getattr(field, "attname", ""):
        return False
    return value_of(query.spot, value).kind != "object" and not is_a_key(query.spot, value)


# -- what to write ---------------------------------------------------------------------


def plan_of(lookup: Lookup) -> Plan | None:
    """The rows, or what is asked of them, by their keys before the loop."""
    if lookup.unique and lookup.operation in {"get", "filter", "in_bulk", "first"}:
        whole = not any(link.name in _NO_ROWS for link in lookup.links)
        return _in_bulk(lookup) if whole else None
    shape = _SHAPES.get(lookup.operation)
    if shape is None or lookup.many or lookup.otherwise:
        return None
    made = shape(lookup)
    return _made(lookup, *made) if made is not None else None


def _in_bulk(lookup: Lookup) -> Plan:
    name = lookup.named(f"{meta.plural(lookup.model)}_by_{lookup.field}")
    if lookup.field in {"pk", "id"}:
        name = lookup.named(meta.plural(lookup.model))
    field = "" if lookup.field in {"pk", "id"} else f", field_name={quoted(lookup.field)}"
    value = f"{lookup.root}{lookup.rest}.in_bulk({lookup.all_keys}{field})"
    reads = {
        "get": _found(lookup, name),
        "filter": f"[{name}[{lookup.key}]]",
        "first": _found(lookup, name) if lookup.otherwise else f"{name}.get({lookup.key})",
        "in_bulk": f"{{{lookup.key}: {name}[{lookup.key}]}}",
    }
    read = reads[lookup.operation]
    if lookup.operation in {"filter", "in_bulk"} and not lookup.many:
        read = _maybe(lookup, name)
    if lookup.many:
        item = f"{name}[key]" if lookup.operation == "filter" else f"key: {name}[key]"
        chosen = f"{item} for key in dict.fromkeys({lookup.several}) if key in {name}"
        read = f"[{chosen}]" if lookup.operation == "filter" else f"{{{chosen}}}"
    return _made(lookup, f"{name} = {_awaited(lookup, value)}", read)


def _found(lookup: Lookup, name: str) -> str:
    found = f"{name}[{lookup.key}]"
    if not lookup.otherwise:
        return found
    return f"({found} if {lookup.key} in {name} else {lookup.otherwise})"


def _maybe(lookup: Lookup, name: str) -> str:
    chosen = f"key in {name}"
    if lookup.operation == "filter":
        return f"[{name}[key] for key in [{lookup.key}] if {chosen}]"
    return f"{{key: {name}[key] for key in [{lookup.key}] if {chosen}}}"


def _awaited(lookup: Lookup, value: str) -> str:
    """The same in a coroutine, where the query was awaited."""
    if not lookup.query.is_async:
        return value
    return f"await {value.replace('.in_bulk(', '.ain_bulk(')}"


def _made(
    lookup: Lookup,
    statement: str,
    read: str,
    steps: tuple[Step, ...] = (),
    imports: tuple[str, ...] = (),
    kind: str = "in_bulk",
) -> Plan:
    rows, query = lookup.rows, lookup.query
    statement, imports = f"{lookup.opening}{statement}", (*imports, *lookup.imports)
    handlers, missing = _missing(lookup.subject, query) if lookup.raises else ((), {})
    steps = (replace(query.where(), read), *steps, *handlers)
    return rows.before_loop(statement, read, steps, kind=kind, imports=imports, **missing)


def _missing(subject: Subject, query: Query) -> tuple[tuple[Step, ...], dict[str, Any]]:
    """The handlers of a missing row, and what is told of it, where a dictionary has none."""
    handlers = caught(subject, query.spot, query.node, "KeyError")
    if handlers:
        return handlers, {"catches": "KeyError"}
    return (), {"missing": instead(subject, query.spot, query.node, "KeyError", query.model)}


_Shape = tuple[str, str]


def _exists(lookup: Lookup) -> _Shape | None:
    if lookup.query.is_async:
        return None
    name = lookup.named(f"known_{_plural(lookup.field)}")
    values = f".values_list({lookup.columns}{', flat=True' if len(lookup.keys) == 1 else ''})"
    return f"{name} = set({lookup.narrowed}{values})", f"{lookup.key} in {name}"


def _plural(name: str) -> str:
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _count(lookup: Lookup) -> tuple[str, str, tuple[Step, ...], tuple[str, ...]] | None:
    if lookup.query.is_async:
        return None
    name = lookup.named(f"{meta.snake(lookup.model.__name__)}_counts")
    values = f'.order_by().values_list({lookup.columns}).annotate(Count("pk"))'
    made = f"{lookup.narrowed}{values}"
    if len(lookup.keys) == 1:
        value = f"dict({made})"
    else:
        value = f"{{tuple(key): total for *key, total in {made}}}"
    read = f"{name}.get({lookup.key}, 0)"
    return f"{name} = {value}", read, (), ("from django.db.models import Count",)


def _grouped(lookup: Lookup, read: str, order: str = "") -> _Shape | None:
    if lookup.query.is_async or any(link.name in _NO_ROWS for link in lookup.links):
        return None
    fields = (meta.field_of(lookup.model, one.field) for one, _ in lookup.keys)
    if any(field is not None and field.many_to_many for field in fields):
        return None  # a row has several of them
    name = lookup.named(f"{meta.plural(lookup.model)}_by_{lookup.field}")
    keys = [f"{lookup.row}.{one}" for one in lookup.attributes]
    key = keys[0] if len(keys) == 1 else f"({', '.join(keys)})"
    statement = (
        f"{name} = {{}}\n"
        f"for {lookup.row} in {lookup.narrowed}{order}:\n"
        f"    {name}.setdefault({key}, []).append({lookup.row})"
    )
    return statement, read.format(name=name, key=lookup.key, slice=lookup.slice)


_NO_ROWS: Final = frozenset("values values_list dates datetimes union annotate".split())


def _rows(lookup: Lookup) -> _Shape | None:
    return _grouped(lookup, "{name}.get({key}, []){slice}")


def _one(lookup: Lookup) -> _Shape | None:
    return _grouped(lookup, "{name}[{key}][0]")


def _first(lookup: Lookup) -> _Shape | None:
    ordered = lookup.model._meta.ordering or any(link.name == "order_by" for link in lookup.links)
    order = "" if ordered else '.order_by("pk")'  # as first() does by itself
    return _grouped(lookup, "next(iter({name}.get({key}, [])), None)", order)


_SHAPES: Final[dict[str, Callable[[Lookup], Any]]] = {
    "filter": _rows,
    "iterator": _rows,
    "get": _one,
    "first": _first,
    "exists": _exists,
    "count": _count,
}


# -- without the keys ------------------------------------------------------------------


def _while(subject: Subject, query: Query) -> list[Plan]:
    """``while Entry.objects.filter(slug=…).exists()``: no keys are known before."""
    return _all_known(subject, query) if query.terminal and query.terminal.name == "exists" else []


def _all_known(subject: Subject, query: Query) -> list[Plan]:
    found = [one for one in conditions(query.links) if subject.varies(one.value)]
    spot, loop = subject.loop_spot, subject.loop
    if len(found) != 1 or found[0].lookup != "exact" or spot is None or loop is None:
        return []
    field, rest = found[0].field, without(query.body, found)
    match = _matched(subject, query, found[0])
    if match is None or not match.exact:
        return []
    name = subject.fresh(f"known_{_plural(field)}", alone=True)
    values = "".join(link.text for link in rest)
    statement = (
        f"{name} = set({ast.unparse(query.root)}{values}.values_list({quoted(field)}, flat=True))"
    )
    read = f"{match.of(ast.unparse(found[0].value))} in {name}"
    return [_whole(subject, spot, loop, query, statement, read, match=match)]


def _everything(
    subject: Subject, query: Query, keys: list[tuple[Condition, ast.expr]] | None
) -> list[Plan]:
    """A look-up by a unique key in a helper: all rows, where the keys are not at hand."""
    spot, loop = subject.loop_spot, subject.loop
    found = [one for one in conditions(query.links) if subject.varies(one.value)]
    if spot is None or loop is None or not (subject.local or _is_closure(subject)):
        return []
    if query.terminal is None or query.terminal.name != "get" or len(found) != 1 or query.is_async:
        return []
    field = found[0].field
    if found[0].lookup != "exact" or not (field == "pk" or meta.is_unique(query.model, field)):
        return []
    match = _matched(subject, query, found[0])
    if match is None or not match.exact:
        return []
    name = subject.fresh(f"{meta.plural(query.model)}_by_{field}", alone=True)
    links = besides(query, found)
    if any(subject.varies(value) for link in links for value in link.values):
        return []
    rest = "".join(link.text for link in links)
    named = "" if field in {"pk", "id"} else f"field_name={quoted(field)}"
    statement = f"{name} = {ast.unparse(query.root)}{rest}.in_bulk({named})"
    key = match.of(ast.unparse(found[0].value))
    read, (handlers, missing) = f"{name}[{key}]", _missing(subject, query)
    if is_caught_outside(subject):
        read, handlers, missing = f"({read} if {key} in {name} else {query.where().text})", (), {}
    plan = _whole(subject, spot, loop, query, statement, read, match=match)
    plan.steps = (*plan.steps, *handlers)
    note = "" if rest else f"loads all {query.model.__name__} rows"
    return [changed(plan, note=note, **missing)]


def _whole(
    subject: Subject,
    spot: Spot,
    loop: ast.AST,
    query: Query,
    statement: str,
    read: str,
    match: Match = PLAIN,
) -> Plan:
    statement = f"{match.statement}\n{statement}" if match.statement else statement
    steps = (replace(query.where(), read),)
    return before_loop(spot, loop, statement, read, steps, kind="in_bulk", imports=match.imports)
