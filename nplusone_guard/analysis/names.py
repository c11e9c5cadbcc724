"""What a name stands for: by the source where it shows, else by what is loaded now.

Only module and class dictionaries are read, so no code of the application runs.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import TypeAlias

from nplusone_guard.analysis.scopes import Binding, Scope
from nplusone_guard.analysis.sources import index_of_module, module_of

#: An expression and the scope that its names are looked up in.
Placed: TypeAlias = tuple[ast.expr, Scope]

#: What is not known, or not there.
MISSING = object()
#: Expressions looked at for one answer.
_STEPS = 300


class TooLong(Exception):
    """The answer takes more steps than it is worth."""


class Effort:
    """What one answer has cost so far, and the names that it is about."""

    __slots__ = ("names", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.names: set[tuple[int, str]] = set()

    def step(self) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            raise TooLong


def definitions(node: ast.expr, scope: Scope, effort: Effort) -> list[Placed]:
    """What a name, attribute or item stands for by the source; nothing where that is open."""
    effort.step()
    if isinstance(node, ast.Name):
        owner = scope.owner_of(node.id)
        return _bound(owner, node.id, effort) if owner is not None else []
    if isinstance(node, ast.Attribute):
        return _attribute(node, scope, effort)
    if isinstance(node, ast.Subscript):
        return _item(node, scope, effort)
    return [(node, scope)]


def _bound(owner: Scope, name: str, effort: Effort) -> list[Placed]:
    if owner.mutates(name):
        return []
    found: list[Placed] = []
    for binding in owner.bindings.get(name, ()):
        meanings = _meanings(binding, owner, effort)
        if not meanings:
            return []
        found += meanings
    return found


def _meanings(binding: Binding, owner: Scope, effort: Effort) -> list[Placed]:
    if binding.foreign:
        return []
    if binding.kind == "import":
        name = binding.imported[1]
        index = index_of_module(_module(binding, owner)) if name else None
        return _bound(index.module, name, effort) if index is not None else []
    if binding.value is None:
        return []
    if binding.kind == "item":
        elements = _elements(binding.value, binding.scope or owner, effort)
        return _picked(elements, binding.path)
    return [(binding.value, owner)]


def _module(binding: Binding, owner: Scope) -> ModuleType | None:
    """The loaded module that an import names."""
    name, _, level = binding.imported
    if level:
        here = module_of(owner.index.file)
        package = vars(here).get("__package__") if here is not None else None
        parts = (package or "").split(".")
        base = parts[: len(parts) - level + 1]
        name = ".".join([*base, name] if name else base)
    return sys.modules.get(name)


def _attribute(node: ast.Attribute, scope: Scope, effort: Effort) -> list[Placed]:
    if node.attr in scope.index.attribute_stores:
        return []
    holder = loaded_holder(node.value, scope)
    if isinstance(holder, ModuleType):
        index = index_of_module(holder)
        return _bound(index.module, node.attr, effort) if index is not None else []
    body = _defining_body(holder, node.attr) if isinstance(holder, type) else None
    if body is None:
        body = _written_class(node.value, scope)
    if body is None or node.attr in body.index.attribute_stores:
        return []
    return _bound(body, node.attr, effort)


def _defining_body(holder: type, attribute: str) -> Scope | None:
    """The body of the class that ``holder`` has an attribute from."""
    for klass in holder.__mro__:
        if attribute in vars(klass):
            index = index_of_module(sys.modules.get(klass.__module__))
            return index.class_scope(klass.__qualname__) if index is not None else None
    return None


def _written_class(node: ast.expr, scope: Scope) -> Scope | None:
    """The body of the class a name stands for, by the source alone."""
    if not isinstance(node, ast.Name):
        return None
    owner = scope.owner_of(node.id)
    if owner is not None and _is_self(node.id, owner):
        return owner.parent
    bindings = owner.bindings.get(node.id, ()) if owner is not None else ()
    return bindings[0].scope if len(bindings) == 1 and bindings[0].kind == "class" else None


def _is_self(name: str, owner: Scope) -> bool:
    """Whether ``name`` is the first parameter of a method and stays it."""
    method = owner.kind == "function" and owner.parent is not None
    if not method or owner.parent is None or owner.parent.kind != "class":
        return False
    return owner.first_parameter == name and len(owner.bindings[name]) == 1


# -- items -------------------------------------------------------------------------


def _item(node: ast.Subscript, scope: Scope, effort: Effort) -> list[Placed]:
    """``GROUPS["staff"]`` of a dict that is written out."""
    if not isinstance(node.slice, ast.Constant):
        return []
    found: list[Placed] = []
    for holder, place in definitions(node.value, scope, effort):
        if not isinstance(holder, ast.Dict):
            return []
        found += [
            (value, place)
            for key, value in zip(holder.keys, holder.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == node.slice.value
        ]
    return found


def _elements(node: ast.expr, scope: Scope, effort: Effort) -> list[Placed]:
    """The items of a collection that is written out, each as an expression."""
    effort.step()
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        starred = any(isinstance(part, ast.Starred) for part in node.elts)
        return [] if starred else [(part, scope) for part in node.elts]
    if isinstance(node, ast.Call):
        return list(_passed_on(node, scope, effort))
    meanings = definitions(node, scope, effort)
    if len(meanings) != 1 or meanings[0][0] is node:
        return []
    return _elements(*meanings[0], effort)


def _passed_on(node: ast.Call, scope: Scope, effort: Effort) -> Iterator[Placed]:
    name = callee(node.func, scope)
    if name in ("list", "tuple", "sorted", "reversed", "iter") and node.args:
        yield from _elements(node.args[0], scope, effort)
    elif name == "enumerate" and node.args:
        for element, place in _elements(node.args[0], scope, effort):
            yield _pair(ast.Constant(0), element), place
    elif isinstance(node.func, ast.Attribute) and not node.args:
        for holder, place in definitions(node.func.value, scope, effort):
            if isinstance(holder, ast.Dict) and None not in holder.keys:
                yield from ((entry, place) for entry in _entries(holder, node.func.attr))


def _entries(node: ast.Dict, method: str) -> list[ast.expr]:
    keys = [key for key in node.keys if key is not None]
    if method == "items":
        return [_pair(key, value) for key, value in zip(keys, node.values, strict=True)]
    return {"keys": keys, "values": node.values}.get(method, [])


def _pair(first: ast.expr, second: ast.expr) -> ast.expr:
    return ast.Tuple([first, second], ast.Load())


def _picked(elements: list[Placed], path: tuple[int, ...]) -> list[Placed]:
    """The part of every element that an unpacked loop variable receives."""
    for number in path:
        parts = [(_part(element, number), scope) for element, scope in elements]
        elements = [(part, scope) for part, scope in parts if part is not None]
        if len(elements) != len(parts):
            return []
    return elements


def _part(element: ast.expr, number: int) -> ast.expr | None:
    if isinstance(element, (ast.Tuple, ast.List)) and number < len(element.elts):
        return element.elts[number]
    return None


# -- loaded modules ------------------------------------------------------------------


def loaded(node: ast.expr, scope: Scope) -> object:
    """The object that a name or attribute has now, read from dictionaries alone."""
    if isinstance(node, ast.Attribute):
        if node.attr in scope.index.attribute_stores:
            return MISSING
        holder = loaded_holder(node.value, scope)
        if isinstance(holder, ModuleType):
            inner = sys.modules.get(f"{holder.__name__}.{node.attr}", MISSING)
            return vars(holder).get(node.attr, inner)
        return class_attribute(holder, node.attr) if isinstance(holder, type) else MISSING
    return _loaded_name(node.id, scope) if isinstance(node, ast.Name) else MISSING


def _loaded_name(name: str, scope: Scope) -> object:
    owner = scope.owner_of(name)
    bindings = owner.bindings.get(name, ()) if owner is not None else ()
    if any(binding.foreign for binding in bindings):
        return MISSING
    if owner is None or owner.kind == "module":
        here = module_of(scope.index.file)
        return vars(here).get(name, MISSING) if here is not None else MISSING
    if len(bindings) == 1 and bindings[0].kind == "import":
        module = _module(bindings[0], owner)
        wanted = bindings[0].imported[1]
        if module is None or not wanted:
            return module or MISSING
        inner = sys.modules.get(f"{module.__name__}.{wanted}", MISSING)
        return vars(module).get(wanted, inner)
    return MISSING


def loaded_holder(node: ast.expr, scope: Scope) -> object:
    """The module or class that an attribute is read from; its class for ``self``."""
    if isinstance(node, ast.Name):
        owner = scope.owner_of(node.id)
        if owner is not None and owner.parent is not None and _is_self(node.id, owner):
            return _loaded_class(owner.parent)
    return loaded(node, scope)


def _loaded_class(body: Scope) -> object:
    found: object = module_of(body.index.file)
    for name in body.qualname.split("."):
        if not isinstance(found, (ModuleType, type)):
            return MISSING
        found = vars(found).get(name, MISSING)
    return found


def class_attribute(klass: type, name: str) -> object:
    """What ``klass.name`` is made of, as it stands in a class dictionary."""
    return next((vars(base)[name] for base in klass.__mro__ if name in vars(base)), MISSING)


def callee(function: ast.expr, scope: Scope) -> str:
    """``sorted`` for the builtin, ``itertools.chain`` however it was imported."""
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        module = _import_of(function.value.id, scope)
        return f"{module[0]}.{function.attr}" if module and not module[1] else ""
    if not isinstance(function, ast.Name):
        return ""
    if scope.owner_of(function.id) is None:
        return function.id
    found = _import_of(function.id, scope)
    return ".".join(filter(None, found[:2])) if found else ""


def _import_of(name: str, scope: Scope) -> tuple[str, str, int] | None:
    owner = scope.owner_of(name)
    bindings = owner.bindings[name] if owner is not None and name in owner.bindings else ()
    if len(bindings) == 1 and bindings[0].kind == "import":
        return bindings[0].imported
    return None
