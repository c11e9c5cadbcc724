"""Bridges: what the wrappers of Django and asgiref leave out, by wrapt.

``SyncToAsync`` and ``AsyncToSync`` run a function in another thread or task, where the
frames of the caller are not on the stack, and a suspended coroutine is on no stack at
all. So the path is taken at the call and carried over in a ContextVar, which asgiref
copies along. ``callproc``, ``commit`` and ``rollback`` do not go through Django's execute
wrappers. Everything here costs one ``ContextVar.get()`` while no scope is open.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import wrapt

from nplusone_guard.capture import callpath
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import current_scope
from nplusone_guard.capture.transactions import note_transaction_end

Handler = Callable[[Any, Any, Any, Any], Any]

_undo: list[tuple[Any, str, Any]] = []


def install() -> None:
    """Wrap the functions of asgiref and Django once; ``uninstall`` puts them back."""
    if _undo:
        return
    wrap("asgiref.sync", "SyncToAsync.__call__", _carry_to_thread)
    wrap("asgiref.sync", "AsyncToSync.__call__", _carry_to_task)
    wrap("django.db.backends.base.base", "BaseDatabaseWrapper.commit", _commit)
    wrap("django.db.backends.base.base", "BaseDatabaseWrapper.rollback", _rollback)


def wrap(module_name: str, path: str, handler: Handler) -> None:
    """Wrap ``Class.method`` of a module; ``uninstall`` undoes it with the others."""
    owner_name, _, attribute = path.partition(".")
    owner = getattr(importlib.import_module(module_name), owner_name)
    original = owner.__dict__[attribute]
    setattr(owner, attribute, wrapt.FunctionWrapper(original, handler))
    _undo.append((owner, attribute, original))


def uninstall() -> None:
    """Put back each original that is still wrapped by us."""
    for owner, attribute, original in _undo:
        ours = owner.__dict__.get(attribute)
        if isinstance(ours, wrapt.FunctionWrapper) and ours.__wrapped__ is original:
            setattr(owner, attribute, original)
    _undo.clear()


def _carry_to_thread(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    path = _path_of(sys._getframe(1))
    if path is None:
        return wrapped(*args, **kwargs)
    return _with_path(path, wrapped(*args, **kwargs))


async def _with_path(path: callpath.Carried, call: Any) -> Any:
    """Await ``call`` with the path in its context, which asgiref copies to the thread."""
    token = callpath.carried.set(path)
    try:
        return await call
    finally:
        # A coroutine that is thrown away unfinished is closed in another context.
        with suppress(ValueError):
            callpath.carried.reset(token)


def _carry_to_task(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    path = _path_of(sys._getframe(1))
    if path is None:
        return wrapped(*args, **kwargs)
    token = callpath.carried.set(path)
    try:
        return wrapped(*args, **kwargs)
    finally:
        callpath.carried.reset(token)


def _path_of(frame: FrameType) -> callpath.Carried | None:
    scope = current_scope.get()
    if scope is None:
        return None
    try:
        return callpath.carry(frame, scope.recorders[-1].root, _running_task())
    except Exception as error:
        contain("capture.bridges", error, scope.errors)
        return None


def _running_task() -> Any:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _commit(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    result = wrapped(*args, **kwargs)
    _note_end(instance, rolled_back=False)
    return result


def _rollback(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    try:
        return wrapped(*args, **kwargs)
    finally:
        _note_end(instance, rolled_back=True)


def _note_end(connection: Any, *, rolled_back: bool) -> None:
    scope = current_scope.get()
    if scope is None:
        return
    try:
        note_transaction_end(connection.alias, rolled_back=rolled_back)
    except Exception as error:
        contain("capture.bridges", error, scope.errors)


def waiting_frame(task: Any) -> FrameType | None:
    """The innermost user frame in which another task waits for ``task``.

    ``asyncio.gather`` and ``TaskGroup`` run coroutines in tasks that have no user frame
    of their own. The waiting task is the one whose future is ``task`` or lists it as a
    child, or whose ``TaskGroup`` holds it; else the only other task with user code.
    """
    others = [other for other in asyncio.all_tasks(task.get_loop()) if other is not task]
    for other in others:
        if _waits_for(other, task):
            return _innermost_user_frame(other)
    frames = [_innermost_user_frame(other) for other in others if _may_wait(other, task)]
    frames = [frame for frame in frames if frame is not None]
    return frames[0] if len(frames) == 1 else None


def _may_wait(other: Any, task: Any) -> bool:
    """Whether ``other`` is suspended, at no query of its own, and no sibling of ``task``."""
    coroutine = other.get_coro()
    if getattr(coroutine, "cr_code", None) is getattr(task.get_coro(), "cr_code", None):
        return False
    if inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) != "CORO_SUSPENDED":
        return False
    return all(frame.f_code is not _with_path.__code__ for frame in _frames_of(other))


def _waits_for(other: Any, task: Any) -> bool:
    future = getattr(other, "_fut_waiter", None)
    if future is task or task in (getattr(future, "_children", None) or ()):
        return True
    return any(
        task in (getattr(frame.f_locals.get("self"), "_tasks", None) or ())
        for frame in _frames_of(other)
        if frame.f_code.co_name == "__aexit__"
    )


def _frames_of(task: Any) -> list[FrameType]:
    """The frames of a suspended task, outermost first."""
    frames: list[FrameType] = []
    awaited = task.get_coro()
    while awaited is not None and len(frames) < 200:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            break
        frames.append(frame)
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return frames


def _innermost_user_frame(task: Any) -> FrameType | None:
    for frame in reversed(_frames_of(task)):
        if callpath.is_user_code(frame.f_code):
            return frame
    return None
