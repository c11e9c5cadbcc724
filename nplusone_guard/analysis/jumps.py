"""Whether a code object loops, told by its jumps: no source has to be read for that."""

from __future__ import annotations

import dis
from types import CodeType
from typing import Final

from nplusone_guard.capture.codes import instructions

_FOR: Final = dis.opmap["FOR_ITER"]
#: Jumps that loops end in; so do exception handlers in Python 3.12.
_BACKWARDS: Final = frozenset(
    code
    for name, code in dis.opmap.items()
    if "JUMP_BACKWARD" in name and "NO_INTERRUPT" not in name
)
#: Up to Python 3.10, jumps whose target may as well lie before them as behind them.
_ABSOLUTE: Final = frozenset(dis.hasjabs)
#: Those of either kind that are instructions of this Python, and no shorthand of ``dis``.
_JUMPS: Final = tuple(code for code in _ABSOLUTE | _BACKWARDS if code < 256)


def has_loop(code: CodeType) -> bool:
    """Whether ``code`` may run an instruction twice in one call, told by its jumps."""
    raw = code.co_code
    operations = raw[::2]
    if _FOR in operations:
        return True
    # Each is one search for a byte; a set would make a number of every instruction.
    if not any([jump in operations for jump in _JUMPS]):  # noqa: C419 - quicker for so few
        return False
    found = (one for one in instructions(raw) if one[1] in _BACKWARDS or one[1] in _ABSOLUTE)
    return any(_leads_back(code, *jump) for jump in found)


def _leads_back(code: CodeType, offset: int, operation: int, argument: int) -> bool:
    """Whether a jump leads to what has run before, and not from a handler past its ``try``."""
    # Targets and distances count instructions, of two bytes each.
    if operation in _ABSOLUTE:
        return argument * 2 <= offset
    target = offset + 2 - argument * 2
    tries = getattr(dis, "_parse_exception_table", lambda code: ())(code)
    # Handlers stand behind everything else.
    handlers = min((each.target for each in tries), default=len(code.co_code))
    if offset < handlers or target >= handlers:
        return True
    tried = [each for each in tries if each.start < handlers and each.target <= offset]
    handler = max((each.target for each in tried), default=0)
    starts: list[int] = [each.start for each in tried if each.target == handler]
    return not starts or target <= min(starts)
