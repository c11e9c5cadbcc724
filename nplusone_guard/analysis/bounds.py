"""How many items an expression has, where that does not depend on data.

A tuple, list, set or dict that is written out is *bounded*, and so is what merely
passes its items on (``enumerate``, ``zip``, ``.items()``, slices, comprehensions
without a condition), a name for it, an ``Enum`` and its choices. ``range(10)`` is
not: it is the first thing people try a query loop with.

Names are followed through the source first; what the source leaves open is looked up
in the loaded modules, and counts there only if it cannot change: a tuple or frozenset
of constants, an ``Enum`` class. Only module and class dictionaries are read, so no code
of the application runs.
"""

from __future__ import annotations

import ast
import datetime
import decimal
import enum
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any, TypeAlias

from nplusone_guard.analysis.scopes import Binding, Scope
from nplusone_guard.analysis.sources import index_of_module, module_of

#: An expression and the scope that its names are looked up in.
Placed: TypeAlias = tuple[ast.expr, Scope]

#: Expressions looked at for one answer.
_STEPS = 300
#: A tuple longer than this is data, whoever wrote it.
_LONGEST = 1_000
_MISSING = object()
_CONSTANTS = (
    str,
    int,
    float,
    complex,
    bytes,
    type(None),
    type(Ellipsis),
    type,
    enum.Enum,
    decimal.Decimal,
    uuid.UUID,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
)
#: What Django's ``ChoicesType`` adds to an enumeration, one entry a member.
_CHOICES = frozenset({"choices", "values", "labels", "names"})
_SAME_SIZE_METHODS = frozenset({"items", "keys", "values", "copy"})


def turns(iterable: ast.expr, scope: Scope) -> int | None:
    """How many turns a loop over ``iterable`` makes, or ``None`` where data decides.

    An empty collection is ``None``, too: where a loop was seen running, somebody
    filled it out of the source's sight.
    """
    try:
        return _size(iterable, scope, _Effort()) or None
    except (_TooLong, RecursionError, AttributeError, TypeError, ValueError):  # odd classes
        return None


class _TooLong(Exception):
    """The answer takes more steps than it is worth."""


class _Effort:
    """What one answer has cost so far, and the names that it is about."""

    __slots__ = ("names", "steps")

    def __init__(self) -> None:
        self.steps = 0
        self.names: set[tuple[int, str]] = set()

    def step(self) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            raise _TooLong


def _size(expression: ast.expr, scope: Scope, effort: _Effort) -> int | None:
    effort.step()
    sizer = _SIZERS.get(type(expression))
    return sizer(expression, scope, effort) if sizer is not None else None


def _sizes(parts: Iterable[ast.expr], scope: Scope, effort: _Effort) -> list[int | None]:
    return [_size(part, scope, effort) for part in parts]


def _total(sizes: Iterable[int | None]) -> int | None:
    total = 0
    for size in sizes:
        if size is None:
            return None
        total += size
    return total


def _product(sizes: Iterable[int | None]) -> int | None:
    product = 1
    for size in sizes:
        if size is None:
            return None
        product *= size
    return product


def _shortest(sizes: Iterable[int | None]) -> int | None:
    """``zip`` and ``map`` stop with their shortest argument, so one bound is enough."""
    return min((size for size in sizes if size is not None), default=None)


def _longest(sizes: Iterable[int | None]) -> int | None:
    known = list(sizes)
    return None if None in known else max(filter(None, known), default=None)


# -- written out -------------------------------------------------------------------


def _sequence(node: ast.Tuple | ast.List, scope: Scope, effort: _Effort) -> int | None:
    return _total(_element_size(part, scope, effort) for part in node.elts)


def _element_size(part: ast.expr, scope: Scope, effort: _Effort) -> int | None:
    return _size(part.value, scope, effort) if isinstance(part, ast.Starred) else 1


def _set(node: ast.Set, scope: Scope, effort: _Effort) -> int | None:
    constants = _distinct(node.elts)
    if constants is not None:
        return constants
    return _total(_element_size(part, scope, effort) for part in node.elts)


def _dict(node: ast.Dict, scope: Scope, effort: _Effort) -> int | None:
    constants = _distinct(node.keys)
    if constants is not None:
        return constants
    return _total(
        _size(value, scope, effort) if key is None else 1
        for key, value in zip(node.keys, node.values, strict=True)
    )


def _distinct(parts: Iterable[ast.expr | None]) -> int | None:
    """How many different constants these are, if they are all constants."""
    values = [part.value if isinstance(part, ast.Constant) else _MISSING for part in parts]
    return None if _MISSING in values else len(set(values))


def _constant(node: ast.Constant, _scope: Scope, _effort: _Effort) -> int | None:
    return len(node.value) if isinstance(node.value, (str, bytes)) else None


# -- made of others ----------------------------------------------------------------


def _comprehension(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
    scope: Scope,
    effort: _Effort,
) -> int | None:
    if any(clause.ifs or clause.is_async for clause in node.generators):
        return None
    return _product(_sizes((clause.iter for clause in node.generators), scope, effort))


def _sum(node: ast.BinOp, scope: Scope, effort: _Effort) -> int | None:
    if not isinstance(node.op, ast.Add):
        return None
    return _total(_sizes((node.left, node.right), scope, effort))


def _choice(node: ast.IfExp, scope: Scope, effort: _Effort) -> int | None:
    return _longest(_sizes((node.body, node.orelse), scope, effort))


def _default(node: ast.BoolOp, scope: Scope, effort: _Effort) -> int | None:
    return _longest(_sizes(node.values, scope, effort))


def _walrus(node: ast.NamedExpr, scope: Scope, effort: _Effort) -> int | None:
    return _size(node.value, scope, effort)


def _slice(node: ast.Subscript, scope: Scope, effort: _Effort) -> int | None:
    if not isinstance(node.slice, ast.Slice):
        return _longest(_sizes_of(_definitions(node, scope, effort), effort))
    size = _size(node.value, scope, effort)
    edges = [_number(edge) for edge in (node.slice.lower, node.slice.upper, node.slice.step)]
    if size is None or _MISSING in edges:
        return None
    return len(range(size)[slice(*edges)])


def _number(edge: ast.expr | None) -> Any:
    """The whole number that is written there, ``None`` for nothing."""
    if edge is None:
        return None
    try:
        value = ast.literal_eval(edge)
    except ValueError:
        return _MISSING
    return value if isinstance(value, int) else _MISSING


# -- calls -------------------------------------------------------------------------


def _call(node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    if any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    known = _FUNCTIONS.get(_callee(node.func, scope))
    if known is not None:
        return known(node, scope, effort)
    if isinstance(node.func, ast.Attribute):
        return _method(node.func, node, scope, effort)
    return None


def _callee(function: ast.expr, scope: Scope) -> str:
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
    bindings = owner.bindings[name] if owner is not None and name in owner.bindings else []
    if len(bindings) == 1 and bindings[0].kind == "import":
        return bindings[0].imported
    return None


def _method(function: ast.Attribute, node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    if function.attr in _SAME_SIZE_METHODS and not node.args:
        return _size(function.value, scope, effort)
    text = function.value
    if function.attr in ("split", "splitlines") and isinstance(text, ast.Constant):
        arguments = [_number_or_text(argument) for argument in node.args]
        return len(getattr(text.value, function.attr)(*arguments))
    return None


def _number_or_text(argument: ast.expr) -> Any:
    return ast.literal_eval(argument)


def _first_argument(node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    return _size(node.args[0], scope, effort) if node.args else None


def _only_argument(node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    return _first_argument(node, scope, effort) if len(node.args) == 1 else None


def _zip(node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    return _shortest(_sizes(node.args, scope, effort))


def _map(node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    return _shortest(_sizes(node.args[1:], scope, effort))


def _chain(node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    return _total(_sizes(node.args, scope, effort))


def _cartesian(node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    return _product(_sizes(node.args, scope, effort)) if not node.keywords else None


def _padded(node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    return _longest(_sizes(node.args, scope, effort))


def _dict_call(node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    named = (
        _size(keyword.value, scope, effort) if keyword.arg is None else 1
        for keyword in node.keywords
    )
    return _total([*_sizes(node.args, scope, effort), *named])


def _range(node: ast.Call, scope: Scope, effort: _Effort) -> int | None:
    """``range(len(KINDS))`` is another way to run through KINDS; no other range counts."""
    only = node.args[0] if len(node.args) == 1 else None
    if isinstance(only, ast.Call) and _callee(only.func, scope) == "len":
        return _only_argument(only, scope, effort)
    return None


_FUNCTIONS: dict[str, Callable[[ast.Call, Scope, _Effort], int | None]] = {
    **dict.fromkeys(("enumerate", "sorted"), _first_argument),
    **dict.fromkeys(
        ("list", "tuple", "set", "frozenset", "iter", "reversed"),
        _only_argument,
    ),
    "dict": _dict_call,
    "map": _map,
    "range": _range,
    "zip": _zip,
    "itertools.chain": _chain,
    "itertools.product": _cartesian,
    "itertools.zip_longest": _padded,
}


# -- names -------------------------------------------------------------------------


def _name(node: ast.Name, scope: Scope, effort: _Effort) -> int | None:
    key = (id(scope.owner_of(node.id)), node.id)
    if key in effort.names:  # ``rows = rows[1:]``
        return None
    effort.names.add(key)
    size = _referred(node, scope, effort)
    effort.names.discard(key)
    return size


def _attribute_size(node: ast.Attribute, scope: Scope, effort: _Effort) -> int | None:
    size = _enumeration_size(node, scope)
    return size if size is not None else _referred(node, scope, effort)


def _referred(node: ast.Name | ast.Attribute, scope: Scope, effort: _Effort) -> int | None:
    defined = _longest(_sizes_of(_definitions(node, scope, effort), effort))
    return defined if defined is not None else _loaded_size(_loaded(node, scope))


def _sizes_of(definitions: list[Placed], effort: _Effort) -> list[int | None]:
    return [_size(expression, scope, effort) for expression, scope in definitions]


def _definitions(node: ast.expr, scope: Scope, effort: _Effort) -> list[Placed]:
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


def _bound(owner: Scope, name: str, effort: _Effort) -> list[Placed]:
    if owner.mutates(name):
        return []
    found: list[Placed] = []
    for binding in owner.bindings.get(name, ()):
        meanings = _meanings(binding, owner, effort)
        if not meanings:
            return []
        found += meanings
    return found


def _meanings(binding: Binding, owner: Scope, effort: _Effort) -> list[Placed]:
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


def _attribute(node: ast.Attribute, scope: Scope, effort: _Effort) -> list[Placed]:
    if node.attr in scope.index.attribute_stores:
        return []
    holder = _holder(node.value, scope)
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
    bindings = owner.bindings.get(node.id, []) if owner is not None else []
    return bindings[0].scope if len(bindings) == 1 and bindings[0].kind == "class" else None


def _is_self(name: str, owner: Scope) -> bool:
    """Whether ``name`` is the first parameter of a method and stays it."""
    method = owner.kind == "function" and owner.parent is not None
    if not method or owner.parent is None or owner.parent.kind != "class":
        return False
    return owner.first_parameter == name and len(owner.bindings[name]) == 1


# -- items -------------------------------------------------------------------------


def _item(node: ast.Subscript, scope: Scope, effort: _Effort) -> list[Placed]:
    """``GROUPS["staff"]`` of a dict that is written out."""
    if not isinstance(node.slice, ast.Constant):
        return []
    found: list[Placed] = []
    for holder, place in _definitions(node.value, scope, effort):
        if not isinstance(holder, ast.Dict):
            return []
        found += [
            (value, place)
            for key, value in zip(holder.keys, holder.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == node.slice.value
        ]
    return found


def _elements(node: ast.expr, scope: Scope, effort: _Effort) -> list[Placed]:
    """The items of a collection that is written out, each as an expression."""
    effort.step()
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        starred = any(isinstance(part, ast.Starred) for part in node.elts)
        return [] if starred else [(part, scope) for part in node.elts]
    if isinstance(node, ast.Call):
        return list(_passed_on(node, scope, effort))
    definitions = _definitions(node, scope, effort)
    if len(definitions) != 1 or definitions[0][0] is node:
        return []
    return _elements(*definitions[0], effort)


def _passed_on(node: ast.Call, scope: Scope, effort: _Effort) -> Iterator[Placed]:
    name = _callee(node.func, scope)
    if name in ("list", "tuple", "sorted", "reversed", "iter") and node.args:
        yield from _elements(node.args[0], scope, effort)
    elif name == "enumerate" and node.args:
        for element, place in _elements(node.args[0], scope, effort):
            yield _pair(ast.Constant(0), element), place
    elif isinstance(node.func, ast.Attribute) and not node.args:
        for holder, place in _definitions(node.func.value, scope, effort):
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


def _loaded(node: ast.expr, scope: Scope) -> object:
    """The object that a name or attribute has now, read from dictionaries alone."""
    if isinstance(node, ast.Attribute):
        if node.attr in scope.index.attribute_stores:
            return _MISSING
        holder = _holder(node.value, scope)
        if isinstance(holder, ModuleType):
            inner = sys.modules.get(f"{holder.__name__}.{node.attr}", _MISSING)
            return vars(holder).get(node.attr, inner)
        return _class_attribute(holder, node.attr) if isinstance(holder, type) else _MISSING
    return _loaded_name(node.id, scope) if isinstance(node, ast.Name) else _MISSING


def _loaded_name(name: str, scope: Scope) -> object:
    owner = scope.owner_of(name)
    bindings = owner.bindings.get(name, []) if owner is not None else []
    if any(binding.foreign for binding in bindings):
        return _MISSING
    if owner is None or owner.kind == "module":
        here = module_of(scope.index.file)
        return vars(here).get(name, _MISSING) if here is not None else _MISSING
    if len(bindings) == 1 and bindings[0].kind == "import":
        module = _module(bindings[0], owner)
        wanted = bindings[0].imported[1]
        if module is None or not wanted:
            return module or _MISSING
        inner = sys.modules.get(f"{module.__name__}.{wanted}", _MISSING)
        return vars(module).get(wanted, inner)
    return _MISSING


def _holder(node: ast.expr, scope: Scope) -> object:
    """The module or class that an attribute is read from; its class for ``self``."""
    if isinstance(node, ast.Name):
        owner = scope.owner_of(node.id)
        if owner is not None and owner.parent is not None and _is_self(node.id, owner):
            return _loaded_class(owner.parent)
    return _loaded(node, scope)


def _loaded_class(body: Scope) -> object:
    found: object = module_of(body.index.file)
    for name in body.qualname.split("."):
        if not isinstance(found, (ModuleType, type)):
            return _MISSING
        found = vars(found).get(name, _MISSING)
    return found


def _class_attribute(klass: type, name: str) -> object:
    return next((vars(base)[name] for base in klass.__mro__ if name in vars(base)), _MISSING)


def _loaded_size(value: object) -> int | None:
    if isinstance(value, enum.EnumMeta):
        return len(value)
    if isinstance(value, (tuple, frozenset)) and len(value) <= _LONGEST and _is_constant(value):
        return len(value)
    return None


def _is_constant(value: object) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return all(map(_is_constant, value))
    return isinstance(value, _CONSTANTS)


def _enumeration_size(node: ast.Attribute, scope: Scope) -> int | None:
    """``Status.choices``, ``.values``, ``.labels``, ``.names`` and ``.__members__``."""
    if node.attr != "__members__" and node.attr not in _CHOICES:
        return None
    klass = _holder(node.value, scope)
    if not isinstance(klass, enum.EnumMeta):
        return None
    if node.attr == "__members__":
        return len(klass.__members__)
    # On the metaclass it is Django's; on the class it is something of the application's own.
    if not isinstance(_class_attribute(type(klass), node.attr), property):
        return None
    return len(klass) + any("__empty__" in vars(base) for base in klass.__mro__)


_SIZERS: dict[type[ast.expr], Callable[[Any, Scope, _Effort], int | None]] = {
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.Set: _set,
    ast.Dict: _dict,
    ast.Constant: _constant,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.DictComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.BinOp: _sum,
    ast.IfExp: _choice,
    ast.BoolOp: _default,
    ast.NamedExpr: _walrus,
    ast.Subscript: _slice,
    ast.Call: _call,
    ast.Name: _name,
    ast.Attribute: _attribute_size,
}
