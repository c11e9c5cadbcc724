"""From a scope to its report. A fault in the analysis costs the verdicts, not the counts."""

from __future__ import annotations

import time
from dataclasses import replace

from nplusone_guard import correlation
from nplusone_guard.analysis.merging import NOTHING, merge, shape_key
from nplusone_guard.analysis.suspects import repeated_shapes, suspects_of
from nplusone_guard.analysis.verdicts import Verdicts
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import UNITS, Scope
from nplusone_guard.report.model import Report, TimelineEntry


def build(scope: Scope, own: Verdicts | None = None) -> Report:
    """The report of ``scope`` as it stands; frozen for good once the scope is closed.

    ``own`` is what it was judged to be, where that is known.
    """
    with scope.lock:
        own = own if own is not None else judged(scope)
        verdicts = with_adopted(scope, own)
        count, failed, seconds, databases = totals(scope)
        return Report(
            name=scope.name,
            kind=scope.kind,
            query_count=count,
            transaction_count=scope.transactions,
            failed_count=failed,
            query_time=seconds,
            wall_time=scope.wall_time or time.perf_counter() - scope.opened,
            databases=databases,
            findings=verdicts.findings,
            cleared=verdicts.cleared,
            shapes=verdicts.shapes,
            timeline=_timeline(scope, own, verdicts),
            unused_ignores=verdicts.unused_ignores,
            eager_loads=verdicts.eager_loads,
            internal_errors=tuple(scope.errors),
            late_queries=scope.late,
            unjudged_queries=scope.unjudged,
            correlation_id=correlation.of_scope(scope),
            extra=dict(scope.extra),
        )


def totals(scope: Scope) -> tuple[int, int, float, dict[str, int]]:
    """Queries, those that failed, seconds, and queries by database, in one pass."""
    count, failed, seconds = scope.other_count, scope.other_failed, scope.other_time
    databases = dict(scope.other_aliases)
    for group in dict.fromkeys(scope.groups.values()):  # recursion has a group several times
        count += group.count
        failed += group.failed
        seconds += group.duration
        databases[group.alias] = databases.get(group.alias, 0) + group.count
    return count, failed, seconds, databases


def judged(scope: Scope) -> Verdicts:
    """The verdicts on the scope's own queries; ``NOTHING`` itself where there are none."""
    with scope.lock:
        try:
            own = _verdicts(scope)
            return _with_loads(own, scope) if scope.judges_loads else own
        except Exception as error:
            contain("analysis", error, scope.errors)
            return NOTHING


def with_adopted(scope: Scope, own: Verdicts) -> Verdicts:
    """The verdicts ``own`` with those of the units inside the scope."""
    if own is NOTHING:
        return scope.adopted or NOTHING
    return merge(own, scope.adopted or NOTHING)


def _with_loads(own: Verdicts, scope: Scope) -> Verdicts:
    from nplusone_guard.analysis import eager_facts

    return replace(own, eager_loads=eager_facts.loads_of(scope))


def _verdicts(scope: Scope) -> Verdicts:
    shapes = repeated_shapes(scope)
    asked = scope.policy.details or scope.ignores_opened
    if not (shapes or asked):
        return NOTHING
    suspects = suspects_of(scope, shapes)
    if suspects or asked:
        # Most scopes give it nothing to do, and it takes longer to load than many a test.
        from nplusone_guard.analysis.judge import judge

        return judge(scope, suspects)
    return Verdicts(cleared=tuple(suspects.cleared)) if suspects.cleared else NOTHING


def _timeline(scope: Scope, own: Verdicts, merged: Verdicts) -> tuple[TimelineEntry, ...]:
    """The queries in time; ``merged`` joins shapes that differ only in their call path."""
    if not scope.policy.details:
        return ()
    position = {shape_key(shape): index for index, shape in enumerate(merged.shapes)}
    groups = zip(scope.all_groups(), own.shapes)  # noqa: B905 - no shapes after a fault
    index = {id(group): position.get(shape_key(shape), -1) for group, shape in groups}
    return tuple(
        TimelineEntry(start - scope.opened, duration, group.alias, index.get(id(group), -1))
        for start, duration, group in zip(*[iter(scope.timeline)] * 3, strict=True)
    )


def adopt(scope: Scope, own: Verdicts) -> None:
    """Hand the verdicts of ``scope`` on to the scope around it.

    A scope that is no unit shares its queries with the outer one, which judges them
    itself; only what it adopted from units inside is handed on.
    """
    verdicts = with_adopted(scope, own if scope.kind in UNITS else NOTHING)
    fills = scope.fill_count if scope.kind in UNITS else scope.other_fills
    served = scope.query_count if scope.is_served else scope.served_count
    if verdicts is NOTHING and not (scope.errors or fills or served):
        return
    outer = scope.parent
    while outer is not None and outer.closed:
        outer = outer.parent
    if outer is None:
        return
    with outer.lock:
        outer.other_fills += 0 if scope.is_served else fills
        outer.served_count += served
        if verdicts != NOTHING:
            outer.adopted = merge(outer.adopted or NOTHING, verdicts)
        outer.errors += [error for error in scope.errors if error not in outer.errors]
