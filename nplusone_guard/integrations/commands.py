"""Management commands: a scope for each that is asked for, or that runs inside a scope."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType, ModuleType
from typing import Any, Final

import wrapt

from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import open_scope_of_context
from nplusone_guard.delivery import deliver, is_heard
from nplusone_guard.exceptions import NPlusOneDetected, NPlusOneWarning
from nplusone_guard.policy import Policy
from nplusone_guard.recording import Recording, default_policy, open_scope

#: Watched only where ``COMMANDS`` names them: migrations run once; a shell, a server or a
#: worker never ends, and a unit of work inside it is a scope of its own.
LEFT_OUT: Final = frozenset(
    {
        *("makemigrations", "migrate", "optimizemigration", "sqlmigrate", "squashmigrations"),
        *("dbshell", "nplusone", "shell", "shell_plus", "test"),
        *("runserver", "runserver_plus", "testserver"),
        *("db_worker", "qcluster", "rqworker", "run_huey", "rundramatiq"),
    }
)

#: The command that ``manage.py nplusone`` watches already.
_watched: ContextVar[object] = ContextVar("nplusone_guard_command", default=None)


def connect(base: ModuleType) -> None:
    """Wrap ``BaseCommand.execute`` of ``django.core.management.base``; again changes nothing."""
    if not isinstance(base.BaseCommand.__dict__["execute"], wrapt.FunctionWrapper):
        wrapt.wrap_function_wrapper(base, "BaseCommand.execute", _execute)


@contextmanager
def already_watched(command: object) -> Iterator[None]:
    """While ``command`` runs it gets no scope but that of its caller."""
    token = _watched.set(command)
    try:
        yield
    finally:
        _watched.reset(token)


def _execute(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    watched = _open(instance, sys._getframe())  # noqa: SLF001 - the root of all paths
    if watched is None:
        return wrapped(*args, **kwargs)
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        _finish(*watched, error)
        raise
    _finish(*watched, None)
    return result


def _open(command: object, root: FrameType) -> tuple[Recording, Policy | None] | None:
    """The scope of ``command``, and what becomes of its report: nothing where nobody asked."""
    try:
        name = type(command).__module__.rpartition(".")[2]
        policy, enclosing = default_policy(), open_scope_of_context()
        asked = policy.mode != "off" and _is_asked_for(name, policy)
        if _watched.get() is command or not (asked or (enclosing and name not in LEFT_OUT)):
            return None
        judging = policy if enclosing is None else enclosing.policy
        recording = open_scope(f"manage.py {name}", "command", judging, root=root)
    except Exception as error:
        contain("integrations.commands", error)
        return None
    return recording, policy if asked else None


def _is_asked_for(name: str, policy: Policy) -> bool:
    if isinstance(policy.commands, bool):
        return policy.commands and name not in LEFT_OUT
    return name in policy.commands


def _finish(recording: Recording, policy: Policy | None, exception: BaseException | None) -> None:
    """Close the scope; in mode ``raise`` this raises, but never in place of ``exception``."""
    try:
        verdicts = recording.end()
        if policy is not None and is_heard(verdicts.findings, policy):
            deliver(recording.report, policy, exception=exception)
    except (NPlusOneDetected, NPlusOneWarning):
        raise
    except Exception as error:
        contain("integrations.commands", error)
