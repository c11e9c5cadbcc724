"""Where a coroutine hands work to a thread or a task: the call path goes along.

asgiref and asyncio copy the caller's context, and with it the scope; what is missing there
are the caller's frames.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from contextvars import Context
from typing import Any

from nplusone_guard.capture import callpath
from nplusone_guard.capture.carrying import path_at
from nplusone_guard.capture.scope import current_scope


def call_in_thread(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Around an async function that runs a sync one in a thread, with a copy of the context."""
    path = path_at(sys._getframe(1))
    if path is None:
        return wrapped(*args, **kwargs)
    return with_path(path, wrapped(*args, **kwargs))


async def with_path(path: callpath.Path, call: Any) -> Any:
    """Await ``call`` with the path in the context, which is copied to the thread."""
    token = callpath.carried.set(path)
    try:
        return await call
    finally:
        # A coroutine that is thrown away unfinished is closed in another context.
        with suppress(ValueError):
            callpath.carried.reset(token)


def call_in_task(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Around ``AsyncToSync.__call__``, which runs a coroutine and waits for it."""
    path = path_at(sys._getframe(1))
    if path is None:
        return wrapped(*args, **kwargs)
    token = callpath.carried.set(path)
    try:
        return wrapped(*args, **kwargs)
    finally:
        callpath.carried.reset(token)


def create_task(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Around ``loop.create_task``, which ``gather``, ``TaskGroup`` and all the others call."""
    return _start(wrapped, args, kwargs, path_at(sys._getframe(1)))


def _start(wrapped: Any, args: Any, kwargs: Any, path: callpath.Path | None) -> Any:
    """Call what copies this context for later, or is given one, with the path in it."""
    if path is None:
        return wrapped(*args, **kwargs)
    if kwargs.get("context") is not None:
        _set_in(kwargs["context"], path)
        return wrapped(*args, **kwargs)
    token = callpath.carried.set(path)
    try:
        return wrapped(*args, **kwargs)
    finally:
        callpath.carried.reset(token)


def call_at(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Around ``loop.call_at``, which ``call_later`` calls: the callback runs in a copied context.

    asyncio itself calls it for each ``sleep()`` and timeout, which send no queries.
    """
    if current_scope.get() is None or len(args) < 2 or _is_asyncios(args[1]):
        return wrapped(*args, **kwargs)
    return _start(wrapped, args, kwargs, path_at(sys._getframe(1)))


def _is_asyncios(callback: Any) -> bool:
    return str(getattr(callback, "__module__", "")).startswith("asyncio.")


def run_loop(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Around the methods that run uvloop: the one frame below its tasks, and a bridge."""
    return wrapped(*args, **kwargs)


def _set_in(context: Any, path: callpath.Path) -> None:
    """The path for a task with a context of its caller's choice, if that knows the scope."""
    if isinstance(context, Context) and context.get(current_scope) is not None:
        with suppress(RuntimeError):  # something runs in it, so that nobody else can
            context.run(callpath.carried.set, path)
