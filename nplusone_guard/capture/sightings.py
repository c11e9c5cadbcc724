"""First and second sightings: the slow path, where frames and landmarks are looked at."""

from __future__ import annotations

from types import FrameType
from typing import Any

from nplusone_guard.capture import bridges, callpath, landmarks
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.fingerprint import Fingerprint
from nplusone_guard.capture.scope import (
    MAX_REMEMBERED_PATH,
    Group,
    Scope,
    Sighting,
    active_ignores,
    digest,
)

Key = tuple[str, str, callpath.Path]


class Query:
    """One execution on the slow path, as the functions here hand it on."""

    __slots__ = ("frame", "key", "many", "params", "shape", "sql")

    def __init__(
        self, key: Key, sql: str, shape: Fingerprint, frame: FrameType, params: Any, many: bool
    ) -> None:
        self.key = key
        self.sql = sql
        self.shape = shape
        self.frame = frame
        self.params = params
        self.many = many

    @property
    def alias(self) -> str:
        """The database."""
        return self.key[0]

    @property
    def path(self) -> callpath.Path:
        """The call path, with recursion as deep as it is."""
        return self.key[2]

    @property
    def rows(self) -> int:
        """Parameter sets of an ``executemany`` (2 where they cannot be counted), else 0."""
        if not self.many:
            return 0
        return len(self.params) if hasattr(self.params, "__len__") else 2


def sight(scope: Scope, query: Query) -> Group | None:
    """The group of a query whose path is unknown so far, or was seen once.

    ``None`` once the scope holds as many groups as its policy allows.
    """
    known = scope.groups.get(query.key)
    if known is not None:
        return _sight_known(scope, known, query)
    folded = callpath.fold(query.path)
    if len(folded) == len(query.path):
        return _new_group(scope, query.key, query)
    return _sight_folded(scope, query.key, query, folded)


def _sight_known(scope: Scope, known: Group, query: Query) -> Group:
    if known.count == 1 and known.second is None:
        _note_second(scope, known, query)
    return known


def _sight_folded(scope: Scope, key: Key, query: Query, folded: callpath.Path) -> Group | None:
    """The group of a path that was deeper.

    Recursion is a path of several depths, not one deep path: a function wrapped twice
    by one decorator is on the stack twice, too.
    """
    short = (query.alias, query.shape.text, folded)
    known = scope.groups.get(short)
    group = _sight_known(scope, known, query) if known else _new_group(scope, short, query)
    if group is not None:
        group.recursed = group.recursed or group.depth != len(query.path)
        if len(query.path) <= MAX_REMEMBERED_PATH:
            scope.groups[key] = scope.groups[short]
    return group


def _new_group(scope: Scope, key: Key, query: Query) -> Group | None:
    group = _make_group(scope, query, key[2], _sighting(scope, query, deep=False))
    if group is not None:
        scope.groups[key] = group
    return group


def _make_group(scope: Scope, query: Query, path: callpath.Path, first: Sighting) -> Group | None:
    if scope.sequence >= scope.policy.max_groups:
        scope.unjudged += 1
        return None
    scope.sequence += 1
    group = Group(query.alias, query.shape, path)
    group.sequence = scope.sequence
    group.many = query.rows
    group.depth = len(query.path)
    group.first = first
    first.facts.forget_values()
    group.ignores = active_ignores.get()
    if query.shape.kind == "select" and first.facts.model:
        scope.reads.setdefault(first.facts.model, []).append(group)
    return group


def _note_second(scope: Scope, group: Group, query: Query) -> None:
    """Look closer: at the parent object, the WHERE clause, and who waits for a task."""
    second = _sighting(scope, query, deep=True)
    group.second = second
    group.slow = False
    group.many = max(group.many, query.rows)
    _find_parent(scope, group, second.facts)
    second.facts.forget_values()
    group.waiting = _waiting_place(scope)


def _waiting_place(scope: Scope) -> callpath.Place | None:
    """Where the parent of a gathered task waits, if the query runs in such a task."""
    beyond = callpath.carried.get()
    if beyond is None or beyond.task is None or beyond.task is scope.task:
        return None
    frame = bridges.waiting_frame(beyond.task)
    return callpath.table.step(frame)[0] if frame is not None else None


def _sighting(scope: Scope, query: Query, *, deep: bool) -> Sighting:
    sighting = Sighting(query.path)
    try:
        sighting.facts = landmarks.read(query.frame, query.path, deep=deep)
    except Exception as error:
        sighting.facts = landmarks.Facts()
        contain("capture.landmarks", error, scope.errors)
    sighting.digest = digest(query.sql, query.params)
    sighting.in_key = _in_key(query.shape, query.params)
    sighting.numbers = _numbers(query.shape, query.params)
    return sighting


def _in_key(shape: Fingerprint, params: Any) -> int | None:
    """A digest of the longest IN list's values, to see whether it changes by turn."""
    if not shape.in_lists:
        return None
    longest = max(shape.in_lists, key=lambda one: one.length)
    if longest.param is None or not isinstance(params, (list, tuple)):
        return longest.digest
    return digest("", tuple(params[longest.param : longest.param + longest.width]))


def _numbers(shape: Fingerprint, params: Any) -> tuple[Any, ...]:
    """(offset, digest of the key values, digest of all other values): the paging facts."""
    if shape.offset is None and not shape.keyset:
        return ()
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
