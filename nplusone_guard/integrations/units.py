"""Scopes for work of which a signal tells the start and another one the end."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from nplusone_guard.capture.scope import open_scope_of_context
from nplusone_guard.delivery import deliver_unraised, is_heard
from nplusone_guard.policy import Policy
from nplusone_guard.recording import Recording, default_policy, open_scope

#: Between the function that sends a signal and its receiver.
_DISPATCHERS: Final = ("django.dispatch.dispatcher", "celery.utils.dispatch.signal")


@dataclass(frozen=True, slots=True)
class _Unit:
    """A task that runs: its scope, and the settings' policy, which says what becomes of it."""

    id: str
    recording: Recording
    policy: Policy
    thread: int


#: Outermost first: a task may run another one in its own thread.
_running: ContextVar[tuple[_Unit, ...]] = ContextVar("nplusone_guard_tasks", default=())


def begin(
    task_id: str, name: str, *, correlation_id: str = "", extra: Mapping[str, Any] | None = None
) -> None:
    """Open the scope of a task, which ends by ``end(task_id)`` in the same context.

    Inside a scope, that scope's policy judges; what becomes of the findings, the settings
    say. ``correlation_id`` is what whoever asked for the task has passed on; without it a
    task belongs to the scope around it, and one that runs by itself to its own id.
    """
    running = _close_abandoned()
    policy, enclosing = default_policy(), open_scope_of_context()
    if not policy.tasks or (enclosing is None and policy.mode == "off"):
        return
    judging = policy if enclosing is None else enclosing.policy
    recording = open_scope(name, "task", judging, root=_sender_frame())
    recording.scope.correlation_id = correlation_id
    recording.scope.extra = {"task_id": task_id, **(extra or {})}
    _running.set((*running, _Unit(task_id, recording, policy, threading.get_ident())))


def end(task_id: str) -> None:
    """Close the scope of a task, with all that was left open inside, and hand on its report.

    Nothing is raised: the task is done, and its outcome is its own.
    """
    running = _running.get()
    position = max((at for at, unit in enumerate(running) if unit.id == task_id), default=-1)
    if position >= 0:
        _running.set(running[:position])
        _close(running[position:])


def _close(units: tuple[_Unit, ...]) -> None:
    for unit in reversed(units):
        if is_heard(unit.recording.end().findings, unit.policy):
            deliver_unraised(unit.recording.report, unit.policy)


def _close_abandoned() -> tuple[_Unit, ...]:
    """The tasks that run; those that were interrupted, so that nobody told their end, are closed."""
    running = _running.get()
    left = next((at for at, unit in enumerate(running) if _is_gone(unit)), len(running))
    _running.set(running[:left])
    _close(running[left:])
    return running[:left]


def _is_gone(unit: _Unit) -> bool:
    """Whether the function that runs the task has ended: it is on this thread's stack no more."""
    root = unit.recording.scope.root
    if root is None:
        return True
    if unit.thread != threading.get_ident() or root.f_code.co_flags & inspect.CO_COROUTINE:
        return False
    frame: FrameType | None = sys._getframe()  # noqa: SLF001
    while frame is not None and frame is not root:
        frame = frame.f_back
    return frame is None


def _sender_frame() -> FrameType | None:
    """The frame that sends the signal, and then runs the task: its call paths end there."""
    frame: FrameType | None = sys._getframe(3)  # noqa: SLF001 - above begin() and the receiver
    while frame is not None and frame.f_globals.get("__name__") in _DISPATCHERS:
        frame = frame.f_back
    return frame
