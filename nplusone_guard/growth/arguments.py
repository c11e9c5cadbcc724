"""What ``assert_constant_queries`` is given: refused where it would prove nothing."""

from __future__ import annotations

import asyncio
import inspect
import math
import reprlib
from collections.abc import Callable
from typing import Any, Final

from nplusone_guard.budgets import check_count
from nplusone_guard.exceptions import ConfigError

#: What the messages call the assertion.
ASSERTION: Final = "assert_constant_queries"

_shown = reprlib.Repr()
_shown.maxother = 80


def populator(populate: Any) -> Callable[[int], Any]:
    """``populate`` as a function of the number of rows, whatever makes them."""
    __tracebackhide__ = True
    if callable(getattr(populate, "create_batch", None)):
        batch: Callable[[int], Any] = populate.create_batch
        return batch
    if callable(populate) and _takes(populate, 2):
        function: Callable[[int], Any] = populate
        return function
    if not callable(populate) and callable(getattr(populate, "make", None)):
        return lambda size: populate.make(_quantity=size)
    raise ConfigError(
        f"{ASSERTION}(): populate is {_shown.repr(populate)}. Allowed: a function of the number "
        "of rows, a factory with create_batch(), or a recipe with make()."
    )


def runner(run: Any) -> Callable[[], Any]:
    """``run``, if it can be called without arguments."""
    __tracebackhide__ = True
    if callable(run) and _takes(run):
        function: Callable[[], Any] = run
        return function
    raise ConfigError(
        f"{ASSERTION}(): run is {_shown.repr(run)}. Allowed: a function without arguments."
    )


def _takes(function: Callable[..., Any], *args: object) -> bool:
    try:
        inspect.signature(function).bind(*args)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return True
    return True


def sizes_of(sizes: Any) -> tuple[int, ...]:
    """Two or more numbers of rows, growing."""
    __tracebackhide__ = True
    known = tuple(sizes) if isinstance(sizes, (tuple, list, range)) else ()
    for size in known:
        check_count(size, "one of the sizes", ASSERTION, 1)
    if len(known) < 2 or list(known) != sorted(set(known)):
        raise ConfigError(
            f"{ASSERTION}(): sizes is {sizes!r}. Allowed: two or more numbers of rows, growing."
        )
    return known


def slope_of(linear: Any) -> float:
    """The number of queries that each row may add."""
    __tracebackhide__ = True
    number = isinstance(linear, (int, float)) and not isinstance(linear, bool)
    if not number or not math.isfinite(linear) or linear < 0:
        raise ConfigError(
            f"{ASSERTION}(): linear is {linear!r}. "
            "Allowed: the number of queries that each row may add, 0 or more."
        )
    return float(linear)


def check_no_loop() -> None:
    """Refuse to block an event loop."""
    __tracebackhide__ = True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigError(
        f"{ASSERTION}() runs in an event loop. Allowed there: await a{ASSERTION}(...)."
    )


def check_made(result: object) -> None:
    """A generator that nobody runs has made no rows, and would prove nothing."""
    __tracebackhide__ = True
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise ConfigError(
            f"{ASSERTION}(): populate returned a {type(result).__name__}, which has made no rows yet. "
            "Allowed: a function that makes them when it is called."
        )


def read(result: Any) -> None:
    """Read a streaming response; refuse what has not sent its queries yet and never will."""
    __tracebackhide__ = True
    from django.db.models import QuerySet

    lazy = isinstance(result, QuerySet) and result._result_cache is None  # noqa: SLF001
    if lazy or inspect.isgenerator(result) or inspect.isasyncgen(result):
        _refuse_unread(result, "Put list() around it.")
    if getattr(result, "is_rendered", True) is False:
        _refuse_unread(result, "Add .render(), or ask the test client.")
    if getattr(result, "streaming", False) is True:
        if getattr(result, "is_async", False):
            _refuse_unread(result, "Read its streaming_content.")
        for _ in result:
            pass


def _refuse_unread(result: object, remedy: str) -> None:
    __tracebackhide__ = True
    raise ConfigError(
        f"{ASSERTION}(): run returned a {type(result).__name__} that nobody has read, so not all of "
        f"its queries were sent. {remedy}"
    )
