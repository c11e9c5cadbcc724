"""Ignores in code: ``with ignore(…)`` and ``@ignore(…)``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar, cast

import wrapt

from nplusone_guard.capture.scope import active_ignores, current_scope
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.ignores.faults import entry_faults
from nplusone_guard.policy import IgnoreEntry

_F = TypeVar("_F", bound=Callable[..., Any])

#: Different blocks whose use is remembered.
MAX_BLOCKS: Final = 10_000


class ignore:  # noqa: N801 - reads as the verb it is: ``with ignore("rule", reason=…)``
    """Query loops inside the block, or inside the decorated function, may stay.

    ``rule`` is a slug (any rule when left out), ``path`` a glob for the file of the
    call or the loop, ``field`` an ``app.Model.field``; all that are given must match.
    ``reason`` is mandatory. Raises ``ConfigError`` at once for anything else.

    It holds no state of its own: one object may be entered many times, in threads,
    tasks and recursion.
    """

    __slots__ = ("entry", "where")

    def __init__(
        self,
        rule: str | None = None,
        *,
        path: str | None = None,
        field: str | None = None,
        reason: str,
    ) -> None:
        found = entry_faults({"rule": rule, "path": path, "field": field, "reason": reason})
        if found:
            raise ConfigError(f"ignore(…) {found[0][0]}. {found[0][1]}")
        caller = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe is this, optional
        #: ``file:line`` that made it.
        self.where = f"{caller.f_code.co_filename}:{caller.f_lineno}"
        self.entry = IgnoreEntry(reason.strip(), rule, path, field, where="ignore()")

    def __enter__(self) -> ignore:  # noqa: PYI034 - Self needs Python 3.11
        active_ignores.set((*active_ignores.get(), self))
        scope = current_scope.get()
        while scope is not None:
            # A block inside a loop is met every turn and noted once.
            if all(opened.block != self for opened in scope.ignores_opened):
                scope.ignores_opened.append(Opened(self, _uses.get(self, 0)))
            scope = scope.parent
        return self

    def __exit__(self, *error: object) -> None:
        active = active_ignores.get()
        for position in reversed(range(len(active))):
            if active[position] is self:
                active_ignores.set(active[:position] + active[position + 1 :])
                return

    async def __aenter__(self) -> ignore:  # noqa: PYI034
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self.__exit__(*error)

    def __call__(self, function: _F) -> _F:
        """``function``, sync or async, with this ignore around every call of it."""
        if isinstance(function, type) or _is_generator(function):
            message = "ignore(…) decorates functions; inside a class or a generator, mark the call."
            raise ConfigError(message)

        @wrapt.decorator
        def around(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
            if inspect.iscoroutinefunction(wrapped):
                return self._await(wrapped, args, kwargs)
            with self:
                return wrapped(*args, **kwargs)

        return cast("_F", around(function))

    async def _await(self, wrapped: Any, args: Any, kwargs: Any) -> Any:
        with self:
            return await wrapped(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ignore):
            return NotImplemented
        return (self.where, self.entry) == (other.where, other.entry)

    def __hash__(self) -> int:
        return hash((self.where, self.entry))

    def __repr__(self) -> str:
        return f"ignore({self.entry.as_code})"


class Opened(NamedTuple):
    """A block that a scope has seen opened, and how often it had been of use by then."""

    block: ignore
    uses: int

    @property
    def is_idle(self) -> bool:
        """Whether the block has been of no use since."""
        return _uses.get(self.block, 0) == self.uses


#: How often equal blocks suppressed something in this process. A block may be opened in
#: one scope and be of use in another, such as a request inside the scope of a test.
_uses: dict[ignore, int] = {}


def note_use(block: ignore) -> None:
    """Count that ``block`` has suppressed something."""
    if len(_uses) >= MAX_BLOCKS:
        _uses.clear()
    _uses[block] = _uses.get(block, 0) + 1


def _is_generator(function: object) -> bool:
    function = getattr(function, "__func__", function)  # classmethod and staticmethod
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
