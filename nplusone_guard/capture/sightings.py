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


class Query:
    """One execution on the slow path, as the functions here hand it on."""

    __slots__ = ("codes", "digest", "frame", "key", "many", "params", "path", "shape")

    def __init__(
        self,
        key: Key,
        shape: Fingerprint,
        frame: FrameType,
        codes: list[CodeType],
        params: Any,
        many: bool,
        told: int,
    ) -> None:
        self.key = key
        #: The call path, with recursion as deep as it is.
        self.path = key[2]
        self.shape = shape
        self.frame = frame
        #: The code objects from ``frame`` outwards.
        self.codes = codes
        self.params = params
        self.many = many
        #: Of text and parameters.
        self.digest = told

    @property
    def rows(self) -> int:
        """Parameter sets of an ``executemany`` (2 where they cannot be counted)."""
        return len(self.params) if hasattr(self.params, "__len__") else 2


def sight(scope: Scope, known: Group | None, query: Query) -> Group | None:
    """The group of a query whose path is unknown so far, or was seen once.

    ``None`` once the scope holds as many groups as its policy allows.
    """
    if known is not None:
        if known.count == 1 and known.second is None:
            _note_second(scope, known, query)
        return known
    folded = query.path.folded
    if folded is not query.path:
        return _sight_folded(scope, query, folded)
    group = _make_group(scope, query, query.path)
    if group is not None:
        scope.groups[query.key] = group
    return group


def _sight_folded(scope: Scope, query: Query, folded: callpath.Path) -> Group | None:
    """The group of a path that was deeper.

    Recursion is a path of several depths, not one deep path: a function wrapped twice
    by one decorator is on the stack twice, too.
    """
    key = (*query.key[:2], folded)
    group = scope.groups.get(key)
    if group is not None:
        sight(scope, group, query)
    else:
        group = _make_group(scope, query, folded)
    if group is not None and group.first is not None:
        scope.groups[key] = group
        group.recursed = group.recursed or len(group.first.path) != len(query.path)
        if len(query.path) <= callpath.MAX_REMEMBERED:
            scope.groups[query.key] = group
    return group


def _make_group(scope: Scope, query: Query, path: callpath.Path) -> Group | None:
    if scope.sequence >= scope.policy.max_groups:
        scope.unjudged += 1
        return None
    scope.sequence += 1
    group = Group(query.key[0], query.shape, path, scope.sequence)
    group.codes = query.codes
    if query.many:
        group.many = query.rows
    group.first = first = _sighting(scope, query, deep=False)
    ignores = active_ignores.get()
    if ignores:
        group.ignores = ignores
    if first.facts.model and query.shape.kind == "select":
        scope.reads.setdefault(first.facts.model, []).append(group)
    return group


def _note_second(scope: Scope, group: Group, query: Query) -> None:
    """Look closer: at the parent object and the WHERE clause."""
    group.slow = False
    group.second = _sighting(scope, query, deep=True, group=group)
    if query.many:
        group.many = max(group.many, query.rows)


def _sighting(scope: Scope, query: Query, *, deep: bool, group: Group | None = None) -> Sighting:
    """The facts of one execution; ``group`` is that of the second, whose parents are looked for."""
    sighting = Sighting(query.path)
    try:
        facts = landmarks.read(query.frame, query.path, deep=deep)
    except Exception as error:
        facts = landmarks.Facts()
        contain("capture.landmarks", error, scope.errors)
    sighting.facts = facts
    if facts.parent is not None or facts.fks:
        if group is not None:
            _find_parent(scope, group, facts)
        facts.forget_values()
    sighting.digest = query.digest
    shape = query.shape
    if shape.in_lists:
        sighting.in_key = _in_key(shape, query.params)
    if shape.offset is not None or shape.keyset:
        sighting.numbers = _numbers(shape, query.params)
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
