"""What a call calls, where that is what everybody knows by its name.

A function or a method of the user's own may be called ``count`` or ``title``, and give anything.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

from nplusone_guard.analysis.advice.functions import is_instance_name
from nplusone_guard.analysis.advice.trees import (
    FUNCTIONS,
    Bound,
    Spot,
    binding_of,
    own_nodes,
)
from nplusone_guard.analysis.advice.values import value_of

#: Top-level packages whose names mean what their documentation says.
_KNOWN: Final = frozenset({*sys.stdlib_module_names, "builtins", "django"})
#: A name that is bound to what nobody knows.
_OWN: Final = object()


def known_call(spot: Spot, call: ast.Call) -> str:
    """The name of the function or method; empty where it is the user's own."""
    return function_called(spot, call.func) or method_called(spot, call.func)


def function_called(spot: Spot, node: ast.expr) -> str:
    """``str``, ``getenv``, ``UUID``: the name of a builtin, or of what an import brings.

    It is that of its last part, and empty for methods and for what is the user's own.
    """
    found = resolved(spot, node)
    return _last(node) if found is not None and _is_known(found) else ""


def type_called(spot: Spot, node: ast.expr) -> type | None:
    """The builtin or imported class."""
    found = resolved(spot, node)
    return found if isinstance(found, type) and _is_known(found) else None


def method_called(spot: Spot, node: ast.expr) -> str:
    """The name of a method, unless it is one of a model, or of a class of the user's."""
    if not isinstance(node, ast.Attribute) or _is_own(spot, node.value):
        return ""
    holder = resolved(spot, node.value)
    return "" if isinstance(holder, (ModuleType, type)) else node.attr


def is_method_of_text(spot: Spot, node: ast.expr) -> bool:
    """``str.strip``, as ``map()`` takes it."""
    return getattr(resolved(spot, node), "__objclass__", None) is str


def resolved(spot: Spot, node: ast.AST) -> Any:
    """What a name or an attribute of a module or class stands for; ``None`` where that is open."""
    if isinstance(node, ast.Name):
        found = _of_name(spot, node)
        return None if found is _OWN else found
    if not isinstance(node, ast.Attribute):
        return None
    holder = resolved(spot, node.value)
    if not isinstance(holder, (ModuleType, type)):
        return None
    held = (vars(one) for one in (holder.__mro__ if isinstance(holder, type) else (holder,)))
    return next((one[node.attr] for one in held if node.attr in one), None)


def _of_name(spot: Spot, node: ast.Name) -> Any:
    if binding_of(spot.tree, node.id, node) is not None:
        return _OWN
    found = next(_imported(spot, node), None)
    if found is None:
        found = spot.tree.global_value(node.id)
    if found is None and not _is_defined(spot, node.id):
        found = vars(builtins).get(node.id)
    return found


def _imported(spot: Spot, node: ast.Name) -> Iterator[Any]:
    """What imports of the function, or of a module that is not loaded, bring by a name."""
    function, module = spot.tree.function(node), spot.tree.module
    around = [one for one in (function, None if spot.tree.is_loaded else module) if one]
    for one in (each for block in around for each in own_nodes(block)):
        if isinstance(one, (ast.Import, ast.ImportFrom)):
            for alias in one.names:
                if (alias.asname or alias.name.partition(".")[0]) == node.id:
                    yield _brought(one, alias)


def _brought(statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> Any:
    if isinstance(statement, ast.Import):
        return sys.modules.get(alias.name if alias.asname else alias.name.partition(".")[0], _OWN)
    module = sys.modules.get(statement.module or "") if not statement.level else None
    return vars(module).get(alias.name, _OWN) if module is not None else _OWN


def _is_defined(spot: Spot, name: str) -> bool:
    """Whether a module that is not loaded gives a name a meaning of its own."""
    return not spot.tree.is_loaded and any(
        (isinstance(one, (*FUNCTIONS, ast.ClassDef)) and one.name == name)
        or (isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Store))
        for one in own_nodes(spot.tree.module)
    )


def _is_known(value: Any) -> bool:
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    module = getattr(value, "__module__", None) or getattr(
        getattr(value, "__objclass__", None), "__module__", ""
    )
    return str(module or "builtins").partition(".")[0].lstrip("_") in _KNOWN


def _last(node: ast.expr) -> str:
    return str(getattr(node, "id", getattr(node, "attr", "")))


# -- the object ------------------------------------------------------------------------


def _is_own(spot: Spot, node: ast.expr) -> bool:
    """Whether an object is one of a model, or of a class of the user's."""
    if value_of(spot, node).kind == "object":
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super":
        return True
    if isinstance(node, ast.Call):
        return _is_own_class(resolved(spot, node.func))
    if not isinstance(node, ast.Name):
        return False
    bound = binding_of(spot.tree, node.id, node)
    if bound is None:
        found = resolved(spot, node)
        return found is not None and not _is_known(found if _is_plain(found) else type(found))
    return _is_bound_to_own(spot, node, bound)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (ModuleType, type)) or callable(value)


def _is_bound_to_own(spot: Spot, node: ast.Name, bound: Bound) -> bool:
    if bound.how == "param":
        if is_instance_name(spot.tree, bound.node, node.id):
            return True
        arguments = bound.node.args if isinstance(bound.node, FUNCTIONS) else None
        given = (
            [one for one in ast.walk(arguments) if isinstance(one, ast.arg)] if arguments else []
        )
        told = next((one.annotation for one in given if one.arg == node.id), None)
        return told is not None and _is_own_class(resolved(spot, told))
    value = bound.value if bound.how in {"value", "with"} else None
    return isinstance(value, ast.Call) and _is_own_class(resolved(spot, value.func))


def _is_own_class(value: Any) -> bool:
    return isinstance(value, type) and not _is_known(value)
