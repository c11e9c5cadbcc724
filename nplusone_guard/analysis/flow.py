"""Which names of a function get their value from which others, as far as its own lines show."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from nplusone_guard.analysis.advice.trees import names_in, own_nodes, targets

#: Methods by which a collection takes what it is given.
_TAKING = frozenset("append extend add update appendleft extendleft insert".split())


def led_to(around: ast.AST, node: ast.AST) -> set[str]:
    """The names whose value, in a loop or function, comes from that of a node inside of it."""
    given: dict[str, set[str]] = defaultdict(set)
    found: set[str] = set()
    for names, value in _flows(around):
        for name in names:
            given[name] |= names_in(value)
        if any(one is node for one in ast.walk(value)):
            found |= names
    while True:
        more = {name for name, sources in given.items() if sources & found} - found
        if not more:
            return found
        found |= more


def _flows(around: ast.AST) -> Iterator[tuple[set[str], ast.expr]]:
    for node in own_nodes(around):
        if isinstance(node, ast.Assign):
            yield _names(node.targets), node.value
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)) and node.value:
            yield _names([node.target]), node.value
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            yield _names([node.target]), node.iter
        elif isinstance(node, ast.Call) and (taking := _taker(node)):
            yield from (({taking}, one) for one in node.args)


def _taker(call: ast.Call) -> str:
    """``rows`` of ``rows.append(row)``."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in _TAKING:
        return ""
    return function.value.id if isinstance(function.value, ast.Name) else ""


def _names(given: Iterable[ast.expr]) -> set[str]:
    return {name for one in given for name, _ in targets(one)}
