"""Django's admin: which column, filter, action or page of which ``ModelAdmin``.

The admin runs its loops in library code and in templates of its own. The spots here stand
inside those of its templates, and name the class that the user wrote.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final

from nplusone_guard.capture.declarations import declaration, spot_of
from nplusone_guard.capture.landmarks.frames import enclosing
from nplusone_guard.capture.steps import Spot

_KIND: Final = "admin"


def _spot(
    admin: Any, what: str = "", attribute: str = "", entry: str = "", *, loop: bool = False
) -> Spot | None:
    cls: Any = type(admin)
    return _make(cls, admin.model, what, attribute, entry, loop)


@functools.lru_cache(maxsize=4096)
def _make(cls: type, model: type, what: str, attribute: str, entry: str, loop: bool) -> Spot | None:
    """The place in the class, or the model where it was registered without one."""
    written = declaration(cls, attribute, entry=entry)
    if written is None:
        name, written = f"{cls.__name__} of {model.__name__}", declaration(model)
    else:
        name = cls.__name__
    return spot_of(_KIND, name + what, written, loop=loop)


def _column(frame: FrameType) -> Spot | None:
    """``PeopleAdmin.list_display "tenant"``, at the line of that entry."""
    local = frame.f_locals
    field = local.get("field_name")
    if field is None:
        return None
    column = field if isinstance(field, str) else getattr(field, "__name__", str(field))
    return _spot(local["cl"].model_admin, f'.list_display "{column}"', "list_display", column)


def _row(frame: FrameType) -> Spot | None:
    """One row of the changelist."""
    local = frame.f_locals
    if "res" not in local:
        return None
    return _spot(local["cl"].model_admin, " changelist", loop=True)


def _filter(frame: FrameType) -> Spot | None:
    """The choices of one filter: ``PeopleAdmin.list_filter "tenant"``."""
    local = frame.f_locals
    path = getattr(local["self"], "field_path", local["field"].name)
    return _spot(local["model_admin"], f'.list_filter "{path}"', "list_filter", path, loop=True)


def _page(name: str) -> Callable[[FrameType], Spot | None]:
    """What a page of the admin asks for by itself."""

    def spot(frame: FrameType) -> Spot | None:
        return _spot(frame.f_locals["self"], f" {name}")

    return spot


def _suggestion(frame: FrameType) -> Spot | None:
    """The answers of the autocomplete view; one of them once ``obj`` has a value."""
    local = frame.f_locals
    admin = getattr(local.get("self"), "model_admin", None)
    if admin is None:
        return None
    return _spot(admin, " autocomplete", "search_fields", loop="obj" in local)


def _deleted(frame: FrameType) -> Spot | None:
    """One of the objects that a confirmation page lists."""
    outer = enclosing(frame, _confirmation(), deepest=_DEEPEST)
    if outer is None:
        return None
    return _spot(outer.f_locals["self"], " delete confirmation", loop=True)


def _rows(frame: FrameType) -> Spot | None:
    """The rows of an inline, which are read for whichever asks for its forms first."""
    return _spot(frame.f_locals["self"].opts, " rows")


def inline_turn(item: Any) -> Spot | None:
    """One form of an inline, where ``{% for %}`` of a template is at one."""
    if type(item).__name__ != "InlineAdminForm":
        return None
    return _spot(item.model_admin, loop=True)


#: How deep the objects of a confirmation page may be nested.
_DEEPEST: Final = 200


@functools.lru_cache(maxsize=1)
def _confirmation() -> frozenset[CodeType]:
    from django.contrib.admin.options import ModelAdmin

    return frozenset({ModelAdmin.get_deleted_objects.__code__})


_LIST: Final = "django.contrib.admin.templatetags.admin_list:"
_FILTERS: Final = "django.contrib.admin.filters:"
_INLINE: Final = "django.contrib.admin.helpers:InlineAdminFormSet."
_ADMIN: Final = "django.contrib.admin.options:ModelAdmin."
_AUTOCOMPLETE: Final = "django.contrib.admin.views.autocomplete:AutocompleteJsonView.get"
#: Up to Python 3.11 a comprehension runs in a frame of its own.
_COMPREHENSION: Final = ".<listcomp>" if sys.version_info < (3, 12) else ""

#: Function → what its frames are in the user's own terms.
SPOTS: Final[dict[str, Callable[[FrameType], Spot | None]]] = {
    f"{_LIST}items_for_result": _column,
    f"{_LIST}results": _row,
    f"{_FILTERS}RelatedFieldListFilter.field_choices": _filter,
    f"{_FILTERS}RelatedOnlyFieldListFilter.field_choices": _filter,
    f"{_ADMIN}changelist_view": _page("changelist"),
    f"{_ADMIN}_changeform_view": _page("change page"),
    f"{_ADMIN}_delete_view": _page("delete page"),
    f"{_ADMIN}history_view": _page("history page"),
    f"{_INLINE}media": _rows,
    f"{_INLINE}__iter__": _rows,
    _AUTOCOMPLETE: _suggestion,
    f"{_AUTOCOMPLETE}{_COMPREHENSION}": _suggestion,
    "django.contrib.admin.utils:get_deleted_objects.format_callback": _deleted,
}
