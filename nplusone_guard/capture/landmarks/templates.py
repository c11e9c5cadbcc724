"""Django's templates: which tag of which template, and what ``{% for %}`` is in the middle of.

Every node of a template is rendered by one and the same function, so its frames say
nothing until the node is asked. Nodes come and go with their templates, and are made anew
wherever a template is parsed anew; their spots are equal all the same, for they tell the
template, the line, the tag as it is written and its index among its siblings.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from itertools import islice
from types import FrameType
from typing import Any, Final

from nplusone_guard.capture.callpath import NO_FILE, Spot, package_of_file
from nplusone_guard.capture.landmarks.admin import inline_turn

_KIND: Final = "template"

#: The name that Django gives to templates without one.
_UNKNOWN: Final = "<unknown source>"

#: Frames between a node and what holds it: its ``render``, a comprehension, a NodeList.
_NEAR: Final = 6

#: Frames between what a filter does with each item and the tag that the filter is in.
_FAR: Final = 30

#: Characters that are kept of one tag.
_LONGEST: Final = 200

#: ``id`` of a node → the node, its spot, and its spot as a loop.
_spots: dict[int, tuple[weakref.ref[Any], Spot, Spot]] = {}


def _node(frame: FrameType) -> Spot:
    """The tag that is being rendered."""
    return _spots_of(frame.f_locals["self"], frame)[1]


def _turn(frame: FrameType) -> Spot | None:
    """One turn of ``{% for %}``; nothing while the sequence is still being evaluated."""
    local = frame.f_locals
    if "i" not in local:
        return None
    spot = _spots_of(local["self"], frame)[2]
    # The admin's own templates run its inlines.
    return (inline_turn(local.get("item")) or spot) if spot.package else spot


def _regrouped(frame: FrameType) -> Spot:
    """One item of ``{% regroup %}``."""
    return _spots_of(frame.f_locals["self"], frame)[2]


def _filtered(frame: FrameType) -> Spot | None:
    """One item of a filter's own loop: the tag that the filter is written in."""
    for outer in islice(_outwards(frame), _FAR):
        if outer.f_code.co_name == "render_annotated":
            return _spots_of(outer.f_locals["self"], outer)[2]
    return None


def _template(frame: FrameType) -> Spot:
    """A template that is being rendered: what recursion through ``{% include %}`` runs again."""
    template = frame.f_locals["self"]
    file = _file_of(template)
    name = template.name if type(template).__name__ == "PartialTemplate" else ""
    # Templates without a name differ by what they say.
    unit = (_KIND, file, name if file != NO_FILE else hash(template.source))
    return Spot(_KIND, file, 0, "", unit=unit)


def _spots_of(node: Any, frame: FrameType) -> tuple[weakref.ref[Any], Spot, Spot]:
    key = id(node)
    known = _spots.get(key)
    if known is None or known[0]() is not node:
        spot = _spot(node, frame)
        reference = weakref.ref(node, functools.partial(_forget, key))
        known = _spots[key] = (reference, spot, replace(spot, loop=True))
    return known


def _forget(key: int, _reference: Any) -> None:
    _spots.pop(key, None)


def _spot(node: Any, frame: FrameType) -> Spot:
    """A node that no tag was written for has no name, and is a step of the path only."""
    token = getattr(node, "token", None)
    file = _file_of(node)
    if token is None:
        return Spot(_KIND, file, 0, "", order=(type(node).__name__, _index(node, frame)))
    tag = _written(token)
    return Spot(
        _KIND,
        file,
        token.lineno or 0,
        tag,
        tag,
        order=_index(node, frame),
        package=package_of_file(file) if file != NO_FILE else "",
    )


def _file_of(one: Any) -> str:
    """The file of a template or a node; its name where a loader has no files."""
    name = str(getattr(getattr(one, "origin", None), "name", None) or _UNKNOWN)
    return NO_FILE if name == _UNKNOWN else name


def _written(token: Any) -> str:
    text = token.contents
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return f"{{{{ {text} }}}}" if token.token_type.name == "VAR" else f"{{% {text} %}}"


def _index(node: Any, frame: FrameType) -> int:
    """The place of ``node`` among the nodes that are rendered in turn with it."""
    for outer in islice(_outwards(frame), _NEAR):
        holder = outer.f_locals.get("self")
        for nodes in _nodes_in(holder):
            for index, one in enumerate(nodes):
                if one is node:
                    return index
    return -1


def _nodes_in(holder: Any) -> Iterator[list[Any]]:
    if isinstance(holder, list):
        yield holder
    for name in getattr(type(holder), "child_nodelists", ()):
        nodes = getattr(holder, name, None)
        if isinstance(nodes, list):
            yield nodes


def _outwards(frame: FrameType) -> Iterator[FrameType]:
    outer: FrameType | None = frame
    while outer is not None:
        yield outer
        outer = outer.f_back


def _variable(frame: FrameType) -> Hashable:
    """``{% if a.b or c.d %}``: two variables of one tag."""
    return frame.f_locals["self"].var if "self" in frame.f_locals else None


def _expression(frame: FrameType) -> Hashable:
    """``{{ a|first|second }}``: the filters of one expression, which Django runs in a loop."""
    local = frame.f_locals
    expression, at = local["self"], local.get("args")
    index = -1
    for number, (_function, arguments) in enumerate(expression.filters):
        if arguments is at:
            index = number
    return (expression.token, index)


_BASE: Final = "django.template.base:"

#: Function → the place in the user's own terms.
SPOTS: Final[dict[str, Callable[[FrameType], Spot | None]]] = {
    f"{_BASE}Node.render_annotated": _node,
    f"{_BASE}Template.render": _template,
    f"{_BASE}PartialTemplate.render": _template,
    "django.template.defaulttags:ForNode.render": _turn,
    "django.template.defaulttags:RegroupNode.resolve_expression": _regrouped,
    "django.template.defaultfilters:_property_resolver.resolve": _filtered,
}

#: Function → what tells two turns of Django's own loop apart.
KEYS: Final[dict[str, Callable[[FrameType], Hashable]]] = {
    f"{_BASE}FilterExpression.resolve": _expression,
    f"{_BASE}Variable.resolve": _variable,
}
