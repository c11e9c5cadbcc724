"""What a call of the user's own function gives back, as far as its source shows it."""

from __future__ import annotations

import ast
from types import CodeType, FunctionType, ModuleType
from typing import Final

from nplusone_guard.analysis.advice.trees import (
    FUNCTIONS,
    FunctionNode,
    Spot,
    Tree,
    binding_of,
    own_nodes,
    tree_of,
)
from nplusone_guard.capture.codes import is_user_code

#: As many functions are read to see whether they write.
_MOST: Final = 50
#: Methods that write rows, with what their names start with in ``async``.
_WRITING: Final = frozenset(
    f"{wait}{name}"
    for wait in ("", "a")
    for name in "save create get_or_create update_or_create bulk_create bulk_update delete".split()
)
#: Methods of a cursor that take SQL, and the statements that only read.
_SENDING: Final = frozenset({"execute", "executemany"})
_READING: Final = frozenset("select with values show explain describe pragma".split())


def returned(spot: Spot, call: ast.Call) -> list[Spot]:
    """What the called function returns; nothing where it is not found, or not plain.

    Decorated functions, generators and coroutines give back something else.
    """
    found = _definition(spot, call.func)
    if found is None:
        return []
    tree, function = found
    nodes = list(own_nodes(function))
    if function.decorator_list or isinstance(function, ast.AsyncFunctionDef):
        return []
    if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in nodes):
        return []
    values = [node.value for node in nodes if isinstance(node, ast.Return)]
    return [Spot(tree, value) for value in values if value is not None]


def writes(spot: Spot, node: ast.AST) -> bool:
    """Whether what an expression calls writes rows, as far as the source shows it."""
    queue, known = [(spot, node)], {id(node)}
    for place, body in queue:
        for call in ast.walk(body):
            if not isinstance(call, ast.Call):
                continue
            if isinstance(call.func, ast.Attribute) and _is_write(place, call, call.func):
                return True
            found = _definition(place, call.func)
            if found is not None and id(found[1]) not in known and len(known) < _MOST:
                known.add(id(found[1]))
                queue.append((Spot(*found), found[1]))
    return False


def _is_write(spot: Spot, call: ast.Call, function: ast.Attribute) -> bool:
    if function.attr in ("update", "aupdate"):
        # A queryset takes the values by name alone; so can a dictionary.
        return bool(call.keywords) and not call.args and not _is_dict(spot, function.value)
    if function.attr in _SENDING and call.args:
        return _opening(spot, call.args[0]) not in {"", *_READING}
    return function.attr in _WRITING


def _is_dict(spot: Spot, node: ast.expr) -> bool:
    if isinstance(node, ast.Name):
        bound = binding_of(spot.tree, node.id, node)
        if bound is None:
            return isinstance(spot.tree.global_value(node.id), dict)
        return bound.value is not None and bound.value is not node and _is_dict(spot, bound.value)
    called = isinstance(node, ast.Call) and ast.unparse(node.func) == "dict"
    return called or isinstance(node, (ast.Dict, ast.DictComp))


def _opening(spot: Spot, node: ast.expr) -> str:
    """The first word of SQL, in small letters; empty where the source does not show it."""
    value: object = None
    if isinstance(node, ast.JoinedStr) and node.values:
        return _opening(spot, node.values[0])
    if isinstance(node, ast.BinOp):  # ``"…" % table``, ``"…" + condition``
        return _opening(spot, node.left)
    if isinstance(node, ast.Constant):
        value = node.value
    elif isinstance(node, ast.Name):
        bound = binding_of(spot.tree, node.id, node)
        given = bound.value if bound is not None else None
        if given is not None and not isinstance(given, ast.Name):
            return _opening(spot, given)
        value = spot.tree.global_value(node.id) if bound is None else None
    words = value.split(None, 1) if isinstance(value, str) else []
    return words[0].lower() if words else ""


def is_sliced(spot: Spot) -> bool:
    """Whether a returned queryset may be a slice, which takes no further methods."""
    names = {one.id for one in ast.walk(spot.node) if isinstance(one, ast.Name)}
    function = spot.tree.function(spot.node)
    bound = spot.tree.bindings(function) if function is not None else []
    values = [one.value for name, one in bound if name in names and one.value is not None]
    return any(
        isinstance(one, ast.Subscript) and isinstance(one.slice, ast.Slice)
        for value in [spot.node, *values]
        for one in ast.walk(value)
    )


def is_instance_name(tree: Tree, function: ast.AST, name: str) -> bool:
    """Whether a parameter is the ``self`` or ``cls`` of a method."""
    if not isinstance(function, FUNCTIONS) or not function.args.args:
        return False
    return function.args.args[0].arg == name and isinstance(
        tree.parents.get(function), ast.ClassDef
    )


def _definition(spot: Spot, function: ast.expr) -> tuple[Tree, FunctionNode] | None:
    if isinstance(function, ast.Name):
        bound = binding_of(spot.tree, function.id, function)
        if bound is not None:
            inner = bound.node
            return (spot.tree, inner) if isinstance(inner, FUNCTIONS) else None
        return _defined(spot.tree.global_value(function.id))
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return None
    if function.value.id in {"self", "cls"}:
        return _method(spot, function)
    holder = spot.tree.global_value(function.value.id)
    if binding_of(spot.tree, function.value.id, function) is None and isinstance(
        holder, ModuleType
    ):
        return _defined(vars(holder).get(function.attr))
    return None


def _method(spot: Spot, function: ast.Attribute) -> tuple[Tree, FunctionNode] | None:
    owner = spot.tree.class_around(function)
    for node in owner.body if owner is not None else ():
        if isinstance(node, FUNCTIONS) and node.name == function.attr:
            return spot.tree, node
    return None


def _defined(value: object) -> tuple[Tree, FunctionNode] | None:
    code = value.__code__ if isinstance(value, FunctionType) else None
    if not isinstance(code, CodeType) or not is_user_code(code):
        return None
    tree = tree_of(code.co_filename)
    for node in tree.nodes_on(code.co_firstlineno) if tree is not None else ():
        if isinstance(node, FUNCTIONS) and node.name == code.co_name:
            return tree, node  # type: ignore[return-value]
    return None
