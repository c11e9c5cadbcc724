"""Methods of querysets that projects override, and that hand on to the original."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType

from nplusone_guard.capture.landmarks import files
from nplusone_guard.capture.steps import Place


def past_overrides(path: Iterable[Place]) -> Iterator[tuple[int, Place]]:
    """The places of ``path`` with their positions, but for such an override's call of ``super()``.

    It asks for nothing itself: who asked is further out. Not ``rows.count()`` in a function
    ``count``, for a method that calls ``super()`` says so by a variable.
    """
    inner: Place | None = None
    for index, place in enumerate(path):
        if place.user and inner is not None and _overrides(place.code, inner.code):
            continue  # and what hands on to it is held against the original, too
        inner = place
        yield index, place


def _overrides(code: CodeType, original: CodeType) -> bool:
    return (
        "__class__" in code.co_freevars
        and original.co_name == code.co_name
        and files.is_of(original, files.QUERYSETS)
    )
