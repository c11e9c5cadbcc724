"""Django REST framework: which field of which serializer, and its ``many=True``.

The framework runs one loop over the fields of every serializer. Which field it is at is
told by a local of that frame, so that two fields never look like two turns of a loop.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from types import FrameType
from typing import Any, Final

from nplusone_guard.capture.declarations import Declaration, declaration, spot_of
from nplusone_guard.capture.steps import Spot

_KIND: Final = "serializer"

#: Field → its spot. A serializer makes its fields anew each time, so they come and go.
_fields: weakref.WeakKeyDictionary[Any, Spot | None] = weakref.WeakKeyDictionary()
_lists: weakref.WeakKeyDictionary[Any, Spot | None] = weakref.WeakKeyDictionary()


def _field(frame: FrameType) -> Spot | None:
    """The field that a serializer is at: ``EntrySerializer.author``."""
    field = frame.f_locals.get("field")
    if field is None:
        return None
    if field not in _fields:
        _fields[field] = _field_spot(field)
    return _fields[field]


def _drawn(frame: FrameType) -> Spot | None:
    """The field that a form of the browsable API is at."""
    bound = frame.f_locals["field"]
    field = getattr(bound, "_field", bound)
    if field not in _fields:
        _fields[field] = _field_spot(field)
    return _fields[field]


def _turn(item: str) -> Callable[[FrameType], Spot | None]:
    """One turn of ``many=True``; the frame is in the loop's body once ``item`` has a value."""

    def spot(frame: FrameType) -> Spot | None:
        local = frame.f_locals
        owner = local.get("self")
        if item not in local or owner is None:
            return None
        if owner not in _lists:
            _lists[owner] = _list_spot(owner)
        return _lists[owner]

    return spot


def _view(frame: FrameType) -> Spot | None:
    """What a view asks for by itself: its page of objects, its one object."""
    local = frame.f_locals
    view, request = local["self"], local["request"]
    cls: Any = type(view)
    return _view_spot(cls, getattr(view, "action", None) or str(request.method).lower())


@functools.lru_cache(maxsize=1024)
def _view_spot(cls: type, action: str) -> Spot | None:
    written = declaration(cls, "queryset", "get_queryset")
    return spot_of("view", f"{cls.__name__}.{action}", written)


def _field_spot(field: Any) -> Spot | None:
    spot = spot_of(_KIND, _dotted(field), _declared(field))
    owner = type(_owner(field))
    # A serializer inside itself is recursion.
    unit = (_KIND, owner.__module__, owner.__qualname__, field.field_name)
    return replace(spot, unit=unit) if spot is not None else None


def _list_spot(many: Any) -> Spot | None:
    root = f"{_root_name(many)}(many=True)"
    name = root if many.parent is None else f"{_dotted(many)}[]"
    return spot_of(_KIND, name, _declared(many), loop=True)


def _dotted(field: Any) -> str:
    """``EntrySerializer.lines[].product``; a serializer inside itself is named once."""
    steps: dict[tuple[type, str], str] = {}
    for node in reversed(list(_chain(field))):
        if node.field_name:
            step = (type(_owner(node)), node.field_name)
            if step in steps:
                steps = dict(islice(steps.items(), list(steps).index(step)))
            many = node is not field and _child(node) is not None
            steps[step] = node.field_name + ("[]" if many else "")
    return ".".join([_root_name(field), *steps.values()])


def _chain(field: Any) -> Iterator[Any]:
    """The field, and what it is in, out to the outermost serializer."""
    while field is not None:
        yield field
        field = field.parent


def _child(node: Any) -> Any:
    """What a list is a list of; ``None`` for what is no list."""
    return getattr(node, "child", None) or getattr(node, "child_relation", None)


def _owner(node: Any) -> Any:
    """The serializer that a field was declared in."""
    owner = node.parent
    while owner is not None and _child(owner) is not None and owner.parent is not None:
        owner = owner.parent
    return owner


def _root_name(field: Any) -> str:
    *_, root = _chain(field)
    return type(_child(root) or root).__name__


def _declared(field: Any) -> Declaration | None:
    """The field's own line, or where the nearest serializer around it was written.

    ``Meta.depth`` makes serializers at run time, which are written nowhere.
    """
    for node in _chain(field):
        owner = _owner(node)
        if owner is None:
            return declaration(type(_child(node) or node))
        written = declaration(type(_child(owner) or owner), node.field_name)
        if written is not None and node.field_name:
            return written
    return None


_MODULE: Final = "rest_framework.serializers:"
#: Up to Python 3.11 a comprehension runs in a frame of its own.
_COMPREHENSION: Final = ".<listcomp>" if sys.version_info < (3, 12) else ""
_OF_DICT: Final = ".<dictcomp>" if sys.version_info < (3, 12) else ""

#: Function → what its frames are in the user's own terms.
SPOTS: Final[dict[str, Callable[[FrameType], Spot | None]]] = {
    f"{_MODULE}Serializer.to_representation": _field,
    f"{_MODULE}Serializer.to_internal_value": _field,
    f"{_MODULE}ListSerializer.to_representation{_COMPREHENSION}": _turn("item"),
    f"{_MODULE}ListSerializer.to_internal_value": _turn("item"),
    f"{_MODULE}ListSerializer.create{_COMPREHENSION}": _turn("attrs"),
    f"rest_framework.relations:ManyRelatedField.to_representation{_COMPREHENSION}": _turn("value"),
    f"rest_framework.relations:ManyRelatedField.to_internal_value{_COMPREHENSION}": _turn("item"),
    f"rest_framework.fields:ListField.to_representation{_COMPREHENSION}": _turn("item"),
    # The forms of the browsable API, and the choices that they offer of a relation.
    "rest_framework.renderers:HTMLFormRenderer.render_field": _drawn,
    f"rest_framework.relations:RelatedField.get_choices{_OF_DICT}": _turn("item"),
    "rest_framework.views:APIView.dispatch": _view,
}
