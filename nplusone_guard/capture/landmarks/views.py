"""Views: the class, or the function, that the user wrote, where Django's own code does the rest."""

from __future__ import annotations

import functools
import inspect
import linecache
import re
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final

from nplusone_guard.capture.codes import is_library_file, is_user_code
from nplusone_guard.capture.declarations import declaration
from nplusone_guard.capture.steps import Spot

_KIND: Final = "view"

#: Lines of decorators above a ``def`` that are looked through.
_DECORATORS: Final = 20


def _dispatched(frame: FrameType) -> Spot | None:
    """What a generic view asks for by itself: its page of objects, its one object."""
    view: Any = frame.f_locals["self"]
    cls: type = type(view)
    return _spot(cls)


def _rendered(frame: FrameType) -> Spot | None:
    """The view whose answer is being rendered: it has returned by then."""
    response: Any = frame.f_locals["self"]
    context: Any = getattr(response, "context_data", None)
    view = context.get("view") if isinstance(context, dict) else None
    if view is not None:
        cls: type = type(view)
        return _spot(cls)
    match: Any = getattr(getattr(response, "_request", None), "resolver_match", None)
    code = getattr(inspect.unwrap(match.func), "__code__", None) if match is not None else None
    return _function_spot(code) if code is not None else None


@functools.lru_cache(maxsize=1024)
def _function_spot(code: CodeType) -> Spot | None:
    """The ``def`` of a view; nothing of what a decorator has put in its place."""
    name, file = code.co_name, code.co_filename
    if not is_user_code(code) or code.co_flags & inspect.CO_NESTED:
        return None
    lines = range(code.co_firstlineno, code.co_firstlineno + _DECORATORS)
    line = next((one for one in lines if _defines(file, one, name)), 0)
    return Spot(_KIND, file, line, name, linecache.getline(file, line).strip()) if line else None


def _defines(file: str, line: int, name: str) -> bool:
    return re.match(rf"\s*(async\s+)?def\s+{name}\b", linecache.getline(file, line)) is not None


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
