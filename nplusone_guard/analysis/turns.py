"""Whether statements can be of one loop at all, before any source is read for it.

Most tests and requests send some statement from two lines. To read the source of each
would cost more than everything else that is done for them.
"""

from __future__ import annotations

from collections.abc import Iterable

from nplusone_guard.analysis.jumps import has_loop
from nplusone_guard.capture import callpath, steps
from nplusone_guard.capture.scope import Group


def may_be_branches(groups: Iterable[Group]) -> bool:
    """Whether two of ``groups``, none of which repeats, may be branches of one loop's body.

    Then they part in a function that loops, or they do not part at all.
    """
    paths: set[callpath.Path] = set()
    seen: dict[int, steps.Place] = {}
    for group in groups:
        if group.recursed or group.path in paths:
            return True
        paths.add(group.path)
        for place in group.path:
            if place.spot is not None:  # a framework's loop, which no function shows
                return True
            known = seen.setdefault(id(place.code), place) if place.user else place
            if known is not place and has_loop(place.code):
                return True
    return False
