"""One permanent execute wrapper per connection: it counts, and calls straight through.

The wrapper stands at index 0 of ``connection.execute_wrappers``, because
``connection.execute_wrapper()`` ends with a blind ``pop()``: anything appended inside
somebody's block would be popped in place of theirs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

from nplusone_guard.capture import bridges, callpath, landmarks
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.fingerprint import Fingerprint, cached_fingerprint
from nplusone_guard.capture.scope import MAX_DIGESTS, Group, Scope, Split, current_scope, digest
from nplusone_guard.capture.sightings import Query, sight
from nplusone_guard.capture.transactions import note_control, note_in_transaction

WRITES = frozenset({"insert", "update", "delete", "replace", "merge"})

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


class Hook:
    """The execute wrapper of one connection."""

    __slots__ = ("alias", "fingerprint_of")

    def __init__(self, alias: str, vendor: str) -> None:
        self.alias = alias
        self.fingerprint_of = cached_fingerprint(vendor)

    def __call__(
        self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        scope = current_scope.get()
        if scope is None:
            return execute(sql, params, many, context)
        start = perf_counter()
        try:
            result = execute(sql, params, many, context)
        except BaseException:
            elapsed = perf_counter() - start
            self.note(scope, sql, params, many, context["connection"], start, elapsed, True)
            raise
        elapsed = perf_counter() - start
        self.note(scope, sql, params, many, context["connection"], start, elapsed, False)
        return result

    def note(
        self,
        scope: Scope,
        sql: Any,
        params: Any,
        many: bool,
        connection: Any,
        start: float,
        elapsed: float,
        failed: bool,
    ) -> None:
        """Count one execution in every open scope; a fault in here never gets out.

        Long, because each call it does not make is a call saved on every query.
        """
        try:
            while scope.closed:
                scope.late += 1
                if scope.parent is None:
                    return
                scope = scope.parent
            if sql.__class__ is not str:
                sql = _text(sql, connection)
            shape = self.fingerprint_of(sql)
            if shape.kind == "control":
                note_control(scope, self.alias, shape)
                return
            frame = sys._getframe(2)
            path = callpath.call_path(frame, scope.recorders[-1].root)
            for recorder in scope.recorders:
                with recorder.lock:
                    group = recorder.groups.get((self.alias, shape.text, path))
                    if group is None or group.__class__ is Split or group.count == 1:
                        query = Query(self.alias, shape, path, frame, params, many)
                        group = sight(recorder, query)
                    if group is not None:
                        _count(recorder, group, sql, params, shape, start, elapsed, failed)
                        if connection.in_atomic_block and not failed:
                            note_in_transaction(recorder, self.alias, group)
            for one in (scope, *scope.ancestors) if scope.ancestors else (scope,):
                one.query_count += 1
                one.query_time += elapsed
                one.aliases[self.alias] = one.aliases.get(self.alias, 0) + 1
                if failed:
                    one.failed += 1
        except Exception as error:
            contain("capture.hook", error, scope.errors)


def _count(
    scope: Scope,
    group: Group,
    sql: str,
    params: Any,
    shape: Fingerprint,
    start: float,
    elapsed: float,
    failed: bool,
) -> None:
    group.count += 1
    group.duration += elapsed
    if failed:
        group.failed += 1
    if len(group.digests) < MAX_DIGESTS:
        key = digest(sql, params)
        if scope.writes:
            key = hash((key, *(scope.writes.get(table, 0) for table in shape.tables)))
        group.digests[key] = group.digests.get(key, 0) + 1
    if shape.in_lists:
        group.note_in_list(shape.in_lists)
    if shape.kind in WRITES:
        table = shape.main_table
        scope.writes[table] = scope.writes.get(table, 0) + 1
    if len(scope.timeline) < scope.policy.max_timeline:
        scope.timeline.append((start - scope.opened, elapsed, group))


def _text(sql: Any, connection: Any) -> str:
    if isinstance(sql, str):
        return str(sql)
    if isinstance(sql, bytes):
        return sql.decode("utf-8", "replace")
    compose = getattr(sql, "as_string", None)  # psycopg.sql.Composable
    return str(compose(connection.connection)) if compose is not None else str(sql)

def _call_procedure(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Count a ``cursor.callproc()``, which Django does not send through its wrappers."""
    scope = current_scope.get()
    if scope is None:
        return wrapped(*args, **kwargs)
    start = perf_counter()
    failed = True
    try:
        result = wrapped(*args, **kwargs)
        failed = False
    finally:
        connection = instance.db
        hook = hook_of(connection) or Hook(connection.alias, connection.vendor)
        name = str(args[0] if args else kwargs.get("procname", ""))
        elapsed = perf_counter() - start
        hook.note(scope, f"CALL {name}()", None, False, connection, start, elapsed, failed)
    return result


# --- installation -----------------------------------------------------------------------

_installed = False


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
    if not _installed:
        _installed = True
        from django.db import connections
        from django.db.backends.signals import connection_created

        landmarks.load()
        bridges.install()
        bridges.wrap("django.db.backends.utils", "CursorWrapper.callproc", _call_procedure)
        connection_created.connect(_on_connection_created, dispatch_uid="nplusone_guard")
        for connection in connections.all(initialized_only=True):
            attach(connection)
    return uninstall


def uninstall() -> None:
    """Undo ``install()``: nothing of the guard stays on any connection of this thread.

    A connection object of another thread keeps a wrapper that finds no scope; it is
    replaced together with the thread.
    """
    global _installed
    if not _installed:
        return
    _installed = False
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
