"""Advice to count and to sum the rows in the parents' own query: ``annotate(Count(…))``."""

from __future__ import annotations

import ast
from typing import Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.annotation import (
    annotation,
    can_annotate,
    free_name,
    named_aggregates,
    query_path,
    read_annotations,
)
from nplusone_guard.analysis.advice.asks import Ask
from nplusone_guard.analysis.advice.case import Plan
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.subqueries import subqueried

_AGGREGATES: Final = frozenset("Avg Count Max Min StdDev Sum Variance".split())


def annotated(ask: Ask) -> Plan | None:
    """``annotate(Count(…))``, or another aggregate, with the filter in it."""
    if not can_annotate(ask):
        return None
    path = query_path(ask)
    condition = _q(ask, path)
    if condition is None or ask.deep or _regroups(ask):
        return subqueried(ask, path)
    made = _aggregates(ask, path, condition)
    if not made:
        return subqueried(ask, path)
    names = dict(made)
    read = read_annotations(ask, list(names))
    arguments = ", ".join(f"{name}={text}" for name, text in names.items())
    functions = sorted(
        {text.partition("(")[0] for text in names.values()} | ({"Q"} if condition else set())
    )
    return annotation(ask, arguments, read, functions)


def _regroups(ask: Ask) -> bool:
    """Whether one more join would spoil aggregates that are there, or drop a manager's filter."""
    parents = ask.subject.parents
    sent = parents.read.fingerprint.text if parents is not None else ""
    grouped = " GROUP BY " in sent or any(".annotate(" in feed.text for feed in ask.root.feeds)
    locked = any("select_for_update" in feed.text for feed in ask.root.feeds)
    return grouped or locked or meta.narrows(ask.model._default_manager)


def _q(ask: Ask, path: str) -> str | None:
    """The conditions as a ``Q``, on the path; empty where there are none."""
    parts = []
    for link in ask.links:
        if link.name in {"distinct", "order_by"} and not link.args:
            continue
        if link.name not in {"filter", "exclude"} or link.args:
            return None
        if ask.of_the_database or any(one.arg is None for one in link.keywords):
            return None  # an F() would have to follow the path, too; so would ``**names``
        inner = ", ".join(f"{path}__{one.arg}={ast.unparse(one.value)}" for one in link.keywords)
        parts.append(f"{'~' if link.name == 'exclude' else ''}Q({inner})")
    return " & ".join(parts)


def _aggregates(ask: Ask, path: str, condition: str) -> list[tuple[str, str]]:
    limit = f", filter={condition}" if condition else ""
    if ask.operation == "count":
        distinct = ", distinct=True" if _joins(ask) else ""
        value = f"Count({quoted(path)}{distinct}{limit})"
        return [(free_name(ask, f"{path}_count", value), value)]
    made = []
    for name, call in named_aggregates(ask):
        function = call.func.id if isinstance(call.func, ast.Name) else ""
        field = call.args[0] if call.args else None
        if function not in _AGGREGATES or not isinstance(field, ast.Constant):
            return []
        if _joins(ask) and function not in {"Max", "Min", "Count"}:
            return []
        target = path if field.value in {"*", "pk", "id"} else f"{path}__{field.value!s}"
        value = f"{function}({quoted(target)}{limit})"
        made.append((free_name(ask, f"{path}_{name}", value), value))
    return made


def _joins(ask: Ask) -> bool:
    """Whether other joins of the queryset may multiply the rows that are counted."""
    others = [one for one in ask.subject.case.subjects if one is not ask.subject]
    more = any(one.facts.operation in {"count", "aggregate"} for one in others)
    return more or any("annotate(" in feed.text or "__" in feed.text for feed in ask.root.feeds)
