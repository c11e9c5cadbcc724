"""Loops in the source of the project, and in what it has frameworks run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace
from itertools import pairwise
from types import CodeType

from nplusone_guard.analysis import loops
from nplusone_guard.analysis.found_loop import FoundLoop, loop_site, spot_loop
from nplusone_guard.analysis.places import site_of
from nplusone_guard.analysis.structure import is_of_cells, is_of_functions, is_of_parts
from nplusone_guard.capture import callpath, steps
from nplusone_guard.capture.scope import Group, Scope

#: Python's functions that start a task or a job for each item they are given.
_FANS = frozenset(
    function.__code__ for function in (asyncio.gather, asyncio.as_completed, Executor.map)
)
#: Those of ``multiprocessing``, which nobody imports for our sake.
_POOL_FILE = os.path.join("multiprocessing", "pool.py")
_POOL_METHODS = frozenset("imap imap_unordered map map_async starmap starmap_async".split())


def user_loop(scope: Scope, group: Group, places: list[steps.Place]) -> FoundLoop | None:
    """The innermost loop that can grow; a bounded one if it accounts for all the turns.

    A loop over functions that are written out calls each of them once: what is more comes
    from a loop further out. Where there is none, one of them goes by several names. One over
    the parts of something is told only where no loop of the product's is further out, and where
    it can have asked twice; one of tries only where none is.
    """
    turns = most = 1
    bounded: FoundLoop | None = None
    parts: FoundLoop | None = None
    tried: FoundLoop | None = None
    called = _called(group.path)
    for place, found in _loops_around(scope, group, places):
        if parts is not None and _is_exempt(scope, place):
            if _is_read_again(scope, group):
                return found
            continue
        if _is_over_parts(place, found):
            parts = parts or found
        elif _is_of_tries(scope, place, found):
            tried = tried or found
        elif found.node is None or found.node.bounded is None:
            return found
        elif parts is None:
            turns *= found.node.turns_of(called.get(place, "")) or 1
            most *= found.node.bounded
            bounded = bounded or found
            if group.count <= turns:
                return replace(found, bounded=True)
    if parts is not None or bounded is None:
        return parts or tried
    return replace(bounded, bounded=group.count <= most)


def _loops_around(
    scope: Scope, group: Group, places: list[steps.Place]
) -> Iterator[tuple[steps.Place, FoundLoop]]:
    """The loops that the places are in, innermost first."""
    fans = _fans(group.path)
    for place in places:
        if place.spot is None:
            for found in _loops_at(scope, place, fans.get(place, "")):
                yield place, found
            continue
        spot = place.spot if place.spot.loop else place.spot.within
        if spot is not None:
            yield place, spot_loop(group, place, spot)


def _is_over_parts(place: steps.Place, found: FoundLoop) -> bool:
    if found.spot is not None:
        return is_of_cells(found.spot)
    if found.node is None or found.node.bounded is not None:
        return False
    return is_of_parts(found.node) or is_of_functions(found.node, site_of(place.code, place.lasti))


def _is_read_again(scope: Scope, group: Group) -> bool:
    """Whether a relation was read for one object after the other, and no other one there.

    A loop over the fields of an object comes to each of them once.
    """
    relation = _relation_read(group)
    if not relation:
        return False
    shape, places = (group.alias, group.fingerprint.text), _steps(group)
    return not any(
        (one.alias, one.fingerprint.text) == shape
        and _relation_read(one) not in ("", relation)
        and _steps(one) == places
        for one in scope.groups.values()
    )


def _relation_read(group: Group) -> str:
    """The relation that is read lazily; empty for others.

    By those that lead to one object call paths differ; by those that lead to several, the shapes.
    A manager asks again for an object that was asked for: then nothing is known.
    """
    sightings = [one for one in (group.first, group.second) if one is not None]
    facts = sightings[-1].facts if sightings else None
    if facts is None:
        return ""
    again = len({one.digest for one in sightings}) < 2
    managed = facts.plain and facts.operation == "filter" and not again
    return str(facts.relation) if managed or facts.operation == "lazy" else ""


def _steps(group: Group) -> list[tuple[CodeType, int]]:
    return [(place.code, place.lasti) for place in callpath.user_places(group.path)]


def _is_of_tries(scope: Scope, place: steps.Place, found: FoundLoop) -> bool:
    """Whether a loop is left in its first turn; few are of a kind to read the source for."""
    node = found.node
    if node is None or not (node.kind == "while" or node.iterates.startswith("range(")):
        return False
    from nplusone_guard.analysis import tries

    return tries.is_of_tries(scope, place, node.line)


def _is_exempt(scope: Scope, place: steps.Place) -> bool:
    exempt = scope.policy.exempt
    return exempt is not None and bool(exempt.owns(place.code.co_filename, ""))


def _loops_at(scope: Scope, place: steps.Place, fan: str) -> Iterator[FoundLoop]:
    """The loops of one frame that the place is in, innermost first."""
    position = loops.position_of(place.code, place.lasti)
    if fan:
        yield _fanned_out(place, position, fan)
    for node in loops.enclosing_loops(place.code, position):
        if place.code is not scope.root_code or not _encloses_scope(node, scope):
            yield FoundLoop(loop_site(place.code, node), node, place)


def _fans(path: callpath.Path) -> dict[steps.Place, str]:
    """The user's places that call a function of ``_FANS``, and which one."""
    return {
        outer: inner.code.co_name
        for inner, outer in pairwise(path)
        if outer.user and _is_fan(inner.code)
    }


def _called(path: callpath.Path) -> dict[steps.Place, str]:
    """What each of the user's places has called, or has had called in a task or a thread."""
    called: dict[steps.Place, str] = {}
    started = ""
    for inner, outer in pairwise(path):
        name = inner.code.co_name
        if outer.bridge is not None:
            started = name
        elif outer.user:
            called[outer] = started if _is_fan(inner.code) else name
    return called


def _is_fan(code: CodeType) -> bool:
    if code in _FANS:
        return True
    return code.co_name in _POOL_METHODS and code.co_filename.endswith(_POOL_FILE)


def _fanned_out(place: steps.Place, position: loops.Position, fan: str) -> FoundLoop:
    """The call that starts a task or a job for each item of an argument: it is the loop."""
    node = loops.call_loop(place.code, position)
    site = loop_site(place.code, node) if node else site_of(place.code, place.lasti, "call")
    return FoundLoop(replace(site, kind="gather") if fan == "gather" else site, node, place)


def _encloses_scope(node: loops.Loop, scope: Scope) -> bool:
    return node.line < scope.root_line <= node.end_line
