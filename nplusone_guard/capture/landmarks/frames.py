"""Looking further out on the stack, where a frame's own locals do not tell enough."""

from __future__ import annotations

from collections.abc import Collection
from types import CodeType, FrameType


def enclosing(frame: FrameType, codes: Collection[CodeType], *, deepest: int) -> FrameType | None:
    """The nearest frame around ``frame`` that runs one of ``codes``, at most so far out."""
    outer = frame.f_back
    while outer is not None and deepest > 0:
        if outer.f_code in codes:
            return outer
        outer = outer.f_back
        deepest -= 1
    return None
