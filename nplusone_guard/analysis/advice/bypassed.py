"""Advice for relations that were prefetched, and then asked of the database again."""

from __future__ import annotations

import ast
import os
from typing import Any

from nplusone_guard.analysis.advice import queries
from nplusone_guard.analysis.advice.case import Plan, Subject, replace, spot_of_group
from nplusone_guard.analysis.advice.feeds import Feed, feeds
from nplusone_guard.analysis.advice.queries import Ask, ask_of, picked
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.trees import Spot, own_nodes
from nplusone_guard.analysis.advice.values import called
from nplusone_guard.analysis.findings import Step
from nplusone_guard.analysis.rules import facts_of
from nplusone_guard.capture.scope import Group


def plans(subject: Subject) -> list[Plan]:
    """The two ways out: pick from the loaded rows in Python, or have the prefetch filter.

    The list is filtered in Python where it is used whole elsewhere in the loop, and where
    what is asked for differs from turn to turn.
    """
    ask = ask_of(subject)
    if ask is None:
        return []
    attribute = _to_attr(subject)
    if attribute and ask.whole and not ask.deep:
        return [_read(ask, f"{ask.parent}.{attribute}")]
    if ask.whole and ask.operation in {"filter", "iterator"} and not ask.deep:
        return [_read(ask, ask.rows)]
    python = _in_python(ask)
    # All the rows have to be there where the loop reads them, too.
    prefetch = _in_the_prefetch(ask) if not _used_whole(ask) else None
    ways = [python, prefetch] if _is_short(ask) else [prefetch, python]
    return [way for way in ways if way is not None]


def _to_attr(subject: Subject) -> str:
    """The attribute that the rows were prefetched to, where it is not the accessor."""
    prefetch = prefetch_of(subject)
    facts = facts_of(prefetch) if prefetch is not None else None
    if facts is None or facts.prefetch is None:
        return ""
    name = str(facts.prefetch_to.rpartition("__")[2])
    return name if name != facts.prefetch[1] else ""


def _is_short(ask: Ask) -> bool:
    """Counting and testing loaded rows says what is meant; a list of its own says more."""
    return ask.operation in {"count", "exists", "aggregate", "get"}


def _used_whole(ask: Ask) -> bool:
    """Whether the loop reads all the rows, too."""
    loop, wanted = ask.subject.loop, ask.rows
    if loop is None:
        return False
    return any(isinstance(n, ast.Call) and ast.unparse(n) == wanted for n in own_nodes(loop))


def _in_python(ask: Ask) -> Plan | None:
    read = picked(ask)
    query = ask.relative.query
    if read is None or (query.is_async and not query.awaited):
        return None
    return _read(ask, read)


def _read(ask: Ask, read: str) -> Plan:
    query = ask.relative.query
    return Plan(
        kind="prefetched",
        file=query.spot.tree.file,
        line=query.where().line,
        expression=read,
        read=read,
        steps=(replace(query.where(), read),),
        costs=0,
        text=f"{told(ask.subject)}: read {read}",
        place="",
    )


def _in_the_prefetch(ask: Ask) -> Plan | None:
    """``Prefetch(…, queryset=…)`` in the place of the plain look-up."""
    made = queries.filtered(ask) or queries.first_row(ask)
    if made is None:
        return None
    argument = made.calls[0][1]
    lookup = "__".join((*ask.root.way, ask.accessor))
    steps: list[Step] = []
    expression = ""
    for feed in ask.root.feeds:
        call = _prefetching(feed, lookup)
        if call is not None:
            old = ast.unparse(call)
            expression = _with_argument(call, lookup, argument)
            assert isinstance(call.func, ast.Attribute)
            new = f"{ast.unparse(call.func.value)}{expression}"
            steps.append(Step("replace", feed.spot.tree.file, call.lineno, old, new))
    if not steps:
        return None
    made.calls, made.feeds, made.costs = (), (), 0
    made.steps = (*steps, *made.steps)
    made.expression = expression
    made.text = f"{told(ask.subject)}: write {expression}"
    made.place = "at"
    return made


def _prefetching(feed: Feed, lookup: str) -> ast.Call | None:
    for node in ast.walk(feed.node):
        if (
            isinstance(node, ast.Call)
            and called(node) == "prefetch_related"
            and isinstance(node.func, ast.Attribute)
            and any(_is_text(one, lookup) for one in node.args)
        ):
            return node
    return None


def _is_text(node: ast.expr, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _with_argument(call: ast.Call, lookup: str, argument: str) -> str:
    given = [argument if _is_text(one, lookup) else ast.unparse(one) for one in call.args]
    return f".prefetch_related({', '.join(given)})"


# -- in words --------------------------------------------------------------------------


def told(subject: Subject) -> str:
    """``entries is prefetched at a.py:41, but .filter(active=True) at :43 asks again``."""
    accessor = subject.candidate.relation.rpartition(".")[2] or subject.facts.accessor
    prefetch = prefetch_of(subject)
    where = ""
    site = subject.site
    spot = spot_of_group(prefetch) if prefetch is not None else None
    at = f"{os.path.basename(site.file)}:{site.line}"
    if spot is not None:
        where = f" at {os.path.basename(spot.tree.file)}:{_written_at(spot)}"
        at = f":{site.line}" if spot.tree.file == site.file else at
    return f"{quoted(accessor)} is prefetched{where}, but {_asking(subject)} at {at} asks the database again"


def _written_at(spot: Spot) -> int:
    """The line of the only ``prefetch_related()`` that the rows come by; else where they do."""
    calls = {
        node.lineno: node
        for feed in feeds(spot)
        for node in ast.walk(feed.node)
        if isinstance(node, ast.Call) and called(node) == "prefetch_related"
    }
    return next(iter(calls)) if len(calls) == 1 else spot.line


def _asking(subject: Subject) -> str:
    ask: Any = ask_of(subject)
    if ask is None:
        return f"{subject.facts.operation}()"
    links = [link.text for link in ask.relative.links if link.name != "all"]
    if links:
        return "".join(links)
    return ast.unparse(ask.relative.query.node)


def prefetch_of(subject: Subject) -> Group | None:
    """The prefetch that had loaded what a candidate asks for."""
    wanted = subject.candidate.relation or subject.facts.relation
    for group in reversed(subject.case.groups):
        prefetch = facts_of(group).prefetch
        if prefetch is not None and f"{prefetch[0]}.{prefetch[1]}" == wanted:
            return group
    return None
