"""Functions whose results the process keeps: only who calls them first sends their queries.

``functools.lru_cache`` and ``cache`` leave no frame of their own on the stack, but the name
of the function stands for the cache around it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

#: How many decorators, one around the other, are looked through.
_DEPTH: Final = 8

#: Methods of Django's cache back ends that call a function for what they do not hold.
_FILLING: Final = frozenset({"get_or_set", "aget_or_set"})
_BACKENDS: Final = "django.core.cache.backends."

_CACHED: Final = type(functools.lru_cache(lambda: None))


def keeps_result(frame: FrameType) -> bool:
    """Whether what ``frame`` returns is kept by the process for whoever calls it next.

    Of methods CPython 3.10 does not know the class, and of a function inside another one
    nobody knows where it is held: false for these.
    """
    code = frame.f_code
    if code.co_name in _FILLING:
        return str(frame.f_globals.get("__name__")).startswith(_BACKENDS)
    return _is_cached(_named(code, frame.f_globals), code)


def _is_cached(found: Any, code: CodeType) -> bool:
    """Whether a cache is among the decorators of the function of ``code``, the outermost first.

    Whatever may stand under a name, nothing of its own is called: a lazy object would begin
    to make what it stands for.
    """
    cached = False
    for _ in range(_DEPTH):
        kind = type(found)
        if kind is FunctionType and found.__code__ is code:
            return cached
        cached = cached or kind is _CACHED
        if kind is staticmethod or kind is classmethod:
            found = found.__func__
        elif kind is FunctionType or kind is _CACHED:
            found = vars(found).get("__wrapped__")
        else:
            break
    return False


if sys.version_info >= (3, 11):

    def _named(code: CodeType, names: Mapping[str, Any]) -> object:
        """What stands under the name of a module's function, or of a class's method."""
        *classes, name = code.co_qualname.split(".")
        for each in classes:
            holder = names.get(each)
            if not issubclass(type(holder), type):
                return None
            names = vars(holder)
        return names.get(name)

else:

    def _named(code: CodeType, names: Mapping[str, Any]) -> object:
        """What stands under the name of a module's function."""
        return names.get(code.co_name)
