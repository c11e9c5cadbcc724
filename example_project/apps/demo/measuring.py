"""One run of the wellness report under the guard, and what it took."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from apps.demo.rows import count_rows
from apps.demo.text import duration
from apps.journal.windows import Window
from background_tasks.journal_wellness_tasks import WellnessReport, build_wellness_report
from nplusone_guard import Report, watch


@dataclass(frozen=True, slots=True)
class Measurement:
    """A variant, the report it built, and what the guard and the cursor counted meanwhile."""

    variant: str
    wellness: WellnessReport
    guard: Report
    #: Rows the database handed over, those of the prefetch included.
    rows: int

    @property
    def queries(self) -> int:
        return self.guard.query_count

    @property
    def seconds(self) -> float:
        return self.guard.wall_time

    @property
    def figures(self) -> str:
        """``21 queries, 420 rows, 41.2 ms``."""
        return f"{self.queries:,} queries, {self.rows:,} rows, {duration(self.seconds)}"

    def as_dict(self) -> dict[str, Any]:
        """What was measured, with the guard's own report under ``nplusone``."""
        return {
            "variant": self.variant,
            "measured": {
                "queries": self.queries,
                "rows": self.rows,
                "seconds": round(self.seconds, 6),
            },
            "nplusone": json.loads(self.guard.to_json()),
        }


def measure(variant: str, window: Window, tenants: int) -> Measurement:
    """Build the report by ``variant``, watched."""
    connection = connections[DEFAULT_DB_ALIAS]
    with count_rows(connection) as rows, watch(f"wellness report, {variant}") as recording:
        wellness = build_wellness_report(variant, window, tenants)
    return Measurement(variant, wellness, recording.report, rows.total)


def measure_fairly(
    variants: Iterable[str], window: Window, tenants: int, rounds: int
) -> list[Measurement]:
    """Each variant's run of median time out of ``rounds``, one of each in turn.

    A first round, which warms caches, is thrown away. Queries and rows are those of
    the run that is given back.
    """
    variants = tuple(variants)
    runs = [[measure(variant, window, tenants) for variant in variants] for _ in range(rounds + 1)]
    return [_median(column) for column in zip(*runs[1:], strict=True)]


def _median(runs: Iterable[Measurement]) -> Measurement:
    ordered = sorted(runs, key=lambda run: run.seconds)
    return ordered[(len(ordered) - 1) // 2]
