"""Everything that the performance report claims, measured once, for the summary and the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from apps.demo.checks import Check, run_checks
from apps.demo.growth import SIZES, WAYS, Grown, measure_all
from apps.demo.index_gains import IndexGain, measure_gains
from apps.demo.load import Load
from apps.demo.load_runs import requests_in_all, run_load
from apps.demo.paging_gains import PATHS, Answer, measure_paging
from apps.demo.patterns import PATTERNS
from apps.demo.plans import WORK
from apps.demo.progress import Progress
from apps.demo.servers import serving
from background_tasks.journal_wellness_tasks import VARIANTS

#: The code that was reported, and the cure.
CODES = ("claimed", "fixed")
CHECKS = 15
#: The report's load, shared out between three servers, with the guard off, on, and on a sample.
REQUESTS, AT_ONCE, WORKERS = 300, 100, 2
#: Gives the progress line of a stage: ``start("queries", 6)``.
Start = Callable[[str, int], Progress]


@dataclass(slots=True)
class Survey:
    """What was measured. A part that could not be is empty, and ``missing`` says why."""

    gains: list[IndexGain] = field(default_factory=list)
    growth: list[Grown] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    checks: dict[str, list[Check]] = field(default_factory=dict)
    loads: list[Load] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The survey as plain values, ready for JSON."""
        return {
            "queries": [gain.as_dict() for gain in self.gains],
            "growth": [run.as_dict() for run in self.growth],
            "paging": {variant: answer.as_dict() for variant, answer in self.answers.items()},
            "checks": {
                code: [check.as_dict() for check in checks] for code, checks in self.checks.items()
            },
            "loads": [load.as_dict() for load in self.loads],
            "missing": self.missing,
        }


def survey(server: str, start: Start) -> Survey:
    """Measure everything, on data of the report's size that is there already."""
    found = Survey()
    parts = {
        "Index gains": _gains,
        "Growth": _growth,
        "Checks": _checks,
        "Pages": _paging,
        "Load": _load,
    }
    for name, part in parts.items():
        try:
            part(found, server, start)
        except CommandError as error:
            found.missing.append(f"{name}: {str(error).splitlines()[0]}")
    return found


def _gains(found: Survey, _server: str, start: Start) -> None:
    if connection.vendor not in WORK:
        raise CommandError(f"plans are not read on {connection.display_name}.")
    progress = start("index gains", len(PATTERNS))
    found.gains = measure_gains(3, progress.advance)
    progress.finish()


def _growth(found: Survey, _server: str, start: Start) -> None:
    progress = start("wellness reports", len(SIZES) * len(VARIANTS) * len(WAYS))
    found.growth, missing = measure_all(SIZES, progress.advance, at_once=True)
    found.missing += [reason.splitlines()[0] for reason in missing]
    progress.finish()


def _checks(found: Survey, _server: str, start: Start) -> None:
    progress = start("checks", CHECKS * len(CODES))
    for code in CODES:
        found.checks[code] = []
        for check in run_checks(code):
            found.checks[code].append(check)
            progress.advance(1)
    progress.finish()


def _paging(found: Survey, server: str, start: Start) -> None:
    progress = start("pages", 2)
    with serving(server, guard="off") as running:
        found.answers = measure_paging(running, 5)
    progress.advance(2)
    progress.finish()


def _load(found: Survey, server: str, start: Start) -> None:
    progress = start("requests", requests_in_all(REQUESTS))
    found.loads = run_load(server, PATHS["fixed"], REQUESTS, AT_ONCE, WORKERS, progress.advance)
    progress.finish()
