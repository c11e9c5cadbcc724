"""The function of a test, exchanged while the test runs."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any


@contextmanager
def around_function(
    item: Any, opening: Callable[[], AbstractContextManager[object]]
) -> Iterator[None]:
    """While ``item`` runs, each call of its function runs inside ``opening()``.

    The function itself is wrapped, and not the call phase: ``setUp`` is set-up, and an
    async test runs in a context of its own. Hypothesis calls its function once for each
    example, and each of them stands alone.
    """
    examples = getattr(item.obj, "hypothesis", None)
    holder, name = (item, "obj") if examples is None else (examples, "inner_test")
    original = getattr(holder, name)
    setattr(holder, name, _wrapped(original, opening))
    case = _test_case(item)
    if case is not None:
        # pytest leaves async methods to the case itself.
        setattr(case, item.name, item.obj)
    try:
        yield
    finally:
        setattr(holder, name, original)
        if case is not None:
            vars(case).pop(item.name, None)


def _test_case(item: Any) -> Any:
    unittest = sys.modules.get("unittest")
    instance = getattr(item, "instance", None)
    return instance if unittest and isinstance(instance, unittest.TestCase) else None


def _wrapped(
    function: Callable[..., Any], opening: Callable[[], AbstractContextManager[object]]
) -> Callable[..., Any]:
    # The scope is opened by the frame that the call paths end at: this one.
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            with opening():
                return await function(*args, **kwargs)

        return run_async

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        with opening():
            return function(*args, **kwargs)

    return run
