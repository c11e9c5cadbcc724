"""What the performance report said, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apps.demo.measuring import Measurement
from apps.demo.text import counted, duration, paragraph, totals

#: The queries that the performance report (2.1, "Query Count Reduction") gives for N
#: tenants: before its change, and after it. It does not know the third variant.
REPORT_SAID: dict[str, Callable[[int], int]] = {
    "before": lambda tenants: 1 + tenants,
    "claimed": lambda _tenants: 2,
}

TITLES = {
    "before": "one query for each tenant",
    "claimed": "as the performance report claimed: prefetch added, loop unchanged",
    "fixed": "prefetch, and a loop that reads what was prefetched",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One variant's measurement, judged against the report and against ``before``."""

    run: Measurement
    #: Queries that the performance report gives; ``None`` where it gives none.
    said: int | None
    #: Queries more than ``before`` takes; negative for fewer.
    more: int

    @property
    def verdict(self) -> str:
        """``worse (+1 query): bypassed-prefetch``, or ``clean: nothing found``."""
        rules = ", ".join(dict.fromkeys(finding.rule for finding in self.run.guard.findings))
        if not rules:
            return "clean: nothing found"
        if self.more > 0:
            return f"worse: {rules}"
        return f"found: {rules}"

    def row(self) -> str:
        """The variant's line of the closing table."""
        said = "-" if self.said is None else f"{self.said:,}"
        return (
            f"  {self.run.variant:<8}{said:>8}{self.run.queries:>10,}{self.run.rows:>8,}"
            f"{duration(self.run.seconds):>12}   {self.verdict}"
        )

    def as_dict(self) -> dict[str, Any]:
        return {**self.run.as_dict(), "report_said": self.said, "verdict": self.verdict}


def compare(runs: list[Measurement], tenants: int) -> list[Compared]:
    """Judge ``runs``, of which the first is ``before``."""
    return [
        Compared(
            run=run,
            said=REPORT_SAID[run.variant](tenants) if run.variant in REPORT_SAID else None,
            more=run.queries - runs[0].queries,
        )
        for run in runs
    ]


TABLE_HEAD = (
    f"  {'':<8}{'report':>8}{'measured':>10}\n"
    f"  {'variant':<8}{'said':>8}{'queries':>10}{'rows':>8}{'time':>12}   verdict"
)


def closing(compared: list[Compared], rounds: int) -> str:
    """What the table shows, in the numbers that were measured."""
    same = f"All three return the same report: {totals(compared[0].run.wellness)}."
    figures = (
        f"Rows are all that the database handed over. Time is the median of "
        f"{counted(rounds, 'run')}."
    )
    return "\n".join(paragraph(text) for text in (same, _lesson(compared), figures))


def _lesson(compared: list[Compared]) -> str:
    before, claimed, fixed = compared
    change = f"{counted(abs(claimed.more), 'query')} {'more' if claimed.more > 0 else 'fewer'}"
    return (
        f"The performance report promised {counted(claimed.said or 0, 'query')} for its "
        f"prefetch. It takes {claimed.run.queries:,}, {change} than before it: .filter() never "
        f"looks at what was prefetched, so the people are read twice. tenant.people_set.all() "
        f"does look, and takes {fixed.run.queries:,} instead of {before.run.queries:,}."
    )
