"""From a name in a template to the line of the view that gave it its value."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.trees import Bound, Spot, Tree, binding_of, spot_of
from nplusone_guard.analysis.advice.values import value_of
from nplusone_guard.analysis.places import asking_places, path_site, site_at
from nplusone_guard.analysis.rules import facts_of
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture import steps
from nplusone_guard.capture.scope import Group

_TEMPLATE: Final = "template"

#: The name that a tag runs over, or looks something up in: ``entries`` in
#: ``{% for entry in entries|dictsort:"pk" %}``, with what is read of it.
_NAME = re.compile(r"\sin\s+([\w.]+)|^\{\{-?\s*([\w.]+)|^\{%-?\s*regroup\s+([\w.]+)")


def place_of_read(read: Group) -> tuple[Site, Site | None] | None:
    """Where rows were read, and the line that chose them where that is another one.

    What a template evaluates is told at the line of Python that had it rendered, and
    at what that function put into the context; in a template alone there is nothing to
    change. ``None`` where no place of the user's is on the path.
    """
    named = list(asking_places(read.path))
    if not named:
        return None
    maker = _maker(named) or named[0]
    chosen = choice_of_read(read)
    line = site_at(maker.code, chosen.line) if chosen is not None else None
    return path_site(read.path, maker), line


def choice_of_read(read: Group) -> Spot | None:
    """The expression that chose the rows which a template evaluated, if it can be told."""
    found = _given(read)
    return found[0] if found is not None and _relation(read, *found) is None else None


def owner_of_read(read: Group) -> tuple[Spot, Any, str] | None:
    """Of ``{% for entry in author.entries.all %}`` the author, its model, and ``entries``."""
    found = _given(read)
    model = _relation(read, *found) if found is not None else None
    if found is None or model is None or found[1][1:] not in ([], ["all"]):
        return None  # what a method of the manager gives, no prefetch has loaded
    return found[0], model, found[1][0]


def _given(read: Group) -> tuple[Spot, list[str]] | None:
    """What a view gave a template by the name that it begins with, and what is read of that."""
    named = list(asking_places(read.path))
    maker = _maker(named)
    tag = named[0].spot if named else None
    if maker is None or tag is None or tag.kind != _TEMPLATE or not maker.user:
        return None
    frames = [(one.code, one.lasti) for one in named[named.index(maker) :] if one.user]
    spot = spot_of(tuple(frames))
    name, *rest = _name_in(tag.source).split(".")
    value = _value_of(name, spot) if spot is not None else None
    return (spot.at(value), rest) if spot is not None and value is not None else None


def _relation(read: Group, owner: Spot, names: list[str]) -> Any:
    """The model of an object whose relation the read went by; ``None`` where it is none."""
    model = value_of(owner).model if names and value_of(owner).kind == "object" else None
    field = meta.relation(model, names[0]) if model is not None else None
    rows = meta.related_model(field) if field is not None else None
    return model if meta.same_rows(rows, meta.model_of(facts_of(read).model)) else None


def _maker(named: list[steps.Place]) -> steps.Place | None:
    """The innermost place that is in no template."""
    return next((one for one in named if one.spot is None or one.spot.kind != _TEMPLATE), None)


def _name_in(tag: str) -> str:
    found = _NAME.search(tag)
    return next(filter(None, found.groups()), "") if found is not None else ""


def _value_of(name: str, spot: Spot) -> ast.expr | None:
    """What the function of a spot puts into the context by a name; ``None`` if unclear."""
    function = spot.tree.function(spot.node)
    if not name or function is None:
        return None
    values = [value for key, value in _entries(function) if key == name]
    return _chosen(spot.tree, values[0]) if len(values) == 1 else None


def _entries(function: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Everything in a function that looks like an entry of a template's context."""
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                yield str(target.slice.value), node.value
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg is not None:
                    yield keyword.arg, keyword.value


def _chosen(tree: Tree, value: ast.expr) -> ast.expr:
    """The value itself, or what a name was last bound to."""
    bound: Bound | None = binding_of(tree, value.id, value) if isinstance(value, ast.Name) else None
    if bound is None or bound.how != "value" or bound.value is None:
        return value
    return bound.value
