"""Requests of a live server: their threads were there before the test that they belong to.

No context leads from the test to such a thread, so the test says for the whole process that
it is the one that runs. A client's request may outlast it: what is on its way when the test
ends is ended with it, for a client has its answer before the server's thread is done.
"""

from __future__ import annotations

from typing import Final

from nplusone_guard.capture.scope import Scope, current_scope
from nplusone_guard.recording import Recording

#: The scopes of the tests that run, the innermost last: a test's function may call itself.
_tests: Final[list[Scope]] = []

#: The units of requests that are being answered.
_open: Final[set[Recording]] = set()


def begin(test: Scope) -> None:
    """Let requests that no scope is around belong to ``test``, unless threads are not watched."""
    if test.policy.threads:
        _tests.append(test)


def end(test: Scope) -> None:
    """End what ``begin`` began, and the requests of ``test`` that are being answered."""
    if _tests and _tests[-1] is test:
        _tests.pop()
    for unit in tuple(_open):
        if unit.scope.parent is test:
            _open.discard(unit)
            unit.end()


def running() -> Scope | None:
    """The scope of the test that runs in this process."""
    return _tests[-1] if _tests else None


def note(unit: Recording) -> None:
    """Remember that ``unit`` is being answered. Whatever it sends is none of the test's own."""
    unit.scope.is_served = True
    _open.add(unit)


def leave(unit: Recording) -> None:
    """Forget an ended ``unit``. Its test is none of this context's, though it may still be open."""
    _open.discard(unit)
    current_scope.set(None)
