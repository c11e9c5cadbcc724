"""``except Author.DoesNotExist``, or ``suppress()`` of it, around a look-up that no longer raises it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, TypeAlias

from nplusone_guard.analysis.advice.case import Subject, replace
from nplusone_guard.analysis.advice.trees import FUNCTIONS, Spot
from nplusone_guard.analysis.findings import Step

_MISSING = frozenset({"DoesNotExist", "ObjectDoesNotExist"})


def caught(subject: Subject, spot: Spot, node: ast.AST, raised: str) -> tuple[Step, ...]:
    """The edits by which handlers of a missing row take what is ``raised`` in its place.

    Callers are followed up to the loop: what a helper lets through, they may catch.
    """
    steps = list(_in_function(spot, node, raised))
    caller = None if subject.local else spot.caller()
    while caller is not None:
        steps += _in_function(caller, caller.node, raised)
        loop = subject.loop
        inside = loop is not None and any(one is loop for one in caller.tree.above(caller.node))
        caller = None if inside else caller.caller()
    return tuple(dict.fromkeys(steps))


#: What the ORM raises for a key that is none, and what catches it as well.
_INVALID = frozenset(
    "ValueError TypeError ValidationError ArithmeticError Exception BaseException".split()
)


def takes_invalid(subject: Subject, spot: Spot, node: ast.AST) -> bool:
    """Whether the code goes on where a key is none: ``except (Author.DoesNotExist, ValueError)``.

    Callers are followed up to the function of the loop.
    """
    caller: Spot | None = spot
    at = node
    while caller is not None:
        if any(_names(kind) & _INVALID for _, kind in _caught_around(caller, at)):
            return True
        loop = subject.loop
        inside = loop is not None and any(one is loop for one in caller.tree.above(at))
        caller = None if inside or subject.local else caller.caller()
        at = caller.node if caller is not None else at
    return False


def reads_error(subject: Subject, spot: Spot, node: ast.AST) -> bool:
    """Whether a handler looks at what a missing row raises: ``except Exception as error``."""
    caller: Spot | None = spot
    while caller is not None:
        for block, taken in _caught_around(caller, caller.node if caller is not spot else node):
            handlers = block.handlers if block is not None else []
            named = any(one.type is taken and one.name for one in handlers)
            if named and _names(taken) & (_MISSING | _BROAD):
                return True
        caller = None if subject.local else caller.caller()
    return False


def is_caught_outside(subject: Subject) -> bool:
    """Whether a caller of the loop's function takes a missing row: its handler would be passed by."""
    spot = subject.loop_spot
    home = spot.tree.function(spot.node) if spot is not None else None
    caller = spot.caller() if spot is not None else None
    while caller is not None:
        taken = (_names(kind) for _, kind in _caught_around(caller, caller.node))
        if caller.tree.function(caller.node) is not home and any(_MISSING & one for one in taken):
            return True
        caller = caller.caller()
    return False


def needs_its_error(subject: Subject, spot: Spot, node: ast.AST) -> bool:
    """Whether what a missing row raises has to stay what it is."""
    return reads_error(subject, spot, node) or is_caught_outside(subject)


def instead(
    subject: Subject, spot: Spot, node: ast.AST, raised: str, model: Any, *, gives: str = ""
) -> str:
    """``raises KeyError, no longer Author.DoesNotExist``: what a missing row does then.

    Empty where the loop's function, or a helper that it calls, takes either.
    """
    caller: Spot | None = spot
    while caller is not None:
        for _, kind in _caught_around(caller, node if caller is spot else caller.node):
            if _names(kind) & (_MISSING | _BROAD | {raised}):
                return ""
        loop = subject.loop
        inside = loop is not None and any(one is loop for one in caller.tree.above(caller.node))
        caller = None if inside or subject.local else caller.caller()
    return f"{gives or f'raises {raised}'}, no longer {model.__name__}.DoesNotExist"


_BROAD = frozenset({"Exception", "BaseException", "LookupError"})

_Caught: TypeAlias = tuple[ast.Try | None, ast.expr]


def _caught_around(spot: Spot, node: ast.AST) -> Iterator[_Caught]:
    """What is caught of what a node raises in its function, each with its ``try``.

    A ``with`` has none: its call stands for what it takes.
    """
    below = node
    for one in spot.tree.above(node):
        if isinstance(one, FUNCTIONS):
            return
        if isinstance(one, ast.Try) and below in one.body:
            for handler in one.handlers:
                yield one, handler.type or ast.Name("BaseException")
        for item in one.items if isinstance(one, (ast.With, ast.AsyncWith)) else ():
            if isinstance(item.context_expr, ast.Call):
                yield None, item.context_expr
        below = one


def _names(kind: ast.expr) -> set[str]:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return {_name(one) for one in (kind.args if isinstance(kind, ast.Call) else kinds)}


def _in_function(spot: Spot, node: ast.AST, raised: str) -> Iterator[Step]:
    for block, taken in _caught_around(spot, node):
        if not _names(taken) & _MISSING:
            continue
        if isinstance(taken, ast.Call):
            kinds = ", ".join(map(ast.unparse, taken.args))
            yield replace(spot, f"{ast.unparse(taken.func)}({kinds}, {raised})", taken)
        elif block is not None:
            yield replace(spot, _with(block, taken, raised), taken)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _with(block: ast.Try, kind: ast.expr, raised: str) -> str:
    """Another look-up of the block may still raise what was caught."""
    kinds = [ast.unparse(one) for one in (kind.elts if isinstance(kind, ast.Tuple) else [kind])]
    gets = sum(
        isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and "get" in one.func.attr
        for statement in block.body
        for one in ast.walk(statement)
    )
    if gets == 1 and len(kinds) == 1:
        return raised
    return f"({', '.join([*kinds, raised])})"
