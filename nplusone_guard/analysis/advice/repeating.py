"""What a loop runs over, twice: once for the keys, once for the loop."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from types import ModuleType
from typing import Final

from nplusone_guard.analysis.advice.callables import known_call
from nplusone_guard.analysis.advice.functions import returned
from nplusone_guard.analysis.advice.trees import COMPREHENSIONS, Spot, binding_of, possible_bindings
from nplusone_guard.analysis.advice.values import called, given_by_caller, value_of

_DEEPEST: Final = 5
#: Calls whose result can be gone through as often as one likes.
_KEPT: Final = frozenset(
    "split rsplit splitlines getlist findall readlines keys items range sorted list set tuple "
    "dict frozenset deque sample fromkeys".split()
)
_LISTS: Final = frozenset("list sorted split rsplit splitlines getlist findall readlines".split())
_ONE_SHOT: Final = frozenset("map filter zip iter enumerate reversed iterator aiterator".split())
#: Methods that give the same each time, and use nothing up.
_SAME: Final = frozenset(
    "split rsplit splitlines partition getlist keys items get strip lstrip rstrip replace lower "
    "upper removeprefix removesuffix decode".split()
)
#: Functions that do, if what they go through does.
_COPIES: Final = frozenset("list set tuple dict frozenset sorted deque fromkeys".split())
_PAIRS: Final = frozenset({"enumerate", "zip", "reversed"})
_FROM_QUERIES: Final = frozenset("queryset related raw rows values dict object".split())


def can_be_repeated(spot: Spot, node: ast.AST) -> bool:
    """Whether going through it twice is the same, and asks for nothing twice."""
    if isinstance(node, ast.Name):
        return _is_kept(spot, node)
    if isinstance(node, ast.Call):
        return known_call(spot, node) == "range"
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return not any(isinstance(one, ast.Starred) for one in node.elts)
    return isinstance(node, ast.Dict)


def _is_kept(spot: Spot, node: ast.AST, depth: int = 0) -> bool:
    """Whether a value that was made once can be gone through twice: a file or generator cannot."""
    if depth > _DEEPEST:
        return False
    if isinstance(node, ast.Name):
        return _is_kept_name(spot, node, depth + 1)
    if isinstance(node, ast.Call):
        return _is_kept_call(spot, node, depth + 1)
    parts = _parts(node)
    kept = all(_is_kept(spot, one, depth + 1) for one in parts)
    return not isinstance(node, ast.GeneratorExp) and kept


def _parts(node: ast.AST) -> list[ast.expr]:
    """What an expression is one of, or put together from."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.BoolOp):
        return node.values
    return [node.body, node.orelse] if isinstance(node, ast.IfExp) else []


def _is_kept_name(spot: Spot, node: ast.Name, depth: int) -> bool:
    bound = binding_of(spot.tree, node.id, node)
    if bound is None:
        return not isinstance(spot.tree.global_value(node.id), Iterator)
    if bound.how == "param":
        given = given_by_caller(spot, bound.node, node.id)
        return given is not None and _is_kept(given, given.node, depth)
    if bound.how == "value":
        values = possible_bindings(spot.tree, node.id, node)
        return all(_is_kept(spot.at(one.value), one.value, depth) for one in values if one.value)
    return bound.how != "with"


def _is_kept_call(spot: Spot, node: ast.Call, depth: int) -> bool:
    name, kind = known_call(spot, node), value_of(spot, node).kind
    if called(node) in _ONE_SHOT:
        return False
    if name in _KEPT or kind in {"queryset", "related", "values", "raw", "dict", "rows"}:
        return True
    made = returned(spot, node)
    return bool(made) and all(_is_kept(one, one.node, depth + 2) for one in made)


# -- written twice ---------------------------------------------------------------------


def can_be_written_twice(spot: Spot, node: ast.expr, *, loaded: bool = False) -> bool:
    """Whether what is gone through is the same where it is written again.

    No query comes of it, which is known of related rows that are ``loaded``, and nothing is
    used up. A name that is gone through itself may be that of a generator; one whose method
    gives a new list each time, or that holds the list, need not be looked at:
    ``request.GET["ids"].split(",")``.
    """
    if loaded and isinstance(node, ast.Name):
        return _is_kept(spot, node)
    if loaded and _is_of_object(spot, node):
        return True
    if loaded and isinstance(node, ast.Call) and known_call(spot, node) in _COPIES | _PAIRS:
        given = all(can_be_written_twice(spot, one, loaded=True) for one in node.args)
        return given and _are_same(spot, _named(node))
    asks = any(
        isinstance(one, ast.expr) and value_of(spot, one).kind in _FROM_QUERIES
        for one in ast.walk(node)
    )
    return not asks and _runs_anew(spot, node)


def _is_of_object(spot: Spot, node: ast.expr) -> bool:
    """``author.entries.all()``, ``author.live_entries``, of an object that is at hand."""
    owner = _without_all(node)
    while isinstance(owner, ast.Attribute):
        owner = owner.value
    return isinstance(owner, ast.Name) and value_of(spot, owner).kind == "object"


def is_related(spot: Spot, node: ast.expr) -> bool:
    """``author.entries.all()``, which no object lacks."""
    manager = _without_all(node)
    plain = isinstance(manager, ast.Attribute) and isinstance(manager.value, ast.Name)
    return plain and value_of(spot, manager).kind == "related"


def _without_all(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.value if node.func.attr == "all" and not node.args else node
    return node


def _runs_anew(spot: Spot, node: ast.expr) -> bool:
    """Whether it can be gone through again where it is written again."""
    if isinstance(node, ast.Name):
        return _is_kept(spot, node)
    if isinstance(node, ast.Call):
        return _call_runs_anew(spot, node)
    if isinstance(node, ast.Subscript):
        return _is_same(spot, node) and _holds_no_iterator(spot, node.value)
    if isinstance(node, COMPREHENSIONS) and not isinstance(node, ast.GeneratorExp):
        return _is_same(spot, node)
    if isinstance(node, (ast.BoolOp, ast.IfExp)):
        test = [node.test] if isinstance(node, ast.IfExp) else []
        return all(_runs_anew(spot, one) for one in _parts(node)) and _are_same(spot, test)
    made = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.BinOp, ast.Constant, ast.JoinedStr)
    return isinstance(node, made) and _is_same(spot, node)


def _call_runs_anew(spot: Spot, node: ast.Call) -> bool:
    """``text.split(",")``, ``re.findall("[0-9]+", text)``, ``sorted(keys)``, ``range(n)``."""
    name = known_call(spot, node)
    if name in _COPIES:
        return all(_runs_anew(spot, one) for one in node.args) and _are_same(spot, _named(node))
    if name == "range" or (name == "findall" and isinstance(node.func, ast.Attribute)):
        return _are_same(spot, [*node.args, *_named(node)])
    return _is_same(spot, node)


def _named(node: ast.Call) -> list[ast.expr]:
    return [one.value for one in node.keywords]


def _are_same(spot: Spot, nodes: Collection[ast.expr]) -> bool:
    return all(_is_same(spot, one) for one in nodes)


def _is_same(spot: Spot, node: ast.expr) -> bool:
    """Whether it gives the same where it is written again."""
    if isinstance(node, ast.Call):
        return _call_is_same(spot, node)
    if isinstance(node, ast.Starred):
        return _runs_anew(spot, node.value)
    if isinstance(node, (ast.Await, ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.GeneratorExp)):
        return False
    return all(_is_same_part(spot, one) for one in ast.iter_child_nodes(node))


def _is_same_part(spot: Spot, node: ast.AST) -> bool:
    if isinstance(node, ast.comprehension):
        return _runs_anew(spot, node.iter) and _are_same(spot, node.ifs)
    return not isinstance(node, ast.expr) or _is_same(spot, node)


def _call_is_same(spot: Spot, node: ast.Call) -> bool:
    """``request.GET.get("ids", "")``, ``text.split(",")``; not ``queue.get()``."""
    name, function = known_call(spot, node), node.func
    given = [*node.args, *_named(node)]
    if isinstance(function, ast.Name):
        return name == "str" and _are_same(spot, given)
    if name not in _SAME or not isinstance(function, ast.Attribute):
        return False
    if name == "get" and (not node.args or _is_module(spot, function.value)):
        return False
    return _are_same(spot, [function.value, *given])


def _is_module(spot: Spot, node: ast.expr) -> bool:
    """``requests.get(url)``."""
    if not isinstance(node, ast.Name) or binding_of(spot.tree, node.id, node) is not None:
        return False
    return isinstance(spot.tree.global_value(node.id), ModuleType)


def _holds_no_iterator(spot: Spot, node: ast.expr) -> bool:
    """Whether no generator stands in the literal that a subscript reads from, if it is one."""
    bound = binding_of(spot.tree, node.id, node) if isinstance(node, ast.Name) else None
    held = bound.value if bound is not None and bound.how == "value" else None
    return not any(
        isinstance(one, ast.GeneratorExp)
        or (isinstance(one, ast.Call) and called(one) in _ONE_SHOT)
        for one in (ast.walk(held) if held is not None else ())
    )


def makes_list(spot: Spot, node: ast.AST) -> bool:
    """Whether it is a new list each time, which needs no copy to be kept."""
    if isinstance(node, ast.Call):
        return known_call(spot, node) in _LISTS
    return isinstance(node, (ast.List, ast.ListComp))


# -- as it is --------------------------------------------------------------------------


def is_collection(spot: Spot, node: ast.AST, depth: int = 0) -> bool:
    """Whether it is surely a list or the like, which Django takes for keys as it is."""
    if depth > _DEEPEST:
        return False
    if isinstance(node, ast.Name):
        return _is_collection_by_name(spot, node, depth + 1)
    if isinstance(node, ast.Call):
        return known_call(spot, node) in _KEPT and value_of(spot, node).kind == "unknown"
    parts = _parts(node)
    if parts:
        return all(is_collection(spot, one, depth + 1) for one in parts)
    return isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp))


def _is_collection_by_name(spot: Spot, node: ast.Name, depth: int) -> bool:
    bound = binding_of(spot.tree, node.id, node)
    if bound is None:
        found = spot.tree.global_value(node.id)
        return isinstance(found, (list, tuple, set, frozenset, dict, range))
    if bound.how == "param":
        given = given_by_caller(spot, bound.node, node.id)
        return given is not None and is_collection(given, given.node, depth)
    values = possible_bindings(spot.tree, node.id, node) if bound.how == "value" else []
    made = [one.value for one in values if one.value is not None]
    return bool(made) and all(is_collection(spot.at(one), one, depth) for one in made)
