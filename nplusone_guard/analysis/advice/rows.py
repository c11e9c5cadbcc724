"""The loop's own rows, made to be gone through twice: once for the keys, once for the loop."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, Subject, before, before_loop, replace
from nplusone_guard.analysis.advice.functions import returned
from nplusone_guard.analysis.advice.trees import (
    COMPREHENSIONS,
    Bound,
    ComprehensionNode,
    ForNode,
    Spot,
    binding_of,
    names_in,
    possible_bindings,
    targets,
)
from nplusone_guard.analysis.advice.values import called, given_by_caller, value_of
from nplusone_guard.analysis.findings import Step

_DEEPEST: Final = 5
#: A name that differs from turn to turn, nobody knows how.
_LOST: Final[Any] = object()
#: What can be gone through only once.
_ONCE: Final = (ast.GeneratorExp,)
#: What can be gone through as often as one likes.
_KEPT: Final = frozenset(
    "split rsplit splitlines getlist findall readlines keys items range sorted list set tuple "
    "dict frozenset deque sample fromkeys".split()
)
_ONE_SHOT: Final = frozenset("map filter zip iter enumerate reversed iterator aiterator".split())


@dataclass(frozen=True, slots=True)
class Rows:
    """``for target in rows``, as it is written for the keys, and the edits that make it so."""

    spot: Spot
    clause: str
    steps: tuple[Step, ...]
    #: The names that the clause binds.
    names: frozenset[str]
    #: The loop's node: new statements go before the statement that it is, or stands in.
    loop: ast.AST
    #: The name that the edits give the rows, and the rows as the user wrote them; else empty.
    named: str = ""
    written: str = ""
    #: Whether words can say them twice: they come out of no query, and are not used up.
    repeats: bool = True

    def before_loop(self, statement: str, read: str, steps: Sequence[Step], **more: Any) -> Plan:
        """``statement``, which goes through the rows, before the loop."""
        told, over = statement, ""
        if self.named and self.repeats:
            told = re.sub(rf"\bin {self.named}\b", lambda _: f"in {self.written}", statement)
        elif self.named:
            told, over = f"{self._naming}\n{statement}", self.named
        plan = before_loop(
            self.spot, self.loop, statement, read, steps, expression=told, over=over, **more
        )
        plan.steps = (*self.steps, *plan.steps)
        return plan

    @property
    def _naming(self) -> str:
        return next(step.new for step in self.steps if step.action == "insert-before")


def rows_of(subject: Subject) -> Rows | None:
    """The rows of a ``for`` loop or comprehension; ``None`` for other loops."""
    known, loop = subject.case.rows, id(subject.loop)
    if loop not in known:
        known[loop] = _rows_of(subject)  # one name, however often it is asked for
    found: Rows | None = known[loop]
    return found


def _rows_of(subject: Subject) -> Rows | None:
    spot, loop = subject.loop_spot, subject.loop
    if spot is None:
        return None
    if isinstance(loop, (ast.For, ast.AsyncFor)):
        return _named(subject, spot, loop, loop.target, loop.iter, isinstance(loop, ast.AsyncFor))
    if isinstance(loop, COMPREHENSIONS) and len(loop.generators) == 1:
        part = loop.generators[0]
        if not part.ifs:
            return _named(subject, spot, loop, part.target, part.iter, bool(part.is_async))
    return None


def _named(
    subject: Subject,
    spot: Spot,
    loop: ForNode | ComprehensionNode,
    target: ast.expr,
    iterable: ast.expr,
    is_async: bool,
) -> Rows:
    given, steps, name = ast.unparse(iterable), [], ""
    written = given
    if not _again(spot, iterable):
        base, queryset = _base(spot, iterable)
        name = subject.fresh(_plural(subject, spot, base))
        subject.case.taken.add(name)
        value = ast.unparse(base) if queryset else f"list({given})"
        steps = [before(spot, loop, f"{name} = {value}"), replace(spot, name, iterable)]
        given = name
    prefix = "async for" if is_async else "for"
    names = frozenset(name for name, _ in targets(target))
    clause = f"{prefix} {ast.unparse(target)} in {given}"
    repeats = name != "" and _repeats(spot, iterable)
    return Rows(spot, clause, tuple(steps), names, loop, name, written, repeats)


#: Calls that give the same each time, and ask nobody.
_ALIKE: Final = _KEPT | {"get", "strip", "str"}


def _repeats(spot: Spot, iterable: ast.expr) -> bool:
    """Whether an expression may be written twice: no query comes of it, nothing is used up."""
    for one in ast.walk(iterable):
        if isinstance(one, ast.Call) and called(one) not in _ALIKE:
            return False
        if isinstance(one, (ast.Await, ast.NamedExpr, ast.Yield)):
            return False
        if isinstance(one, ast.Name) and not _again(spot, one):
            return False
        if isinstance(one, ast.expr) and value_of(spot, one).kind in _FROM_QUERIES:
            return False
    return True


_FROM_QUERIES: Final = frozenset("queryset related raw rows values dict object".split())


def _again(spot: Spot, node: ast.expr) -> bool:
    """Whether going through it twice is the same, and asks for nothing twice."""
    if isinstance(node, ast.Name):
        return _is_kept(spot, node)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "range"
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return not any(isinstance(one, ast.Starred) for one in node.elts)
    return isinstance(node, ast.Dict)


def _is_kept(spot: Spot, node: ast.AST, depth: int = 0) -> bool:
    """Whether a value that was made once can be gone through twice: a file or generator cannot."""
    if depth > _DEEPEST:
        return False
    if isinstance(node, ast.Name):
        return _is_kept_name(spot, node, depth + 1)
    if isinstance(node, ast.Call):
        return _is_kept_call(spot, node, depth + 1)
    parts: list[ast.expr] = []
    if isinstance(node, ast.BinOp):
        parts = [node.left, node.right]
    elif isinstance(node, ast.BoolOp):
        parts = node.values
    elif isinstance(node, ast.IfExp):
        parts = [node.body, node.orelse]
    return not isinstance(node, _ONCE) and all(_is_kept(spot, one, depth + 1) for one in parts)


def _is_kept_name(spot: Spot, node: ast.Name, depth: int) -> bool:
    bound = binding_of(spot.tree, node.id, node)
    if bound is None:
        return not isinstance(spot.tree.global_value(node.id), Iterator)
    if bound.how == "param":
        given = given_by_caller(spot, bound.node, node.id)
        return given is not None and _is_kept(given, given.node, depth)
    if bound.how == "value":
        values = possible_bindings(spot.tree, node.id, node)
        return all(_is_kept(spot.at(one.value), one.value, depth) for one in values if one.value)
    return bound.how != "with"


def _is_kept_call(spot: Spot, node: ast.Call, depth: int) -> bool:
    name, kind = called(node), value_of(spot, node).kind
    if name in _ONE_SHOT:
        return False
    if name in _KEPT or kind in {"queryset", "related", "values", "raw", "dict", "rows"}:
        return True
    made = returned(spot, node)
    return bool(made) and all(_is_kept(one, one.node, depth + 2) for one in made)


def _base(spot: Spot, node: ast.expr) -> tuple[ast.expr, bool]:
    """A queryset keeps its rows: without ``iterator()`` it need not be made a list."""
    value = value_of(spot, node)
    if value.is_queryset or value.kind in {"values", "raw"}:
        return node, True
    if isinstance(node, ast.Call) and called(node) in {"iterator", "aiterator"}:
        assert isinstance(node.func, ast.Attribute)
        if value_of(spot, node.func.value).is_queryset:
            return node.func.value, True
    return node, False


def _plural(subject: Subject, spot: Spot, node: ast.expr) -> str:
    model = value_of(spot, node).model
    return meta.plural(model) if model is not None else "rows"


def inlined(spot: Spot, node: ast.expr, rows: Rows, depth: int = 0) -> ast.expr | None:
    """An expression in terms of the loop's variables; ``None`` where that cannot be said.

    Names that the body assigns, and parameters of a helper inside the function, are
    replaced by what they stand for.
    """
    if depth > _DEEPEST:
        return None
    tree = copy.deepcopy(node)
    for name in names_in(node) - rows.names:
        meant = _meant(spot, name, node, rows)
        if meant is None:
            continue
        if meant is _LOST or not isinstance(meant.node, ast.expr):
            return None
        value = inlined(meant, meant.node, rows, depth + 1)
        if value is None:
            return None
        tree = _Inline(name, value).visit(tree)
    return tree


def may_fail(spot: Spot, node: ast.expr) -> bool:
    """Whether an expression may raise for a row that the loop would have passed over."""
    for one in ast.walk(node):
        if isinstance(one, (ast.Call, ast.Subscript, ast.BinOp)):
            return True
        if isinstance(one, ast.Attribute) and value_of(spot, one.value).kind != "object":
            return True
        bound = binding_of(spot.tree, one.id, one) if isinstance(one, ast.Name) else None
        made = bound.value if bound is not None and bound.how == "value" else None
        if made is not None and may_fail(spot.at(made), made):
            return True
    return False


def _meant(spot: Spot, name: str, at: ast.expr, rows: Rows) -> Spot | None:
    """What a name stands for; ``None`` where it is the same in every turn."""
    bound, stored = binding_of(spot.tree, name, at), _stored(rows)
    later = bound is not None and _changes_later(spot, name, bound, rows)
    if later or len(possible_bindings(spot.tree, name, at)) > 1:
        return _LOST if name in stored else None
    if bound is not None and bound.how == "value" and bound.value is not None:
        return spot.at(bound.value) if name in stored else None
    if bound is not None and bound.how == "param":
        if _outside(rows, bound.node):
            return _LOST if name in stored else None
        given = given_by_caller(spot, bound.node, name)
        return given if given is not None and isinstance(given.node, ast.expr) else _LOST
    return None if bound is None or name not in stored else _LOST


def _changes_later(spot: Spot, name: str, bound: Bound, rows: Rows) -> bool:
    """Whether the value is one of the turn before: ``pk += 1``, or assigned behind its use."""
    if spot.tree is not rows.spot.tree or bound.how == "param":
        return False
    inside = any(one is rows.loop for one in spot.tree.above(bound.node))
    mine = spot.tree.function(bound.node) is rows.spot.tree.function(rows.loop)
    if mine and bound.node is not rows.loop and not inside and name in _stored(rows):
        return True
    return any(
        isinstance(one, ast.AugAssign)
        and isinstance(one.target, ast.Name)
        and one.target.id == name
        for one in ast.walk(rows.loop)
    )


def _outside(rows: Rows, node: ast.AST) -> bool:
    """Whether the loop stands in the function, whose parameters then stay as they are."""
    return any(one is node for one in rows.spot.tree.above(rows.loop))


def _stored(rows: Rows) -> set[str]:
    return {
        one.id
        for one in ast.walk(rows.loop)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
    }


class _Inline(ast.NodeTransformer):
    def __init__(self, name: str, value: ast.expr) -> None:
        self.name = name
        self.value = value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.value if node.id == self.name else node
