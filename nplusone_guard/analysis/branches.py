"""Regions of source of which one turn of a loop runs at most one."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from nplusone_guard.analysis.scopes import Point, Region


def region_of(node: ast.stmt | ast.expr) -> Region:
    """The whole of a node, with its decorators."""
    start = (node.lineno, node.col_offset)
    for decorator in getattr(node, "decorator_list", ()):
        start = min(start, (decorator.lineno, decorator.col_offset))
    return Region(start, _end(node))


def _end(node: ast.AST) -> Point:
    return (getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0))


def block_region(block: Sequence[ast.stmt | ast.ExceptHandler]) -> Region:
    """From the first statement of a block to the end of its last."""
    first = block[0]
    start = region_of(first).start if isinstance(first, ast.stmt) else _handler_start(first)
    return Region(start, _end(block[-1]))


def _handler_start(handler: ast.ExceptHandler) -> Point:
    return (handler.lineno, handler.col_offset)


def _case_region(cases: Sequence[ast.match_case]) -> Region:
    pattern = cases[0].pattern
    return Region((pattern.lineno, pattern.col_offset), _end(cases[-1].body[-1]))


def _exclusive(node: ast.stmt) -> Iterator[tuple[Region, Region]]:
    """Pairs of regions inside one statement of which at most one runs."""
    if isinstance(node, ast.If) and node.orelse:
        yield block_region(node.body), block_region(node.orelse)
    elif isinstance(node, ast.Match):
        # A guard may run and fail before a later case is taken, a body may not.
        for number, case in enumerate(node.cases[:-1], 1):
            yield block_region(case.body), _case_region(node.cases[number:])
    elif _is_try(node):
        yield from _exclusive_handlers(node)


def _exclusive_handlers(node: Any) -> Iterator[tuple[Region, Region]]:
    if isinstance(node, ast.Try):  # every matching ``except*`` runs
        for number, handler in enumerate(node.handlers[:-1], 1):
            yield block_region(handler.body), block_region(node.handlers[number:])
    if node.handlers and node.orelse:
        yield block_region(node.handlers), block_region(node.orelse)


def _is_try(node: ast.stmt) -> bool:
    return type(node).__name__ in ("Try", "TryStar")


def _alternatives(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The blocks of a statement of which one turn runs at most one."""
    if isinstance(node, ast.If):
        yield node.body
        if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
            yield from _alternatives(node.orelse[0])
        else:
            yield node.orelse
    elif isinstance(node, ast.Match):
        yield from (case.body for case in node.cases)
    elif isinstance(node, ast.Try):
        yield from (handler.body for handler in node.handlers)


def _leaves(block: list[ast.stmt]) -> bool:
    return bool(block) and isinstance(block[-1], (ast.Continue, ast.Break, ast.Return, ast.Raise))


def forks_of(block: list[ast.stmt], number: int) -> Iterator[tuple[Region, Region]]:
    """All exclusive pairs that one statement of a block makes."""
    node = block[number]
    if not (isinstance(node, (ast.If, ast.Match)) or _is_try(node)):
        return
    yield from _exclusive(node)
    rest = block[number + 1 :]
    if rest:
        # ``if odd: …; continue`` makes the rest of the block an ``else``.
        for branch in filter(_leaves, _alternatives(node)):
            yield block_region(branch), block_region(rest)
