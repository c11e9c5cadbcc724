"""The function of a test, exchanged while the test runs."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import CodeType, TracebackType
from typing import Any, Final

Surrounding = AbstractContextManager[object]


class around_function:  # noqa: N801 - used as the function that it stands in place of
    """While ``item`` runs, each call of its function runs inside ``scope``.

    The function itself is exchanged, and not the call phase: ``setUp`` is set-up, and an
    async test runs in a context of its own. Hypothesis calls its function once for each
    example, and each of them stands alone.
    """

    __slots__ = ("_case", "_holder", "_item", "_name", "_original", "_scope")

    def __init__(self, item: Any, scope: Surrounding) -> None:
        examples = getattr(item.obj, "hypothesis", None)
        self._holder, self._name = (item, "obj") if examples is None else (examples, "inner_test")
        self._item, self._scope = item, scope
        self._original = getattr(self._holder, self._name)
        # pytest 8.0 knows it by the function, as long as that is bound.
        self._case = _test_case(item)

    def __enter__(self) -> None:
        exchanged = _exchanged(self._original, self._scope)
        if self._holder is not self._item:
            # Hypothesis asks for its name: to refuse a method of TestCase, and to tell a failure.
            functools.update_wrapper(exchanged, self._original)
        setattr(self._holder, self._name, exchanged)
        if self._case is not None:
            # pytest leaves async methods to the case itself.
            setattr(self._case, self._item.name, self._item.obj)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        setattr(self._holder, self._name, self._original)
        if self._case is not None:
            vars(self._case).pop(self._item.name, None)


def _test_case(item: Any) -> Any:
    unittest = sys.modules.get("unittest")
    instance = getattr(item, "instance", None)
    return instance if unittest and isinstance(instance, unittest.TestCase) else None


def _exchanged(function: Callable[..., Any], scope: Surrounding) -> Callable[..., Any]:
    # The scope is opened by the frame that the call paths end at: one of this file.
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            with scope:
                return await function(*args, **kwargs)

        return run_async

    def run(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with scope:
            return function(*args, **kwargs)

    # What decorators have left there, as ``unittest.expectedFailure`` does. What else
    # ``functools.wraps`` copies takes longer than to open the scope, and whoever asks for it
    # finds it on the function itself.
    run.__dict__.update(getattr(function, "__dict__", ()))
    run.__wrapped__ = function  # type: ignore[attr-defined]
    if _HAS_CHUNKS:
        run.__code__ = _on_a_new_chunk(run.__code__)
    return run


#: From 3.11 on CPython keeps the frames of a thread in chunks of 16 KiB.
_HAS_CHUNKS: Final = sys.implementation.name == "cpython" and sys.version_info >= (3, 11)

#: Words that the frame of ``run`` claims: 128 KiB, for which CPython maps a chunk of 256.
_CLAIMED: Final = 16_400

_moved: CodeType | None = None


def _on_a_new_chunk(code: CodeType) -> CodeType:
    """The same ``code``, whose frame is too large for what is left of the stack's chunk.

    A chunk is mapped whenever a call needs one and unmapped when that call returns, which takes
    several microseconds. Where the end of a chunk is in the middle of a test it happens for
    each call across it, some seventy times a test in a suite with deep stacks, and a frame more
    moves the end. Here it happens once, and what the test calls has half of a chunk for itself.
    """
    global _moved
    if _moved is None:
        _moved = code.replace(co_stacksize=_CLAIMED)
    return _moved
