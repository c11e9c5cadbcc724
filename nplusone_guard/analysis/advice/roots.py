"""From the object that a query is about to the queryset that it came from, and the way between."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.assignments import assigned
from nplusone_guard.analysis.advice.case import Case, Parents, Subject, spot_of_group
from nplusone_guard.analysis.advice.declared import CLASSES
from nplusone_guard.analysis.advice.feeds import Feed, feeds, is_read_again
from nplusone_guard.analysis.advice.trees import (
    FUNCTIONS,
    Bound,
    Spot,
    binding_of,
    own_nodes,
    possible_bindings,
    tree_of,
)
from nplusone_guard.analysis.advice.values import (
    called,
    given_by_caller,
    rows_of_call,
    unpacked,
    value_of,
)
from nplusone_guard.analysis.contexts import choice_of_read, owner_of_read
from nplusone_guard.analysis.places import asking_places
from nplusone_guard.analysis.rules import facts_of
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture import steps
from nplusone_guard.capture.scope import Group

_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Root:
    """The querysets to change, and the look-up from their rows to the parents."""

    feeds: tuple[Feed, ...]
    #: Accessors from a row of the queryset to the parent: ``("entry", "author")``.
    way: tuple[str, ...]
    model: Any
    #: Where it is, for people: the line to change.
    file: str
    line: int
    #: The class that a framework reads for, in place of code of the user's.
    declared: steps.Spot | None = None
    #: Ways that other branches take from the same rows.
    others: tuple[tuple[str, ...], ...] = ()

    @property
    def editable(self) -> bool:
        """Whether the source shows where to write."""
        return bool(self.feeds)


def root_of(subject: Subject, parent: Spot | None, parent_model: Any) -> Root | None:
    """The root of the parents of a candidate; by the source, else by what was recorded.

    ``parent`` is the expression of the object that the relation is read on.
    """
    if assigned(subject, parent) is not None:
        return None  # it came from elsewhere than the rows
    parents = subject.parents
    if _are_collected(parents):
        return None
    # What a framework hands to code of the user's was read by none of it.
    handed = parents is not None and _declared(parents.read) is not None
    found = root_by_source(parent, parent_model) if parent is not None and not handed else None
    return found or _by_record(subject, parents, parent, parent_model)


def is_collected(subject: Subject) -> bool:
    """Whether Django itself chose the rows, which a deletion takes along: nobody's queryset did."""
    return _are_collected(subject.parents)


def _are_collected(parents: Parents | None) -> bool:
    return parents is not None and facts_of(parents.read).collected


def root_by_source(parent: Spot, model: Any) -> Root | None:
    """The root of what an expression yields, where the source shows it."""
    found = _by_source(parent, parent.node, (), 0)
    if found is None or not _leads(found, model):
        return None
    unknown = found.model is None and not found.way
    return replace(found, model=model) if unknown else found


def _leads(root: Root, wanted: Any) -> bool:
    if wanted is None or root.model is None:
        return root.model is None or wanted is None
    if root.way and _is_generic(follow(root.model, root.way[:-1]), root.way[-1]):
        return True
    return meta.same_rows(follow(root.model, root.way), wanted)


def _is_generic(model: Any, name: str) -> bool:
    field = meta.relation(model, name) if model is not None else None
    return field is not None and meta.is_generic(field)


def follow(model: Any, way: tuple[str, ...]) -> Any:
    """The model at the end of a way; ``None`` where it cannot be told."""
    for name in way:
        field = meta.relation(model, name) if model is not None else None
        model = meta.related_model(field) if field is not None else None
    return model


# -- by the source ---------------------------------------------------------------------


def _by_source(spot: Spot, node: ast.AST, way: tuple[str, ...], depth: int) -> Root | None:
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.Await):
        return _by_source(spot, node.value, way, depth + 1)
    if isinstance(node, ast.Attribute):
        return _by_source(spot, node.value, (node.attr, *way), depth + 1)
    if isinstance(node, ast.Name):
        return _of_name(spot, node, way, depth + 1)
    return None


def _of_name(spot: Spot, node: ast.Name, way: tuple[str, ...], depth: int) -> Root | None:
    bound = binding_of(spot.tree, node.id, node)
    if bound is None or bound.how not in {"item", "value", "param"}:
        return None
    if bound.how == "param":
        return _of_parameter(spot, node, bound, way, depth)
    assert bound.value is not None
    branches = possible_bindings(spot.tree, node.id, node)
    if len(branches) > 1:
        return _of_branches(spot, [one.value for one in branches], way, depth)
    if bound.how == "value":
        if isinstance(bound.value, (ast.Attribute, ast.Name)):
            return _by_source(spot, bound.value, way, depth)
        return _of_rows(spot, bound.value, way, depth)
    return _of_rows(spot, unpacked(bound.value, bound.path), way, depth)


def _of_branches(
    spot: Spot, values: Sequence[ast.expr | None], way: tuple[str, ...], depth: int
) -> Root | None:
    """``row = entry`` in one branch and ``row = entry.parent`` in another: both ways."""
    roots = [
        _by_source(spot, value, way, depth)
        for value in values
        if isinstance(value, (ast.Attribute, ast.Name))
    ]
    found = [one for one in roots if one is not None]
    if len(found) != len(values) or len({tuple(map(id, _nodes(one))) for one in found}) != 1:
        return None
    ways = [one.way for one in found]
    return replace(found[0], others=tuple(dict.fromkeys(ways[1:])))


def _nodes(root: Root) -> list[ast.AST]:
    return [feed.node for feed in root.feeds]


def _of_rows(spot: Spot, rows: ast.expr, way: tuple[str, ...], depth: int) -> Root | None:
    """The rows of a related manager, or of what was prefetched, lead on to their own parent."""
    related = related_root(spot, rows)
    if related is not None and _is_whole(rows):
        owner, accessor = related
        return _by_source(spot, owner, (accessor, *way), depth)
    attribute = _plain_rows(rows)
    if isinstance(attribute, ast.Attribute) and value_of(spot, attribute.value).kind == "object":
        return _by_source(spot, attribute.value, (attribute.attr, *way), depth)
    return _root(feeds(spot.at(rows)), way)


def _is_whole(rows: ast.expr) -> bool:
    """Whether rows are read by ``.all()``: a filter makes objects that no prefetch has seen."""
    node = _plain_rows(rows)
    while isinstance(node, (ast.Call, ast.Attribute)):
        if isinstance(node, ast.Call) and called(node) not in {"all", "iterator", "aiterator"}:
            return False
        node = node.func if isinstance(node, ast.Call) else node.value
    return True


def _plain_rows(rows: ast.expr) -> ast.expr:
    """What ``enumerate(rows)`` and ``rows[1:]`` run over."""
    if isinstance(rows, ast.Subscript):
        return _plain_rows(rows.value)
    if isinstance(rows, ast.Call):
        given = rows_of_call(rows)
        return _plain_rows(given[0]) if len(given) == 1 else rows
    return rows


def related_root(spot: Spot, node: ast.expr) -> tuple[ast.expr, str] | None:
    """The owner and accessor of ``owner.accessor.all()``, where rows are read by it."""
    node = _plain_rows(node)
    while True:
        found = value_of(spot, node)
        if found.kind == "related" and found.parent is not None:
            return found.parent, found.accessor
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            return None


def _of_parameter(
    spot: Spot, node: ast.Name, bound: Bound, way: tuple[str, ...], depth: int
) -> Root | None:
    if isinstance(bound.node, ast.Lambda):
        return _of_lambda(spot, bound.node, way, depth)
    given = given_by_caller(spot, bound.node, node.id) or _given_to_method(spot, node, bound)
    if given is not None:
        return _by_source(given, given.node, way, depth)
    return _mapped(spot, way)


def _of_lambda(spot: Spot, bound: ast.Lambda, way: tuple[str, ...], depth: int) -> Root | None:
    call = spot.tree.parents.get(bound)
    call = spot.tree.parents.get(call) if isinstance(call, ast.keyword) else call
    rows = rows_of_call(call) if isinstance(call, ast.Call) else []
    return _of_rows(spot, rows[0], way, depth) if rows else None


def is_made(spot: Spot) -> bool:
    """Whether what an expression stands for was made by ``create()``, not read as a row of a loop."""
    node: ast.AST | None = spot.node
    for _ in range(_DEEPEST):
        bound = binding_of(spot.tree, node.id, node) if isinstance(node, ast.Name) else None
        if bound is None or not isinstance(node, ast.Name):
            break
        if bound.how == "param" and isinstance(bound.node, FUNCTIONS):
            given = given_by_caller(spot, bound.node, node.id)
            given = given or _given_to_method(spot, node, bound)
            if given is None:
                return False
            spot, node = given, given.node
        else:
            node = bound.value if bound.how == "value" else None
    return isinstance(node, ast.Call) and called(node) in {"create", "acreate"}


def _given_to_method(spot: Spot, node: ast.Name, bound: Bound) -> Spot | None:
    """The object whose property or method was used, by the expression of the caller."""
    caller = spot.caller()
    function = bound.node
    if caller is None or not isinstance(function, FUNCTIONS) or not function.args.args:
        return None
    if node.id != function.args.args[0].arg or not isinstance(
        spot.tree.parents.get(function), ast.ClassDef
    ):
        return None
    return _owner_in(caller, function.name)


def _owner_in(caller: Spot, name: str) -> Spot | None:
    for node in ast.walk(caller.node):
        if isinstance(node, ast.Attribute) and node.attr == name:
            return caller.at(node.value)
    if name == "__str__":
        return _stringified(caller)
    return None


def _stringified(caller: Spot) -> Spot | None:
    for node in ast.walk(caller.node):
        if isinstance(node, ast.Call) and called(node) in {"str", "repr", "format"} and node.args:
            return caller.at(node.args[0])
        if isinstance(node, ast.FormattedValue):
            return caller.at(node.value)
    return None


def _mapped(spot: Spot, way: tuple[str, ...]) -> Root | None:
    """``map(function, rows)``: the caller names no argument, but the rows."""
    caller = spot.caller()
    return _root(feeds(caller), way) if caller is not None else None


def _root(found: list[Feed], way: tuple[str, ...]) -> Root | None:
    found = [one for one in found if one.kind not in {"values", "open"}]
    if not found:
        return None
    first = found[0]
    # Where the rows may come from elsewhere, an edit of the one place would be lost on them.
    given = () if any(one.perhaps for one in found) else tuple(found)
    return Root(given, way, first.model, first.spot.tree.file, first.spot.line)


# -- by the record ---------------------------------------------------------------------


def _by_record(
    subject: Subject, parents: Parents | None, parent: Spot | None, parent_model: Any
) -> Root | None:
    if parents is None:
        return None
    hints = _hints(subject, parent)
    return _of_read(subject.case, parents.read, parents.origin.assigned, parent_model, hints, 0)


def _of_read(
    case: Case, read: Group, assigned: Site | None, target: Any, hints: str, depth: int
) -> Root | None:
    spot = choice_of_read(read) or spot_of_group(read)
    facts, declared = facts_of(read), _declared(read)
    if (spot is None and declared is None) or depth > 4:
        return None
    model = meta.model_of(facts.model)
    if facts.prefetch is not None:
        way = tuple(facts.prefetch_to.split("__")) if facts.prefetch_to else (facts.prefetch[1],)
        onwards = _way(model, target, hints)
        if onwards is None:
            return None
        return _placed((*way, *onwards), None, spot, declared, assigned)
    lazily = facts.accessor if facts.operation == "lazy" or facts.plain else ""
    if lazily:
        above = case.find_parents(read)
        owner = meta.model_of(facts.parent_model)
        if above is not None and above.read is not read:
            found = _of_read(case, above.read, above.origin.assigned, owner, hints, depth + 1)
            if found is not None:
                way = (*found.way, lazily)
                if meta.same_rows(model, target):
                    return replace(found, way=way)
    between = _way(model, target, hints)
    if between is None:
        return None
    return _of_owner(read, between) or _placed(between, model, spot, declared, assigned)


def _of_owner(read: Group, between: tuple[str, ...]) -> Root | None:
    """The queryset of the object whose relation a template runs over, which takes a longer way."""
    found = owner_of_read(read)
    if found is None:
        return None
    owner, model, accessor = found
    way = (accessor, *between)
    root = _root(feeds(owner, model), way)
    return root or Root((), way, model, owner.tree.file, owner.line)


def _of_class(way: tuple[str, ...], model: Any, declared: steps.Spot | None) -> Root | None:
    if declared is None:
        return None
    found = _written_in_class(declared, model) if not way or model is not None else ()
    return Root(found, way, model, declared.file, declared.line, declared)


def _written_in_class(declared: steps.Spot, model: Any) -> tuple[Feed, ...]:
    """``queryset = …`` of a view, or what its ``get_queryset()`` returns, where it is written."""
    tree = tree_of(declared.file) if declared.kind == "view" else None
    for node in tree.nodes_on(declared.line) if tree is not None else ():
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "queryset":
            return _querysets([Spot(tree, node.value)], model)  # type: ignore[arg-type]
        if isinstance(node, FUNCTIONS) and node.name == "get_queryset":
            values = [one.value for one in own_nodes(node) if isinstance(one, ast.Return)]
            given = [Spot(tree, one) for one in values if one is not None]  # type: ignore[arg-type]
            return _querysets(given, model)
    return ()


def _querysets(given: list[Spot], model: Any) -> tuple[Feed, ...]:
    """The querysets that rows of a model come from; nothing where one of them does not show."""
    found = [feeds(one, model) for one in given]
    usable = [one for each in found for one in each if one.kind == "queryset"]
    return tuple(usable) if found and all(found) and len(usable) == sum(map(len, found)) else ()


def _declared(read: Group) -> steps.Spot | None:
    """The admin, form, serializer or view that a framework read for."""
    named = asking_places(read.path)
    # Templates evaluate what others have chosen.
    chosen = (one for one in named if one.spot is None or one.spot.kind != "template")
    place = next(chosen, None)
    spot = place.spot if place is not None else None
    return spot if spot is not None and spot.kind in CLASSES else None


def _placed(
    way: tuple[str, ...],
    model: Any,
    spot: Spot | None,
    declared: steps.Spot | None,
    assigned: Site | None,
) -> Root | None:
    if declared is not None or spot is None:
        return _of_class(way, model, declared)
    found = feeds(spot, model)
    usable = tuple(one for one in found if one.kind != "values")
    if found and not usable:
        return None
    # What is written at one use of a name is not in the rows that another use has.
    usable = tuple(one for one in usable if one.kind != "open" or not is_read_again(one))
    file, line = spot.tree.file, spot.line
    if usable:
        file, line = usable[0].spot.tree.file, usable[0].spot.line
        model = model or usable[0].model
        usable = () if any(one.perhaps for one in usable) else usable
    elif assigned is not None:
        file, line = assigned.file, assigned.line
    return Root(usable, way, model, file, line)


def _way(model: Any, target: Any, hints: str) -> tuple[str, ...] | None:
    if model is None or target is None or meta.same_rows(model, target):
        return ()
    ways = list(meta.paths(model, target))
    if not ways:
        return None
    return min(ways, key=lambda way: (-_told(way, hints), len(way)))


def _told(way: tuple[str, ...], hints: str) -> float:
    return sum(hints.count(name) > 0 for name in way) / len(way)


def _hints(subject: Subject, parent: Spot | None) -> str:
    """The source that may mention the relations on the way."""
    spots = [parent, subject.spot, subject.loop_spot]
    return " ".join(spot.text for spot in spots if spot is not None)
