"""Of which type an expression of the source is, or its entries are: text, a number, a UUID …

Read off the source, the models and the module's own names, as `values` does: what a request, a
file or a command line brings is text, what a row brings is of the type of its field. Expressions
and entries lead to one another: ``keys[0]``, ``[row["id"] for row in rows]``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import UUID

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.callables import function_called, known_call, method_called
from nplusone_guard.analysis.advice.field_kinds import (
    NUMBER,
    TEXT,
    UNKNOWN,
    Kind,
    common,
    kind_of_entries,
    kind_of_field,
    kind_of_value,
)
from nplusone_guard.analysis.advice.functions import returned
from nplusone_guard.analysis.advice.stated_kinds import (
    HELD_TEXTS,
    OF_TEXTS,
    PASSING,
    TEXTS,
    annotated,
    annotated_items,
    annotation_of,
    made_by,
)
from nplusone_guard.analysis.advice.trees import (
    COMPREHENSIONS,
    Bound,
    Spot,
    binding_of,
    own_nodes,
    possible_bindings,
)
from nplusone_guard.analysis.advice.values import called, given_by_caller, value_of

_DEEPEST: Final = 20
#: Where in each entry a part of it stands: indexes of unpacking, and `_At`.
Path: TypeAlias = tuple[Any, ...]


def kind_of(spot: Spot, node: ast.AST, depth: int = 0) -> Kind:
    """Of which type an expression is."""
    reader = _VALUES.get(type(node))
    return reader(spot.at(node), node, depth + 1) if reader and depth < _DEEPEST else UNKNOWN


def kind_of_items(spot: Spot, node: ast.AST, path: Path = (), depth: int = 0) -> Kind:
    """Of which type the entries of an expression are; of a part of each, with its ``path``."""
    reader = _ITEMS.get(type(node))
    if reader is None or depth >= _DEEPEST:
        return UNKNOWN
    return reader(spot.at(node), node, path, depth + 1)


# -- values ----------------------------------------------------------------------------


def _constant(spot: Spot, node: ast.Constant, depth: int) -> Kind:
    return kind_of_value(node.value)


def _text(spot: Spot, node: ast.AST, depth: int) -> Kind:
    return TEXT


def _name(spot: Spot, node: ast.Name, depth: int) -> Kind:
    bound = binding_of(spot.tree, node.id, node)
    if bound is None:
        found = spot.tree.global_value(node.id)
        return kind_of_value(found) if found is not None else UNKNOWN
    if bound.how == "value" and bound.value is not None:
        values = possible_bindings(spot.tree, node.id, node)
        return common(kind_of(spot, one.value, depth) for one in values if one.value is not None)
    if bound.how == "item" and bound.value is not None:
        return kind_of_items(spot, bound.value, bound.path, depth)
    if bound.how == "param":
        given = given_by_caller(spot, bound.node, node.id)
        kind = kind_of(given, given.node, depth) if given is not None else UNKNOWN
        return kind if kind.type is not None else annotated(annotation_of(bound, node.id))
    # ``key, name = line.split(",")``
    return _kind_at(spot, bound.value, _ANY, depth) if bound.value is not None else UNKNOWN


def _attribute(spot: Spot, node: ast.Attribute, depth: int) -> Kind:
    owner = value_of(spot, node.value)
    if owner.kind == "object" and owner.model is not None:
        field = meta.field_of(owner.model, node.attr)
        return kind_of_field(field) if field is not None else UNKNOWN
    if kind_of(spot, node.value, depth).type is UUID and node.attr == "hex":
        return TEXT
    return UNKNOWN


def _call(spot: Spot, node: ast.Call, depth: int) -> Kind:
    function, method = function_called(spot, node.func), method_called(spot, node.func)
    if method in OF_TEXTS:
        return _of_texts(spot, node, depth)
    if function == "next" and node.args:
        return kind_of_items(spot, node.args[0], (), depth)
    if function in {"min", "max", "choice"}:
        return kind_of_items(spot, node.args[0], (), depth) if len(node.args) == 1 else UNKNOWN
    made = made_by(spot, node.func)
    if made is not None:
        return Kind(made)
    return common(kind_of(one, one.node, depth + 3) for one in returned(spot, node))


def _of_texts(spot: Spot, node: ast.Call, depth: int) -> Kind:
    """``request.GET.get("id", "")``; ``text.replace("-", "")``; ``match.group(1)``."""
    assert isinstance(node.func, ast.Attribute)
    if node.func.attr == "group":
        return Kind(str, optional=True)
    if node.func.attr == "replace":
        return kind_of(spot, node.func.value, depth)
    held = _kind_at(spot, node.func.value, _index_of(node.args[0]) if node.args else _ANY, depth)
    if len(node.args) > 1:
        return common([held, *(kind_of(spot, one, depth) for one in node.args[1:])])
    return Kind(held.type, optional=node.func.attr == "get")


def _subscript(spot: Spot, node: ast.Subscript, depth: int) -> Kind:
    owner = kind_of(spot, node.value, depth)
    if owner.type is str:
        return TEXT
    if isinstance(node.slice, ast.Slice):
        return UNKNOWN
    return _kind_at(spot, node.value, _index_of(node.slice), depth)


@dataclass(frozen=True, slots=True)
class _At:
    """One entry by its index or name; ``None`` for any."""

    index: Any = None


_ANY: Final = _At()


def _index(path: Path) -> Any:
    """The first place of a path, as Python writes it; ``None`` where there is none."""
    return (path[0].index if isinstance(path[0], _At) else path[0]) if path else None


def _index_of(node: ast.expr) -> _At:
    return _At(node.value) if isinstance(node, ast.Constant) else _ANY


def _kind_at(spot: Spot, node: ast.AST, at: _At, depth: int) -> Kind:
    """``row["id"]``: what a mapping holds, or an entry of a sequence."""
    if depth >= _DEEPEST:
        return UNKNOWN
    if isinstance(node, ast.Name):
        return _at_name(spot, node, at, depth + 1)
    if isinstance(node, ast.Dict):
        return common(kind_of(spot, one, depth + 1) for one in node.values)
    name = known_call(spot, node) if isinstance(node, ast.Call) else ""
    if isinstance(node, ast.Call) and name not in {*TEXTS, *PASSING, "range", "next"}:
        return UNKNOWN
    if isinstance(node, ast.Call) and name == "next" and node.args:
        return kind_of_items(spot, node.args[0], (at,), depth + 1)
    return kind_of_items(spot, node, (), depth + 1)


def _at_name(spot: Spot, node: ast.Name, at: _At, depth: int) -> Kind:
    bound = binding_of(spot.tree, node.id, node)
    if bound is None:
        found = spot.tree.global_value(node.id)
        held = found.values() if isinstance(found, dict) else found
        return kind_of_entries(list(held)) if isinstance(held, Iterable) else UNKNOWN
    if bound.how == "param":
        given = given_by_caller(spot, bound.node, node.id)
        return _kind_at(given, given.node, at, depth) if given is not None else UNKNOWN
    if bound.value is None:
        return UNKNOWN
    if bound.how == "item":
        return kind_of_items(spot, bound.value, (*bound.path, at), depth)
    if bound.how != "value":
        return UNKNOWN
    values = possible_bindings(spot.tree, node.id, node)
    return common(_kind_at(spot, one.value, at, depth) for one in values if one.value is not None)


def _binary(spot: Spot, node: ast.BinOp, depth: int) -> Kind:
    left, right = kind_of(spot, node.left, depth), kind_of(spot, node.right, depth)
    if left.type is str and isinstance(node.op, (ast.Mod, ast.Add, ast.Mult)):
        return TEXT
    whole = left.type is int and right.type is int and not isinstance(node.op, (ast.Div, ast.Pow))
    return NUMBER if whole else UNKNOWN


def _either(spot: Spot, node: ast.IfExp | ast.BoolOp, depth: int) -> Kind:
    parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
    return common(kind_of(spot, one, depth) for one in parts)


def _inner(field: str) -> Callable[[Spot, Any, int], Kind]:
    def reader(spot: Spot, node: Any, depth: int) -> Kind:
        return kind_of(spot, getattr(node, field), depth)

    return reader


_VALUES: Final[dict[type[ast.AST], Callable[[Spot, Any, int], Kind]]] = {
    ast.Constant: _constant,
    ast.JoinedStr: _text,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.BinOp: _binary,
    ast.IfExp: _either,
    ast.BoolOp: _either,
    ast.Await: _inner("value"),
    ast.NamedExpr: _inner("value"),
}


# -- entries ---------------------------------------------------------------------------


def _items_of_name(spot: Spot, node: ast.Name, path: Path, depth: int) -> Kind:
    bound = binding_of(spot.tree, node.id, node)
    if bound is None:
        return kind_of_entries(spot.tree.global_value(node.id)) if not path else UNKNOWN
    if bound.how == "param":
        return _items_of_parameter(spot, node, bound, path, depth)
    if bound.value is None:
        return UNKNOWN
    if bound.how == "item":
        return kind_of_items(spot, bound.value, (*bound.path, *path), depth)
    if bound.how == "with":
        return kind_of_items(spot, bound.value, path, depth)
    values = possible_bindings(spot.tree, node.id, node) if bound.how == "value" else []
    kinds = [
        kind_of_items(spot, one.value, path, depth)
        for one in values
        if one.value is not None and not _is_empty(one.value)
    ]
    return common([*kinds, *_added(spot, node, path, depth)])


def _items_of_parameter(spot: Spot, node: ast.Name, bound: Bound, path: Path, depth: int) -> Kind:
    given = given_by_caller(spot, bound.node, node.id)
    found = kind_of_items(given, given.node, path, depth) if given is not None else UNKNOWN
    if found.type is None and not path:
        return annotated_items(annotation_of(bound, node.id))
    return found


def _is_empty(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return called(node) in {"list", "set"} and not node.args
    return isinstance(node, (ast.List, ast.Set)) and not node.elts


def _added(spot: Spot, node: ast.Name, path: Path, depth: int) -> list[Kind]:
    """What a function adds to a collection: ``keys.append(row["id"])``."""
    function = spot.tree.function(node) or spot.tree.module
    found = []
    for call in own_nodes(function):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and isinstance(call.func.value, ast.Name)
            and call.func.value.id == node.id
            and call.args
        ):
            if call.func.attr in {"append", "add"}:
                found.append(UNKNOWN if path else kind_of(spot, call.args[0], depth))
            elif call.func.attr in {"extend", "update", "insert"}:
                found.append(kind_of_items(spot, call.args[-1], path, depth))
    return found


def _items_of_literal(spot: Spot, node: Any, path: Path, depth: int) -> Kind:
    """Of ``[("7", "x"), …]`` with a path, the parts of each."""
    kinds = []
    for one in node.elts:
        if isinstance(one, ast.Starred):
            kinds.append(kind_of_items(spot, one.value, path, depth))
        else:
            kinds.append(_part(spot, one, path, depth))
    return common(kinds)


def _part(spot: Spot, node: ast.expr, path: Path, depth: int) -> Kind:
    """What stands in an entry at the place of a path: ``7`` of ``(7, "x")`` at 0."""
    if not path:
        return kind_of(spot, node, depth)
    index = _index(path)
    if isinstance(node, ast.Dict):
        named = zip(node.keys, node.values, strict=True)
        found = [value for key, value in named if getattr(key, "value", None) == index]
        return _part(spot, found[-1], path[1:], depth) if found else UNKNOWN
    if not isinstance(node, (ast.Tuple, ast.List)) or not isinstance(index, int):
        return UNKNOWN
    inside = -len(node.elts) <= index < len(node.elts)
    return _part(spot, node.elts[index], path[1:], depth) if inside else UNKNOWN


def _items_of_mapping(spot: Spot, node: ast.Dict, path: Path, depth: int) -> Kind:
    keys = [one for one in node.keys if one is not None]
    whole = not path and len(keys) == len(node.keys)
    return common(kind_of(spot, one, depth) for one in keys) if whole else UNKNOWN


def _items_of_call(spot: Spot, node: ast.Call, path: Path, depth: int) -> Kind:
    name = known_call(spot, node)
    reader = _CALLS.get(name)
    if reader is not None and (node.args or name in _WITHOUT_ARGUMENTS):
        return reader(spot, node, path, depth)
    if name in TEXTS:
        return TEXT if len(path) < 2 else UNKNOWN
    if name in PASSING and node.args:
        return kind_of_items(spot, node.args[0], path, depth)
    if value_of(spot, node).kind == "values":
        return _items_of_values(spot, node, path)
    return common(kind_of_items(one, one.node, path, depth + 3) for one in returned(spot, node))


def _lines_of_file(spot: Spot, node: ast.Call, path: Path, depth: int) -> Kind:
    return TEXT if not path else UNKNOWN


def _rows_of_reader(spot: Spot, node: ast.Call, path: Path, depth: int) -> Kind:
    return TEXT


def _numbers(spot: Spot, node: ast.Call, path: Path, depth: int) -> Kind:
    return NUMBER if not path else UNKNOWN


def _enumerated(spot: Spot, node: ast.Call, path: Path, depth: int) -> Kind:
    if not path:
        return UNKNOWN
    return NUMBER if path[0] == 0 else kind_of_items(spot, node.args[0], path[1:], depth)


def _zipped(spot: Spot, node: ast.Call, path: Path, depth: int) -> Kind:
    index = _index(path)
    known = isinstance(index, int) and 0 <= index < len(node.args)
    return kind_of_items(spot, node.args[index], path[1:], depth) if known else UNKNOWN


def _mapped(spot: Spot, node: ast.Call, path: Path, depth: int) -> Kind:
    made = made_by(spot, node.args[0])
    return Kind(made) if made is not None and not path else UNKNOWN


def _filtered(spot: Spot, node: ast.Call, path: Path, depth: int) -> Kind:
    plain = isinstance(node.func, ast.Name) and len(node.args) == 2
    return kind_of_items(spot, node.args[1], path, depth) if plain else UNKNOWN


def _held(spot: Spot, node: ast.Call, path: Path, depth: int) -> Kind:
    return TEXT if not path and kind_of(spot, node, depth).type is str else UNKNOWN


def _viewed(spot: Spot, node: ast.Call, path: Path, depth: int) -> Kind:
    function = node.func
    if not isinstance(function, ast.Attribute):
        return UNKNOWN
    if value_of(spot, function.value).model is not None:
        return _items_of_values(spot, node, path)
    return _items_of_view(spot, function, path, depth)


_CALLS: Final[dict[str, Callable[[Spot, ast.Call, Path, int], Kind]]] = {
    "open": _lines_of_file,
    "reader": _rows_of_reader,
    "DictReader": _rows_of_reader,
    "range": _numbers,
    "enumerate": _enumerated,
    "zip": _zipped,
    "zip_longest": _zipped,
    "map": _mapped,
    "filter": _filtered,
    "get": _held,
    "items": _viewed,
    "keys": _viewed,
    "values": _viewed,
}
_WITHOUT_ARGUMENTS: Final = frozenset("open items keys values".split())


def _items_of_view(spot: Spot, function: ast.Attribute, path: Path, depth: int) -> Kind:
    """``counts.items()``: the keys are the entries of the mapping itself."""
    if function.attr == "keys" and not path:
        return kind_of_items(spot, function.value, (), depth)
    if function.attr == "items" and path[:1] == (0,):
        return kind_of_items(spot, function.value, path[1:], depth)
    is_value = function.attr == "values" and not path
    if is_value or (function.attr == "items" and path == (1,)):
        return _kind_at(spot, function.value, _ANY, depth)
    return UNKNOWN


def _items_of_values(spot: Spot, node: ast.AST | None, path: Path) -> Kind:
    """``values_list("author_id", flat=True)``: of the type of the field."""
    while isinstance(node, ast.Call) and called(node) not in {"values", "values_list"}:
        node = node.func.value if isinstance(node.func, ast.Attribute) else None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return UNKNOWN
    model = value_of(spot, node.func.value).model
    names = [one.value for one in node.args if isinstance(one, ast.Constant)]
    if model is None or len(names) != len(node.args) or not names:
        return UNKNOWN
    index = _index(path) if path else 0
    name: Any = index if isinstance(index, str) else None
    if name is None and isinstance(index, int) and 0 <= index < len(names):
        name = names[index]
    field = meta.field_of(model, str(name)) if name in names else None
    return kind_of_field(field) if field is not None else UNKNOWN


def _items_of_comprehension(spot: Spot, node: Any, path: Path, depth: int) -> Kind:
    return kind_of(spot, node.elt, depth) if not path else UNKNOWN


def _items_of_attribute(spot: Spot, node: ast.Attribute, path: Path, depth: int) -> Kind:
    own = value_of(spot, node.value).kind == "object"
    return TEXT if node.attr in HELD_TEXTS and not own else UNKNOWN


def _items_of_subscript(spot: Spot, node: ast.Subscript, path: Path, depth: int) -> Kind:
    if isinstance(node.slice, ast.Slice):
        return kind_of_items(spot, node.value, path, depth)
    return TEXT if not path and kind_of(spot, node, depth).type is str else UNKNOWN


def _items_of_sum(spot: Spot, node: ast.BinOp, path: Path, depth: int) -> Kind:
    return common(kind_of_items(spot, one, path, depth) for one in (node.left, node.right))


def _items_of_either(spot: Spot, node: ast.IfExp | ast.BoolOp, path: Path, depth: int) -> Kind:
    parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else node.values
    given = [one for one in parts if not _is_empty(one) and not _is_no_tuple(one)]
    return common(kind_of_items(spot, one, path, depth) for one in given)


def _is_no_tuple(node: ast.expr) -> bool:
    return isinstance(node, ast.Tuple) and not node.elts


def _items_of_inner(field: str) -> Callable[[Spot, Any, Path, int], Kind]:
    def reader(spot: Spot, node: Any, path: Path, depth: int) -> Kind:
        return kind_of_items(spot, getattr(node, field), path, depth)

    return reader


_ITEMS: Final[dict[type[ast.AST], Callable[[Spot, Any, Path, int], Kind]]] = {
    ast.Name: _items_of_name,
    ast.Attribute: _items_of_attribute,
    ast.Call: _items_of_call,
    ast.Subscript: _items_of_subscript,
    ast.List: _items_of_literal,
    ast.Tuple: _items_of_literal,
    ast.Set: _items_of_literal,
    ast.Dict: _items_of_mapping,
    ast.BinOp: _items_of_sum,
    ast.IfExp: _items_of_either,
    ast.BoolOp: _items_of_either,
    ast.Await: _items_of_inner("value"),
    ast.NamedExpr: _items_of_inner("value"),
    **dict.fromkeys(COMPREHENSIONS[:2], _items_of_comprehension),
    ast.GeneratorExp: _items_of_comprehension,
}
