"""Loops inside installed packages, on the way from the project to the query."""

from __future__ import annotations

import re

from nplusone_guard.analysis import loops
from nplusone_guard.analysis.carriers import carries
from nplusone_guard.analysis.found_loop import FoundLoop, frames_of, loop_site, spot_loop
from nplusone_guard.analysis.places import package_of, path_site
from nplusone_guard.analysis.structure import is_of_a_model
from nplusone_guard.capture import steps
from nplusone_guard.capture.scope import Group

#: Packages that a project is made of: a call of theirs says nothing by itself.
FRAMEWORKS = frozenset({"django", "rest_framework"})

#: Where the tags and filters are that every template can use.
_TEMPLATES = re.compile(r"/(django/template|jinja2)/[^/]+$")


def library_loop(group: Group) -> FoundLoop | None:
    """A loop inside an installed package, on the way from the user's line to the query.

    A function that has itself called again walks through what there is to send, such as
    the fields of a GraphQL query: a loop of another one is more likely to be over rows.
    """
    path = group.first.path if group.first is not None else ()
    codes = [place.code for place in path]
    walking: FoundLoop | None = None
    for index, place in enumerate(path):
        found = _library_loop_at(group, path, index)
        if found is not None and (place.spot is not None or codes.count(place.code) == 1):
            return found
        walking = walking or found
    return walking


def _library_loop_at(group: Group, path: tuple[steps.Place, ...], index: int) -> FoundLoop | None:
    place = path[index]
    spot = place.spot
    if spot is not None:
        return spot_loop(group, place, spot) if spot.loop and spot.package else None
    if carries(place.code):
        return None
    position = loops.position_of(place.code, place.lasti)
    for node in loops.enclosing_loops(place.code, position):
        if node.bounded is None and not is_of_a_model(node.source):
            return _tag_loop(group, path[index:]) or _in_library(place, node)
    return None


def library_call(group: Group) -> FoundLoop | None:
    """What an installed package calls again and again from C: the nearest of its calls."""
    for code, lasti in frames_of(group.first):
        if carries(code) or package_of(code) in FRAMEWORKS:
            continue
        node = loops.call_loop(code, loops.position_of(code, lasti))
        if node is not None:
            return FoundLoop(loop_site(code, node), node, in_library=True)
    return None


def _in_library(place: steps.Place, node: loops.Loop) -> FoundLoop:
    return FoundLoop(loop_site(place.code, node), node, in_library=True)


def _tag_loop(group: Group, around: tuple[steps.Place, ...]) -> FoundLoop | None:
    """The tag that runs the loop: of a filter or a tag that the template language has."""
    if not _TEMPLATES.search(around[0].code.co_filename.replace("\\", "/")):
        return None
    tag = next((one for one in around if one.spot is not None and one.spot.own), None)
    if tag is None or tag.spot is None or tag.spot.kind != "template":
        return None
    return FoundLoop(path_site(group.path, tag), loop_place=tag, spot=tag.spot)
