"""Objects that were loaded one by one, each by code of its own, are no rows of a loop.

Libraries written in C, such as the validator under django-ninja, read attribute after
attribute at one place of Python, and the stack does not tell which one led there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nplusone_guard.analysis.location import Location
from nplusone_guard.analysis.rules import Clearance, facts_of
from nplusone_guard.capture.scope import Group

#: Operations that load one object at most.
_SINGLE: Final = frozenset("get first last latest earliest".split())


def clear(group: Group, location: Location, groups: Iterable[Group]) -> Clearance | None:
    """The reason to clear ``group`` where no loop of the user's can be seen around it.

    That is so where each of its parents was loaded by a query that was sent once, on a
    path that no other shares: what it says of them follows the code, not the data.
    """
    model = facts_of(group).parent_model
    if location.in_user_loop or not model:
        return None
    loads = [one for one in groups if one is not group and facts_of(one).model == model]
    if len(loads) < group.count or not all(map(_loads_one, loads)):
        return None
    return Clearance("bounded", f"one for each of {len(loads)} objects loaded apart")


def _loads_one(group: Group) -> bool:
    facts = facts_of(group)
    joined = facts.operation == "lazy" and facts.eager == "select_related"
    return group.count == 1 and (joined or facts.operation in _SINGLE)
