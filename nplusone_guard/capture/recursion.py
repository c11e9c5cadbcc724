"""Recursion: a function that calls itself is one step of a path, however deep it is."""

from __future__ import annotations

from operator import attrgetter

from nplusone_guard.capture.codes import INNER_CODES
from nplusone_guard.capture.steps import Place

_key_of = attrgetter("key")


def fold(path: tuple[Place, ...]) -> tuple[Place, ...]:
    """``path`` with recursion of user code folded; the path itself where there is none.

    A function that calls itself, directly or through library code and its own
    comprehensions, leaves one frame; so does a cycle that repeats exactly. What lies
    between two calls of *other* user code is never dropped: a decorator's wrapper is on
    the stack twice without any recursion.
    """
    keys = [place.key for place in path if place.key]
    if len(set(keys)) == len(keys):
        return path
    folded = _fold_cycles(_fold_direct(path))
    return folded if len(folded) < len(path) else path


def _fold_direct(path: tuple[Place, ...]) -> tuple[Place, ...]:
    kept: list[Place] = []
    last_unit = -1
    for place in path:
        if place.unit is not None:
            if last_unit >= 0 and kept[last_unit].unit == place.unit:
                del kept[last_unit + 1 :]
                continue
            if not place.user or place.code.co_name not in INNER_CODES:
                last_unit = len(kept)
        kept.append(place)
    return tuple(kept)


def _fold_cycles(path: tuple[Place, ...]) -> tuple[Place, ...]:
    kept: list[Place] = []
    latest: dict[Place, int] = {}
    index = 0
    while index < len(path):
        start = latest.get(path[index])
        if start is not None:
            size = len(kept) - start
            # Django's handler and a middleware, many times over, are no recursion of the user's.
            if path[index : index + size] == tuple(kept[start:]) and any(
                map(_key_of, kept[start:])
            ):
                index += size
                continue
        latest[path[index]] = len(kept)
        kept.append(path[index])
        index += 1
    return tuple(kept)
