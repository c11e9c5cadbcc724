"""The call path at a place whose frames will be gone by the time a query runs."""

from __future__ import annotations

from types import FrameType

from nplusone_guard.capture import callpath
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import current_scope


def path_at(frame: FrameType) -> callpath.Path | None:
    """The path at ``frame``, for whatever it is about to start; ``None`` outside any scope.

    Costs one ``ContextVar.get()`` while no scope is open. Under ASGI each middleware comes by
    here twice for a request, so it calls no more than it has to.
    """
    scope = current_scope.get()
    while scope is not None and scope.closed:
        scope = scope.parent
    if scope is None:
        return None
    try:
        path, _ = callpath.call_path(frame, scope.recorders[-1].root)
        return path if len(path) <= callpath.MAX_CARRIED else callpath.shortened(path)
    except Exception as error:
        contain("capture.bridges", error, scope.errors)
        return None
