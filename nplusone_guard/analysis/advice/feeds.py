"""Where rows come from: the expressions in the user's source that a queryset is made by.

What can be written there is ``.select_related(…)`` and the like, so the expression ends
before ``.iterator()``, ``.values()``, a slice, and whatever else no longer takes them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.functions import is_instance_name, is_sliced, returned
from nplusone_guard.analysis.advice.trees import (
    COMPREHENSIONS,
    Bound,
    Spot,
    binding_of,
    own_nodes,
    possible_bindings,
)
from nplusone_guard.analysis.advice.values import (
    ASYNC_METHODS,
    ONE_OBJECT,
    PLAIN_VALUES,
    VALUE_ROWS,
    called,
    given_by_caller,
    rows_of_call,
    unpacked,
    value_of,
)

#: Methods behind which a queryset takes no more.
ENDING: Final = (
    ONE_OBJECT
    | PLAIN_VALUES
    | VALUE_ROWS
    | frozenset("in_bulk iterator union intersection difference".split())
)
#: What the managers are called of a model that the source does not show.
_MANAGERS: Final = frozenset({"objects", "_default_manager", "_base_manager"})
#: Methods whose querysets all have to select the same columns: ``rows.union(others)``.
_COMBINING: Final = frozenset({"union", "intersection", "difference"})
#: Methods that make rows: what is called before them loads none.
_MAKING: Final = frozenset({"create", "bulk_create"})
#: What only compares with the rows of a queryset that it is given: ``Exists(authors)``.
_ASKING: Final = frozenset(
    "Exists Subquery ArraySubquery OuterRef annotate alias aggregate filter exclude get".split()
)
_DEEPEST = 25


@dataclass(frozen=True, slots=True)
class Feed:
    """One expression that rows come from."""

    spot: Spot
    model: Any
    #: ``queryset``, ``raw``, ``values``, or ``open`` where only the run showed it to be one.
    kind: str = "queryset"
    #: Methods called behind it, nearest first: ``iterator``, ``union``, ``get`` …
    endings: tuple[str, ...] = ()
    #: Whether the rows may come from elsewhere, which the source does not show: ``given or rows``.
    perhaps: bool = False

    @property
    def node(self) -> ast.expr:
        assert isinstance(self.spot.node, ast.expr)
        return self.spot.node

    @property
    def text(self) -> str:
        return ast.unparse(self.node)


def feeds(spot: Spot, model: Any = None) -> list[Feed]:
    """The expressions that the rows of what a spot stands on come from.

    Those of ``model`` where it is given and some are, else all that were found.
    """
    node = _header(spot.node)
    found = list(_feeds(spot.at(node), node, 0)) if node is not None else []
    found = _once(found or list(_in_statement(spot)))
    found = [one for one in found if _MAKING.isdisjoint(one.endings)]
    if model is None:
        return found
    wanted = [one for one in found if meta.same_rows(one.model, model)]
    return wanted or _of_unknown_model(found)


def is_read_again(feed: Feed) -> bool:
    """Whether the function has another loop over the name that a queryset was handed in by."""
    tree, name = feed.spot.tree, ast.unparse(feed.node)
    function = tree.function(feed.node)
    return function is not None and any(
        isinstance(one, (ast.For, ast.AsyncFor, ast.comprehension))
        and one.iter is not feed.node
        and ast.unparse(one.iter) == name
        for one in own_nodes(function)
    )


def _of_unknown_model(found: list[Feed]) -> list[Feed]:
    """Those that may have the rows: beside querysets of other models, not more than one of them."""
    unknown = [one for one in found if one.model is None]
    return unknown if len(unknown) == len(found) or len(unknown) == 1 else []


def _once(found: list[Feed]) -> list[Feed]:
    return list({id(one.node): one for one in found}.values())


def _header(node: ast.AST) -> ast.AST | None:
    """What a loop runs over; the expression of a statement."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return node.iter
    if isinstance(node, COMPREHENSIONS):
        return node.generators[0].iter
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return node.items[0].context_expr
    value = getattr(node, "value", None) if isinstance(node, ast.stmt) else None
    return value if isinstance(value, ast.expr) else node


def _in_statement(spot: Spot) -> Iterator[Feed]:
    """Any queryset in the statement, where the position alone does not tell."""
    statement = spot.tree.statement(spot.node)
    if statement is None:
        return
    for node in _shallow(statement):
        if isinstance(node, (ast.Call, ast.Attribute)) and value_of(spot, node).is_queryset:
            yield from _feeds(spot.at(node), node, 0)


def _shallow(statement: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of a statement, without the blocks below it, outer ones first."""
    queue: list[ast.AST] = [
        child
        for child in ast.iter_child_nodes(statement)
        if isinstance(child, (ast.expr, ast.withitem))
    ]
    while queue:
        node = queue.pop(0)
        yield node
        if isinstance(node, ast.Call) and called(node) in _COMBINING:
            queue.append(node.func)
        else:
            queue.extend(ast.iter_child_nodes(node))


def _feeds(spot: Spot, node: ast.AST, depth: int) -> Iterator[Feed]:
    if depth > _DEEPEST:
        return
    reader = _READERS.get(type(node))
    if reader is not None:
        yield from reader(spot.at(node), node, depth + 1)
    elif isinstance(node, COMPREHENSIONS):
        for part in node.generators:
            yield from _feeds(spot, part.iter, depth + 1)


def _name(spot: Spot, node: ast.Name, depth: int) -> Iterator[Feed]:
    bound = binding_of(spot.tree, node.id, node)
    if bound is None:
        return
    if bound.how == "param":
        yield from _argument(spot, node, bound, depth)
    elif bound.how == "item" and bound.value is not None:
        iterable = unpacked(bound.value, bound.path)
        yield from _feeds(spot, iterable, depth)
    elif bound.value is not None:
        filled = list(_filled(spot, node.id, node, depth))
        yield from filled or _assigned(spot, node, depth)


def _assigned(spot: Spot, node: ast.Name, depth: int) -> Iterator[Feed]:
    """What the name was assigned; of what a branch makes of it, that which it is made of."""
    values = [one.value for one in possible_bindings(spot.tree, node.id, node)]
    own = [one for one in values if one is not None and not _begins_with(one, node.id)]
    for value in own or values[:1]:
        if value is not None:
            yield from _feeds(spot.at(value), value, depth)


def _begins_with(node: ast.expr, name: str) -> bool:
    while isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and node.id == name


def _filled(spot: Spot, name: str, at: ast.AST, depth: int) -> Iterator[Feed]:
    """What an empty list or dictionary was filled from, row by row, in a loop."""
    function = spot.tree.function(at)
    if function is None:
        return
    for node in own_nodes(function):
        if not isinstance(node, ast.Call) or called(node) not in {"append", "add", "extend"}:
            continue
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        owner = owner.value if isinstance(owner, ast.Subscript) else owner
        if isinstance(owner, ast.Name) and owner.id == name and node.args:
            for given in _inside(node.args[0]):
                yield from _feeds(spot, given, depth)


def _inside(node: ast.expr) -> list[ast.expr]:
    """An expression, or the default arguments that a lambda keeps."""
    return [*node.args.defaults] if isinstance(node, ast.Lambda) else [node]


def _argument(spot: Spot, node: ast.Name, bound: Bound, depth: int) -> Iterator[Feed]:
    """What the caller gave for a parameter; the parameter itself where that is not seen."""
    given = given_by_caller(spot, bound.node, node.id)
    found = list(_feeds(given, given.node, depth)) if given is not None else []
    if found:
        yield from found
    elif isinstance(bound.node, ast.Lambda):
        yield from _lambda_rows(spot, bound.node, depth)
    elif given is None and not is_instance_name(spot.tree, bound.node, node.id):
        yield Feed(spot, None, "open")


def _lambda_rows(spot: Spot, node: ast.Lambda, depth: int) -> Iterator[Feed]:
    call = spot.tree.parents.get(node)
    call = spot.tree.parents.get(call) if isinstance(call, ast.keyword) else call
    if isinstance(call, ast.Call):
        for rows in rows_of_call(call):
            yield from _feeds(spot, rows, depth)


def _attribute(spot: Spot, node: ast.Attribute, depth: int) -> Iterator[Feed]:
    found = value_of(spot, node)
    if found.is_queryset or node.attr in _MANAGERS:
        yield Feed(spot.at(node), found.model)
    elif node.attr == "object_list":
        yield from _feeds(spot, node.value, depth)
    elif isinstance(node.value, ast.Name) and node.value.id == "self":
        yield from _of_self(spot, node, depth)
    else:
        # The rows are something of what is open, and not that itself: ``form.cleaned_data``.
        held = _feeds(spot, node.value, depth)
        yield from (feed for feed in held if feed.kind != "open")


def _of_self(spot: Spot, node: ast.Attribute, depth: int) -> Iterator[Feed]:
    """What the methods of the class assign to the attribute; else the attribute itself."""
    body = spot.tree.class_around(node)
    for one in ast.walk(body) if body is not None else ():
        if not isinstance(one, ast.Assign) or isinstance(one.value, ast.Name):
            continue
        if any(ast.unparse(target) == ast.unparse(node) for target in one.targets):
            yield from _feeds(spot, one.value, depth)
            return
    yield Feed(spot.at(node), None, "open")


def _call(spot: Spot, node: ast.Call, depth: int) -> Iterator[Feed]:
    function = node.func
    if value_of(spot, node).kind in {"queryset", "rows"} and (given := returned(spot, node)):
        yield from _of_function(spot, node, given, depth)
        return
    if isinstance(function, ast.Attribute):
        owner = value_of(spot, function.value)
        if owner.is_queryset:
            yield from _chain(spot, node, function, depth)
            return
        if owner.kind in {"rows", "dict", "raw"} or not rows_of_call(node):
            yield from _by_method(spot, function, depth)
    rows = rows_of_call(node)
    for argument in rows:
        yield from _feeds(spot, argument, depth)
    combined = called(node) in _COMBINING
    if not rows and not combined and value_of(spot, node).kind in {"unknown", "object"}:
        yield from _in_arguments(spot, node, depth)


def _by_method(spot: Spot, function: ast.Attribute, depth: int) -> Iterator[Feed]:
    """What a method is called on; of what no source shows, if a queryset has such a method."""
    from django.db.models import QuerySet

    name = ASYNC_METHODS.get(function.attr, function.attr)
    for feed in _feeds(spot, function.value, depth):
        # A manager whose class does not show may have a method that its querysets have not.
        own = feed.kind == "open" or (feed.model is None and feed.node is function.value)
        if not own or hasattr(QuerySet, name):
            yield _ended(feed, name) if feed.model is None else feed


def _in_arguments(spot: Spot, node: ast.Call, depth: int) -> Iterator[Feed]:
    """The querysets that a function is given, which it may hand on; not whatever else."""
    if called(node) in _ASKING:
        return
    for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
        found = _feeds(spot, argument, depth)
        yield from (feed for feed in found if feed.kind != "open")


def _of_function(spot: Spot, node: ast.Call, given: list[Spot], depth: int) -> Iterator[Feed]:
    """A queryset is changed where the function is called; a slice or list where it is made."""
    found = value_of(spot, node)
    if found.is_queryset and not any(map(is_sliced, given)):
        yield Feed(spot.at(node), found.model)
        return
    for one in given:
        yield from _feeds(one, one.node, depth)


def _chain(spot: Spot, node: ast.Call, function: ast.Attribute, depth: int) -> Iterator[Feed]:
    name = ASYNC_METHODS.get(function.attr, function.attr)
    if name == "raw":
        yield Feed(spot.at(node), value_of(spot, node).model, "raw")
    elif name in ENDING:
        for feed in _feeds(spot, function.value, depth):
            yield _ended(feed, name)
    else:
        yield Feed(spot.at(node), value_of(spot, node).model)


def _ended(feed: Feed, name: str) -> Feed:
    """The feed behind which a method is called."""
    if name not in ENDING:
        return feed
    kind = "values" if name in VALUE_ROWS else feed.kind
    return replace(feed, kind=kind, endings=(*feed.endings, name))


def _below(field: str) -> Any:
    def reader(spot: Spot, node: Any, depth: int) -> Iterator[Feed]:
        yield from _feeds(spot, getattr(node, field), depth)

    return reader


def _all_of(field: str) -> Any:
    def reader(spot: Spot, node: Any, depth: int) -> Iterator[Feed]:
        for part in getattr(node, field):
            yield from _feeds(spot, part, depth)

    return reader


def _either(spot: Spot, node: ast.IfExp, depth: int) -> Iterator[Feed]:
    yield from _one_of(spot, (node.body, node.orelse), depth)


def _either_value(spot: Spot, node: ast.BoolOp, depth: int) -> Iterator[Feed]:
    yield from _one_of(spot, node.values, depth)


def _one_of(spot: Spot, parts: Sequence[ast.expr], depth: int) -> Iterator[Feed]:
    """``given if given else Author.objects.all()``: of the first nothing may be known."""
    found = [list(_feeds(spot, part, depth)) for part in parts]
    unseen = any(not given and _has_rows(part) for part, given in zip(parts, found, strict=True))
    for given in found:
        yield from (replace(feed, perhaps=True) for feed in given) if unseen else given


def _has_rows(node: ast.expr) -> bool:
    """Whether there may be rows in what no queryset is seen in; a cache keeps those of the other."""
    empty = isinstance(node, (ast.List, ast.Tuple, ast.Set)) and not node.elts
    cached = isinstance(node, ast.Call) and called(node) == "get"
    return not (empty or cached or isinstance(node, (ast.Constant, ast.Dict)))


def _joined(spot: Spot, node: ast.BinOp, depth: int) -> Iterator[Feed]:
    """``list(first) + list(second)``; querysets joined by ``|`` are one, like the first of them."""
    yield from _feeds(spot, node.left, depth)
    one = isinstance(node.op, ast.BitOr) and value_of(spot, node.left).is_queryset
    if isinstance(node.op, ast.Add | ast.BitOr) and not one:
        yield from _feeds(spot, node.right, depth)


_READERS: Final[dict[type[ast.AST], Any]] = {
    ast.BinOp: _joined,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Subscript: _below("value"),
    ast.Await: _below("value"),
    ast.YieldFrom: _below("value"),
    ast.Yield: _below("value"),
    ast.NamedExpr: _below("value"),
    ast.Starred: _below("value"),
    ast.IfExp: _either,
    ast.BoolOp: _either_value,
    ast.List: _all_of("elts"),
    ast.Tuple: _all_of("elts"),
    ast.Expr: _below("value"),
    ast.Return: _below("value"),
}
