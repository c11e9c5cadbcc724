"""One permanent execute wrapper per connection: it counts, and calls straight through.

The wrapper stands at index 0 of ``connection.execute_wrappers``, because
``connection.execute_wrapper()`` ends with a blind ``pop()``: anything appended inside
somebody's block would be popped in place of theirs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from time import perf_counter
from types import CodeType
from typing import Any

from nplusone_guard.capture import bridges, callpath, landmarks
from nplusone_guard.capture.callpath import path_of
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.fingerprint import cached_fingerprint
from nplusone_guard.capture.scope import (
    MAX_DIGESTS,
    Scope,
    current_scope,
    digest,
    note_late,
    track,
)
from nplusone_guard.capture.sightings import sight
from nplusone_guard.capture.transactions import note_control, note_in_transaction

Execute = Callable[[Any, Any, bool, dict[str, Any]], Any]

_current_scope = current_scope.get
_getframe: Any = sys._getframe


class Hook:
    """The execute wrapper of one connection."""

    __slots__ = ("alias", "fingerprint_of")

    def __init__(self, alias: str, vendor: str) -> None:
        self.alias = alias
        self.fingerprint_of = cached_fingerprint(vendor)

    def __call__(  # noqa: C901, PLR0912, PLR0915 - one function, because each call costs
        self, execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        """Run one query and count it in every open scope; a fault in here never gets out.

        Long, because each call it does not make is a call saved on every query.
        """
        scope = _current_scope()
        if scope is None:
            return execute(sql, params, many, context)
        failed = True
        start = perf_counter()
        try:
            result = execute(sql, params, many, context)
            failed = False
            return result
        finally:
            elapsed = perf_counter() - start
            try:
                if scope.closed:
                    scope = _count_as_late(scope, start)
                if scope is not None:
                    connection = context["connection"]
                    if sql.__class__ is not str:
                        sql = _text(sql, connection)
                    shape = self.fingerprint_of(sql)
                    if shape.control:
                        note_control(scope, connection, shape)
                    else:
                        # As in ``callpath.call_path``, from the caller of
                        # ``cursor.execute()``: the two frames in between are always the same.
                        frame = at = _getframe(3)
                        root: Any = scope.recorders[-1].root
                        codes: list[CodeType] = []
                        lastis: list[int] = []
                        try:
                            while at is not root:
                                codes.append(at.f_code)
                                lastis.append(at.f_lasti)
                                at = at.f_back
                            codes.append(at.f_code)
                            lastis.append(at.f_lasti)
                        except AttributeError:
                            pass
                        offsets = tuple(lastis)
                        stack = callpath.table.stacks.get(offsets)
                        if stack is not None and stack.plain and stack.codes == codes:
                            path = stack.path
                        else:
                            path = path_of(frame, codes, offsets, stack)
                        key = (self.alias, shape.text, path)
                        told = 0
                        for recorder in scope.recorders:
                            lock = recorder.lock
                            lock.acquire()  # half the price of ``with``
                            try:
                                if recorder.closed:  # by another thread, in the meantime
                                    recorder.late += 1
                                    continue
                                group = recorder.groups.get(key)
                                if group is None or group.slow:
                                    told = told or digest(sql, params)
                                    query = (key, shape, told, frame, codes, params, many)
                                    group = sight(recorder, group, query)
                                    if group is None:
                                        recorder.note_query(self.alias, elapsed, failed)
                                        continue
                                if group.tracked:
                                    told = told or digest(sql, params)
                                    if not shape.plain or recorder.writes:
                                        track(recorder, group, shape, told)
                                    elif told in group.digests:
                                        group.digests[told] += 1
                                    elif len(group.digests) < MAX_DIGESTS:
                                        group.digests[told] = 1
                                    else:
                                        group.tracked = False
                                if recorder.timeline_left:
                                    recorder.timeline_left -= 1
                                    recorder.timeline += (start, elapsed, group)
                                if failed:
                                    group.failed += 1
                                elif connection.in_atomic_block:
                                    note_in_transaction(recorder, connection, group)
                                group.duration += elapsed
                                group.count += 1
                            finally:
                                lock.release()
                        for outer in scope.beyond:
                            outer.note_query(self.alias, elapsed, failed)
            except Exception as error:
                if scope is not None:
                    scope.note_query(self.alias, elapsed, failed)
                contain("capture.hook", error, scope.errors if scope is not None else None)


def _count_as_late(scope: Scope, start: float) -> Scope | None:
    """The innermost scope of the chain that is still open; the closed ones count one late."""
    open_scope: Scope | None = scope
    while open_scope is not None and open_scope.closed:
        note_late(open_scope, start)
        open_scope = open_scope.parent
    return open_scope


def _text(sql: Any, connection: Any) -> str:
    if isinstance(sql, str):
        return str(sql)
    if isinstance(sql, bytes):
        return sql.decode("utf-8", "replace")
    compose = getattr(sql, "as_string", None)  # psycopg.sql.Composable
    return str(compose(connection.connection)) if compose is not None else str(sql)


def _call_procedure(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Count a ``cursor.callproc()``, which Django does not send through its wrappers."""
    if current_scope.get() is None:
        return wrapped(*args, **kwargs)
    connection = instance.db
    hook = hook_of(connection) or Hook(connection.alias, connection.vendor)
    name = str(args[0] if args else kwargs.get("procname", ""))

    def execute(*_: Any) -> Any:
        return wrapped(*args, **kwargs)

    return _as_deep_as_execute(hook, execute, f"CALL {name}()", {"connection": connection})


def _as_deep_as_execute(hook: Hook, execute: Execute, sql: str, context: dict[str, Any]) -> Any:
    """Two frames between the hook and the caller of ``callproc()``, as with ``execute()``."""
    return hook(execute, sql, None, False, context)


# --- installation -----------------------------------------------------------------------

#: A new object for each installation; ``None`` while there is none.
_installed: object | None = None


def hook_of(connection: Any) -> Hook | None:
    """The guard's own wrapper on ``connection``, or ``None``."""
    for wrapper in connection.execute_wrappers:
        if isinstance(wrapper, Hook):
            return wrapper
    return None


def attach(connection: Any, **_: Any) -> None:
    """Put the hook on one connection, at index 0; does nothing where it already is."""
    if hook_of(connection) is None:
        connection.execute_wrappers.insert(0, Hook(connection.alias, connection.vendor))


def detach(connection: Any) -> None:
    """Take the guard's own wrapper, and no other, off ``connection``."""
    connection.execute_wrappers[:] = [
        wrapper for wrapper in connection.execute_wrappers if not isinstance(wrapper, Hook)
    ]


def install() -> Callable[[], None]:
    """Watch every connection, open or yet to be opened. Returns its own undo."""
    global _installed
    if _installed is not None and getattr(_attached, "by", None) is _installed:
        return uninstall  # each scope comes by here
    if _installed is None:
        _installed = object()
        from django.db.backends.signals import connection_created

        connection_created.connect(_on_connection_created, dispatch_uid="nplusone_guard")
        for step in (landmarks.load, bridges.install, _wrap_procedures):
            try:
                step()
            except Exception as error:  # noqa: PERF203 - an unknown Django costs details only
                contain("capture.hook", error)
    attach_all()
    return uninstall


def _wrap_procedures() -> None:
    bridges.wrap("django.db.backends.utils", "CursorWrapper.callproc", _call_procedure)


#: The installation that the connections of a thread were looked through for.
_attached = threading.local()


def attach_all() -> None:
    """Watch the connections of this thread that were opened before the guard came.

    Those that are opened later say so, in whatever thread.
    """
    if getattr(_attached, "by", None) is _installed:
        return
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        attach(connection)
    _attached.by = _installed


def uninstall() -> None:
    """Undo ``install()``: nothing of the guard stays on any connection of this thread.

    A connection object of another thread keeps a wrapper that finds no scope; it is
    replaced together with the thread.
    """
    global _installed
    if _installed is None:
        return
    _installed = None
    from django.db import connections
    from django.db.backends.signals import connection_created

    connection_created.disconnect(dispatch_uid="nplusone_guard")
    bridges.uninstall()
    for connection in connections.all(initialized_only=True):
        detach(connection)


def _on_connection_created(sender: Any, connection: Any, **_: Any) -> None:
    try:
        attach(connection)
    except Exception as error:
        contain("capture.hook", error)
