"""First and second sightings: the slow path, where frames and landmarks are looked at."""

from __future__ import annotations

from types import CodeType, FrameType
from typing import Any

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
    folded = path.folded
    if folded is not path:
        return _sight_folded(scope, query, folded)
    group = _make_group(scope, query, path)
    if group is not None:
        scope.groups[key] = group
    return group


def _sight_folded(scope: Scope, query: Query, folded: callpath.Path) -> Group | None:
    """The group of a path that was deeper.

    Recursion is a path of several depths, not one deep path: a function wrapped twice
    by one decorator is on the stack twice, too.
    """
    alias, text, path = query[0]
    key = (alias, text, folded)
    group = scope.groups.get(key)
    if group is not None:
        sight(scope, group, query)
    else:
        group = _make_group(scope, query, folded)
    if group is not None and group.first is not None:
        scope.groups[key] = group
        group.recursed = group.recursed or len(group.first.path) != len(path)
        if len(path) <= callpath.MAX_REMEMBERED:
            scope.groups[query[0]] = group
    return group


def _make_group(scope: Scope, query: Query, path: callpath.Path) -> Group | None:
    if scope.sequence >= scope.policy.max_groups:
        scope.unjudged += 1
        return None
    (alias, _, _), shape, _, _, codes, params, many = query
    scope.sequence += 1
    group = Group(alias, shape, path, scope.sequence)
    group.codes = codes
    group.first = first = _sighting(scope, query, None)
    if many:
        group.many = _rows(params)
    ignores = active_ignores.get()
    if ignores:
        group.ignores = ignores
    model = first.facts.model
    if model and shape.kind == "select":
        scope.reads.setdefault(model, []).append(group)
    return group


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
    (_, _, path), shape, told, frame, _, params, _ = query
    sighting = Sighting(path, told)
    try:
        sighting.facts = facts = landmarks.read(frame, path, deep=group is not None)
    except Exception as error:
        sighting.facts = facts = landmarks.Facts()
        contain("capture.landmarks", error, scope.errors)
    if facts.parent is not None or facts.fks:
        if group is not None:
            _find_parent(scope, group, facts)
        facts.forget_values()
    if shape.in_lists:
        sighting.in_key = _in_key(shape, params)
    if shape.offset is not None or shape.keyset:
        sighting.numbers = _numbers(shape, params)
    return sighting


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
    wanted = [(facts.parent_model, parent, None)] if parent is not None else []
    wanted += [(one.parent_model, None, one.value) for one in facts.fks]
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
