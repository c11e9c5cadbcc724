"""Advice for what a loop asks about each of its own objects: refreshing, prefetching one by one."""

from __future__ import annotations

import ast

from nplusone_guard.analysis.advice import lost, meta
from nplusone_guard.analysis.advice.case import Plan, Subject, before_loop, replace
from nplusone_guard.analysis.advice.chains import query_of
from nplusone_guard.analysis.advice.handlers import caught, instead, is_caught_outside
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.roots import root_of
from nplusone_guard.analysis.advice.rows import inlined, rows_of
from nplusone_guard.analysis.advice.values import called, value_of
from nplusone_guard.analysis.findings import Step
from nplusone_guard.capture.scope import WRITES


def plans(subject: Subject) -> list[Plan]:
    """The ways to do it for all objects at once."""
    spot = subject.spot
    if spot is None or not subject.local:
        return []
    for node in ast.walk(spot.node):
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            found = _indexed(subject, node)
            if found:
                return found
        if isinstance(node, ast.Call):
            name = called(node)
            if name in {"get", "aget"} and (again := _again(subject, node)):
                return again
            if name in {"refresh_from_db", "arefresh_from_db"}:
                return _refreshed(subject, node)
            if name in {"prefetch_related_objects", "aprefetch_related_objects"}:
                return _prefetched(subject, node)
    return []


def _again(subject: Subject, call: ast.Call) -> list[Plan]:
    """``Author.objects.get(pk=author.pk)``: the row is at hand, and nobody has changed it."""
    spot, query = subject.spot, query_of(subject)
    if spot is None or query is None or query.body or query.terminal is None:
        return []
    given = query.terminal.keywords
    key = given[0].value if len(given) == 1 and given[0].arg in {"pk", "id"} else None
    if query.terminal.args or not isinstance(key, ast.Attribute) or key.attr not in {"pk", "id"}:
        return []
    found = value_of(spot, key.value)
    if found.kind != "object" or found.model is not query.model or _written(subject):
        return []
    same = ast.unparse(key.value)
    why = lost.fresh_instance(subject, call, same)
    return [
        Plan(
            kind="same-row",
            file=spot.tree.file,
            line=subject.site.line,
            expression=same,
            read=same,
            steps=(replace(spot, same, query.node),),
            costs=0,
            text=f"{why}: read {same} in place of {ast.unparse(query.node)}",
            place="",
        )
    ]


def _written(subject: Subject) -> bool:
    """Whether rows of that table are written in the scope, so that reading again tells more."""
    table = subject.group.fingerprint.main_table
    return any(
        group.fingerprint.kind in WRITES and group.fingerprint.main_table == table
        for group in subject.case.groups
    )


def _indexed(subject: Subject, node: ast.Subscript) -> list[Plan]:
    """``rows[i]`` of a queryset asks each time; of a list it does not."""
    spot, loop = subject.spot, subject.loop
    found = value_of(spot, node.value) if spot is not None else None
    if spot is None or loop is None or found is None or not found.is_queryset:
        return []
    if subject.varies(node.value):
        return []
    name = subject.fresh(f"all_{meta.plural(found.model)}")
    statement = f"{name} = list({ast.unparse(node.value)})"
    read = f"{name}[{ast.unparse(node.slice)}]"
    return [before_loop(spot, loop, statement, read, [replace(spot, read, node)], kind="hoist")]


def _refreshed(subject: Subject, call: ast.Call) -> list[Plan]:
    """The rows again by ``in_bulk()``; ``fields`` are copied from them."""
    spot, rows = subject.spot, rows_of(subject)
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if spot is None or rows is None or not isinstance(owner, ast.Name):
        return []
    found = value_of(spot, owner)
    key = inlined(spot, owner, rows)
    if found.kind != "object" or found.model is None or key is None:
        return []
    fields = _fields(call)
    if fields is None:
        return []
    name = subject.fresh(f"fresh_{meta.plural(found.model)}")
    parent = spot.tree.parents.get(call)
    is_async = isinstance(parent, ast.Await)
    bulk = "await {}.ain_bulk" if is_async else "{}.in_bulk"
    base = f"{found.model.__name__}.{meta.manager_name(found.model)}{_prefetching(subject)}"
    keys = f"[{ast.unparse(key)}.pk {rows.clause}]"
    statement = f"{name} = {bulk.format(base)}({keys})"
    read = f"{owner.id} = {name}[{owner.id}.pk]"
    if fields:
        read = "\n".join(f"{owner.id}.{one} = {name}[{owner.id}.pk].{one}" for one in fields)
    elif _kept(subject, owner.id):
        read = (
            f"for field in {found.model.__name__}._meta.concrete_fields:\n"
            f"    setattr({owner.id}, field.attname, "
            f"getattr({name}[{owner.id}.pk], field.attname))"
        )
    node = parent if is_async else call
    handlers = caught(subject, spot, call, "KeyError")
    if is_caught_outside(subject):
        return []
    missing = "" if handlers else instead(subject, spot, call, "KeyError", found.model)
    return [
        rows.before_loop(
            statement,
            read,
            [replace(spot, read, node), *handlers],
            kind="in_bulk",
            why=lost.dropped_by(subject),
            catches="KeyError" if handlers else "",
            missing=missing,
        )
    ]


def _prefetching(subject: Subject) -> str:
    """The look-ups that the rows had before they were read again."""
    lookups = [quoted(one.facts.accessor) for one in lost.dropped(subject)]
    return f".prefetch_related({', '.join(lookups)})" if lookups else ""


def _kept(subject: Subject, name: str) -> bool:
    """Whether the object itself is used behind the loop, in the list that it came from."""
    return isinstance(subject.loop, ast.For) and isinstance(subject.loop.iter, ast.Name)


def _fields(call: ast.Call) -> list[str] | None:
    """The fields to refresh; empty for all, ``None`` where they do not show."""
    given = next((one.value for one in call.keywords if one.arg == "fields"), None)
    if given is None:
        return []
    if not isinstance(given, (ast.List, ast.Tuple)):
        return None
    return [str(one.value) for one in given.elts if isinstance(one, ast.Constant)]


def _prefetched(subject: Subject, call: ast.Call) -> list[Plan]:
    """The look-ups on the queryset, in place of a prefetch for each object."""
    spot = subject.spot
    one = call.args[0] if call.args else None
    if spot is None or not isinstance(one, (ast.List, ast.Tuple)) or len(one.elts) != 1:
        return []
    parent = spot.at(one.elts[0])
    root = root_of(subject, parent, value_of(spot, one.elts[0]).model)
    lookups = [part.value for part in call.args[1:] if isinstance(part, ast.Constant)]
    if root is None or not root.feeds or len(lookups) != len(call.args) - 1:
        return []
    calls = [("prefetch_related", quoted("__".join((*root.way, str(one))))) for one in lookups]
    around = spot.tree.parents.get(call)
    node = around if isinstance(around, ast.Await) else call
    delete = Step("delete", spot.tree.file, call.lineno, ast.unparse(node), "")
    return [
        Plan(
            kind="prefetch_related",
            file=root.file,
            line=root.line,
            calls=tuple(calls),
            feeds=root.feeds,
            steps=(delete,),
            costs=len(calls),
        )
    ]
