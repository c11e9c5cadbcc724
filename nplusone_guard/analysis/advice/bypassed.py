"""Advice for relations that were prefetched, and then asked of the database again."""

from __future__ import annotations

import ast

from nplusone_guard.analysis.advice import lost
from nplusone_guard.analysis.advice.asks import Ask, ask_of
from nplusone_guard.analysis.advice.case import Plan, Subject
from nplusone_guard.analysis.advice.feeds import Feed
from nplusone_guard.analysis.advice.picking import picked
from nplusone_guard.analysis.advice.prefetches import filtered, first_row
from nplusone_guard.analysis.advice.trees import own_nodes
from nplusone_guard.analysis.advice.values import called
from nplusone_guard.analysis.findings import Step


def plans(subject: Subject) -> list[Plan]:
    """The two ways out: pick from the loaded rows in Python, or have the prefetch filter.

    The list is filtered in Python where it is used whole elsewhere in the loop, and where
    what is asked for differs from turn to turn.
    """
    ask = ask_of(subject)
    if ask is None:
        return []
    attribute = lost.to_attr(subject)
    if attribute and not ask.deep:
        return lost.in_attribute(ask, attribute)
    if lost.is_elsewhere(subject) and ask.relative.condition is None:
        return lost.elsewhere(ask)
    if ask.whole and ask.operation in {"filter", "iterator"} and not ask.deep:
        return [_read(ask, ask.rows)]
    python = _in_python(ask)
    # All the rows have to be there where the loop reads them, too.
    prefetch = _in_the_prefetch(ask) if not _used_whole(ask) else None
    ways = [python, prefetch] if _is_short(ask) else [prefetch, python]
    return [way for way in ways if way is not None]


def _is_short(ask: Ask) -> bool:
    """Counting and testing loaded rows says what is meant; a list of its own says more."""
    return ask.operation in {"count", "exists", "aggregate", "get"}


def _used_whole(ask: Ask) -> bool:
    """Whether the loop reads all the rows, too."""
    loop, wanted = ask.subject.loop, ask.rows
    if loop is None:
        return False
    own = set(map(id, ast.walk(ask.relative.query.node)))  # ``.all().order_by()`` begins alike
    return any(
        isinstance(node, ast.Call) and id(node) not in own and ast.unparse(node) == wanted
        for node in own_nodes(loop)
    )


def _in_python(ask: Ask) -> Plan | None:
    read = picked(ask)
    query = ask.relative.query
    if read is None or (query.is_async and not query.awaited):
        return None
    return _read(ask, read)


def _read(ask: Ask, read: str) -> Plan:
    return lost.read_in_python(ask, read, told(ask.subject))


def _in_the_prefetch(ask: Ask) -> Plan | None:
    """``Prefetch(…, queryset=…)`` in the place of the plain look-up."""
    made = filtered(ask) or first_row(ask)
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
    asking = lost.asked(ask_of(subject))
    return f"{lost.loaded(subject)}, but {asking} at {lost.at(subject)} asks the database again"
