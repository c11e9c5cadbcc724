"""Django's forms: which field of which form, its choices, and the forms of a formset."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable, Hashable
from types import CodeType, FrameType
from typing import Any, Final

from nplusone_guard.capture.declarations import Declaration, declaration, spot_of
from nplusone_guard.capture.landmarks.facts import Facts, Reader
from nplusone_guard.capture.landmarks.frames import enclosing
from nplusone_guard.capture.steps import Spot

_KIND: Final = "form"

#: Frames between the choices of a field and the field's rendering.
_DEEPEST: Final = 30

#: Form or formset class → (name, whether it is a loop) → spot. Factories make classes
#: anew for each request, so they come and go.
_known: weakref.WeakKeyDictionary[type, dict[tuple[str, bool], Spot | None]]
_known = weakref.WeakKeyDictionary()


def _bound_field(frame: FrameType) -> Spot | None:
    """A field that is rendered: ``EntryForm.author``."""
    bound = frame.f_locals["self"]
    return _spot(bound.form, bound.name)


def _cleaned_field(frame: FrameType) -> Spot | None:
    """A field that is validated."""
    local = frame.f_locals
    return _spot(local["self"], local["name"]) if "name" in local else None


def _choice(frame: FrameType) -> Spot | None:
    """One of the choices of a field that is rendered."""
    if "obj" not in frame.f_locals:
        return None
    outer = enclosing(frame, _rendering(), deepest=_DEEPEST)
    if outer is None:
        return None
    bound = outer.f_locals["self"]
    return _spot(bound.form, bound.name, loop=True)


@functools.lru_cache(maxsize=1)
def _rendering() -> frozenset[CodeType]:
    from django.forms.boundfield import BoundField

    subwidgets: Any = vars(BoundField)["subwidgets"]
    return frozenset({BoundField.as_widget.__code__, subwidgets.func.__code__})


def _turn(item: str) -> Callable[[FrameType], Spot | None]:
    """One form of a formset; the frame is in the loop's body once ``item`` has a value."""

    def spot(frame: FrameType) -> Spot | None:
        local = frame.f_locals
        return _spot(local["self"], loop=True) if item in local and "self" in local else None

    return spot


def _rendered(frame: FrameType) -> Spot | None:
    """A formset that is rendered as a whole, by templates of Django's own."""
    owner = frame.f_locals["self"]
    return _spot(owner, loop=True) if hasattr(type(owner), "management_form") else None


def _spot(owner: Any, name: str = "", *, loop: bool = False) -> Spot | None:
    cls = type(owner)
    spots = _known.setdefault(cls, {})
    key = (name, loop)
    if key not in spots:
        spots[key] = _make(cls, name, loop=loop)
    return spots[key]


def _make(cls: type, name: str, *, loop: bool) -> Spot | None:
    called, written = _written(cls, name)
    shown = f"{called}.{name}" if name else called
    # The choices of a field are not its rendering: ``EntryForm.author[]``.
    shown += "[]" if name and loop else ""
    return spot_of(_KIND, shown, written, loop=loop)


def _written(cls: type, name: str) -> tuple[str, Declaration | None]:
    """What declares a field, and where: the form, or what a factory made it for.

    That is an admin, which goes by its own name, or a model.
    """
    form = getattr(cls, "form", cls)
    made = f"{form.__name__}{' formset' if form is not cls else ''}"
    options: Any = getattr(form, "_meta", None)
    callback = getattr(options, "formfield_callback", None)
    admin = getattr(getattr(callback, "func", callback), "__self__", None)
    candidates = [(cls.__name__, cls), (made, form)]
    if admin is not None:
        candidates.append((type(admin).__name__, type(admin)))
    model = getattr(options, "model", None)
    if model is not None:
        candidates.append((made, model))
    found = ((called, declaration(one, name)) for called, one in candidates)
    return next((one for one in found if one[1] is not None), (cls.__name__, None))


def _model_field(frame: FrameType) -> Hashable:
    """Validating two foreign keys to one model is no loop."""
    return frame.f_locals.get("f")


_BOUND: Final = "django.forms.boundfield:BoundField."
_FORMSET: Final = "django.forms.formsets:BaseFormSet."
#: Up to Python 3.11 a comprehension runs in a frame of its own.
_COMPREHENSION: Final = ".<listcomp>" if sys.version_info < (3, 12) else ""

#: Function → what its frames are in the user's own terms.
SPOTS: Final[dict[str, Callable[[FrameType], Spot | None]]] = {
    f"{_BOUND}as_widget": _bound_field,
    f"{_BOUND}subwidgets": _bound_field,
    "django.forms.models:ModelChoiceIterator.__iter__": _choice,
    "django.forms.forms:BaseForm._clean_fields": _cleaned_field,
    f"{_FORMSET}forms{_COMPREHENSION}": _turn("i"),
    f"{_FORMSET}full_clean": _turn("form"),
    "django.forms.utils:RenderableMixin.render": _rendered,
}


def _validation(frame: FrameType, facts: Facts, deep: bool) -> None:
    """Looking up what was chosen: Django does it by itself, once for each field and form."""
    facts.validation = True


#: Function → reader.
READERS: Final[dict[str, Reader]] = {
    "django.forms.models:ModelChoiceField.to_python": _validation,
    "django.forms.models:ModelMultipleChoiceField._check_values": _validation,
}

#: Function → what tells two turns of Django's own loop apart.
KEYS: Final[dict[str, Callable[[FrameType], Hashable]]] = {
    "django.db.models.base:Model.clean_fields": _model_field,
}
