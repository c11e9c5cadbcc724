"""First and second sightings: the slow path, where frames and landmarks are looked at."""

from __future__ import annotations

from operator import eq
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
    Split,
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
    """The group of a query whose path is unknown so far, seen once, or split by lines.

    ``None`` once the scope holds as many groups as its policy allows.
    """
    known = scope.groups.get(query.key)
    if known is not None:
        return _sight_known(scope, query.key, known, query)
    folded = callpath.fold(query.path)
    if len(folded) == len(query.path):
        return _new_group(scope, query.key, query)
    return _sight_folded(scope, query.key, query, folded)


def _sight_known(scope: Scope, key: Key, known: Group | Split, query: Query) -> Group | None:
    if isinstance(known, Split):
        return _variant(scope, known, query)
    if known.count == 1 and known.second is None:
        return _second_sighting(scope, known, key, query)
    return known


def _sight_folded(scope: Scope, key: Key, query: Query, folded: callpath.Path) -> Group | None:
    """The group of a path that was deeper.

    Recursion is a path of several depths, not one deep path: a function wrapped twice
    by one decorator is on the stack twice, too.
    """
    short = (query.alias, query.shape.text, folded)
    known = scope.groups.get(short)
    if known is None:
        group = _new_group(scope, short, query)
    else:
        group = _sight_known(scope, short, known, query)
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


def _second_sighting(scope: Scope, group: Group, key: Key, query: Query) -> Group | None:
    """Compare the two first sightings frame by frame, and look at the parent object."""
    first = group.first
    second = _sighting(scope, query, deep=True)
    if first is not None and len(first.lastis) == len(second.lastis):
        if first.lastis != second.lastis and _lines_differ(scope, first, second):
            split = Split()
            split.by_lines[_lines(scope, first)] = group
            scope.groups[key] = split
            return _variant(scope, split, query)
        if first.frame_ids != second.frame_ids:
            group.same_frames = tuple(map(eq, first.frame_ids, second.frame_ids))
    _note_second(scope, group, query, second)
    return group


def _note_second(scope: Scope, group: Group, query: Query, second: Sighting) -> None:
    group.second = second
    group.slow = False
    group.many = max(group.many, query.rows)
    _find_parent(scope, group, second.facts)
    second.facts.forget_values()
    group.waiting = _waiting_place(scope)


def _variant(scope: Scope, split: Split, query: Query) -> Group | None:
    """The group of a path for the exact library lines it takes this time."""
    sighting = _sighting(scope, query, deep=True)
    lines = _lines(scope, sighting)
    group = split.by_lines.get(lines)
    if group is None:
        group = _make_group(scope, query, query.path, sighting)
        if group is not None:
            split.by_lines[lines] = group
    elif group.count == 1:
        _note_second(scope, group, query, sighting)
    sighting.facts.forget_values()
    return group


def _waiting_place(scope: Scope) -> callpath.Place | None:
    """Where the parent of a gathered task waits, if the query runs in such a task."""
    beyond = callpath.carried.get()
    if beyond is None or beyond.task is None or beyond.task is scope.task:
        return None
    frame = bridges.waiting_frame(beyond.task)
    return callpath.Place(frame.f_code, frame.f_lasti) if frame is not None else None


def _sighting(scope: Scope, query: Query, *, deep: bool) -> Sighting:
    root = scope.recorders[-1].root
    path = query.path
    sighting = Sighting(path, *callpath.offsets(query.frame, root, len(path)))
    try:
        sighting.facts = landmarks.read(query.frame, deep=deep)
    except Exception as error:
        sighting.facts = landmarks.Facts()
        contain("capture.landmarks", error, scope.errors)
    sighting.digest = digest(query.sql, query.params)
    sighting.in_key = _in_key(query.shape, query.params)
    sighting.numbers = _numbers(query.shape, query.params)
    return sighting


def _lines(scope: Scope, sighting: Sighting) -> tuple[int, ...]:
    """Line numbers of the library frames; user frames are exact in the path already."""
    line_of = scope.table.line_of
    return tuple(
        line_of(token, lasti)
        for token, lasti in zip(sighting.path, sighting.lastis, strict=False)
        if token.__class__ is not callpath.Place
    )


def _lines_differ(scope: Scope, one: Sighting, other: Sighting) -> bool:
    """Whether some library frame stood on two of its lines. Most offsets are equal."""
    line_of = scope.table.line_of
    return any(
        line_of(token, first) != line_of(token, second)
        for token, first, second in zip(one.path, one.lastis, other.lastis, strict=False)
        if first != second and token.__class__ is not callpath.Place
    )


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
