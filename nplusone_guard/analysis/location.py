"""Where a group's queries were asked for, and which loop asked again and again."""

from __future__ import annotations

from dataclasses import dataclass
from types import CodeType

from nplusone_guard.analysis import loops
from nplusone_guard.analysis.carriers import carries
from nplusone_guard.analysis.found_loop import frames_of
from nplusone_guard.analysis.package_loops import FRAMEWORKS, library_call, library_loop
from nplusone_guard.analysis.places import (
    asking_places,
    declared_relation,
    package_of,
    path_site,
    site_of,
    user_place,
)
from nplusone_guard.analysis.repeated_calls import any_call, loop_in_c, recursion
from nplusone_guard.analysis.user_loops import user_loop
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture import callpath, steps
from nplusone_guard.capture.scope import Group, Scope


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
        found = recursion(group)
    found = found or user_loop(scope, group, places)
    asking = list(asking_places(group.path))
    found = found or loop_in_c(group, asking) or library_loop(group)
    found = found or any_call(group, [one for one in asking if one is not place or one.spot])
    found = found or library_call(group)
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


def _library_site(group: Group) -> Site:
    """No user code is on the stack: what was read of a model, else the outermost frame."""
    frames = frames_of(group.first)
    if not frames:
        return Site("", 0, "")
    return _relation_site(group) or _package_site(frames)


def _package_site(frames: list[tuple[CodeType, int]]) -> Site:
    """What a package does by itself, such as its middleware: its innermost frame."""
    packages = [frame for frame in frames if not carries(frame[0])]
    own = (frame for frame in packages if package_of(frame[0]) not in FRAMEWORKS)
    return site_of(*next(own, next(iter(packages), frames[-1])))


def _relation_site(group: Group) -> Site | None:
    """The field that was read, where the user declared it: ``Entry.author``."""
    facts = group.first.facts if group.first is not None else None
    relation = str(facts.relation) if facts is not None else ""
    found = declared_relation(relation)
    if found is None:
        return None
    return Site(found.file, found.line, relation.partition(".")[2], found.source, "model")


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
