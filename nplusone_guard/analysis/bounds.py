"""How many items an expression has, where that does not depend on data.

A tuple, list, set or dict that is written out is *bounded*, and so is what merely
passes its items on (``enumerate``, ``zip``, ``.items()``, slices, comprehensions
without a condition), a name for it, an ``Enum`` and its choices. ``range(10)`` is
not: it is the first thing people try a query loop with.

Names are followed through the source first; what the source leaves open is looked up
in the loaded modules, and counts there only if it cannot change: a tuple or frozenset
of constants, an ``Enum`` class.
"""

from __future__ import annotations

import ast
import datetime
import decimal
import enum
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from nplusone_guard.analysis.names import (
    MISSING,
    Effort,
    Placed,
    callee,
    class_attribute,
    definitions,
    loaded,
    loaded_holder,
)
from nplusone_guard.analysis.scopes import Scope

#: A tuple longer than this is data, whoever wrote it.
_LONGEST = 1_000
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
        return _size(iterable, scope, Effort()) or None
    except Exception:  # TooLong; or an odd class costs the bound, never the loop
        return None


def _size(expression: ast.expr, scope: Scope, effort: Effort) -> int | None:
    effort.step()
    sizer = _SIZERS.get(type(expression))
    return sizer(expression, scope, effort) if sizer is not None else None


def _sizes(parts: Iterable[ast.expr], scope: Scope, effort: Effort) -> list[int | None]:
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


def _sequence(node: ast.Tuple | ast.List, scope: Scope, effort: Effort) -> int | None:
    return _total(_element_size(part, scope, effort) for part in node.elts)


def _element_size(part: ast.expr, scope: Scope, effort: Effort) -> int | None:
    return _size(part.value, scope, effort) if isinstance(part, ast.Starred) else 1


def _set(node: ast.Set, scope: Scope, effort: Effort) -> int | None:
    constants = _distinct(node.elts)
    if constants is not None:
        return constants
    return _total(_element_size(part, scope, effort) for part in node.elts)


def _dict(node: ast.Dict, scope: Scope, effort: Effort) -> int | None:
    constants = _distinct(node.keys)
    if constants is not None:
        return constants
    return _total(
        _size(value, scope, effort) if key is None else 1
        for key, value in zip(node.keys, node.values, strict=True)
    )


def _distinct(parts: Iterable[ast.expr | None]) -> int | None:
    """How many different constants these are, if they are all constants."""
    values = [part.value if isinstance(part, ast.Constant) else MISSING for part in parts]
    return None if MISSING in values else len(set(values))


def _constant(node: ast.Constant, _scope: Scope, _effort: Effort) -> int | None:
    return len(node.value) if isinstance(node.value, (str, bytes)) else None


# -- made of others ----------------------------------------------------------------


def _comprehension(
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp,
    scope: Scope,
    effort: Effort,
) -> int | None:
    if any(clause.ifs or clause.is_async for clause in node.generators):
        return None
    return _product(_sizes((clause.iter for clause in node.generators), scope, effort))


def _sum(node: ast.BinOp, scope: Scope, effort: Effort) -> int | None:
    if not isinstance(node.op, ast.Add):
        return None
    return _total(_sizes((node.left, node.right), scope, effort))


def _choice(node: ast.IfExp, scope: Scope, effort: Effort) -> int | None:
    return _longest(_sizes((node.body, node.orelse), scope, effort))


def _default(node: ast.BoolOp, scope: Scope, effort: Effort) -> int | None:
    return _longest(_sizes(node.values, scope, effort))


def _walrus(node: ast.NamedExpr, scope: Scope, effort: Effort) -> int | None:
    return _size(node.value, scope, effort)


def _slice(node: ast.Subscript, scope: Scope, effort: Effort) -> int | None:
    if not isinstance(node.slice, ast.Slice):
        return _longest(_sizes_of(definitions(node, scope, effort), effort))
    size = _size(node.value, scope, effort)
    edges = [_number(edge) for edge in (node.slice.lower, node.slice.upper, node.slice.step)]
    if size is None or MISSING in edges:
        return None
    return len(range(size)[slice(*edges)])


def _number(edge: ast.expr | None) -> Any:
    """The whole number that is written there, ``None`` for nothing."""
    if edge is None:
        return None
    try:
        value = ast.literal_eval(edge)
    except ValueError:
        return MISSING
    return value if isinstance(value, int) else MISSING


# -- calls -------------------------------------------------------------------------


def _call(node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    if any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    known = _FUNCTIONS.get(callee(node.func, scope))
    if known is not None:
        return known(node, scope, effort)
    if isinstance(node.func, ast.Attribute):
        return _method(node.func, node, scope, effort)
    return None


def _method(function: ast.Attribute, node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    if function.attr in _SAME_SIZE_METHODS and not node.args:
        return _size(function.value, scope, effort)
    text = function.value
    if function.attr in ("split", "splitlines") and isinstance(text, ast.Constant):
        arguments = [_number_or_text(argument) for argument in node.args]
        return len(getattr(text.value, function.attr)(*arguments))
    return None


def _number_or_text(argument: ast.expr) -> Any:
    return ast.literal_eval(argument)


def _first_argument(node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    return _size(node.args[0], scope, effort) if node.args else None


def _only_argument(node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    return _first_argument(node, scope, effort) if len(node.args) == 1 else None


def _zip(node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    return _shortest(_sizes(node.args, scope, effort))


def _map(node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    return _shortest(_sizes(node.args[1:], scope, effort))


def _chain(node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    return _total(_sizes(node.args, scope, effort))


def _cartesian(node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    return _product(_sizes(node.args, scope, effort)) if not node.keywords else None


def _padded(node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    return _longest(_sizes(node.args, scope, effort))


def _dict_call(node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    named = (
        _size(keyword.value, scope, effort) if keyword.arg is None else 1
        for keyword in node.keywords
    )
    return _total([*_sizes(node.args, scope, effort), *named])


def _range(node: ast.Call, scope: Scope, effort: Effort) -> int | None:
    """``range(len(KINDS))`` is another way to run through KINDS; no other range counts."""
    only = node.args[0] if len(node.args) == 1 else None
    if isinstance(only, ast.Call) and callee(only.func, scope) == "len":
        return _only_argument(only, scope, effort)
    return None


_FUNCTIONS: dict[str, Callable[[ast.Call, Scope, Effort], int | None]] = {
    **dict.fromkeys(("enumerate", "sorted", "asyncio.as_completed"), _first_argument),
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


def _name(node: ast.Name, scope: Scope, effort: Effort) -> int | None:
    key = (id(scope.owner_of(node.id)), node.id)
    if key in effort.names:  # ``rows = rows[1:]``
        return None
    effort.names.add(key)
    size = _referred(node, scope, effort)
    effort.names.discard(key)
    return size


def _attribute_size(node: ast.Attribute, scope: Scope, effort: Effort) -> int | None:
    size = _enumeration_size(node, scope)
    return size if size is not None else _referred(node, scope, effort)


def _referred(node: ast.Name | ast.Attribute, scope: Scope, effort: Effort) -> int | None:
    defined = _longest(_sizes_of(definitions(node, scope, effort), effort))
    return defined if defined is not None else _loaded_size(loaded(node, scope))


def _sizes_of(definitions: list[Placed], effort: Effort) -> list[int | None]:
    return [_size(expression, scope, effort) for expression, scope in definitions]


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
    klass = loaded_holder(node.value, scope)
    if not isinstance(klass, enum.EnumMeta):
        return None
    if node.attr == "__members__":
        return len(klass.__members__)
    # On the metaclass it is Django's; on the class it is something of the application's own.
    if not isinstance(class_attribute(type(klass), node.attr), property):
        return None
    return len(klass) + any("__empty__" in vars(base) for base in klass.__mro__)


_SIZERS: dict[type[ast.expr], Callable[[Any, Scope, Effort], int | None]] = {
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
