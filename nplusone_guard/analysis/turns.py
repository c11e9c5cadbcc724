"""Whether statements can be of one loop at all, before any source is read for it.

Most tests and requests send some statement from two lines. To read the source of each
would cost more than everything else that is done for them.
"""

from __future__ import annotations

import dis
from collections.abc import Iterable
from types import CodeType
from typing import Final

from nplusone_guard.capture import callpath
from nplusone_guard.capture.scope import Group

#: Instructions that only loops have; those that end an exception handler are none of them.
_BACKWARDS: Final = frozenset(
    code
    for name, code in dis.opmap.items()
    if name == "FOR_ITER" or ("JUMP_BACKWARD" in name and "NO_INTERRUPT" not in name)
)
#: Up to Python 3.10, ``while`` ends in a jump that may as well lead forwards.
_ABSOLUTE: Final = frozenset(dis.hasjabs)


def may_be_branches(groups: Iterable[Group]) -> bool:
    """Whether two of ``groups``, none of which repeats, may be branches of one loop's body.

    Then they part in a function that loops, or they do not part at all.
    """
    paths: set[callpath.Path] = set()
    seen: dict[int, callpath.Place] = {}
    for group in groups:
        if group.recursed or group.path in paths:
            return True
        paths.add(group.path)
        for place in group.path:
            if place.spot is not None:  # a framework's loop, which no function shows
                return True
            known = seen.setdefault(id(place.code), place) if place.user else place
            if known is not place and has_loop(place.code):
                return True
    return False


def has_loop(code: CodeType) -> bool:
    """Whether ``code`` may run an instruction twice in one call, told by its jumps.

    It may say so of a function without loops, as of some with exception handlers.
    """
    raw = code.co_code
    if not _BACKWARDS.isdisjoint(raw[::2]):
        return True
    return bool(_ABSOLUTE) and _jumps_back(raw)


def _jumps_back(raw: bytes) -> bool:
    extended = 0
    for offset in range(0, len(raw), 2):
        operation, argument = raw[offset], raw[offset + 1] | extended
        extended = argument << 8 if operation == dis.EXTENDED_ARG else 0
        # Targets count instructions, of two bytes each.
        if operation in _ABSOLUTE and argument * 2 <= offset:
            return True
    return False
