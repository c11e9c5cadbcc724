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
from types import CodeType, FrameType
from typing import Any, Final

from nplusone_guard.capture.codes import for_loops, package_of_file
from nplusone_guard.capture.landmarks.admin import inline_turn
from nplusone_guard.capture.steps import NO_FILE, Spot

_KIND: Final = "template"

#: The name that Django gives to templates without one.
_UNKNOWN: Final = "<unknown source>"

#: Frames between a node and what holds it: its ``render``, a comprehension, a NodeList.
_NEAR: Final = 6

#: Frames between what a filter does with each item and the tag that the filter is in.
_FAR: Final = 30

#: Characters that are kept of one tag.
_LONGEST: Final = 200

#: ``id`` of a node → the node, its spot, and its spot as a loop; of a template likewise.
_spots: dict[int, tuple[weakref.ref[Any], Spot, Spot]] = {}


def _node(frame: FrameType) -> Spot:
    """The tag that is being rendered."""
    return _spots_of(frame.f_locals["self"], frame)[1]


def _turn(frame: FrameType) -> Spot | None:
    """One turn of ``{% for %}``; nothing while the sequence is still being evaluated."""
    at = _loop_at(frame.f_code, frame.f_lasti)
    # Whoever makes the items as they are asked for is in a turn from the second one on.
    if at == _OUTSIDE or (at == _FETCHING and "i" not in frame.f_locals):
        return None
    outer = frame.f_back
    # Its own locals are many, and reading them costs time for each.
    direct = outer is not None and outer.f_code.co_name == "render_annotated"
    node = (outer if direct else frame).f_locals["self"]  # type: ignore[union-attr]
    spot = _spots_of(node, frame)[2]
    if spot.package:
        # The admin's own templates run its inlines.
        return inline_turn(frame.f_locals.get("item")) or spot
    return spot


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
    known = _spots.get(id(template))
    if known is None or known[0]() is not template:
        known = _remember(template, _unit(template))
    return known[1]


def _unit(template: Any) -> Spot:
    file = _file_of(template)
    name = template.name if type(template).__name__ == "PartialTemplate" else ""
    # Templates without a name differ by what they say.
    unit = (_KIND, file, name if file != NO_FILE else hash(template.source))
    return Spot(_KIND, file, 0, "", unit=unit)


def _spots_of(node: Any, frame: FrameType) -> tuple[weakref.ref[Any], Spot, Spot]:
    known = _spots.get(id(node))
    if known is None or known[0]() is not node:
        known = _remember(node, _spot(node, frame))
    return known


def _remember(one: Any, spot: Spot) -> tuple[weakref.ref[Any], Spot, Spot]:
    key = id(one)
    reference = weakref.ref(one, functools.partial(_forget, key))
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
    if _loop_at(frame.f_code, frame.f_lasti) == _OUTSIDE:
        return None  # a variable, which tells itself apart
    local = frame.f_locals
    expression, at = local["self"], local.get("args")
    for number, (_function, arguments) in enumerate(expression.filters):
        if arguments is at:
            return (expression.token, number)
    return (expression.token, -1)


#: Where a frame is: not in a loop of its code, about to get an item, in a loop's body.
_OUTSIDE, _FETCHING, _INSIDE = range(3)


#: By ``id`` of a code object and offset; the code is Django's, and stays.
_loops: dict[tuple[int, int], int] = {}


def _loop_at(code: CodeType, lasti: int) -> int:
    known = _loops.get((id(code), lasti))
    if known is None:
        known = _loops[id(code), lasti] = _read_loop(code, lasti)
    return known


def _read_loop(code: CodeType, lasti: int) -> int:
    loops = for_loops(code)
    if any(start < lasti < end for start, end in loops):
        return _INSIDE
    return _FETCHING if any(start == lasti for start, _ in loops) else _OUTSIDE


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
