"""The rules: what a repeated query is, or why it is healthy. Pure functions of a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nplusone_guard.analysis.location import Location
from nplusone_guard.capture.codes import module_of_file
from nplusone_guard.capture.landmarks import Facts
from nplusone_guard.capture.scope import MAX_DIGESTS, WRITES, Group
from nplusone_guard.policy import RULES, Policy, Severity

#: ORM operations that write, whatever they read on the way.
WRITE_OPERATIONS: Final = frozenset(
    "save create update delete add remove set clear get_or_create update_or_create "
    "bulk_create bulk_update".split()
)

#: Rules about what is read of the parents, and not about a query that somebody wrote.
OF_PARENTS: Final = frozenset({"lazy-relation", "deferred-field"})

#: Operations whose SQL is the user's own.
BY_HAND: Final = frozenset({"sql", "raw"})

#: Operations that load one object, whatever their LIMIT.
_ONE_ROW: Final = frozenset(
    {"get", "lazy", "deferred", "refresh_from_db", "get_or_create", "update_or_create"}
)

#: A chunk of this many keys on average is a batch however the lengths vary.
LARGE_CHUNK: Final = 50

#: IN lists that differ from turn to turn and are no longer than this are no chunks.
SMALL_LIST: Final = 5

#: A block is tried again a few times, not once a row.
MAX_RETRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Clearance:
    """Why a repeated query is healthy."""

    reason: str
    detail: str


def facts_of(group: Group) -> Facts:
    """What the landmarks said; the second sighting looked deeper."""
    for sighting in (group.second, group.first):
        if sighting is not None and sighting.facts is not None:
            facts: Facts = sighting.facts
            return facts
    return Facts()


def clear(group: Group, location: Location, policy: Policy) -> Clearance | None:
    """The reason to clear ``group``, or ``None`` for a candidate."""
    facts = facts_of(group)
    if facts.cached:
        return Clearance("cache", "fills a cache")
    return (
        _batched(group, facts, location)
        or _paged(group)
        or _drained(group)
        or _retried(group, policy)
        or _polled(group, facts)
        or _bounded(location)
        or left_out(location, policy)
    )


def _batched(group: Group, facts: Facts, location: Location) -> Clearance | None:
    if group.many >= 2:
        return Clearance("batched", f"executemany of {group.many}")
    rows = group.fingerprint.batch_rows
    if rows >= 2:
        return Clearance("batched", f"{rows} rows a statement")
    objects = max(
        sighting.facts.batch for sighting in (group.first, group.second) if sighting is not None
    )
    if objects >= 2:
        return Clearance("batched", f"{facts.operation} of {objects} objects")
    if facts.cascade and not location.in_user_loop:
        return Clearance("batched", "cascade of one delete")
    return _chunked(group)


def _chunked(group: Group) -> Clearance | None:
    """Hand-made chunks: the IN list changes, and is long or of one length but the last."""
    first, second = group.first, group.second
    if first is None or second is None or first.in_key == second.in_key:
        return None
    turns, last = group.count, group.in_previous
    if group.in_first < 2:
        return None
    even = group.in_uniform and last <= group.in_first
    if even and last != group.in_first and turns == 2 and group.in_first <= SMALL_LIST:
        even = False
    if even:
        return Clearance("batched", f"IN lists of {group.in_first}")
    if group.in_total >= LARGE_CHUNK * turns:
        return Clearance("batched", f"IN lists of {group.in_total // turns} on average")
    return None


def _paged(group: Group) -> Clearance | None:
    first, second = group.first, group.second
    if first is None or second is None or not first.numbers or not second.numbers:
        return None
    (at, key, rest), (later_at, later_key, later_rest) = first.numbers, second.numbers
    if rest != later_rest or _takes_one_row(group):
        return None
    if at != later_at:
        return Clearance("paged", "LIMIT with a moving OFFSET")
    if group.fingerprint.keyset and key != later_key:
        return Clearance("paged", "keyset: ORDER BY with LIMIT behind a moving key")
    return None


def two_pages(branches: list[Group]) -> Clearance | None:
    """The reason to clear a first page and one more: the first has no OFFSET, the other has.

    They are two statements, each of which was sent once. Of the last page one row may be left.
    """
    if len(branches) != 2 or any(one.count > 1 for one in branches):
        return None
    first = [one for one in branches if one.fingerprint.offset is None]
    if len(first) != 1 or _takes_one_row(first[0]):
        return None
    return Clearance("paged", "LIMIT with an OFFSET from the second page on")


def _drained(group: Group) -> Clearance | None:
    """Some rows at a time, of a table that each turn writes to until none is left."""
    first, second, limit = group.first, group.second, group.fingerprint.limit
    if first is None or second is None or limit is None or limit.value == 1:
        return None
    if facts_of(group).operation in _ONE_ROW:  # asks for more only to see that there is one
        return None
    # A write in each turn makes equal parameters new ones; rows that share a parent do not.
    written = len(group.digests) >= min(group.count, MAX_DIGESTS)
    if first.digest == second.digest and written:
        return Clearance("batched", "drained by LIMIT, with writes in between")
    return None


def _takes_one_row(group: Group) -> bool:
    limit = group.fingerprint.limit
    return limit is not None and limit.value == 1


def _retried(group: Group, policy: Policy) -> Clearance | None:
    undone = group.failed + group.rolled_back
    if not undone or group.count - undone >= policy.threshold:
        return None
    if group.count > MAX_RETRIES and len(group.digests) > 1:
        return None
    return Clearance("retried", f"{undone} of {group.count} failed or rolled back")


def _polled(group: Group, facts: Facts) -> Clearance | None:
    if facts.operation == "refresh_from_db" and len(group.digests) == 1:
        return Clearance("polled", "one row, read again")
    return None


def _bounded(location: Location) -> Clearance | None:
    if location.bounded and location.node is not None:
        return Clearance("bounded", f"a loop over {location.node.bounded} literals")
    return None


def left_out(location: Location, policy: Policy) -> Clearance | None:
    """A loop of an installed package that the settings do not count."""
    place = location.loop or location.site
    if not place.package or policy.counts(module_of_file(place.file) or place.package):
        return None
    return Clearance("ignored", f"settings: the loop is in package {place.package}")


def rule_of(group: Group, *, prefetched: bool, same_parameters: bool) -> str:
    """The rule that a candidate breaks.

    ``prefetched``: an earlier prefetch of this scope had loaded these rows already;
    ``same_parameters``: every turn asked for the same.
    """
    facts = facts_of(group)
    if facts.operation == "sql":
        return _raw_rule(group, same_parameters=same_parameters)
    if group.fingerprint.kind in WRITES or facts.operation in WRITE_OPERATIONS:
        return "write-in-loop"
    if group.recursed:
        return "recursive-query"
    if prefetched and not facts.deferred:
        return "bypassed-prefetch"
    return _read_rule(facts, same_parameters=same_parameters)


def _read_rule(facts: Facts, *, same_parameters: bool) -> str:
    if facts.deferred:
        return "deferred-field"
    if facts.operation == "lazy" or (facts.plain and facts.operation == "filter"):
        return "lazy-relation"
    return "duplicate-query" if same_parameters else "query-in-loop"


def _raw_rule(group: Group, *, same_parameters: bool) -> str:
    if group.recursed:
        return "recursive-query"
    if same_parameters and group.fingerprint.kind == "select":
        return "duplicate-query"
    return "raw-sql-in-loop"


def severity_of(rule: str, group: Group) -> Severity:
    """``warning`` for what Django does by itself, row by row, when it validates."""
    return "warning" if facts_of(group).validation else RULES[rule]
