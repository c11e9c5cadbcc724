"""The loop's own rows, made to be gone through twice: once for the keys, once for the loop."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Any, Final, TypeAlias

from nplusone_guard.analysis.advice import meanwhile, meta
from nplusone_guard.analysis.advice.case import Plan, Subject, before, before_loop, replace
from nplusone_guard.analysis.advice.repeating import (
    can_be_repeated,
    can_be_written_twice,
    is_collection,
    is_related,
    makes_list,
)
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
#: Where a statement before the loop names its rows.
_BEFORE_ROWS: Final = r"(\bin |bulk\(|__in=|\blist\()"


@dataclass(frozen=True, slots=True)
class Rows:
    """``for target in rows``, as it is written for the keys, and the edits that make it so."""

    spot: Spot
    #: One for each of nested loops, the outermost first.
    clauses: tuple[str, ...]
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
    #: What each row is unpacked to, and the rows where Django takes them for keys as they are.
    target: ast.expr | None = None
    whole: str = ""

    @property
    def clause(self) -> str:
        """As a comprehension has it."""
        return " ".join(self.clauses)

    def block(self, *body: str) -> list[str]:
        """The lines of a statement that does the same for each row."""
        opening = [f"{'    ' * depth}{one}:" for depth, one in enumerate(self.clauses)]
        return opening + ["    " * len(self.clauses) + line for line in body]

    def each(self, key: ast.expr) -> str:
        """``[entry.author_id for entry in entries]``; the rows themselves where they are keys."""
        written = ast.unparse(key)
        is_key = isinstance(self.target, ast.Name) and self.target.id == written
        return self.whole if self.whole and is_key else self.listed(key)

    def listed(self, key: ast.expr) -> str:
        """``[entry.pk for entry in entries]``; ``list(pks)`` where the rows are the keys."""
        written = ast.unparse(key)
        opening = f"for {written} in "
        if len(self.clauses) == 1 and self.clause.startswith(opening):
            return f"list({self.clause.removeprefix(opening)})"
        return f"[{written} {self.clause}]"

    def before_loop(self, statement: str, read: str, steps: Sequence[Step], **more: Any) -> Plan:
        """``statement``, which goes through the rows, before the loop."""
        told, over = statement, ""
        if self.named and self.repeats:
            told = re.sub(
                rf"{_BEFORE_ROWS}{self.named}\b", lambda found: found[1] + self.written, statement
            )
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
    """The first of nested loops gets a name for its rows; those of the others come with them."""
    spot, parts = subject.loop_spot, _parts(subject.nest)
    if spot is None or not parts:
        return None
    loop, target, iterable, is_async = parts[0]
    rows = _named(subject, spot, loop, target, iterable, is_async)
    for part in parts[1:]:
        rows = _inside(subject, rows, part) if rows is not None else None
    return rows


#: A loop, its variables, what it runs over, and whether in ``async``.
_Part: TypeAlias = tuple[ForNode | ComprehensionNode, ast.expr, ast.expr, bool]


def _parts(loops: Sequence[ast.AST]) -> list[_Part]:
    """What nested loops run over; nothing where one of them is no ``for``, or picks its rows."""
    found: list[_Part] = []
    for loop in loops:
        if isinstance(loop, (ast.For, ast.AsyncFor)):
            found.append((loop, loop.target, loop.iter, isinstance(loop, ast.AsyncFor)))
        elif isinstance(loop, COMPREHENSIONS) and not any(one.ifs for one in loop.generators):
            found += [(loop, one.target, one.iter, bool(one.is_async)) for one in loop.generators]
        else:
            return []
    return found


def _inside(subject: Subject, rows: Rows, part: _Part) -> Rows | None:
    """``rows`` with those of a loop inside; ``None`` where to go through these twice costs more."""
    loop, target, iterable, is_async = part
    spot, made = rows.spot, made_from(rows.spot.at(loop), iterable)
    meant = inlined(spot, iterable, rows)
    if meant is None or is_async or meanwhile.sent_from(subject, made) > 1:
        return None
    if not all(can_be_written_twice(spot, one, loaded=True) for one in made):
        return None
    if any(meanwhile.is_changed(rows.loop, one) for one in made):
        return None
    skipped = loop is not rows.loop and (
        meanwhile.is_conditional(subject, spot, loop) or meanwhile.is_tried(subject, loop, spot)
    )
    if skipped and any(may_fail(spot, one) and not is_related(spot, one) for one in made):
        return None
    return replaced(
        rows,
        clauses=(*rows.clauses, f"for {ast.unparse(target)} in {ast.unparse(meant)}"),
        names=rows.names | {name for name, _ in targets(target)},
        target=None,
        whole="",
    )


def made_from(loop: Spot, iterable: ast.expr | None = None) -> list[ast.expr]:
    """What a loop runs over, with what the names in it are given by the loops around it."""
    tree, iterable = loop.tree, iterable or getattr(loop.node, "iter", None)
    around = {id(one) for one in tree.loops(loop.node)}
    made = [iterable] if iterable is not None else []
    for one in made:  # which grows meanwhile
        for name in (node for node in ast.walk(one) if isinstance(node, ast.Name)):
            bound = binding_of(tree, name.id, name)
            value = bound.value if bound is not None and bound.how == "value" else None
            inside = value is not None and around & {id(above) for above in tree.above(value)}
            if value is not None and inside and value not in made:
                made.append(value)
    return made


def _named(
    subject: Subject,
    spot: Spot,
    loop: ForNode | ComprehensionNode,
    target: ast.expr,
    iterable: ast.expr,
    is_async: bool,
) -> Rows | None:
    given, steps, name = ast.unparse(iterable), [], ""
    written = given
    if not can_be_repeated(spot, iterable):
        base, queryset = _base(spot, iterable)
        if is_async and not queryset:
            return None  # no list can be looped over by ``async for``
        name = subject.fresh(_plural(subject, spot, base))
        subject.case.taken.add(name)
        made = queryset or makes_list(spot, base)
        value = ast.unparse(base) if made else f"list({given})"
        steps = [before(spot, loop, f"{name} = {value}"), replace(spot, name, iterable)]
        given = name
    prefix = "async for" if is_async else "for"
    names = frozenset(name for name, _ in targets(target))
    clause = f"{prefix} {ast.unparse(target)} in {given}"
    repeats = name != "" and can_be_written_twice(spot, iterable)
    whole = given if not is_async and is_collection(spot, iterable) else ""
    return Rows(spot, (clause,), tuple(steps), names, loop, name, written, repeats, target, whole)


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
