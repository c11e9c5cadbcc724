"""Calls that are known to run through one of their arguments."""

from __future__ import annotations

import ast
from types import CodeType

from nplusone_guard.analysis.scopes import Point

#: Which argument a builtin, or a function of ``_ITERATING_MODULES``, runs through at once.
_EAGER = {
    **dict.fromkeys(
        "all any dict frozenset list max min next set sorted sum tuple"
        " as_completed deque Counter OrderedDict".split(),
        0,
    ),
    "reduce": 1,
}
#: And which it runs through as it is asked for items.
_LAZY = {
    **dict.fromkeys(
        "accumulate chain cycle enumerate groupby islice iter pairwise reversed zip zip_longest".split(),
        0,
    ),
    **dict.fromkeys("dropwhile filter filterfalse map starmap takewhile".split(), 1),
}
_ITERATED_ARGUMENT = {**_EAGER, **_LAZY}
#: Those that run through all their arguments.
_JOINING = frozenset("chain product zip zip_longest".split())
#: Those that do nothing with the items of a single argument but pass them on.
_PASSING = frozenset("dict enumerate frozenset iter list reversed set tuple".split())
#: Modules whose functions may be called by their full name.
_ITERATING_MODULES = frozenset("asyncio collections functools heapq itertools".split())
#: Methods that run through their only argument. Applications have methods of these
#: names, too, so all but ``join`` must be given something that runs by itself.
_ITERATING_METHODS = frozenset("extend join update writelines".split())
#: Methods of thread pools, which run through their second argument.
_MAPPING_METHODS = frozenset("imap imap_unordered map map_async starmap starmap_async".split())

#: All of these by their names.
_NAMES = frozenset({*_ITERATED_ARGUMENT, *_ITERATING_METHODS, *_MAPPING_METHODS, "gather", "sort"})


def may_iterate(code: CodeType) -> bool:
    """Whether ``code`` knows the name of a function that runs through an argument."""
    known = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return not all(map(_NAMES.isdisjoint, known))


def iterated(call: ast.Call) -> ast.expr | None:
    """What a call runs through by itself, if it is known to."""
    function = call.func
    if isinstance(function, ast.Attribute) and not is_of_module(function):
        return _iterated_by_method(call, function)
    name = called_name(function)
    if name == "gather":
        return _gathered(call.args)
    number = _ITERATED_ARGUMENT.get(name)
    return _argument(call, number) if number is not None else None


def _gathered(awaitables: list[ast.expr]) -> ast.expr | None:
    """All that ``gather`` waits for: ``*(…)``, or a tuple of what is written side by side."""
    if not awaitables:
        return None
    first, last = awaitables[0], awaitables[-1]
    if first is last and isinstance(first, ast.Starred):
        return first.value
    side_by_side = ast.copy_location(ast.Tuple(awaitables, ast.Load()), first)
    side_by_side.end_lineno, side_by_side.end_col_offset = last.end_lineno, last.end_col_offset
    return side_by_side


def is_of_module(function: ast.Attribute) -> bool:
    """Whether this is ``itertools.chain``, or another function of a module like it."""
    return isinstance(function.value, ast.Name) and function.value.id in _ITERATING_MODULES


def _iterated_by_method(call: ast.Call, function: ast.Attribute) -> ast.expr | None:
    if function.attr == "sort":
        return function.value
    if function.attr in _MAPPING_METHODS:
        return _argument(call, 1)
    if function.attr not in _ITERATING_METHODS or len(call.args) != 1:
        return None
    argument = _argument(call, 0)
    return argument if function.attr == "join" or argument is not call.args[0] else None


def called_name(function: ast.expr) -> str:
    """The last part of the called name: ``reduce`` for ``functools.reduce``."""
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _argument(call: ast.Call, number: int) -> ast.expr | None:
    if len(call.args) <= number:
        return None
    argument = call.args[number]
    inner = iterated(argument) if isinstance(argument, ast.Call) else None
    return inner or argument


def call_start(call: ast.Call) -> Point:
    """Where the interpreter places a call: a method on a later line counts from its name."""
    function = call.func
    if isinstance(function, ast.Attribute) and function.end_lineno != function.lineno:
        line, column = function.end_lineno or 0, function.end_col_offset or 0
        return (line, column - len(function.attr.encode()))
    return (call.lineno, call.col_offset)


def is_lazy(node: ast.expr) -> bool:
    """Whether a call does nothing until it is asked for items."""
    return _known_name(node) in _LAZY


def joined(node: ast.expr) -> int | None:
    """How many collections ``zip`` or ``chain`` is given, if none of them runs by itself.

    Each may send a query of its own when it is first asked for items: as many from one
    place as the source shows, and that does not grow.
    """
    name = _known_name(node)
    if not isinstance(node, ast.Call) or not name:
        return None
    if name in _PASSING and len(node.args) == 1 and not node.keywords:
        return joined(node.args[0])
    return len(node.args) if name in _JOINING and all(map(_is_still, node.args)) else None


def _is_still(argument: ast.expr) -> bool:
    if isinstance(argument, (ast.Starred, ast.GeneratorExp)):
        return False
    name = _known_name(argument)
    if not isinstance(argument, ast.Call) or name not in _ITERATED_ARGUMENT:
        return True
    return name in _PASSING and len(argument.args) == 1 and _is_still(argument.args[0])


def _known_name(node: ast.expr) -> str:
    """The name of a called builtin or module function; empty for methods and the rest."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    method = isinstance(function, ast.Attribute) and not is_of_module(function)
    return "" if method else called_name(function)
