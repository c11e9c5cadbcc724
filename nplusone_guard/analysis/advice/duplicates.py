"""Advice for equal queries: ask once, before the loop or where it is asked first."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from nplusone_guard.analysis.advice import meanwhile, meta
from nplusone_guard.analysis.advice.case import Plan, Subject, before, before_loop, replace
from nplusone_guard.analysis.advice.chains import parse, query_at
from nplusone_guard.analysis.advice.functions import writes
from nplusone_guard.analysis.advice.kinds import kind_of
from nplusone_guard.analysis.advice.trees import (
    COMPREHENSIONS,
    LOOPS,
    Bound,
    Spot,
    Tree,
    binding_of,
    names_in,
    own_nodes,
    shared_statement,
    spot_of,
    stored_in,
)
from nplusone_guard.analysis.advice.values import PASSING, called, value_of
from nplusone_guard.analysis.findings import Step
from nplusone_guard.capture import callpath


def plans(subject: Subject) -> list[Plan]:
    """The expression that is the same every time, given a name."""
    if subject.candidate.location.loop is None:
        return _spread(subject)
    spot, loop = subject.loop_spot, subject.loop
    if spot is None or not isinstance(loop, LOOPS) or not subject.candidate.rule:
        return []
    if called_method(spot) == "execute":
        return _cursor(spot, loop)
    varying = _varying(loop)
    node = _start(subject, spot)
    if node is None or names_in(node) & varying or _asks_otherwise(subject) or _only_compares(node):
        return []
    node = _widest(spot, node, varying, loop)
    # What is called once writes once.
    if (
        meanwhile.is_tried(subject, node, spot)
        or _writes(subject, spot.at(node))
        or _is_changed(spot.at(node), loop)
    ):
        return []
    return [_hoisted(subject, [spot.at(node)], loop, "before the loop at")]


def waiting(subject: Subject) -> list[Plan]:
    """In words, where the same question ends the loop: asked before it, that would never end."""
    spot, loop = subject.loop_spot, subject.loop
    if spot is None or not isinstance(loop, ast.While):
        return []
    node = _start(subject, spot)
    if node is None or node not in ast.walk(loop.test) or names_in(node) & _varying(loop):
        return []
    text = (
        "the loop waits for another answer: pause between its turns, or have whoever brings it "
        "about tell; where it has to ask, ignore it with that reason"
    )
    place = subject.site
    return [Plan("words", place.file, place.line, costs=subject.count, text=text, place="")]


def _writes(subject: Subject, spot: Spot) -> bool:
    """Whether an expression writes: as its source has it, or as the scope has seen it do."""
    return writes(spot, spot.node) or meanwhile.is_seen_writing(subject, spot)


def _only_compares(node: ast.AST) -> bool:
    """Whether a node asks nothing: Python 3.11 tells another part of ``if a != b and rows:``."""
    kinds = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)
    return isinstance(node, ast.Compare) and all(isinstance(one, kinds) for one in node.ops)


def _varying(loop: ast.AST) -> set[str]:
    """The names that a loop binds, and those of what it changes in place."""
    return stored_in(loop) | meanwhile.changed_names(loop)


def _is_changed(spot: Spot, around: ast.AST) -> bool:
    """Whether what one turn gets is changed, so that the next one has to get it anew."""
    assigned = spot.tree.parents.get(spot.node)
    targets = assigned.targets if isinstance(assigned, ast.Assign) else []
    names = {one.id for one in targets if isinstance(one, ast.Name)}
    plain = kind_of(spot, spot.node).type is not None
    return any(
        (isinstance(node, ast.AugAssign) and not plain and _name_of(node.target) in names)
        or (isinstance(node, (ast.Attribute, ast.Subscript)) and _changes(spot, node, names))
        for node in own_nodes(around)
    )


def _changes(spot: Spot, node: ast.Attribute | ast.Subscript, names: set[str]) -> bool:
    """``tag.name = …``, ``tags[0] = …``, ``tags.append(…)``."""
    if _name_of(node.value) not in names:
        return False
    if not isinstance(node.ctx, ast.Load):
        return True
    call = spot.tree.parents.get(node)
    method = node.attr if isinstance(node, ast.Attribute) and isinstance(call, ast.Call) else ""
    return method in meanwhile.CHANGING


def _name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _asks_otherwise(subject: Subject) -> bool:
    """Whether the same text asked for something else each time: ``get(slug=next_slug())``."""
    return subject.local and len(subject.group.digests) > 1


def _start(subject: Subject, spot: Spot) -> ast.expr | None:
    """The query itself, or the call of the helper that sends it."""
    if subject.local and not subject.facts.relation:
        query = query_at(spot, subject.facts.operation)
        if query is not None:
            return query.node
    return spot.node if isinstance(spot.node, ast.expr) else None


def _widest(spot: Spot, node: ast.expr, varying: set[str], loop: ast.AST) -> ast.expr:
    """The longest expression around it that is the same every time, too."""
    parents = spot.tree.parents
    while True:
        around = parents.get(node)
        if isinstance(around, ast.comprehension):
            around = parents.get(around)
        if around is loop or not isinstance(around, ast.expr) or not _passes_on(around, node):
            return node
        if names_in(around) & varying:
            return node
        node = around


def _passes_on(around: ast.expr, node: ast.expr) -> bool:
    if isinstance(around, ast.Call):
        return around.func is node or (called(around) in PASSING and len(around.args) == 1)
    return isinstance(around, (ast.Attribute, ast.Subscript, ast.Await, *COMPREHENSIONS))


def _hoisted(subject: Subject, spots: Sequence[Spot], at: ast.AST, place: str) -> Plan:
    first = spots[0]
    node = first.node
    # ``author.profile`` is a profile.
    relation = node.attr if isinstance(node, ast.Attribute) else ""
    name = subject.fresh(relation or _name(first, node))
    value = ast.unparse(node)
    once = isinstance(node, ast.Call) and called(node) == "iterator"
    statement = f"{name} = list({value})" if once else f"{name} = {value}"
    steps: list[Step] = [before(first, at, statement)]
    steps += [replace(spot, name) for spot in spots]
    return Plan(
        kind="hoist",
        file=first.tree.file,
        line=int(getattr(at, "lineno", 0)),
        expression=statement,
        read=name,
        steps=tuple(dict.fromkeys(steps)),
        place=place,
    )


def _name(spot: Spot, node: ast.AST) -> str:
    query = parse(spot, node) if isinstance(node, ast.expr) else None
    if query is not None and query.model is not None:
        operation = query.terminal.name if query.terminal is not None else ""
        plural = meta.plural(query.model)
        return {"get": meta.variable(query.model), "": plural}.get(
            operation, f"{meta.snake(query.model.__name__)}_{operation}"
        )
    inner = next((one for one in ast.walk(node) if value_of(spot, one).is_queryset), None)
    model = value_of(spot, inner).model if inner is not None else None
    if model is not None:
        return f"{meta.snake(model.__name__)}_found"
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and called(one).isidentifier():
            return f"{called(one)}_found"
    return "found"


def called_method(spot: Spot) -> str:
    """The method that a spot calls, if it calls one."""
    return called(spot.node) if isinstance(spot.node, ast.Call) else ""


def _cursor(spot: Spot, loop: ast.AST) -> list[Plan]:
    """``execute()`` and the ``fetch`` behind it, before the loop."""
    call = spot.node
    assert isinstance(call, ast.Call)
    if names_in(call) & stored_in(loop) or not isinstance(call.func, ast.Attribute):
        return []
    cursor = ast.unparse(call.func.value)
    fetches = [
        node
        for node in own_nodes(loop)
        if isinstance(node, ast.Call)
        and called(node).startswith("fetch")
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == cursor
    ]
    if len(fetches) != 1:
        return []
    statement = f"{ast.unparse(call)}\nfetched = {ast.unparse(fetches[0])}"
    delete = Step("delete", spot.tree.file, call.lineno, ast.unparse(call), "")
    return [
        before_loop(
            spot,
            loop,
            statement,
            "fetched",
            [delete, replace(spot, "fetched", fetches[0])],
            kind="hoist",
        )
    ]


# -- spread over a scope ---------------------------------------------------------------


def _spread(subject: Subject) -> list[Plan]:
    """Equal expressions of one function: the first is kept in a name."""
    frames = [
        [(place.code, place.lasti) for place in callpath.user_places(group.path)][::-1]
        for group in subject.candidate.groups
    ]
    parting = next(
        (number for number, level in enumerate(zip(*frames, strict=False)) if len(set(level)) > 1),
        -1,
    )
    if parting < 0:
        return []
    found = [spot_of((level[parting],)) for level in frames]
    spots = [_query_in(subject, spot) for spot in found if spot is not None]
    texts = {spot.text for spot in spots}
    functions = {id(spot.tree.function(spot.node)) for spot in spots}
    if len(texts) != 1 or len(functions) != 1 or len(spots) != len(found):
        return []
    ordered = sorted(spots, key=lambda spot: spot.line)
    if any(_is_changed(one, one.tree.function(one.node) or one.tree.module) for one in ordered):
        return []
    at = shared_statement(ordered[0].tree, [one.node for one in ordered])
    if any(_writes(subject, one) for one in ordered):
        return []
    if at is None or not _means_the_same(ordered, at):
        return []
    return [_hoisted(subject, ordered, at, "at")]


def _means_the_same(spots: Sequence[Spot], at: ast.stmt) -> bool:
    """Whether the names in equal expressions have one value in all of them, and before ``at``."""
    tree, node = spots[0].tree, spots[0].node
    for name in names_in(node):
        bound = binding_of(tree, name, node)
        if any(binding_of(tree, name, one.node) != bound for one in spots):
            return False
        if bound is not None and bound.how != "param" and not _is_bound_before(tree, bound, at):
            return False
    return True


def _is_bound_before(tree: Tree, bound: Bound, at: ast.stmt) -> bool:
    start, end = getattr(bound.node, "lineno", 0), getattr(bound.node, "end_lineno", 0)
    # What a ``for`` or ``with`` binds is there in its block, and behind it.
    return int(end) < at.lineno or (start < at.lineno and bound.node in tree.above(at))


def _query_in(subject: Subject, spot: Spot) -> Spot:
    query = query_at(spot, subject.facts.operation) if not subject.facts.relation else None
    if query is not None:
        return spot.at(query.node)
    if not isinstance(spot.node, ast.expr):
        value = getattr(spot.node, "value", None)
        return spot.at(value) if isinstance(value, ast.expr) else spot
    return spot
