"""Advice for lazily read relations and deferred fields."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, Subject, before, replace
from nplusone_guard.analysis.advice.chains import is_read_by_name, parent_spot
from nplusone_guard.analysis.advice.declared import place_of
from nplusone_guard.analysis.advice.feeds import Feed
from nplusone_guard.analysis.advice.roots import Root, follow, is_collected, is_made, root_of
from nplusone_guard.analysis.advice.trees import Spot, binding_of, names_in, own_nodes
from nplusone_guard.analysis.advice.values import ONE_OBJECT, called, given_by_caller, value_of
from nplusone_guard.analysis.advice.wording import double_quoted
from nplusone_guard.analysis.findings import Step

#: Rows that ``iterator()`` takes at a time where nothing else is said.
CHUNK_SIZE: Final = 2000


def plans(subject: Subject) -> list[Plan]:
    """The ways to load a relation with the rows that it is read on."""
    facts = subject.facts
    if facts.accessor == "" or is_collected(subject):
        return []
    parent = parent_spot(subject)
    model = meta.model_of(facts.parent_model)
    root = root_of(subject, parent, model)
    if parent is not None and _by_other_manager(parent, facts.accessor):
        return [_through_other_manager(subject, root)]
    if root is None:
        return _by_hand(subject)
    dropped = dropped_by_iterator(subject, root)
    if dropped is not None:
        return [dropped]
    found = [eager(subject, root, facts.accessor)]
    if singly_loaded(subject):
        found = [*_by_hand(subject), *found]
    peers = fetch_peers(subject, root)
    return [*found, peers] if peers is not None else found


def _by_other_manager(parent: Spot, accessor: str) -> bool:
    """``page.contents(manager="drafts")``: what is prefetched is the default manager's."""
    parents = parent.tree.parents
    read = parents.get(parent.node)
    call = parents.get(read) if isinstance(read, ast.Attribute) and read.attr == accessor else None
    return isinstance(call, ast.Call) and call.func is read


def _through_other_manager(subject: Subject, root: Root | None) -> Plan:
    accessor = quoted(subject.facts.accessor)
    where = _queryset(subject, root) if root is not None else "the queryset of its parents"
    return Plan(
        kind="prefetch",
        file=root.file if root is not None else subject.site.file,
        line=root.line if root is not None else subject.site.line,
        text=f"add .prefetch_related(Prefetch({accessor}, queryset=…, to_attr=…)) to {where}, with "
        "the rows of that manager, and read the attribute",
        place="at",
    )


def dropped_by_iterator(subject: Subject, root: Root) -> Plan | None:
    """Django 4.2 prefetches nothing for ``iterator()`` without a chunk size (≥ 5.0 raises)."""
    lookup = "__".join((*root.way, subject.facts.accessor))
    feed = root.feeds[0] if len(root.feeds) == 1 else None
    call = whole_iterator(feed) if feed is not None else None
    if feed is None or call is None or not _prefetches(feed, lookup):
        return None
    new = f"{feed.text}.{called(call)}(chunk_size={CHUNK_SIZE})"
    line = feed.spot.line
    return Plan(
        kind="prefetch_related",
        file=root.file,
        line=line,
        expression=f".{called(call)}(chunk_size={CHUNK_SIZE})",
        read=reading(subject),
        steps=(replace(feed.spot, new, call),),
        text=f"{quoted(lookup)} is named in .prefetch_related(), but .{called(call)}() without "
        f"chunk_size loads none of it: write .{called(call)}(chunk_size={CHUNK_SIZE})",
        place="at",
    )


def _prefetches(feed: Feed, lookup: str) -> bool:
    return any(
        isinstance(node, ast.Call)
        and called(node) == "prefetch_related"
        and any(isinstance(one, ast.Constant) and one.value == lookup for one in node.args)
        for node in ast.walk(feed.node)
    )


def whole_iterator(feed: Feed) -> ast.Call | None:
    """``iterator()`` without a chunk size, right behind the queryset."""
    parents = feed.spot.tree.parents
    method = parents.get(feed.node)
    call = parents.get(method) if isinstance(method, ast.Attribute) else None
    if not isinstance(call, ast.Call) or called(call) not in {"iterator", "aiterator"}:
        return None
    return None if call.args or call.keywords else call


def chunked(feed: Feed) -> Iterator[Step]:
    """A chunk size for each ``rows.iterator()`` behind the statement that makes the rows."""
    function = feed.spot.tree.function(feed.node)
    for call in own_nodes(function) if function is not None else ():
        if not isinstance(call, ast.Call) or call.args or call.keywords:
            continue
        if called(call) in {"iterator", "aiterator"}:
            yield replace(feed.spot, f"{ast.unparse(call)[:-1]}chunk_size={CHUNK_SIZE})", call)


def reading(subject: Subject) -> str:
    """What is read in the loop, as it is written there: ``entry.author``.

    Nothing where a framework reads it, whose template or serializer says so already, or
    ``getattr()``, a pattern, a descriptor: it is read on what the source does not show.
    """
    if subject.candidate.location.site.kind != "python":
        return ""
    spot, accessor = subject.spot, subject.facts.accessor
    parent = parent_spot(subject)
    if spot is None or parent is None:
        return ""
    if is_read_by_name(parent.tree.parents.get(parent.node)):
        return ""  # it is, and stays, ``getattr(row, name)``
    collection = "" if subject.facts.operation in {"lazy", "deferred"} else ".all()"
    return f"{parent.text}.{accessor}{collection}"


def eager(subject: Subject, root: Root, accessor: str, argument: str = "") -> Plan:
    """Load ``accessor`` with the rows of the root; ``argument`` is a Prefetch in place of it."""
    way = shortest(root.model, (*root.way, *accessor.split("__")))
    lookup = "__".join(way)
    imports: tuple[str, ...] = ()
    generic = _beyond_generic(subject, root, way) if not argument else None
    if generic is not None:
        argument, imports = generic
    method = "prefetch_related" if argument else method_of(root, way)
    calls = [(method, argument or quoted(lookup))]
    for other in root.others if not argument else ():
        told = shortest(root.model, (*other, *accessor.split("__")))
        calls.append((method_of(root, told), quoted("__".join(told))))
    return Plan(
        kind="prefetch" if argument else method,
        file=root.file,
        line=root.line,
        calls=tuple(calls),
        feeds=root.feeds,
        read=reading(subject),
        imports=imports,
        place=f"to {_queryset(subject, root)} at",
        # Each step below the root is a query of its own.
        costs=0
        if method == "select_related"
        else _times(subject, root) * max(len(way) - len(root.way), 1),
    )


def _times(subject: Subject, root: Root) -> int:
    """How often the queryset is read: the one of an inner loop is read in each outer turn."""
    times = _sent(subject, root) if root.way else subject.reads
    return max(times, min(len(root.feeds), _reads(subject, root)))


def _sent(subject: Subject, root: Root) -> int:
    """How often the queryset of a root was read: a ``get()`` of each row of a loop, for each."""
    label = root.model._meta.label if root.model is not None else ""
    reads = subject.case.scope.reads.get(label, ())
    sites = ((subject.case.locate(one).site, one.count) for one in reads)
    here = [count for site, count in sites if (site.file, site.line) == (root.file, root.line)]
    return max(here, default=1)


def _reads(subject: Subject, root: Root) -> int:
    """How many querysets of the root's model were read: of two branches only one may have been."""
    label = root.model._meta.label if root.model is not None else ""
    reads = subject.case.scope.reads.get(label, ())
    return sum(one.sequence < subject.group.sequence for one in reads)


def _beyond_generic(
    subject: Subject, root: Root, way: tuple[str, ...]
) -> tuple[str, tuple[str, ...]] | None:
    """``GenericPrefetch`` (Django ≥ 5.0) for a relation of what a GenericForeignKey leads to."""
    import django

    target = meta.model_of(subject.facts.parent_model)
    owner = follow(root.model, way[:-2]) if len(way) > 1 else None
    field = meta.relation(owner, way[-2]) if owner is not None else None
    if django.VERSION < (5, 0) or field is None or target is None or not meta.is_generic(field):
        return None
    lookup = quoted("__".join(way[:-1]))
    if any(lookup in double_quoted(feed.text) for feed in root.feeds):
        return None  # a look-up takes one queryset
    last = meta.relation(target, way[-1])
    one = last is not None and not meta.is_collection(last) and not meta.is_generic(last)
    method = "select_related" if one else "prefetch_related"
    targets = f"{target.__name__}.{meta.manager_name(target)}.{method}({quoted(way[-1])})"
    imports = ["from django.contrib.contenttypes.prefetch import GenericPrefetch"]
    if not any(feed.spot.tree.global_value(target.__name__) is target for feed in root.feeds):
        imports.append(f"from {target.__module__} import {target.__name__}")
    return f"GenericPrefetch({lookup}, [{targets}])", tuple(imports)


def _queryset(subject: Subject, root: Root) -> str:
    kind, name = (root.declared.kind, root.declared.name) if root.declared else ("", "")
    parents = subject.case.parents
    if not kind and not root.feeds and parents is not None:
        site = parents.origin.assigned or parents.origin.site
        kind = site.kind if (site.file, site.line) == (root.file, root.line) else ""
    return place_of(kind, name, subject.candidate.location.loop)


def shortest(model: Any, way: tuple[str, ...]) -> tuple[str, ...]:
    """A way without steps over a one-to-one relation and straight back, which ask for nothing."""
    kept: list[str] = []
    models = [model]
    for name in way:
        field = meta.relation(models[-1], name) if models[-1] is not None else None
        last = meta.relation(models[-2], kept[-1]) if kept and models[-2] is not None else None
        back = meta.way_back(last) if last is not None and last.one_to_one else ""
        if field is not None and back == name:
            kept.pop()
            models.pop()
            continue
        kept.append(name)
        models.append(meta.related_model(field) if field is not None else None)
    return tuple(kept)


def method_of(root: Root, way: tuple[str, ...]) -> str:
    """``select_related`` where each step leads to one object, and the rows come by a join."""
    model = root.model
    if any(feed.kind == "raw" or "union" in feed.endings for feed in root.feeds):
        return "prefetch_related"
    for name in way:
        field = meta.relation(model, name) if model is not None else None
        if field is None or meta.is_collection(field) or meta.is_generic(field):
            return "prefetch_related"
        if field.null and any("select_for_update" in feed.text for feed in root.feeds):
            return "prefetch_related"  # no outer join can be locked
        model = meta.related_model(field)
    return "select_related"


def quoted(text: str) -> str:
    """``text`` as a string literal in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def singly_loaded(subject: Subject) -> bool:
    """Whether the parents came row by row, so that there is no queryset to change."""
    return subject.reads > 1


def is_in_vain(plan: Plan, subject: Subject) -> bool:
    """Whether a plan prefetches for rows that come one by one, as often as they come."""
    if not any(method == "prefetch_related" for method, _ in plan.calls):
        return False
    if plan.costs >= subject.count and singly_loaded(subject):
        return True
    return bool(plan.feeds) and all(_gives_one_a_turn(feed, subject) for feed in plan.feeds)


def _gives_one_a_turn(feed: Feed, subject: Subject) -> bool:
    """Whether a queryset stands in the loop, and gives it one object: ``get()``, ``last()``."""
    inside = any(one is subject.loop for one in feed.spot.tree.above(feed.node))
    return inside and not ONE_OBJECT.isdisjoint(feed.endings)


def _by_hand(subject: Subject) -> list[Plan]:
    """``prefetch_related_objects(rows, "author")`` before a loop over a list."""
    loop, spot = subject.loop, subject.loop_spot
    if not isinstance(loop, ast.For) or spot is None or not isinstance(loop.iter, ast.Name):
        return []
    parent = parent_spot(subject)
    if parent is None or not isinstance(loop.target, ast.Name):
        return []
    if not _is_loop_variable(parent, loop.target.id, subject) or is_made(parent):
        return []
    call = f"prefetch_related_objects({loop.iter.id}, {quoted(subject.facts.accessor)})"
    return [
        Plan(
            kind="prefetch_related_objects",
            file=spot.tree.file,
            line=loop.lineno,
            expression=call,
            read=reading(subject),
            steps=(before(spot, loop, call),),
            imports=("from django.db.models import prefetch_related_objects",),
            place="before the loop at",
        )
    ]


def _is_loop_variable(parent: Spot, name: str, subject: Subject) -> bool:
    """Whether a relation is read on the loop variable; in a helper, on what may be handed it."""
    if not isinstance(parent.node, ast.Name) or subject.loop_spot is None:
        return False
    if subject.local:
        return parent.node.id == name
    handed = _handed(parent)
    if handed is not None and handed.text != name:
        return False
    return name in names_in(subject.loop_spot.node) and _runs_over_parents(subject)


def _handed(parent: Spot) -> Spot | None:
    """What the caller gave for a parameter; ``None`` where that does not show."""
    name = parent.text
    bound = binding_of(parent.tree, name, parent.node)
    given = given_by_caller(parent, bound.node, name) if bound and bound.how == "param" else None
    further = _handed(given) if given is not None and isinstance(given.node, ast.Name) else None
    return further or given


def _runs_over_parents(subject: Subject) -> bool:
    """Whether rows of the loop may be the parents: a helper can be handed a key, and load others."""
    parents = subject.case.find_parents(subject.group)
    rows = meta.model_of(parents.origin.model) if parents is not None else None
    wanted = meta.model_of(subject.facts.parent_model)
    return rows is None or wanted is None or issubclass(rows, wanted) or issubclass(wanted, rows)


def fetch_peers(subject: Subject, root: Root) -> Plan | None:
    """``fetch_mode(models.FETCH_PEERS)``, for the four kinds that it helps."""
    import django

    facts = subject.facts
    if django.VERSION < (6, 1) or facts.operation not in {"lazy", "deferred"}:
        return None
    return Plan(
        kind="fetch_mode",
        file=root.file,
        line=root.line,
        calls=(("fetch_mode", "models.FETCH_PEERS"),),
        feeds=tuple(feed for feed in root.feeds if feed.kind == "queryset"),
        read=reading(subject),
        imports=("from django.db import models",),
    )


# -- deferred fields -------------------------------------------------------------------


def deferred(subject: Subject) -> list[Plan]:
    """Load the field with the rows, by the ``only()`` or ``defer()`` that left it out."""
    facts = subject.facts
    model = meta.model_of(facts.parent_model)
    root = root_of(subject, parent_spot(subject), model)
    if root is None:
        return []
    same = [one for one in subject.case.subjects if _deferred_with(one, subject)]
    if same[0] is not subject:
        return [Plan(kind="only", file=root.file, line=root.line, costs=0)]
    found = [_widened(subject, root, model, [one.facts.accessor for one in same])]
    peers = fetch_peers(subject, root)
    return [*found, peers] if peers is not None else found


def _deferred_with(one: Subject, subject: Subject) -> bool:
    facts, other = one.facts, subject.facts
    same = facts.parent_model == other.parent_model
    return one.candidate.rule == "deferred-field" and same


def _widened(subject: Subject, root: Root, model: Any, names: list[str]) -> Plan:
    limited = [_limited(feed, root, model) for feed in root.feeds]
    edits = [_edit(feed.spot, node, names, root) for node, feed in filter(None, limited)]
    made = list(dict.fromkeys(filter(None, edits)))
    if not made:
        return _in_raw(subject, root, names)
    (first, expression), *others = made
    text, name = _to_write(expression), ", ".join(map(quoted, names))
    if others:
        text = " and ".join(f"{_to_write(new)} {_at(step, first)}" for step, new in made)
    return Plan(
        kind="only" if expression.startswith(".only") else "defer",
        file=first.file,
        line=first.line,
        expression=expression,
        read=reading(subject),
        steps=tuple(step for step, _ in made),
        costs=0,
        text=f"load {name} with the rows: {text}",
        place="" if others else "at",
    )


def _to_write(expression: str) -> str:
    return f"write {expression}" if expression else "drop the .defer()"


def _at(step: Step, first: Step) -> str:
    """``at views.py:5``, and then ``at :7`` in the same file."""
    same = step is not first and step.file == first.file
    return f"at {'' if same else os.path.basename(step.file)}:{step.line}"


def _limited(feed: Feed, root: Root, model: Any) -> tuple[ast.Call, Feed] | None:
    """The call of ``only()`` or ``defer()`` on a queryset, or else in its function."""
    tree = feed.spot.tree
    function = tree.function(feed.node) or tree.module
    for node in [*ast.walk(feed.node), *own_nodes(function)]:
        limits = isinstance(node, ast.Call) and called(node) in {"only", "defer"}
        if limits and isinstance(node, ast.Call) and _suits(feed, node, root, model):
            return node, feed
    return None


def _suits(feed: Feed, node: ast.Call, root: Root, model: Any) -> bool:
    found = value_of(feed.spot, node).model
    return found is None or meta.same_rows(found, root.model) or meta.same_rows(found, model)


def _edit(spot: Spot, node: ast.Call, names: list[str], root: Root) -> tuple[Step, str] | None:
    """The call with the fields loaded; ``None`` where it loads them already."""
    assert isinstance(node.func, ast.Attribute)
    owner, method = ast.unparse(node.func.value), node.func.attr
    own = value_of(spot, node).model
    if own is not None and root.way and meta.same_rows(own, root.model):
        names = ["__".join((*root.way, name)) for name in names]
    written = [ast.unparse(one) for one in node.args]
    if method == "only":
        known = {one.strip("'\"") for one in written}
        given = [*written, *(quoted(name) for name in names if name not in known)]
    else:
        given = [one for one in written if one.strip("'\"") not in names]
    if given == written:
        return None
    expression = f".{method}({', '.join(given)})" if given else ""
    whole = f"{owner}{expression}"
    if not given and value_of(spot, node.func.value).is_queryset and "(" not in owner:
        whole = f"{owner}.all()"
    return replace(spot, whole, node), expression.replace("'", '"')


def _in_raw(subject: Subject, root: Root, names: list[str]) -> Plan:
    """The column in the SELECT list of ``raw()``."""
    model = meta.model_of(subject.facts.parent_model)
    fields = [meta.field_of(model, one) if model is not None else None for one in names]
    columns = [getattr(field, "column", one) for field, one in zip(fields, names, strict=True)]
    column = ", ".join(columns)
    name = ", ".join(map(quoted, names))
    steps = []
    for feed in root.feeds:
        call = feed.node
        raw = feed.kind == "raw" and isinstance(call, ast.Call) and call.args
        sql = call.args[0] if isinstance(call, ast.Call) and raw else None
        if isinstance(sql, ast.Constant) and isinstance(sql.value, str):
            wider = re.sub(
                r"\s+FROM\b", f", {column} FROM", sql.value, count=1, flags=re.IGNORECASE
            )
            steps.append(replace(feed.spot, repr(wider), sql))
    return Plan(
        kind="raw" if steps else "only",
        file=root.file,
        line=root.line,
        expression=f"{column} in the SELECT list" if steps else f".only(…, {name})",
        read=reading(subject),
        steps=tuple(steps),
        costs=0,
        text=f"load {name} with the rows: add it to .only(), or drop it from .defer(),"
        if not steps
        else f"load {name} with the rows: add {column} to the SELECT list",
        place="at",
    )
