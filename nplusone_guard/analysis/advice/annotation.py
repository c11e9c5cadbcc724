"""What each ``annotate(…)`` is made of: where it fits, its names, and what is read then."""

from __future__ import annotations

import ast
from typing import Any

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.asks import Ask
from nplusone_guard.analysis.advice.case import Plan, replace
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.values import called


def can_annotate(ask: Ask) -> bool:
    """Whether the rows of the parents come from querysets that take one more annotation."""
    simple = ask.fixed and not ask.root.way and ask.editable and not ask.narrowed
    query = ask.relative.query
    if any(feed.kind != "queryset" or "union" in feed.endings for feed in ask.root.feeds):
        return False
    return simple and (query.awaited or not query.is_async)


def wanted(ask: Ask) -> list[tuple[str, str | ast.Call]]:
    """The aggregates by what they are called."""
    if ask.operation == "count":
        return [("count", 'Count("pk")')]
    return list(named_aggregates(ask))


def annotation(ask: Ask, arguments: str, read: str, functions: list[str]) -> Plan:
    """``annotate(…)`` on the querysets of the parents; the loop reads its answer."""
    root = ask.root
    return Plan(
        kind="annotate",
        file=root.file,
        line=root.line,
        calls=(("annotate", arguments),),
        feeds=root.feeds,
        read=read,
        steps=(replace(ask.relative.query.where(), read),),
        imports=(f"from django.db.models import {', '.join(functions)}",),
        costs=0,
    )


def query_path(ask: Ask) -> str:
    """What conditions of the parents' query call the relation."""
    return meta.query_name(ask.relative.parent_model, ask.accessor)


def named_aggregates(ask: Ask) -> list[tuple[str, ast.Call]]:
    """The aggregates by the keys that ``aggregate()`` answers with."""
    terminal = ask.terminal
    if terminal is None or terminal.name != "aggregate":
        return []
    given: list[tuple[str, ast.expr]] = [(one.arg or "", one.value) for one in terminal.keywords]
    given += [
        (f"{one.args[0].value!s}__{called(one).lower()}", one)
        for one in terminal.args
        if isinstance(one, ast.Call) and one.args and isinstance(one.args[0], ast.Constant)
    ]
    return [(name, call) for name, call in given if isinstance(call, ast.Call)]


def free_name(ask: Ask, name: str, value: str) -> str:
    """``name``, or one made of it that the parents' model does not use yet.

    Another statement of the loop has it only for the same ``value``: two counts are two names.
    """
    name = name.replace("__", "_")
    while _is_taken(ask, name):
        name = f"{name}_total" if not name.endswith("_total") else f"{name}_"
    free, number = name, 1
    while ask.subject.case.annotations.setdefault(free, value) != value or _is_taken(ask, free):
        number += 1
        free = f"{name}_{number}"
    return free


def _is_taken(ask: Ask, name: str) -> bool:
    model = ask.relative.parent_model
    return meta.has_attribute(model, name) or _is_field(model, name)


def _is_field(model: Any, name: str) -> bool:
    return meta.field_of(model, name) is not None


def read_annotations(ask: Ask, names: list[str]) -> str:
    """What the loop reads: one attribute, or a dict of them as ``aggregate()`` gives it."""
    if ask.operation == "count":
        return f"{ask.parent}.{names[0]}"
    keys = [name for name, _ in named_aggregates(ask)]
    pairs = ", ".join(
        f"{quoted(key)}: {ask.parent}.{name}" for key, name in zip(keys, names, strict=True)
    )
    return f"{{{pairs}}}"
