"""Where the objects that a loop runs over were loaded."""

from __future__ import annotations

from nplusone_guard.analysis.advice.case import Parents
from nplusone_guard.analysis.contexts import place_of_read
from nplusone_guard.analysis.findings import Origin
from nplusone_guard.analysis.location import Location
from nplusone_guard.analysis.places import asking_places, site_at
from nplusone_guard.analysis.rules import facts_of
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture import callpath, steps
from nplusone_guard.capture.scope import Group, Scope

#: Operations whose own model is what they make, not what the loop runs over.
_MAKERS = frozenset("create get_or_create update_or_create".split())

#: Operations that load no rows, so that no loop can run over what they gave.
_ANSWERS = frozenset("count exists contains aggregate".split())

#: Operations that load one row, so that no loop over several can run over what one of them gave.
_ONE_ROW = frozenset("get first last earliest latest".split())


def parents_of(scope: Scope, group: Group, location: Location) -> Parents | None:
    """The read that loaded the parents of ``group``.

    Asked in turn: the QuerySet that holds the parent object, the read evaluated on the
    loop's own line or on the line that assigned what it runs over, the latest earlier
    read of the parent's model. There is none for objects from before the scope.
    """
    facts = facts_of(group)
    assigned = _assigned(location)
    model = facts.parent_model if _varies(group) and facts.operation not in _MAKERS else ""
    read = facts.parent_group if model or facts.fks else None
    if read is None:
        models = [one.parent_model for one in facts.fks] + ([model] if model else [])
        read = _on_loop_line(scope, group, location, models)
        if read is None and not _from_before(scope, location):
            assigned = None
            found = _latest(scope, group, [model] if model else models)
            # What a deletion takes along is in nobody's hands but Django's.
            several = bool(model) and _changes(group)
            read = next((one for one in found if _may_hold(one, location, several)), None)
    if read is None:
        return None
    place = place_of_read(read)
    if place is None:
        return None
    site, chosen = place
    return Parents(Origin(facts_of(read).model, site, group.count, assigned or chosen), read)


def _varies(group: Group) -> bool:
    """Whether the parent is another one each turn: else the loop is over something else."""
    first = group.first
    return _changes(group) or first is None or group.second is None or not first.facts.parent_key


def _changes(group: Group) -> bool:
    """Whether the first two turns are known to have had two parents."""
    first, second = group.first, group.second
    if first is None or second is None or not first.facts.parent_key:
        return False
    return bool(first.facts.parent_key != second.facts.parent_key)


def _from_before(scope: Scope, location: Location) -> bool:
    """Whether what the loop runs over was assigned before the scope was opened."""
    node, place = location.node, location.loop_place
    if node is None or place is None or node.assigned is None:
        return False
    return place.code is scope.root_code and node.assigned < scope.root_line


def _assigned(location: Location) -> Site | None:
    node, place = location.node, location.loop_place
    if node is None or place is None or node.assigned is None:
        return None
    return site_at(place.code, node.assigned)


def _on_loop_line(
    scope: Scope, group: Group, location: Location, models: list[str]
) -> Group | None:
    node, place = location.node, location.loop_place
    if location.spot is not None:
        return _on_tag(scope, group, location.spot, models)
    if node is None or place is None:
        return None
    lines = set(range(node.iter_lines[0], node.iter_lines[1] + 1))
    if node.assigned is not None:
        lines.add(node.assigned)
    found = [read for read in _earlier_reads(scope, group) if _evaluated_on(read, place, lines)]
    wanted = [read for read in found if facts_of(read).model in models] or found
    return wanted[-1] if wanted else None


def _on_tag(scope: Scope, group: Group, loop: steps.Spot, models: list[str]) -> Group | None:
    """The read of what a template's loop runs over, if its tag evaluated that."""
    found = [read for read in _earlier_reads(scope, group) if _evaluated_by(read, loop)]
    return next((read for read in reversed(found) if facts_of(read).model in models), None)


def _evaluated_by(read: Group, loop: steps.Spot) -> bool:
    place = next(asking_places(read.path), None)
    spot = place.spot if place is not None else None
    return spot is not None and (spot.file, spot.line, spot.name) == (
        loop.file,
        loop.line,
        loop.name,
    )


def _evaluated_on(read: Group, loop_place: steps.Place, lines: set[int]) -> bool:
    """Whether a user frame of ``read`` stands on one of these lines of the loop's function."""
    return any(
        place.code.co_filename == loop_place.code.co_filename and place.line in lines
        for place in callpath.user_places(read.path)
    )


def _earlier_reads(scope: Scope, group: Group) -> list[Group]:
    """Reads that came before ``group``, the earliest first."""
    reads = (read for reads in scope.reads.values() for read in reads)
    # The same statement is no parent: Python 3.10 compiles the test of a ``while`` twice.
    shape = group.fingerprint.text
    earlier = (
        read for read in reads if read.sequence < group.sequence and read.fingerprint.text != shape
    )
    return sorted(earlier, key=lambda read: read.sequence)


def _latest(scope: Scope, group: Group, models: list[str]) -> list[Group]:
    earlier = (read for read in _earlier_reads(scope, group) if facts_of(read).model in models)
    loaded = [read for read in earlier if facts_of(read).operation not in _ANSWERS]
    return loaded[::-1]


def _may_hold(read: Group, location: Location, several: bool) -> bool:
    facts = facts_of(read)
    if several and read.count == 1 and facts.operation in _ONE_ROW:
        return False
    by_user = location.spot is None and location.in_user_loop
    return not (facts.collected and by_user)
