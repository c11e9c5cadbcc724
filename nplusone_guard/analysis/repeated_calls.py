"""Calls that came again and again without a loop in sight: by recursion, or by C code."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from types import CodeType

from nplusone_guard.analysis import loops
from nplusone_guard.analysis.found_loop import FoundLoop, loop_site
from nplusone_guard.analysis.iteration import may_iterate
from nplusone_guard.analysis.jumps import has_loop
from nplusone_guard.analysis.places import path_site, site_of
from nplusone_guard.capture import callpath, codes, steps
from nplusone_guard.capture.scope import Group

#: ``function(*args, **kwargs)``, ``self.function(request, *args, **kwargs)``.
_HANDING_ON = re.compile(r"\w\((?:[\w.]+, )*\*\w+, \*\*\w+\)")


def recursion(group: Group) -> FoundLoop | None:
    """The line on which the function called itself."""
    sighting = group.second or group.first
    path = sighting.path if sighting is not None else group.path
    seen: set[CodeType] = set()
    for place in callpath.user_places(path):
        code = place.code
        if code.co_name in codes.INNER_CODES:
            continue
        if code in seen:
            return FoundLoop(site_of(code, place.lasti, "recursion"))
        seen.add(code)
    return _template_recursion(path)


def _template_recursion(path: callpath.Path) -> FoundLoop | None:
    """The tag by which a template had itself rendered."""
    seen: set[object] = set()
    tag: steps.Place | None = None
    for place in path:
        spot = place.spot
        if spot is None or spot.package:
            continue
        if spot.unit in seen:
            # Compiled templates have one frame for the template and its tag.
            at = place if spot.name else tag
            return FoundLoop(replace(path_site(path, at), kind="recursion")) if at else None
        if spot.unit is not None:
            seen.add(spot.unit)
            tag = None
        elif spot.name:
            tag = tag or place
    return None


def loop_in_c(group: Group, places: list[steps.Place]) -> FoundLoop | None:
    """``sorted(key=)``, ``map``, ``sum`` …: a loop that runs inside a call."""
    for place in _in_python(places):
        if not (may_iterate(place.code) or has_loop(place.code)):
            continue  # its source need not be read
        position = loops.position_of(place.code, place.lasti)
        node = loops.call_loop(place.code, position)
        if node is not None and node.iterates:
            bounded = node.bounded is not None and group.count <= node.bounded
            return FoundLoop(loop_site(place.code, node), node, place, bounded=bounded)
    return None


def any_call(group: Group, places: list[steps.Place]) -> FoundLoop | None:
    """The innermost call, or tag, that stayed on the stack: it runs a loop unseen by us.

    That of a function by its own name runs it once, and is told only for want of another.
    """
    within = {outer: inner for inner, outer in pairwise(group.path)}
    plain: FoundLoop | None = None
    for place in places:
        if place.spot is not None:
            if place.spot.kind == "template":
                return FoundLoop(path_site(group.path, place), loop_place=place, spot=place.spot)
            continue
        position = loops.position_of(place.code, place.lasti)
        node = loops.call_loop(place.code, position)
        if node is None:
            continue
        found = FoundLoop(loop_site(place.code, node), node, place)
        if not _calls(node, within.get(place)):
            return found
        plain = plain or found
    return plain


def _calls(node: loops.Loop, inner: steps.Place | None) -> bool:
    """Whether the line calls a function of the user's: ``self.note(row)``, ``f(*args, **kwargs)``.

    By its name, or as a decorator does, which hands on all that it was given.
    """
    if inner is None or not inner.user:
        return False
    return f"{inner.code.co_name}(" in node.source or _HANDING_ON.search(node.source) is not None


def _in_python(places: list[steps.Place]) -> list[steps.Place]:
    return [place for place in places if place.spot is None]
