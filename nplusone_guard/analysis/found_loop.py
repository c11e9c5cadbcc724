"""A loop that asked again and again, as it was found."""

from __future__ import annotations

from dataclasses import dataclass
from types import CodeType

from nplusone_guard.analysis import loops
from nplusone_guard.analysis.places import package_of, path_site
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture import steps
from nplusone_guard.capture.scope import Group, Sighting


@dataclass(frozen=True, slots=True)
class FoundLoop:
    """A loop, and what is known of it; its fields are those of ``Location``."""

    loop: Site
    node: loops.Loop | None = None
    loop_place: steps.Place | None = None
    bounded: bool = False
    in_library: bool = False
    spot: steps.Spot | None = None


def spot_loop(group: Group, place: steps.Place, spot: steps.Spot) -> FoundLoop:
    """The loop that a framework runs at ``place``, in the user's own terms."""
    loop = path_site(group.path, place, spot)
    library = bool(spot.package)
    return FoundLoop(loop, loop_place=place, in_library=library, spot=spot)


def loop_site(code: CodeType, node: loops.Loop) -> Site:
    """The place of a loop in the syntax tree."""
    return Site(node.file, node.line, node.function, node.source, node.kind, package_of(code))


def frames_of(sighting: Sighting | None) -> list[tuple[CodeType, int]]:
    """Code object and instruction offset of each frame, nearest to the query first."""
    return [(place.code, place.lasti) for place in sighting.path] if sighting else []
