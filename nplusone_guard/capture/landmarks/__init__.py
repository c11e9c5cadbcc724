"""The one table that knows the insides of Django and of its companions.

Each row names a function and says what its frames tell: a *reader* what the ORM was doing
(``orm``), a *key* what tells two turns of a framework's own loop apart, a *spot* the place
in the user's own terms, such as a template's line. Only the frames of rows ever have
``f_locals`` read: those with a reader at the first and second sighting of a path, those
with a key or a spot whenever they are on the stack. A function that some version lacks
costs that detail, never the finding; :func:`missing` lists those.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Hashable, Iterable
from types import CodeType, FrameType
from typing import Any, Final

import wrapt

from nplusone_guard.capture import callpath, steps
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.landmarks import (
    admin,
    forms,
    jinja,
    orm,
    serializers,
    templates,
    views,
)
from nplusone_guard.capture.landmarks.facts import (
    NO_KEY,
    Facts,
    ForeignKeyCondition,
    Reader,
    primary_key,
)
from nplusone_guard.capture.landmarks.orm import read

__all__ = [
    "BRIDGES",
    "KEYED",
    "LANDMARKS",
    "NO_KEY",
    "SPOTS",
    "Facts",
    "ForeignKeyCondition",
    "find_code",
    "load",
    "missing",
    "primary_key",
    "read",
]

#: Function → reader.
LANDMARKS: Final[dict[str, Reader]] = {**orm.READERS, **forms.READERS}

#: Function → what tells two turns of a framework's own loop apart.
KEYED: Final[dict[str, Callable[[FrameType], Hashable]]] = {
    **orm.KEYS,
    **forms.KEYS,
    **templates.KEYS,
}

#: Function → the place in the user's own terms. What a project does not use is not
#: imported for it: these rows wait until their module is.
SPOTS: Final[dict[str, Callable[[FrameType], steps.Spot | None]]] = {
    **serializers.SPOTS,
    **admin.SPOTS,
    **forms.SPOTS,
    **templates.SPOTS,
    **views.SPOTS,
}

#: Where a thread or task begins that was started elsewhere (see ``bridges``). These rows
#: wait for their module as well.
BRIDGES: Final[dict[str, Callable[[], callpath.Path | None]]] = {
    "asgiref.sync:SyncToAsync.thread_handler": callpath.handed_path,
    **dict.fromkeys(
        (
            "asgiref.sync:AsyncToSync.main_wrap",
            "asyncio.events:Handle._run",
            "nplusone_guard.capture.bridges_threads:run_carried",
            # Any other thread: whoever runs something there may have copied the caller's context.
            "threading:Thread._bootstrap",
            # uvloop calls tasks from C: next on the stack is what runs the loop, and that may
            # have been doing so before we came.
            "nplusone_guard.capture.bridges_async:run_loop",
            "asyncio.runners:run" if sys.version_info < (3, 11) else "asyncio.runners:Runner.run",
            "uvicorn._compat:asyncio_run",
            "uvloop:run",
        ),
        callpath.carried.get,
    ),
}

_missing: list[str] = []
_loaded: list[bool] = []


def load() -> None:
    """Look up every landmark; call it once Django's apps are ready."""
    if _loaded:
        return
    _loaded.append(True)
    callpath.add_finder(jinja.find)
    _mark({**LANDMARKS, **dict.fromkeys(KEYED)})
    for module in {name.partition(":")[0] for name in (*SPOTS, *BRIDGES)}:
        if module in sys.modules:
            _mark_waiting(module)
        else:
            wrapt.register_post_import_hook(_on_import, module)


def _on_import(module: Any) -> None:
    try:
        _mark_waiting(module.__name__)
    except Exception as error:
        contain("capture.landmarks", error)


def _mark_waiting(module: str) -> None:
    _mark(name for name in (*SPOTS, *BRIDGES) if name.partition(":")[0] == module)


def _mark(names: Iterable[str]) -> None:
    marks: dict[CodeType, steps.Mark] = {}
    for name in names:
        code = find_code(name)
        if code is None:
            _missing.append(name)
        else:
            marks[code] = steps.Mark(
                LANDMARKS.get(name), KEYED.get(name), SPOTS.get(name), BRIDGES.get(name)
            )
    callpath.mark_landmarks(marks)


def missing() -> tuple[str, ...]:
    """The landmarks that this Django, or these installed apps, do not have."""
    return tuple(_missing)


def find_code(name: str) -> CodeType | None:
    """The code object of ``module:Class.method`` or ``module:function.Class.method``."""
    module_name, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception:  # an app that is not installed raises RuntimeError on import
        return None
    for part in path.split("."):
        found = _function(_step(found, part))
    if isinstance(found, CodeType):
        return found
    return getattr(inspect.unwrap(found), "__code__", None) if found is not None else None


def _function(found: Any) -> Any:
    """What a property calls."""
    if isinstance(found, property):
        return found.fget
    return getattr(found, "func", found) if _is_cached_property(found) else found


def _is_cached_property(found: Any) -> bool:
    return type(found).__name__ == "cached_property"


def _step(found: Any, part: str) -> Any:
    if isinstance(found, type):
        return found.__dict__.get(part)
    code = found if isinstance(found, CodeType) else getattr(found, "__code__", None)
    if code is None:
        return getattr(found, part, None)
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and constant.co_name == part:
            return constant
    return None
