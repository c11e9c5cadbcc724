"""Bridges: what Django's execute wrappers and the frames on a stack leave out, by wrapt.

A thread, a task and a suspended coroutine have left the frames of their caller behind. So
the call path is taken where they are started and carried over (``bridges_async``,
``bridges_threads``). ``callproc``, ``commit`` and ``rollback`` do not go through Django's
execute wrappers. Everything here costs one ``ContextVar.get()`` while no scope is open.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final

import wrapt

from nplusone_guard.capture import bridges_async, bridges_threads
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import current_scope
from nplusone_guard.capture.transactions import note_transaction_end

Handler = Callable[[Any, Any, Any, Any], Any]

_MISSING: Final[Any] = object()

#: Owner, attribute, the wrapper, and what the owner itself had in its place.
_undo: list[tuple[Any, str, Any, Any]] = []


def install() -> None:
    """Wrap the functions of Python, asgiref and Django once; ``uninstall`` puts them back."""
    if _undo:
        return
    wrap("asgiref.sync", "AsyncToSync.__call__", bridges_async.call_in_task)
    wrap("asyncio.base_events", "BaseEventLoop.create_task", bridges_async.create_task)
    wrap("asyncio.base_events", "BaseEventLoop.call_at", bridges_async.call_at)
    wrap("threading", "Thread.start", bridges_threads.start)
    wrap("concurrent.futures.thread", "ThreadPoolExecutor.submit", bridges_threads.submit)
    wrap("django.db.backends.base.base", "BaseDatabaseWrapper.commit", _commit)
    wrap("django.db.backends.base.base", "BaseDatabaseWrapper.rollback", _rollback)
    for module in _WHEN_IMPORTED:
        wrapt.register_post_import_hook(_on_import, module)


def wrap(module_name: str, path: str, handler: Handler) -> None:
    """Wrap ``function`` or ``Class.method`` of a module; ``uninstall`` undoes all of them."""
    owner_name, _, attribute = path.rpartition(".")
    owner: Any = importlib.import_module(module_name)
    if owner_name:
        owner = getattr(owner, owner_name)
    before = vars(owner).get(attribute, _MISSING)
    original = before if before is not _MISSING else getattr(owner, attribute)
    wrapper = wrapt.FunctionWrapper(original, handler)
    setattr(owner, attribute, wrapper)
    _undo.append((owner, attribute, wrapper, before))


def is_wrapped(owner: Any, attribute: str) -> bool:
    """Whether ``wrap`` has been there."""
    return any(one[0] is owner and one[1] == attribute for one in _undo)


def uninstall() -> None:
    """Put back each original that nobody else has wrapped since."""
    for owner, attribute, wrapper, before in _undo:
        if vars(owner).get(attribute) is not wrapper:
            continue
        if before is _MISSING:
            delattr(owner, attribute)
        else:
            setattr(owner, attribute, before)
    _undo.clear()


# --- what only some projects import, or only some versions have -----------------------------


def _wrap_uvloop() -> None:
    wrap("uvloop", "Loop.create_task", bridges_async.create_task)
    for name in ("call_at", "call_later"):
        wrap("uvloop", f"Loop.{name}", bridges_async.call_at)
    for name in ("run_forever", "run_until_complete"):
        wrap("uvloop", f"Loop.{name}", bridges_async.run_loop)


def _wrap_anyio() -> None:
    wrap("anyio.to_thread", "run_sync", bridges_async.call_in_thread)


def _wrap_thread_pool() -> None:
    for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
        wrap("multiprocessing.pool", f"ThreadPool.{name}", bridges_threads.apply)


def _wrap_waiting_thread() -> None:
    # A module of asgiref's own, which may go: what runs there is then one path less to tell.
    name = "CurrentThreadExecutor.submit"
    wrap("asgiref.current_thread_executor", name, bridges_threads.hand_over)


_WHEN_IMPORTED: Final = {
    "asgiref.current_thread_executor": _wrap_waiting_thread,
    "uvloop": _wrap_uvloop,
    "anyio.to_thread": _wrap_anyio,
    "multiprocessing.pool": _wrap_thread_pool,
}


def _on_import(module: Any) -> None:
    if not _undo:  # uninstalled in the meantime
        return
    try:
        _WHEN_IMPORTED[module.__name__]()
    except Exception as error:
        contain("capture.bridges", error)


# --- the end of a transaction ---------------------------------------------------------------


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
        note_transaction_end(connection, rolled_back=rolled_back)
    except Exception as error:
        contain("capture.bridges", error, scope.errors)
