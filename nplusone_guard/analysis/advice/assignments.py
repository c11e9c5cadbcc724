"""Relations that the loop assigns before it reads them: what came with the rows is gone then."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Subject
from nplusone_guard.analysis.advice.trees import Spot, binding_of, own_nodes
from nplusone_guard.analysis.advice.values import value_of


@dataclass(frozen=True, slots=True)
class Assigned:
    """``entry.author_id = …`` or ``entry.author = …`` in the loop."""

    statement: ast.stmt
    #: What is assigned; ``None`` where that does not show.
    value: ast.expr | None
    #: The object, as it is written where the relation is read.
    owner: ast.expr
    field: Any
    #: Whether a key is assigned, and not an object.
    by_key: bool
    #: Whether each turn that reads the relation has assigned it.
    always: bool

    @property
    def is_new(self) -> bool:
        """``entry = Entry(author_id=…)``."""
        targets = self.statement.targets if isinstance(self.statement, ast.Assign) else []
        return any(isinstance(one, ast.Name) for one in targets)

    @property
    def relation(self) -> str:
        """``entry.author``."""
        return f"{ast.unparse(self.owner)}.{self.field.name}"


def assigned(subject: Subject, parent: Spot | None, accessor: str = "") -> Assigned | None:
    """What the loop assigns of what leads to a relation of ``parent``, the last step first."""
    loop = subject.loop
    if parent is None or loop is None or not subject.local:
        return None
    steps = [(parent.node, accessor)] if accessor else []
    node = parent.node
    while isinstance(node, ast.Attribute):
        steps.append((node.value, node.attr))
        node = node.value
    for number, (owner, name) in enumerate(steps):
        read = bool(accessor) and number == 0
        model = value_of(parent, owner).model
        if model is None and read:
            model = meta.model_of(subject.facts.parent_model)
        found = _assigned(parent, loop, owner, (model, name), read=read)
        if found is not None:
            return found
    return None


def _assigned(
    spot: Spot, loop: ast.AST, owner: ast.AST, relation: tuple[Any, str], *, read: bool
) -> Assigned | None:
    """The last one before it is read; one that is read itself asks only where a key is assigned."""
    model, name = relation
    field = meta.relation(model, name) if model is not None else None
    key = getattr(field, "attname", "") if getattr(field, "concrete", False) else ""
    if not isinstance(owner, ast.expr) or not key or key == name:
        return None
    names = {key} if read else {key, name}
    found = [
        Assigned(statement, value, owner, field, attribute == key, _is_above(spot, statement))
        for attribute, statement, value in _stores(spot, loop, owner)
        if attribute in names and statement.lineno < getattr(spot.node, "lineno", 0)
    ]
    return max(found, key=lambda one: one.statement.lineno, default=None)


def _is_above(spot: Spot, statement: ast.stmt) -> bool:
    """Whether what comes to the spot has come to the statement: it is in no block of its own."""
    around = spot.tree.parents.get(statement)
    return any(one is around for one in spot.tree.above(spot.node))


def _stores(
    spot: Spot, loop: ast.AST, owner: ast.expr
) -> Iterator[tuple[str, ast.stmt, ast.expr | None]]:
    """What is assigned to attributes of an object: name, statement, value."""
    text, tree = ast.unparse(owner), spot.tree
    for node in own_nodes(loop):
        statement = tree.statement(node)
        if statement is None:
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if ast.unparse(node.value) == text:
                given = statement if isinstance(statement, ast.Assign) else None
                plain = given is not None and given.targets == [node]
                yield node.attr, statement, given.value if given and plain else None
        elif _sets_attribute(node, text):
            yield str(getattr(node.args[1], "value", "")), statement, None
    yield from _made_with(spot, loop, owner)


def _sets_attribute(node: ast.AST, text: str) -> TypeGuard[ast.Call]:
    """``setattr(entry, "author_id", …)``."""
    if not isinstance(node, ast.Call) or len(node.args) != 3:
        return False
    return ast.unparse(node.func) == "setattr" and ast.unparse(node.args[0]) == text


def _made_with(
    spot: Spot, loop: ast.AST, owner: ast.expr
) -> Iterator[tuple[str, ast.stmt, ast.expr | None]]:
    """``entry = Entry(author_id=…)``: a new object, which no query loads."""
    bound = binding_of(spot.tree, owner.id, spot.node) if isinstance(owner, ast.Name) else None
    call, statement = (bound.value, bound.node) if bound is not None else (None, None)
    if not isinstance(call, ast.Call) or not isinstance(statement, ast.stmt):
        return
    inside = any(one is loop for one in spot.tree.above(statement))
    if inside and value_of(spot.at(call), call.func).kind == "model":
        for one in call.keywords:
            yield str(one.arg), statement, one.value
