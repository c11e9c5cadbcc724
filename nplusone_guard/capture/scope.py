"""What ``watch()`` opens: the counts of one request, task, command, test or block."""

from __future__ import annotations

import copy
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextvars import ContextVar
from types import CodeType, FrameType
from typing import Any, Final

from nplusone_guard.capture import callpath
from nplusone_guard.capture.codes import line_of
from nplusone_guard.capture.fingerprint import Fingerprint, InList
from nplusone_guard.policy import Policy

#: Scopes that judge loops for themselves; an outer scope takes over what they found.
UNITS: Final = frozenset({"request", "task", "command"})

#: SQL verbs that change rows.
WRITES: Final = frozenset({"insert", "update", "delete", "replace", "merge"})

#: Parameter digests that one group keeps.
MAX_DIGESTS: Final = 64

current_scope: ContextVar[Scope | None] = ContextVar("nplusone_guard_scope", default=None)
active_ignores: ContextVar[tuple[object, ...]] = ContextVar("nplusone_guard_ignores", default=())


class Sighting:
    """The light facts of one execution: which frames, and what the ORM was doing."""

    facts: Any = None
    in_key: int | None = None
    numbers: tuple[Any, ...] = ()

    def __init__(self, path: callpath.Path, told: int = 0) -> None:
        #: With recursion as deep as it was.
        self.path = path
        #: Of text and parameters, whatever was written in between.
        self.digest = told


class Group:
    """All queries of one scope with one database, fingerprint and call path."""

    __slots__ = (
        "alias",
        "codes",
        "count",
        "digests",
        "duration",
        "failed",
        "fingerprint",
        "first",
        "ignores",
        "in_first",
        "in_previous",
        "in_total",
        "in_uniform",
        "many",
        "path",
        "recursed",
        "rolled_back",
        "second",
        "sequence",
        "slow",
        "tracked",
    )

    def __init__(
        self, alias: str, fingerprint: Fingerprint, path: callpath.Path, sequence: int = 0
    ) -> None:
        self.alias = alias
        self.fingerprint = fingerprint
        self.path = path
        #: Groups of a scope are numbered as they are first seen.
        self.sequence = sequence
        self.count = self.failed = self.rolled_back = 0
        #: Seconds.
        self.duration = 0.0
        self.recursed = False
        #: Parameter sets of the largest ``executemany``; 0 for ``execute``.
        self.many = 0
        #: The code objects of that stack.
        self.codes: list[CodeType] | None = None
        #: Until its parameters tell nothing new.
        self.tracked = True
        #: Until the second sighting, a query takes the slow path.
        self.slow = True
        self.first: Sighting | None = None
        self.second: Sighting | None = None
        self.ignores: tuple[object, ...] = ()
        #: Lengths of IN lists: the first, the latest, whether all but the latest agree, the sum.
        self.in_first = self.in_previous = -1
        self.in_uniform = True
        self.in_total = 0
        #: Parameter digest → executions, for the first ``MAX_DIGESTS`` of them.
        self.digests: dict[int, int] = {}

    def settle(self) -> None:
        """Tell equal code in two files apart, which no query had the time to do."""
        codes, first, self.codes = self.codes, self.first, None
        if codes is not None and first is not None:
            path = callpath.settle(first.path, codes)
            if path is not first.path:
                self.path = path if self.path is first.path else path.folded
                # The sighting itself may stand for those of other scopes as well.
                self.first = copy.copy(first)
                self.first.path = path

    def note_in_list(self, lists: tuple[InList, ...]) -> None:
        """Keep whether IN lists come in one length, all but the last."""
        length = max(one.length for one in lists)
        if self.in_first < 0:
            self.in_first = length
        elif self.in_previous != self.in_first:
            self.in_uniform = False
        self.in_previous = length
        self.in_total += length


class Scope:
    """The mutable side of a report. Everything here is touched under ``lock``."""

    __slots__ = (
        "adopted",
        "ancestors",
        "beyond",
        "closed",
        "controls",
        "correlation_id",
        "eager",
        "errors",
        "extra",
        "filling",
        "groups",
        "ignores_opened",
        "is_served",
        "judges_loads",
        "kind",
        "late",
        "layers",
        "lock",
        "name",
        "on_late",
        "opened",
        "other_aliases",
        "other_count",
        "other_failed",
        "other_fills",
        "other_time",
        "parent",
        "policy",
        "reads",
        "recorders",
        "recording",
        "root",
        "root_code",
        "root_offset",
        "sequence",
        "served_count",
        "timeline",
        "timeline_left",
        "transactions",
        "unjudged",
        "wall_time",
        "writes",
    )

    def __init__(
        self,
        name: str,
        kind: str,
        policy: Policy,
        parent: Scope | None,
        root: FrameType | None,
    ) -> None:
        callpath.renew_table_if_full()
        self.name = name
        self.kind = kind
        self.policy = policy
        self.parent = parent
        #: Where it brings one of its own; else it has that of the scope around it.
        self.correlation_id = ""
        #: What an integration adds to the report.
        self.extra: dict[str, Any] = {}
        self.root = root
        self.root_code = root.f_code if root is not None else None
        #: The instruction that opened the scope.
        self.root_offset = root.f_lasti if root is not None else -1
        #: Called once, without a lock, when a query is begun after the scope has closed.
        self.on_late: Callable[[Scope], None] | None = None
        #: What closes the scope, while it is open.
        self.recording: Any = None
        self.lock = threading.RLock()
        self.closed = False
        self.opened = time.perf_counter()
        self.wall_time = 0.0
        self.transactions = self.late = self.unjudged = 0
        #: Queries that are in no group of this scope: how many, failed, seconds, by alias.
        self.other_count = self.other_failed = 0
        self.other_time = 0.0
        self.sequence = 0
        self.other_aliases: defaultdict[str, int] = defaultdict(int)
        #: Groups that fill a cache of the process, and queries of units inside that did.
        self.filling: tuple[Group, ...] = ()
        self.other_fills = 0
        #: Whether it is a request to a live server, and queries of such units inside.
        self.is_served = False
        self.served_count = 0
        #: Statements of transaction control, by alias.
        self.controls: defaultdict[str, int] = defaultdict(int)
        #: (alias, shape, path) → group; raw paths of recursion are further keys of a group.
        self.groups: dict[tuple[str, str, callpath.Path], Group] = {}
        #: Groups that read a model, by its label: where parents may have been loaded.
        self.reads: dict[str, list[Group]] = {}
        #: Writes so far, by table: equal look-ups around a write are no duplicates.
        self.writes: defaultdict[str, int] = defaultdict(int)
        #: Open transaction and savepoints by connection: [name, executions by group].
        self.layers: dict[int, list[tuple[str, dict[Group, int]]]] = {}
        #: Start on the performance counter, seconds, group; then those of the next query.
        self.timeline: list[Any] = []
        self.timeline_left = policy.max_timeline if policy.details else 0
        self.ignores_opened: list[Any] = []
        #: What the units inside this scope were judged to be (one ``Verdicts``, merged).
        self.adopted: Any = None
        self.errors: list[str] = []
        #: Relations that were loaded eagerly, where that is looked at.
        self.eager: set[Any] = set()
        self.judges_loads = False
        self.ancestors: tuple[Scope, ...] = ()
        #: The scopes that judge a query: from the innermost out to the innermost unit.
        self.recorders: tuple[Scope, ...] = (self,)
        #: Outer scopes that only count.
        self.beyond: tuple[Scope, ...] = ()
        if parent is not None:
            self.ancestors = (parent, *parent.ancestors)
            if kind not in UNITS:
                self.recorders = (self, *parent.recorders)
            self.beyond = self.ancestors[len(self.recorders) - 1 :]

    def note_query(self, alias: str, elapsed: float, failed: bool) -> None:
        """Count one query that is in no group: a unit inside judges it, or nobody can."""
        with self.lock:
            if self.closed:
                self.late += 1
                return
            self.other_count += 1
            self.other_time += elapsed
            self.other_aliases[alias] += 1
            if failed:
                self.other_failed += 1

    def end(self) -> None:
        """Take no more queries: what another thread is about to count is late."""
        with self.lock:
            self.wall_time = time.perf_counter() - self.opened
            self.closed = True

    def release(self) -> None:
        """Let go of everything that was judged: a thread that goes on may keep the scope."""
        with self.lock:
            for kept in (self.groups, self.reads, self.layers, self.writes, self.timeline):
                kept.clear()
            self.filling = ()

    @property
    def root_line(self) -> int:
        """The line that opened the scope: a loop around it is not inside the scope."""
        return line_of(self.root_code, self.root_offset) if self.root_code is not None else 0

    @property
    def query_count(self) -> int:
        """All queries, without transaction control."""
        return self.other_count + sum(group.count for group in self.all_groups())

    @property
    def fill_count(self) -> int:
        """Queries that filled a cache of the process: whoever asks first sends them."""
        return self.other_fills + sum([group.count for group in self.filling])

    def all_groups(self) -> list[Group]:
        """Every group once, in the order of first sighting."""
        found = {id(group): group for group in self.groups.values()}
        return sorted(found.values(), key=lambda group: group.sequence)


def open_scope_of_context() -> Scope | None:
    """The innermost scope of this context that is still open."""
    scope = current_scope.get()
    while scope is not None and scope.closed:
        scope = scope.parent
    return scope


def note_late(scope: Scope, start: float) -> None:
    """Count one query of a scope that has closed, and tell whoever wants to know.

    Not of one that had begun before: where a client leaves, the scope ends at once, and the
    query of that moment is still running in its thread. Nothing needs to go on after it.
    """
    in_flight = start < scope.opened + scope.wall_time
    with scope.lock:
        scope.late += 1
        if in_flight:
            return
        tell, scope.on_late = scope.on_late, None
    if tell is not None:
        tell(scope)


def digest(sql: str, params: Any) -> int:
    """A digest of one parameter set; inlined literals are in the text itself."""
    try:
        if params.__class__ is list:
            params = tuple(params)
        return hash((sql, params))
    except TypeError:
        return hash((sql, repr(params)))


def track(scope: Scope, group: Group, shape: Fingerprint, key: int) -> None:
    """Note the parameters of one execution, by their digest, and what it writes."""
    digests = group.digests
    if len(digests) < MAX_DIGESTS:
        if scope.writes:
            # A write to one of the tables in between makes equal look-ups different.
            key = hash((key, *[scope.writes.get(table, 0) for table in shape.tables]))
        digests[key] = digests.get(key, 0) + 1
    writes = shape.kind in WRITES
    if writes:
        scope.writes[shape.main_table] += 1
    if shape.in_lists:
        group.note_in_list(shape.in_lists)
    elif not writes and len(digests) >= MAX_DIGESTS:
        group.tracked = False
