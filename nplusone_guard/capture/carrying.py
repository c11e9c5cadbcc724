"""The call path at a place whose frames will be gone by the time a query runs."""

from __future__ import annotations

from types import FrameType

from nplusone_guard.capture import callpath
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import open_scope_of_context


def path_at(frame: FrameType) -> callpath.Path | None:
    """The path at ``frame``, for whatever it is about to start; ``None`` outside any scope.

    Costs one ``ContextVar.get()`` while no scope is open.
    """
    scope = open_scope_of_context()
    if scope is None:
        return None
    try:
        return callpath.carry(frame, scope.recorders[-1].root)
    except Exception as error:
        contain("capture.bridges", error, scope.errors)
        return None
