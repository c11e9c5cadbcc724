"""Threads and thread pools: what they run reports to the scope that it was started in.

Neither copies the caller's context, so scope, ignores and call path are put into the
thread's while the function runs, and taken out again: the workers of a pool are reused.
asgiref does copy it, and what is missing there is the path, which the thread itself keeps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import Context, ContextVar, Token
from functools import partial
from types import FrameType
from typing import Any, Final

from asgiref.sync import SyncToAsync

from nplusone_guard.capture import callpath
from nplusone_guard.capture.carrying import path_at
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import (
    Scope,
    active_ignores,
    current_scope,
    open_scope_of_context,
)

Tokens = list[tuple[ContextVar[Any], Token[Any]]]

#: They start the threads of their pools in the scope of whoever happens to be first.
_POOLS: Final = ("concurrent.futures", "multiprocessing.pool")


class Carried:
    """What a function takes along into another thread."""

    __slots__ = ("context", "values")

    def __init__(self, values: dict[ContextVar[Any], Any], context: Context | None) -> None:
        self.values = values
        #: The function runs in this context, whatever the thread's own is.
        self.context = context

    def enter(self) -> Tokens:
        """Set the variables, in the thread that is to run the function."""
        tokens: Tokens = []
        try:
            self._in_context(self._set, tokens)
        except Exception as error:
            contain("capture.bridges", error)
        return tokens

    def leave(self, tokens: Tokens) -> None:
        """Set them to what they were before."""
        try:
            self._in_context(_reset, tokens)
        except Exception as error:
            contain("capture.bridges", error)

    def _in_context(self, function: Callable[[Tokens], None], tokens: Tokens) -> None:
        if self.context is None:
            function(tokens)
        else:
            self.context.run(function, tokens)

    def _set(self, tokens: Tokens) -> None:
        for variable, value in self.values.items():
            tokens.append((variable, variable.set(value)))


def _reset(tokens: Tokens) -> None:
    while tokens:
        variable, token = tokens.pop()
        variable.reset(token)


def run_carried(carried: Carried, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Run ``function`` in another thread, with what it takes along. Its frame is a bridge."""
    tokens = carried.enter()
    try:
        return function(*args, **kwargs)
    finally:
        carried.leave(tokens)


def submit(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Around ``ThreadPoolExecutor.submit``, which ``map`` and ``run_in_executor`` call."""
    if not args:
        return wrapped(*args, **kwargs)
    if _is_asgirefs(args[0]):
        return _hand_over(sys._getframe(1), wrapped, args, kwargs)
    scope = open_scope_of_context()
    if scope is None:
        return wrapped(*args, **kwargs)
    carried = _carried(scope, sys._getframe(1), args[0])
    if carried is None:
        return wrapped(*args, **kwargs)
    return wrapped(run_carried, carried, *args, **kwargs)


def hand_over(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Around ``submit`` of what runs in the thread that waits, which only asgiref calls."""
    return _hand_over(sys._getframe(1), wrapped, args, kwargs)


def _hand_over(frame: FrameType, submit: Any, args: Any, kwargs: Any) -> Any:
    path = path_at(frame)
    if path is None:
        return submit(*args, **kwargs)
    return submit(run_handed, path, *args, **kwargs)


def run_handed(path: callpath.Path, function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """Run ``function`` in a thread that knows, for as long, the path of who waits for it.

    Under ASGI each middleware comes by here twice for a request.
    """
    handed = callpath.handed
    outer, handed.path = handed.path, path
    try:
        return function(*args, **kwargs)
    finally:
        handed.path = outer


def apply(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Around the methods of ``multiprocessing.pool.ThreadPool`` that take a function first."""
    scope = open_scope_of_context()
    if scope is None or not args:
        return wrapped(*args, **kwargs)
    carried = _carried(scope, sys._getframe(1), args[0])
    if carried is None:
        return wrapped(*args, **kwargs)
    return wrapped(partial(run_carried, carried, args[0]), *args[1:], **kwargs)


def start(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Around ``Thread.start``: for this one time ``run`` is a function that carries."""
    scope = open_scope_of_context()
    if scope is None:
        return wrapped(*args, **kwargs)
    replaced = _replace_run(scope, sys._getframe(1), instance)
    try:
        return wrapped(*args, **kwargs)
    except BaseException:
        if replaced:
            _put_back_run(instance, replaced)
        raise


def _replace_run(scope: Scope, frame: FrameType, thread: Any) -> dict[str, Any]:
    """Give the thread another ``run``; returns what is to be put back, if anything."""
    try:
        if _is_of_pool(thread):
            return {}
        carried = _carried(scope, frame, getattr(thread, "_target", None))
        if carried is None:
            return {}
        before = {"run": thread.__dict__.get("run")}
        thread.run = partial(_run_thread, carried, thread, before)
    except Exception as error:
        contain("capture.bridges", error, scope.errors)
        return {}
    return before


def _run_thread(carried: Carried, thread: Any, before: dict[str, Any]) -> None:
    _put_back_run(thread, before)
    run_carried(carried, thread.run)


def _put_back_run(thread: Any, before: dict[str, Any]) -> None:
    if before["run"] is None:
        thread.__dict__.pop("run", None)
    else:
        thread.run = before["run"]


def _is_of_pool(thread: Any) -> bool:
    owners = (type(thread), getattr(thread, "_target", None))
    return any(str(getattr(one, "__module__", "")).startswith(_POOLS) for one in owners)


def _carried(scope: Scope, frame: FrameType, function: Any) -> Carried | None:
    """What ``function`` takes along; ``None`` where that is nothing."""
    try:
        owner = _owner(function)
        context = owner if isinstance(owner, Context) else None
        # ``asyncio.to_thread`` copies the context: there only the path is missing.
        knows_scope = context is not None and context.get(current_scope) is not None
        if not knows_scope and not scope.policy.threads:
            return None
        values: dict[ContextVar[Any], Any] = {callpath.carried: path_at(frame)}
        if not knows_scope:
            values[current_scope] = scope
            values[active_ignores] = active_ignores.get()
        return Carried(values, context)
    except Exception as error:
        contain("capture.bridges", error, scope.errors)
        return None


def _is_asgirefs(function: Any) -> bool:
    """Whether it is what ``SyncToAsync`` hands over, with the caller's context."""
    try:
        return isinstance(_owner(function), SyncToAsync)
    except Exception as error:
        contain("capture.bridges", error)
        return False


def _owner(function: Any) -> Any:
    """Whose method it is: ``partial(context.run, …)`` and ``context.run`` are a context's."""
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__self__", None)
