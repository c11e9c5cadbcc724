"""Relations of one object that lead to one model are no rows of a loop.

Libraries written in C, such as the validator under django-ninja, read attribute after
attribute at one place of Python, and the stack does not tell which one led there: what is
read of ``order.customer`` and of ``order.referrer`` looks like two turns of a loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import dropwhile

from nplusone_guard.analysis.location import Location
from nplusone_guard.analysis.rules import Clearance, facts_of
from nplusone_guard.capture.landmarks import files
from nplusone_guard.capture.scope import Group
from nplusone_guard.capture.steps import Place


def clear(group: Group, location: Location, groups: Iterable[Group]) -> Clearance | None:
    """The reason to clear ``group`` where no loop of the user's can be seen around it.

    That is so where each of its parents was a relation of its own, read once and on the way
    that led to ``group``. What was loaded elsewhere, one by one or not, says nothing of the
    rows that are looked at here.
    """
    facts = facts_of(group)
    if location.in_user_loop or not facts.parent_model or facts.parent_group is not None:
        return None
    loads = [
        one for one in groups if one is not group and facts_of(one).model == facts.parent_model
    ]
    if len(loads) < group.count or not all(_is_on_the_way(one, group) for one in loads):
        return None
    return Clearance("bounded", f"one for each of {len(loads)} relations of one object")


def _is_on_the_way(load: Group, group: Group) -> bool:
    """Whether what read the relation, at one place, went on from there to ``group``."""
    facts = facts_of(load)
    if load.count > 1 or facts.operation != "lazy" or facts.eager != "select_related":
        return False
    before, further = _beyond_the_orm(load), _beyond_the_orm(group)
    same_reader = before[:1] == further[:1]
    return same_reader and len(before) < len(further) and _users(before) <= _users(further)


def _beyond_the_orm(group: Group) -> list[Place]:
    """The path from the place that read an attribute, outwards."""
    return list(dropwhile(_is_of_the_orm, group.path))


def _is_of_the_orm(place: Place) -> bool:
    return files.is_of(place.code, files.ORM)


def _users(places: list[Place]) -> set[Place]:
    return {place for place in places if place.user}
