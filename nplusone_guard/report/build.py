"""From a scope to its report. A fault in the analysis costs the verdicts, not the counts."""

from __future__ import annotations

import time
from dataclasses import replace

from nplusone_guard import correlation
from nplusone_guard.analysis import eager_facts
from nplusone_guard.analysis.findings import Verdicts
from nplusone_guard.analysis.judge import judge
from nplusone_guard.analysis.merging import merge, shape_key
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import UNITS, Scope
from nplusone_guard.report.model import Report, TimelineEntry


def build(scope: Scope) -> Report:
    """The report of ``scope`` as it stands; frozen for good once the scope is closed."""
    with scope.lock:
        own = _judged(scope)
        verdicts = merge(own, scope.adopted or Verdicts())
        return Report(
            name=scope.name,
            kind=scope.kind,
            query_count=scope.query_count,
            transaction_count=scope.transactions,
            failed_count=scope.failed,
            query_time=scope.query_time,
            wall_time=scope.wall_time or time.perf_counter() - scope.opened,
            databases=scope.aliases,
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


def _judged(scope: Scope) -> Verdicts:
    try:
        own, loads = judge(scope), eager_facts.loads_of(scope)
        return replace(own, eager_loads=loads) if loads else own
    except Exception as error:
        contain("analysis", error, scope.errors)
        return Verdicts()


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


def adopt(scope: Scope, report: Report) -> None:
    """Hand the verdicts of ``scope`` on to the scope around it.

    A scope that is no unit shares its queries with the outer one, which judges them
    itself; only what it adopted from units inside is handed on.
    """
    outer = scope.parent
    while outer is not None and outer.closed:
        outer = outer.parent
    if outer is None:
        return
    verdicts = scope.adopted
    if scope.kind in UNITS:
        verdicts = Verdicts(
            report.findings,
            report.cleared,
            report.shapes,
            report.unused_ignores,
            report.eager_loads,
        )
    if verdicts is not None:
        with outer.lock:
            outer.adopted = verdicts if outer.adopted is None else merge(outer.adopted, verdicts)
            outer.errors += [error for error in scope.errors if error not in outer.errors]
