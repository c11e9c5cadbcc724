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

from nplusone_guard.capture.callpath import Spot
from nplusone_guard.capture.declarations import declaration, spot_of
from nplusone_guard.capture.landmarks.frames import enclosing

_KIND: Final = "admin"


@functools.lru_cache(maxsize=4096)
def _spot(cls: type, what: str, attribute: str, entry: str, *, loop: bool) -> Spot | None:
    written = declaration(cls, attribute, entry=entry)
    return spot_of(_KIND, f"{cls.__name__}{what}", written, loop=loop)


def _class(admin: Any) -> Any:
    """The ``ModelAdmin`` that the user wrote."""
    return type(admin)


def _column(frame: FrameType) -> Spot | None:
    """``PeopleAdmin.list_display "tenant"``, at the line of that entry."""
    local = frame.f_locals
    column = local.get("field_name")
    if column is None:
        return None
    if not isinstance(column, str):
        column = getattr(column, "__name__", str(column))
    owner = _class(local["cl"].model_admin)
    return _spot(owner, f'.list_display "{column}"', "list_display", column, loop=False)


def _row(frame: FrameType) -> Spot | None:
    """One row of the changelist."""
    local = frame.f_locals
    if "res" not in local:
        return None
    return _spot(_class(local["cl"].model_admin), " changelist", "", "", loop=True)


def _filter(frame: FrameType) -> Spot | None:
    """The choices of one filter: ``PeopleAdmin.list_filter "tenant"``."""
    local = frame.f_locals
    path = getattr(local["self"], "field_path", local["field"].name)
    return _spot(
        _class(local["model_admin"]), f'.list_filter "{path}"', "list_filter", path, loop=True
    )


def _page(name: str) -> Callable[[FrameType], Spot | None]:
    """What a page of the admin asks for by itself."""

    def spot(frame: FrameType) -> Spot | None:
        return _spot(_class(frame.f_locals["self"]), f" {name}", "", "", loop=False)

    return spot


def _suggestion(frame: FrameType) -> Spot | None:
    """One answer of the autocomplete view."""
    local = frame.f_locals
    admin = getattr(local.get("self"), "model_admin", None)
    if "obj" not in local or admin is None:
        return None
    return _spot(_class(admin), " autocomplete", "search_fields", "", loop=True)


def _deleted(frame: FrameType) -> Spot | None:
    """One of the objects that a confirmation page lists."""
    outer = enclosing(frame, _confirmation(), deepest=_DEEPEST)
    if outer is None:
        return None
    return _spot(_class(outer.f_locals["self"]), " delete confirmation", "", "", loop=True)


#: How deep the objects of a confirmation page may be nested.
_DEEPEST: Final = 200


@functools.lru_cache(maxsize=1)
def _confirmation() -> frozenset[CodeType]:
    from django.contrib.admin.options import ModelAdmin

    return frozenset({ModelAdmin.get_deleted_objects.__code__})


_LIST: Final = "django.contrib.admin.templatetags.admin_list:"
_FILTERS: Final = "django.contrib.admin.filters:"
_ADMIN: Final = "django.contrib.admin.options:ModelAdmin."
#: Up to Python 3.11 a comprehension runs in a frame of its own.
_COMPREHENSION: Final = ".<listcomp>" if sys.version_info < (3, 12) else ""

#: Function → what its frames are in the user's own terms.
SPOTS: Final[dict[str, Callable[[FrameType], Spot | None]]] = {
    f"{_LIST}items_for_result": _column,
    f"{_LIST}results": _row,
    f"{_LIST}result_hidden_fields": _row,
    f"{_FILTERS}RelatedFieldListFilter.field_choices": _filter,
    f"{_FILTERS}RelatedOnlyFieldListFilter.field_choices": _filter,
    f"{_ADMIN}changelist_view": _page("changelist"),
    f"{_ADMIN}_changeform_view": _page("change page"),
    f"{_ADMIN}_delete_view": _page("delete page"),
    f"{_ADMIN}history_view": _page("history page"),
    f"django.contrib.admin.views.autocomplete:AutocompleteJsonView.get{_COMPREHENSION}": (
        _suggestion
    ),
    "django.contrib.admin.utils:get_deleted_objects.format_callback": _deleted,
}
