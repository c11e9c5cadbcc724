"""First and second sightings: the slow path, where frames and landmarks are looked at."""

from __future__ import annotations

from types import CodeType, FrameType
from typing import Any, Final

from nplusone_guard.capture import callpath, landmarks
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.fingerprint import Fingerprint
from nplusone_guard.capture.scope import (
    Group,
    Scope,
    Sighting,
    active_ignores,
    digest,
)

Key = tuple[str, str, callpath.Path]

#: Operations whose QuerySet is gone when they return: it cannot lead to anybody's parents.
PASSING: Final = frozenset(
    "sql get first last earliest latest count exists contains aggregate iterator".split()
)

#: Shapes for which a path remembers what its frames tell.
MAX_TOLD: Final = 16


class Told:
    """What the frames of one path tell of one shape, whatever the parameters.

    A stack that was seen in an earlier scope need not be looked at again.
    """

    __slots__ = ("facts", "shape", "sighting")

    def __init__(self, path: callpath.Path, shape: Fingerprint, facts: landmarks.Facts) -> None:
        #: Those of every second sighting.
        self.facts = facts
        #: Of the very text: what is no part of the shape, such as a LIMIT, is that of this one.
        self.shape = shape
        #: What stands for the first sighting as well, where there is no QuerySet to keep
        #: and it does not matter whether two in a row asked for the same.
        self.sighting: Sighting | None = None
        one_row = facts.operation == "get" or shape.limit is None or shape.limit.value == 1
        if one_row and facts.operation in PASSING and path.folded is path:
            self.sighting = Sighting(path)
            self.sighting.facts = facts


#: One execution as the functions here hand it on: its key, shape, digest of text and
#: parameters, frame, code objects from there outwards, parameters, and whether it is an
#: ``executemany``. A plain tuple, since there is one for each first and second sighting.
Query = tuple[Key, Fingerprint, int, FrameType, list[CodeType], Any, bool]


def sight(scope: Scope, known: Group | None, query: Query) -> Group | None:
    """The group of a query whose path is unknown so far, or was seen once.

    ``None`` once the scope holds as many groups as its policy allows.
    """
    if known is not None:
        if known.count == 1 and known.second is None:
            _note_second(scope, known, query)
        return known
    key = query[0]
    path = key[2]
    told = path.told.get(key[1])
    sighting = told.sighting if told is not None and told.shape is query[1] else None
    if sighting is not None and not query[6]:
        group = _make_known_group(scope, query, sighting)
    elif path.folded is not path:
        return _sight_folded(scope, query, path.folded)
    else:
        group = _make_group(scope, query, path)
    if group is not None:
        scope.groups[key] = group
    return group


def _make_known_group(scope: Scope, query: Query, sighting: Sighting) -> Group | None:
    """As ``_make_group``, where neither of the two sightings has anything to look at."""
    group = _new_group(scope, query, query[0][2], sighting)
    if group is not None:
        group.second = sighting
        group.slow = False
    return group


def _new_group(
    scope: Scope, query: Query, path: callpath.Path, sighting: Sighting | None = None
) -> Group | None:
    """A group with its first ``sighting``, which is looked for where it is not given."""
    if scope.sequence >= scope.policy.max_groups:
        scope.unjudged += 1
        return None
    scope.sequence += 1
    group = Group(query[0][0], query[1], path, scope.sequence)
    group.codes = query[4]
    group.first = first = sighting or _sighting(scope, query, None)
    group.ignores = active_ignores.get()
    if first.facts.fills_process or (callpath.table.keeping and path.fills):
        scope.filling += (group,)
    model = first.facts.model
    if model and query[1].kind == "select":
        scope.reads.setdefault(model, []).append(group)
    return group


def _sight_folded(scope: Scope, query: Query, folded: callpath.Path) -> Group | None:
    """The group of a path that was deeper.

    Recursion is a path of several depths, not one deep path: a function wrapped twice
    by one decorator is on the stack twice, too.
    """
    alias, text, path = query[0]
    key = (alias, text, folded)
    group = scope.groups.get(key)
    if group is None:
        group = _make_group(scope, query, folded)
    elif group.second is not None and group.second is group.first:
        _note_second(scope, group, query)  # the sighting that was told had no depth
    else:
        sight(scope, group, query)
    if group is not None and group.first is not None:
        scope.groups[key] = group
        group.recursed = group.recursed or len(group.first.path) != len(path)
        if len(path) <= callpath.MAX_REMEMBERED:
            scope.groups[query[0]] = group
    return group


def _make_group(scope: Scope, query: Query, path: callpath.Path) -> Group | None:
    group = _new_group(scope, query, path)
    if group is None or group.first is None:
        return group
    if query[6]:
        group.many = _rows(query[5])
    elif path.met is not None and group.first.facts.operation in PASSING:
        _look_ahead(scope, path, query)
    return group


def _look_ahead(scope: Scope, path: callpath.Path, query: Query) -> None:
    """In the second scope that sends a shape from here, look closer: for those to come.

    What is sent once for each request has no second sighting that would.
    """
    shape = query[1]
    if path.met != shape.text:
        path.met = shape.text
        return
    path.met = None
    if not shape.plain or shape.text in path.told:
        return
    try:
        facts = landmarks.read(query[3], path, deep=True)
    except Exception as error:
        contain("capture.landmarks", error, scope.errors)
    else:
        if facts.lasting:
            _remember(path, shape, facts)


def _note_second(scope: Scope, group: Group, query: Query) -> None:
    group.slow = False
    group.second = _sighting(scope, query, group)
    params, many = query[5:]
    if many:
        group.many = max(group.many, _rows(params))


def _rows(params: Any) -> int:
    """Parameter sets of an ``executemany`` (2 where they cannot be counted)."""
    return len(params) if hasattr(params, "__len__") else 2


def _sighting(scope: Scope, query: Query, group: Group | None) -> Sighting:
    """The facts of one execution.

    Given the ``group`` of a second one, it looks closer: at the parent object, where
    that was loaded, and at the WHERE clause.
    """
    (_, text, path), shape, digested, frame, _, params, _ = query
    sighting = Sighting(path, digested)
    told = path.told.get(text) if group is not None else None
    if told is not None:
        sighting.facts = told.facts
        return sighting
    try:
        sighting.facts = facts = landmarks.read(frame, path, deep=group is not None)
    except Exception as error:
        sighting.facts = facts = landmarks.Facts()
        contain("capture.landmarks", error, scope.errors)
    else:
        if group is not None and shape.plain and facts.lasting:
            _remember(path, shape, facts)
    if facts.parent is not None or facts.fks:
        if group is not None:
            _find_parent(scope, group, facts)
        facts.forget_values()
    if shape.in_lists:
        sighting.in_key = _in_key(shape, params)
    if shape.offset is not None or shape.keyset:
        sighting.numbers = _numbers(shape, params)
    return sighting


def _remember(path: callpath.Path, shape: Fingerprint, facts: landmarks.Facts) -> None:
    if path.__class__ is callpath.RememberedPath and len(path.told) < MAX_TOLD:
        path.told = {**path.told, shape.text: Told(path, shape, facts)}


def _in_key(shape: Fingerprint, params: Any) -> int | None:
    """A digest of the longest IN list's values, to see whether it changes by turn."""
    longest = max(shape.in_lists, key=lambda one: one.length)
    if longest.param is None or not isinstance(params, (list, tuple)):
        return longest.digest
    return digest("", tuple(params[longest.param : longest.param + longest.width]))


def _numbers(shape: Fingerprint, params: Any) -> tuple[Any, ...]:
    """(offset, digest of the key values, digest of all other values): the paging facts."""
    values = list(params) if isinstance(params, (list, tuple)) else []
    offset = shape.offset
    at = offset.value if offset is not None else None
    moving = set(shape.keyset)
    if offset is not None and offset.param is not None and offset.param < len(values):
        at = digest("", (values[offset.param],))
        moving.add(offset.param)
    key = tuple(value for index, value in enumerate(values) if index in shape.keyset)
    # ``a > 1 OR (a = 1 AND b > 2)``: the key value of the equality moves along.
    others = (value for index, value in enumerate(values) if index not in moving)
    rest = tuple(value for value in others if value not in key)
    return (at, digest("", key), digest("", rest))


def _find_parent(scope: Scope, group: Group, facts: Any) -> None:
    """Find the read that loaded the parent, by identity, while the parent is at hand."""
    parent = facts.parent
    # An object of another query may have the same key: that did not load this one.
    wanted = [(facts.parent_model, parent, None)] if parent is not None else []
    wanted = wanted or [(one.parent_model, None, one.value) for one in facts.fks]
    for model, instance, value in wanted:
        for read in reversed(scope.reads.get(model, ())[-50:]):
            if read is not group and _holds(read, instance, value):
                facts.parent_group = read
                facts.parent_model = model
                return


def _holds(read: Group, instance: Any, value: Any) -> bool:
    reference = read.first.facts.queryset if read.first is not None else None
    queryset = reference() if reference is not None else None
    cache = getattr(queryset, "_result_cache", None)
    if not cache:
        return False
    for one in cache[:2000]:
        if one is instance if instance is not None else landmarks.primary_key(one) == value:
            return True
    return False
