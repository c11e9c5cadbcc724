"""What an expression of the user's source yields: a queryset, rows of one, an object …

Read off the source and the models alone: no code of the application runs.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.functions import returned
from nplusone_guard.analysis.advice.imported import value_at
from nplusone_guard.analysis.advice.trees import FUNCTIONS, Bound, Spot, binding_of, parameters

#: Methods of a queryset that give one object, with what their name starts with in ``async``.
ONE_OBJECT: Final = frozenset("get first last latest earliest create".split())
PLAIN_VALUES: Final = frozenset(
    "count exists contains aggregate explain update delete bulk_create bulk_update "
    "get_or_create update_or_create".split()
)
VALUE_ROWS: Final = frozenset("values values_list dates datetimes".split())
ASYNC_METHODS: Final = {
    f"a{name}": name for name in (*ONE_OBJECT, *PLAIN_VALUES, "in_bulk", "iterator")
}

#: Builtins and others that hand on the rows of an argument, and which one.
PASSING: Final = {
    **dict.fromkeys(
        "list tuple set frozenset sorted reversed iter deque enumerate islice cycle chain zip "
        "accumulate pairwise any all sum min max next len dict Counter Paginator repr str".split(),
        0,
    ),
    **dict.fromkeys(
        "map filter reduce starmap filterfalse takewhile dropwhile nsmallest nlargest".split(), 1
    ),
    **dict.fromkeys(["groupby", "dumps"], 0),
}
#: Those that take rows by every argument from that one on.
JOINING: Final = frozenset("chain zip zip_longest map product".split())

_DEEPEST = 30


@dataclass(frozen=True, slots=True)
class Value:
    """What an expression yields, as far as the source shows it."""

    #: ``model queryset related raw object rows values dict unknown``
    kind: str
    model: Any = None
    #: Of a related manager: the object it belongs to, and how it is read on it.
    parent: ast.expr | None = None
    accessor: str = ""

    @property
    def is_queryset(self) -> bool:
        """A manager or a queryset, whose methods can be called."""
        return self.kind in {"queryset", "related"}


UNKNOWN: Final = Value("unknown")


def value_of(spot: Spot, node: ast.AST | None = None, depth: int = 0) -> Value:
    """What ``node`` (by default that of the spot) yields."""
    node = node if node is not None else spot.node
    reader = _READERS.get(type(node))
    if reader is None or depth >= _DEEPEST:
        return UNKNOWN
    known = _found.by_node
    if known is None:
        return reader(spot.at(node), node, depth + 1)
    key = (id(node), id(spot.callers))
    before = known.get(key)
    if before is not None and before.depth <= depth:
        return before.value
    value = reader(spot.at(node), node, depth + 1)
    known[key] = _Known(value, depth, node, spot.callers)
    return value


class _Known(NamedTuple):
    """What a node was found to yield."""

    value: Value
    #: How deep it was asked for: from further out, more may be found.
    depth: int
    #: Both are known by their ``id``, and so have to stay.
    node: ast.AST
    callers: object


class _Found(threading.local):
    by_node: dict[tuple[int, int], _Known] | None = None


_found: Final = _Found()


@contextmanager
def remembered() -> Iterator[None]:
    """Find out once what each node yields.

    A call asks for its owner by itself and by way of the method's name, each of which asks
    for the next one: a chain of ten calls would be read a thousand times.
    """
    before, _found.by_node = _found.by_node, {}
    try:
        yield
    finally:
        _found.by_node = before


def _name(spot: Spot, node: ast.Name, depth: int) -> Value:
    bound = binding_of(spot.tree, node.id, node)
    if bound is None:
        found = value_at(spot.tree, node.id, node)
        return Value("model", found) if meta.is_model(found) else UNKNOWN
    if bound.how == "value" and bound.value is not None:
        return value_of(spot, bound.value, depth)
    if bound.how == "item" and bound.value is not None:
        return item_of(spot, bound, depth)
    return _parameter(spot, node, bound, depth) if bound.how == "param" else UNKNOWN


def is_of_the_database(spot: Spot, node: ast.AST) -> bool:
    """Whether only the database knows the value: ``F()``, ``Q()``, a function, a queryset."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and hasattr(_called_object(spot, one), "resolve_expression"):
            return True
        if isinstance(one, ast.expr) and value_of(spot, one).kind in _QUERYSETS:
            return True
        bound = binding_of(spot.tree, one.id, one) if isinstance(one, ast.Name) else None
        made = bound.value if bound is not None and bound.how == "value" else None
        if isinstance(made, ast.Call) and hasattr(_called_object(spot, made), "resolve_expression"):
            return True
    return False


#: Functions of ``django.shortcuts`` and what they yield.
_SHORTCUTS: Final = {
    **dict.fromkeys(["get_object_or_404", "aget_object_or_404"], "object"),
    **dict.fromkeys(["get_list_or_404", "aget_list_or_404"], "rows"),
}

_QUERYSETS: Final = frozenset({"queryset", "related", "values", "raw"})


def _called_object(spot: Spot, call: ast.Call) -> object:
    """What a call calls, where it is a name of the module or of an imported one."""
    function = call.func
    if isinstance(function, ast.Name):
        bound = binding_of(spot.tree, function.id, function)
        return spot.tree.global_value(function.id) if bound is None else None
    return global_attribute(spot, function) if isinstance(function, ast.Attribute) else None


def item_of(spot: Spot, bound: Bound, depth: int = 0) -> Value:
    """What a loop variable takes on."""
    assert bound.value is not None
    iterable = unpacked(bound.value, bound.path)
    found = value_of(spot, iterable, depth)
    if found.kind in {"queryset", "related", "raw", "rows"}:
        return Value("object", found.model)
    return Value("unknown", found.model)


def unpacked(iterable: ast.expr, path: tuple[int, ...]) -> ast.expr:
    """The argument of ``zip()`` or ``enumerate()`` that a part of a loop variable comes from."""
    if isinstance(iterable, ast.Call) and path:
        name = called(iterable)
        if name == "enumerate" and path[0] == 1 and iterable.args:
            return unpacked(iterable.args[0], path[1:])
        if name in {"zip", "zip_longest"} and path[0] < len(iterable.args):
            return unpacked(iterable.args[path[0]], path[1:])
    return iterable


def called(call: ast.Call) -> str:
    """The last part of the called name."""
    function = call.func
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _parameter(spot: Spot, node: ast.Name, bound: Bound, depth: int) -> Value:
    if isinstance(bound.node, ast.Lambda):
        return _of_lambda(spot, bound.node, depth)
    body = spot.tree.parents.get(bound.node)
    args = (
        bound.node.args if isinstance(bound.node, (ast.FunctionDef, ast.AsyncFunctionDef)) else None
    )
    first = args.args[0].arg if args is not None and args.args else ""
    if isinstance(body, ast.ClassDef) and node.id == first:
        model = spot.tree.global_value(body.name)
        return Value("object", model) if meta.is_model(model) else UNKNOWN
    given = given_by_caller(spot, bound.node, node.id)
    return value_of(given, depth=depth) if given is not None else UNKNOWN


def given_by_caller(spot: Spot, function: ast.AST, name: str) -> Spot | None:
    """The caller's expression for a parameter of the function that a spot stands in."""
    caller = spot.caller()
    # Before Python 3.12 a comprehension has a frame of its own.
    while caller is not None and caller.tree.function(caller.node) is function:
        caller = caller.caller()
    if caller is None or not isinstance(function, FUNCTIONS):
        return None
    call = caller.node.value if isinstance(caller.node, ast.Await) else caller.node
    calls = [call] if caller.exact else list(ast.walk(call))
    for one in calls:
        if isinstance(one, ast.Call) and called(one) == function.name:
            given = _given(one, function.args, name)
            return caller.at(given) if given is not None else None
    return None


def _given(call: ast.Call, args: ast.arguments, name: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    names = [one for one in parameters(args) if one not in {"self", "cls"}]
    number = names.index(name) if name in names else len(call.args)
    return call.args[number] if number < len(call.args) else None


def _of_lambda(spot: Spot, node: ast.Lambda, depth: int) -> Value:
    """``sorted(rows, key=lambda row: …)``: the row."""
    call = spot.tree.parents.get(node)
    call = spot.tree.parents.get(call) if isinstance(call, ast.keyword) else call
    if isinstance(call, ast.Call):
        for argument in rows_of_call(call):
            found = value_of(spot, argument, depth)
            if found.kind in {"queryset", "related", "raw", "rows"}:
                return Value("object", found.model)
    return UNKNOWN


def rows_of_call(call: ast.Call) -> list[ast.expr]:
    """The arguments whose rows a call runs through or hands on."""
    name = called(call)
    method = isinstance(call.func, ast.Attribute)
    if method and name == "sort":
        return [call.func.value]  # type: ignore[attr-defined]
    number = PASSING.get(name)
    if number is None or len(call.args) <= number:
        return []
    arguments = call.args[number:] if name in JOINING else [call.args[number]]
    return [one.value if isinstance(one, ast.Starred) else one for one in arguments]


def _attribute(spot: Spot, node: ast.Attribute, depth: int) -> Value:
    owner = value_of(spot, node.value, depth)
    if owner.kind == "model":
        return _of_model(owner.model, node.attr)
    if owner.kind == "object" and owner.model is not None:
        return _of_object(owner.model, node)
    if owner.kind == "through" and node.attr == "through":
        return Value("model", owner.model)
    if node.attr in {"object_list", "queryset"} and owner.kind in {"rows", "queryset"}:
        return owner
    if owner.kind == "unknown":
        found = global_attribute(spot, node)
        return Value("model", found) if meta.is_model(found) else UNKNOWN
    return UNKNOWN


def global_attribute(spot: Spot, node: ast.AST) -> object:
    """``models.Entry`` of an imported module."""
    if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
        return None
    if binding_of(spot.tree, node.value.id, node):
        return None
    holder = spot.tree.global_value(node.value.id)
    return vars(holder).get(node.attr) if type(holder).__name__ == "module" else None


def _of_model(model: Any, name: str) -> Value:
    if name in model._meta.managers_map or name in {"_default_manager", "_base_manager"}:
        return Value("queryset", model)
    field = meta.relation(model, name)
    if field is not None and field.many_to_many:
        return Value("through", meta.through(field))
    return UNKNOWN


def _of_object(model: Any, node: ast.Attribute) -> Value:
    field = meta.relation(model, node.attr)
    if field is None or meta.is_generic(field):
        return UNKNOWN
    other = meta.related_model(field)
    if meta.is_collection(field):
        return Value("related", other, node.value, node.attr)
    return Value("object", other)


def _call(spot: Spot, node: ast.Call, depth: int) -> Value:
    if isinstance(node.func, ast.Attribute):
        owner = value_of(spot, node.func.value, depth)
        if owner.kind != "unknown":
            return _of_method(owner, node.func.attr)
    if isinstance(node.func, (ast.Name, ast.Attribute)):
        made = value_of(spot, node.func, depth)
        if made.kind == "model":
            return Value("object", made.model)
        given = _returned(spot, node, depth)
        if given.kind != "unknown":
            return given
    for argument in rows_of_call(node):
        found = value_of(spot, argument, depth)
        if found.kind in {"queryset", "related", "raw", "rows"}:
            return Value("rows", found.model)
        if found.kind == "values":
            return found
    return UNKNOWN


def _shortcut(spot: Spot, node: ast.Call) -> str:
    """What a function of ``django.shortcuts`` yields of the rows that it is given first."""
    function = _called_object(spot, node) if node.args else None
    if getattr(function, "__module__", "") != "django.shortcuts":
        return ""
    return _SHORTCUTS.get(getattr(function, "__name__", ""), "")


def _returned(spot: Spot, node: ast.Call, depth: int) -> Value:
    """What a function gives back: of Django's, or of the user's own with all returns alike."""
    kind = _shortcut(spot, node)
    if kind:
        return Value(kind, value_of(spot, node.args[0], depth).model)
    found = {value_of(one, depth=depth + 3) for one in returned(spot, node)}
    only = found.pop() if len(found) == 1 else UNKNOWN
    return Value("queryset", only.model) if only.is_queryset else only


def _of_method(owner: Value, name: str) -> Value:
    name = ASYNC_METHODS.get(name, name)
    if owner.kind in {"rows", "dict"}:
        return Value("object" if name.startswith("pop") else "rows", owner.model)
    if not owner.is_queryset:
        return UNKNOWN
    if name in ONE_OBJECT:
        return Value("object", owner.model)
    if name in PLAIN_VALUES:
        return UNKNOWN
    kinds = {"in_bulk": "dict", "iterator": "rows", "raw": "raw"}
    kind = kinds.get(name) or ("values" if name in VALUE_ROWS else "queryset")
    return Value(kind, owner.model)


def _subscript(spot: Spot, node: ast.Subscript, depth: int) -> Value:
    owner = value_of(spot, node.value, depth)
    if owner.kind in {"queryset", "related", "rows", "raw"} and not isinstance(
        node.slice, ast.Slice
    ):
        return Value("object", owner.model)
    return owner if owner.kind in {"rows", "values"} or owner.is_queryset else UNKNOWN


def _through(field: str) -> Callable[[Spot, Any, int], Value]:
    def reader(spot: Spot, node: Any, depth: int) -> Value:
        return value_of(spot, getattr(node, field), depth)

    return reader


def _comprehension(spot: Spot, node: Any, depth: int) -> Value:
    element = value_of(spot, node.elt, depth)
    return Value("rows", element.model) if element.kind == "object" else UNKNOWN


def _first_known(spot: Spot, node: ast.BoolOp | ast.List | ast.Tuple, depth: int) -> Value:
    parts = node.values if isinstance(node, ast.BoolOp) else node.elts
    found = value_of(spot, parts[0], depth) if parts else UNKNOWN
    if isinstance(node, ast.BoolOp):
        return found
    return Value("rows", found.model) if found.kind == "object" else UNKNOWN


def _joined(spot: Spot, node: ast.BinOp, depth: int) -> Value:
    """``list(first) + list(second)``, ``first | second``, ``list(rows) * 2``."""
    left = value_of(spot, node.left, depth)
    joined = isinstance(node.op, ast.BitOr) and left.is_queryset
    return left if left.kind == "rows" or joined else UNKNOWN


_READERS: Final[dict[type[ast.AST], Callable[[Spot, Any, int], Value]]] = {
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Await: _through("value"),
    ast.NamedExpr: _through("value"),
    ast.Starred: _through("value"),
    ast.IfExp: _through("body"),
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.BoolOp: _first_known,
    ast.BinOp: _joined,
    ast.List: _first_known,
    ast.Tuple: _first_known,
}
