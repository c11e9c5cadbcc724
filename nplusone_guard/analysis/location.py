"""Where a group's queries were asked for, and which loop asked again and again."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import pairwise
from types import CodeType

from nplusone_guard.analysis import loops
from nplusone_guard.analysis.carriers import carries
from nplusone_guard.analysis.findings import Site
from nplusone_guard.analysis.iteration import may_iterate
from nplusone_guard.analysis.jumps import has_loop
from nplusone_guard.analysis.places import (
    asking_places,
    declared_relation,
    package_of,
    path_site,
    site_of,
    user_place,
)
from nplusone_guard.analysis.structure import is_of_cells, is_of_parts
from nplusone_guard.capture import callpath, codes, steps
from nplusone_guard.capture.scope import Group, Scope, Sighting

#: A loop over the fields of a model, which do not grow with the data.
_OVER_FIELDS = re.compile(r"\b(?:_meta|opts)\.\w")
#: Packages that a project is made of: a call of theirs says nothing by itself.
_FRAMEWORKS = frozenset({"django", "rest_framework"})

#: Where the tags and filters are that every template can use.
_TEMPLATES = re.compile(r"/(django/template|jinja2)/[^/]+$")

#: Python's functions that start a task or a job for each item they are given.
_FANS = frozenset(
    function.__code__ for function in (asyncio.gather, asyncio.as_completed, Executor.map)
)
#: Those of ``multiprocessing``, which nobody imports for our sake.
_POOL_FILE = os.path.join("multiprocessing", "pool.py")
_POOL_METHODS = frozenset("imap imap_unordered map map_async starmap starmap_async".split())


@dataclass(frozen=True, slots=True)
class Location:
    """The call site of a group and the loop around it, as far as they can be known."""

    site: Site
    #: The frame of the site: branches of one loop are compared by it.
    place: steps.Place | None = None
    loop: Site | None = None
    #: The loop in the syntax tree; ``None`` for recursion and for loops inside C code.
    node: loops.Loop | None = None
    #: The frame the loop runs in.
    loop_place: steps.Place | None = None
    #: The loop runs over a literal collection, and that accounts for all the turns.
    bounded: bool = False
    #: The loop belongs to an installed package.
    in_library: bool = False
    #: The loop in the user's own terms: a template's tag, a serializer's ``many=True``.
    spot: steps.Spot | None = None

    @property
    def in_user_loop(self) -> bool:
        """Whether the user's own source shows the loop."""
        seen = self.node is not None and (self.node.kind != "call" or bool(self.node.iterates))
        return not self.in_library and (seen or (self.loop is not None and self.node is None))

    @property
    def key(self) -> tuple[str, int, str, steps.Spot | None] | None:
        """What two groups of one loop have in common."""
        if self.loop is None:
            return None
        return (self.loop.file, self.loop.line, self.loop.kind, self.spot)


def call_site(group: Group) -> Site:
    """The innermost place of the user's."""
    place = user_place(group.path)
    return path_site(group.path, place) if place is not None else _library_site(group)


def locate(scope: Scope, group: Group) -> Location:
    """The site and the loop of ``group``."""
    places = list(callpath.named_places(group.path))
    place, site = user_place(group.path), call_site(group)
    found = None
    if group.recursed:
        found = _recursion(group)
    found = found or _user_loop(scope, group, places)
    asking = list(asking_places(group.path))
    found = found or _c_loop(group, asking) or _library_loop(group)
    found = found or _any_call(group, [one for one in asking if one is not place or one.spot])
    found = found or _library_call(group)
    if found is None:
        return Location(site, place)
    return Location(
        site,
        place,
        found.loop,
        found.node,
        found.loop_place,
        found.bounded,
        found.in_library,
        found.spot,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    loop: Site
    node: loops.Loop | None = None
    loop_place: steps.Place | None = None
    bounded: bool = False
    in_library: bool = False
    spot: steps.Spot | None = None


def _user_loop(scope: Scope, group: Group, places: list[steps.Place]) -> _Found | None:
    """The innermost loop that can grow; a bounded one if it accounts for all the turns.

    A loop over functions that are written out calls each of them once: what is more comes
    from a loop further out. Where there is none, one of them goes by several names. One over
    the parts of something is told only where no loop of the product's is further out.
    """
    turns = most = 1
    bounded: _Found | None = None
    parts: _Found | None = None
    called = _called(group.path)
    for place, found in _loops_around(scope, group, places):
        if parts is not None and _is_exempt(scope, place):
            continue
        if _is_over_parts(found):
            parts = parts or found
        elif found.node is None or found.node.bounded is None:
            return found
        elif parts is None:
            turns *= found.node.turns_of(called.get(place, "")) or 1
            most *= found.node.bounded
            bounded = bounded or found
            if group.count <= turns:
                return replace(found, bounded=True)
    if parts is not None or bounded is None:
        return parts
    return replace(bounded, bounded=group.count <= most)


def _loops_around(
    scope: Scope, group: Group, places: list[steps.Place]
) -> Iterator[tuple[steps.Place, _Found]]:
    """The loops that the places are in, innermost first."""
    fans = _fans(group.path)
    for place in places:
        if place.spot is None:
            for found in _loops_at(scope, place, fans.get(place, "")):
                yield place, found
            continue
        spot = place.spot if place.spot.loop else place.spot.within
        if spot is not None:
            yield place, _spot_loop(group, place, spot)


def _is_over_parts(found: _Found) -> bool:
    if found.spot is not None:
        return is_of_cells(found.spot)
    return found.node is not None and found.node.bounded is None and is_of_parts(found.node)


def _is_exempt(scope: Scope, place: steps.Place) -> bool:
    exempt = scope.policy.exempt
    return exempt is not None and bool(exempt.owns(place.code.co_filename, ""))


def _spot_loop(group: Group, place: steps.Place, spot: steps.Spot) -> _Found:
    loop = path_site(group.path, place, spot)
    library = bool(spot.package)
    return _Found(loop, loop_place=place, in_library=library, spot=spot)


def _loops_at(scope: Scope, place: steps.Place, fan: str) -> Iterator[_Found]:
    """The loops of one frame that the place is in, innermost first."""
    position = loops.position_of(place.code, place.lasti)
    if fan:
        yield _fanned_out(place, position, fan)
    for node in loops.enclosing_loops(place.code, position):
        if place.code is not scope.root_code or not _encloses_scope(node, scope):
            yield _Found(_loop_site(place.code, node), node, place)


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


def _fanned_out(place: steps.Place, position: loops.Position, fan: str) -> _Found:
    """The call that starts a task or a job for each item of an argument: it is the loop."""
    node = loops.call_loop(place.code, position)
    site = _loop_site(place.code, node) if node else site_of(place.code, place.lasti, "call")
    return _Found(replace(site, kind="gather") if fan == "gather" else site, node, place)


def _encloses_scope(node: loops.Loop, scope: Scope) -> bool:
    return node.line < scope.root_line <= node.end_line


def _loop_site(code: CodeType, node: loops.Loop) -> Site:
    return Site(node.file, node.line, node.function, node.source, node.kind, package_of(code))


def _recursion(group: Group) -> _Found | None:
    """The line on which the function called itself."""
    sighting = group.second or group.first
    path = sighting.path if sighting is not None else group.path
    seen: set[CodeType] = set()
    for place in callpath.user_places(path):
        code = place.code
        if code.co_name in codes.INNER_CODES:
            continue
        if code in seen:
            return _Found(site_of(code, place.lasti, "recursion"))
        seen.add(code)
    return _template_recursion(path)


def _template_recursion(path: callpath.Path) -> _Found | None:
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
            return _Found(replace(path_site(path, at), kind="recursion")) if at else None
        if spot.unit is not None:
            seen.add(spot.unit)
            tag = None
        elif spot.name:
            tag = tag or place
    return None


def _c_loop(group: Group, places: list[steps.Place]) -> _Found | None:
    """``sorted(key=)``, ``map``, ``sum`` …: a loop that runs inside a call."""
    for place in _in_python(places):
        if not (may_iterate(place.code) or has_loop(place.code)):
            continue  # its source need not be read
        position = loops.position_of(place.code, place.lasti)
        node = loops.call_loop(place.code, position)
        if node is not None and node.iterates:
            bounded = node.bounded is not None and group.count <= node.bounded
            return _Found(_loop_site(place.code, node), node, place, bounded=bounded)
    return None


def _any_call(group: Group, places: list[steps.Place]) -> _Found | None:
    """The innermost call, or tag, that stayed on the stack: it runs a loop unseen by us.

    That of a function by its own name runs it once, and is told only for want of another.
    """
    within = {outer: inner for inner, outer in pairwise(group.path)}
    plain: _Found | None = None
    for place in places:
        if place.spot is not None:
            if place.spot.kind == "template":
                return _Found(path_site(group.path, place), loop_place=place, spot=place.spot)
            continue
        position = loops.position_of(place.code, place.lasti)
        node = loops.call_loop(place.code, position)
        if node is None:
            continue
        found = _Found(_loop_site(place.code, node), node, place)
        if not _calls(node, within.get(place)):
            return found
        plain = plain or found
    return plain


def _calls(node: loops.Loop, inner: steps.Place | None) -> bool:
    """Whether the line calls a function of the user's by its name: ``self.note(row)``."""
    return inner is not None and inner.user and f"{inner.code.co_name}(" in node.source


def _in_python(places: list[steps.Place]) -> list[steps.Place]:
    return [place for place in places if place.spot is None]


def _library_loop(group: Group) -> _Found | None:
    """A loop inside an installed package, on the way from the user's line to the query.

    A function that has itself called again walks through what there is to send, such as
    the fields of a GraphQL query: a loop of another one is more likely to be over rows.
    """
    path = group.first.path if group.first is not None else ()
    codes = [place.code for place in path]
    walking: _Found | None = None
    for index, place in enumerate(path):
        found = _library_loop_at(group, path, index)
        if found is not None and (place.spot is not None or codes.count(place.code) == 1):
            return found
        walking = walking or found
    return walking


def _library_loop_at(group: Group, path: tuple[steps.Place, ...], index: int) -> _Found | None:
    place = path[index]
    spot = place.spot
    if spot is not None:
        return _spot_loop(group, place, spot) if spot.loop and spot.package else None
    if carries(place.code):
        return None
    position = loops.position_of(place.code, place.lasti)
    for node in loops.enclosing_loops(place.code, position):
        if node.bounded is None and not _OVER_FIELDS.search(node.source):
            return _tag_loop(group, path[index:]) or _in_library(place, node)
    return None


def _library_call(group: Group) -> _Found | None:
    """What an installed package calls again and again from C: the nearest of its calls."""
    for code, lasti in _frames(group.first):
        if carries(code) or package_of(code) in _FRAMEWORKS:
            continue
        node = loops.call_loop(code, loops.position_of(code, lasti))
        if node is not None:
            return _Found(_loop_site(code, node), node, in_library=True)
    return None


def _in_library(place: steps.Place, node: loops.Loop) -> _Found:
    return _Found(_loop_site(place.code, node), node, in_library=True)


def _tag_loop(group: Group, around: tuple[steps.Place, ...]) -> _Found | None:
    """The tag that runs the loop: of a filter or a tag that the template language has."""
    if not _TEMPLATES.search(around[0].code.co_filename.replace("\\", "/")):
        return None
    tag = next((one for one in around if one.spot is not None and one.spot.own), None)
    if tag is None or tag.spot is None or tag.spot.kind != "template":
        return None
    return _Found(path_site(group.path, tag), loop_place=tag, spot=tag.spot)


def _library_site(group: Group) -> Site:
    """No user code is on the stack: what was read of a model, else the outermost frame."""
    frames = _frames(group.first)
    if not frames:
        return Site("", 0, "")
    return _relation_site(group) or _package_site(frames)


def _package_site(frames: list[tuple[CodeType, int]]) -> Site:
    """What a package does by itself, such as its middleware: its innermost frame."""
    packages = [frame for frame in frames if not carries(frame[0])]
    own = (frame for frame in packages if package_of(frame[0]) not in _FRAMEWORKS)
    return site_of(*next(own, next(iter(packages), frames[-1])))


def _relation_site(group: Group) -> Site | None:
    """The field that was read, where the user declared it: ``Entry.author``."""
    facts = group.first.facts if group.first is not None else None
    relation = str(facts.relation) if facts is not None else ""
    found = declared_relation(relation)
    if found is None:
        return None
    return Site(found.file, found.line, relation.partition(".")[2], found.source, "model")


def _frames(sighting: Sighting | None) -> list[tuple[CodeType, int]]:
    """Code object and instruction offset of each frame, nearest to the query first."""
    return [(place.code, place.lasti) for place in sighting.path] if sighting else []


def exclusive(one: Location, other: Location) -> bool:
    """Whether two call sites lie in branches that exclude each other in one turn."""
    first, second = one.loop_place, other.loop_place
    if first is None or second is None or first.code is not second.code:
        return False
    return loops.exclusive(
        first.code,
        loops.position_of(first.code, first.lasti),
        loops.position_of(second.code, second.lasti),
    )
