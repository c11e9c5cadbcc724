"""Class-based views: the class that the user wrote, where Django's own code does the rest."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from nplusone_guard.capture.callpath import Spot
from nplusone_guard.capture.codes import is_library_file
from nplusone_guard.capture.declarations import declaration

_KIND: Final = "view"


def _dispatched(frame: FrameType) -> Spot | None:
    """What a generic view asks for by itself: its page of objects, its one object."""
    view: Any = frame.f_locals["self"]
    cls: type = type(view)
    return _spot(cls)


def _rendered(frame: FrameType) -> Spot | None:
    """The view whose answer is being rendered: it has returned by then."""
    context: Any = getattr(frame.f_locals["self"], "context_data", None)
    view = context.get("view") if isinstance(context, dict) else None
    cls: type = type(view)
    return _spot(cls) if view is not None else None


@functools.lru_cache(maxsize=1024)
def _spot(cls: type) -> Spot | None:
    found = declaration(cls, "get_queryset", "queryset", "model")
    if found is None or is_library_file(found.file):
        return None
    return Spot(_KIND, found.file, found.line, cls.__qualname__, found.source)


#: Function → the place in the user's own terms.
SPOTS: Final[dict[str, Callable[[FrameType], Spot | None]]] = {
    "django.views.generic.base:View.dispatch": _dispatched,
    "django.template.response:SimpleTemplateResponse.render": _rendered,
}
