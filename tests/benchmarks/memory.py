"""Bytes that stay allocated, as tracemalloc sees them."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    """Bytes allocated while a result was alive, and after it was dropped."""

    alive: int
    dropped: int


@contextmanager
def tracing() -> Iterator[Callable[[], int]]:
    """Trace allocations in the block; yields a function that says how much is allocated."""
    tracemalloc.start()
    try:
        yield _allocated
    finally:
        tracemalloc.stop()


def held_by(work: Callable[[], object], allocated: Callable[[], int]) -> Held:
    """What the result of ``work`` takes, and what of it stays when it is dropped."""
    before = allocated()
    result = work()
    alive = allocated() - before
    del result
    return Held(alive, allocated() - before)


def _allocated() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
