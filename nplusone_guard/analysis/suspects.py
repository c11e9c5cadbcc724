"""What of a scope is worth a judge: told by counts and paths, before any source is read.

Most tests and requests repeat nothing, and then closing their scope costs next to nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from nplusone_guard.analysis.carriers import is_asked_only_by
from nplusone_guard.analysis.places import site_at, user_place
from nplusone_guard.analysis.turns import may_be_branches
from nplusone_guard.analysis.verdicts import Cleared
from nplusone_guard.capture.landmarks import files
from nplusone_guard.capture.scope import Group, Scope
from nplusone_guard.capture.steps import Place

#: Database and text of a statement.
ShapeKey: TypeAlias = "tuple[str, str]"

#: Equal look-ups anywhere in a scope are duplicates from this many on.
DUPLICATES: Final = 3


@dataclass(slots=True)
class Suspects:
    """The groups of one scope that rules have to look at."""

    #: Groups of one shape, some of which may be of one loop.
    loops: list[list[Group]] = field(default_factory=list)
    #: Groups of a shape that was sent from several lines, often enough for duplicates.
    spread: list[Group] = field(default_factory=list)
    cleared: list[Cleared] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.loops or self.spread)


def suspects_of(scope: Scope, shapes: Collection[ShapeKey]) -> Suspects:
    """What of ``shapes``, those that were sent twice, may be found in ``scope``.

    What exempt code alone asked for is cleared, and what an error page did.
    """
    found = Suspects()
    for sent in _by_shape(scope, shapes):
        groups = sent
        repeated, spread = _suspected(groups, scope)
        if not (repeated or spread):
            continue
        shown = [group for group in sent if _error_page(group) is not None]
        if shown:
            found.cleared += _of_error_page(shown, scope)
            groups = [group for group in sent if group not in shown]
            repeated, spread = _suspected(groups, scope)
        if _is_owned(groups, scope):
            found.cleared += [_cleared(groups)] if repeated else []
        else:
            found.loops += [groups] if repeated else []
            found.spread += groups if spread else []
    return found


def _suspected(groups: list[Group], scope: Scope) -> tuple[bool, bool]:
    """Whether groups of one shape may be of a loop, and whether they may be duplicates."""
    count = sum([group.count for group in groups])
    repeated = count >= scope.policy.threshold and _may_repeat(groups, scope)
    return repeated, len(groups) > 1 and count >= DUPLICATES


def repeated_shapes(scope: Scope) -> set[ShapeKey]:
    """The statements that were sent twice; nearly all scopes are done with by this."""
    seen: set[ShapeKey] = set()
    again: set[ShapeKey] = set()
    for (alias, text, _), group in scope.groups.items():
        shape = (alias, text.removesuffix(_OFFSET))
        if group.count > 1 or shape in seen:
            again.add(shape)
        seen.add(shape)
    return again


#: The first of several indexed rows has none.
_OFFSET: Final = " OFFSET ?"


def _by_shape(scope: Scope, shapes: Collection[ShapeKey]) -> list[list[Group]]:
    found: dict[ShapeKey, list[Group]] = defaultdict(list)
    for group in scope.all_groups() if shapes else ():
        shape = (group.alias, group.fingerprint.text.removesuffix(_OFFSET))
        if shape in shapes and not group.fingerprint.truncated:
            found[shape].append(group)
    return list(found.values())


def _may_repeat(groups: list[Group], scope: Scope) -> bool:
    """Whether to read the source for what groups of one shape have in common."""
    for group in groups:
        group.settle()
    threshold = scope.policy.threshold
    return any(group.count >= threshold for group in groups) or may_be_branches(groups)


def _is_owned(groups: list[Group], scope: Scope) -> bool:
    """Whether nobody but exempt code asked for ``groups``: its loops say nothing."""
    exempt = scope.policy.exempt
    return exempt is not None and all(is_asked_only_by(group, exempt.owns) for group in groups)


def _cleared(groups: list[Group]) -> Cleared:
    place = user_place(groups[0].path)
    assert place is not None  # exempt code is somebody's own
    return _told(groups, "test-code", "sent by test code", place)


def _error_page(group: Group) -> Place | None:
    """Where Django shows the variables of an error and asks for ``group`` by that, if it does."""
    return next((one for one in group.path if files.is_of(one.code, files.ERROR_PAGES)), None)


def _of_error_page(groups: list[Group], scope: Scope) -> Iterator[Cleared]:
    place = _error_page(groups[0])
    if place is not None and any(_suspected(groups, scope)):
        yield _told(groups, "error-page", "shows the variables of an error", place)


def _told(groups: list[Group], reason: str, detail: str, place: Place) -> Cleared:
    shape, count = groups[0].fingerprint, sum([group.count for group in groups])
    # Nobody is shown its source, which would be read from a file for each module of tests.
    site = site_at(place.code, place.line, quoted=False)
    return Cleared(reason, detail, shape.headline, shape.text, count, site)
