"""``manage.py measure_queries``: the report's queries without and with their indexes."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from django.core.management.base import CommandParser
from django.db import connection

from apps.demo.base import ExampleCommand
from apps.demo.data import database_name
from apps.demo.index_gains import RUNS, IndexGain, Timed, measure_gains
from apps.demo.options import whole_number
from apps.demo.patterns import PATTERNS
from apps.demo.plans import WORK
from apps.demo.progress import Progress
from apps.demo.seeding import stored_amounts
from apps.demo.text import WIDTH, duration


class Command(ExampleCommand):
    help = (
        "Run each query that the performance report lists without and with its index, in turn, and "
        "show the plans, the work and the median times. Adds example data up to the report's "
        "50,000 positions. With --json: an object with format, database, work (what is counted), "
        "rounds and queries."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rounds", default=5, help=f"rounds of {RUNS - 1} timed runs each (5)")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        rounds = whole_number(options, "rounds", least=1, most=100)
        self.require_plans()
        self.enlarge()
        gains = self.measure(rounds)
        if options["json"]:
            whole = {
                "format": 1,
                "database": database_name(),
                "work": WORK[connection.vendor],
                "rounds": rounds,
                "queries": [gain.as_dict() for gain in gains],
            }
            self.stdout.write(json.dumps(whole, indent=2))
            return
        self.show(gains)

    def measure(self, rounds: int) -> list[IndexGain]:
        progress = Progress(self.stderr, "queries", len(PATTERNS))
        gains = measure_gains(rounds, progress.advance)
        progress.finish()
        return gains

    def show(self, gains: list[IndexGain]) -> None:
        stored = stored_amounts()
        self.stdout.write(
            f"{database_name()}, {stored.tracking:,} positions, {stored.entries:,} journal entries\n\n"
        )
        for gain in gains:
            self.stdout.write(describe(gain) + "\n")
        used = sum(gain.used for gain in gains)
        self.stdout.write(
            f"{used} of {len(gains)} indexes are used. Medians; work is {WORK[connection.vendor]}."
        )


def describe(gain: IndexGain) -> str:
    """Six lines: the query, its plans, and what was measured."""
    said = "no figure" if gain.pattern.said is None else "{}-{} % faster".format(*gain.pattern.said)
    used = "" if gain.used else "  (the database does not use it)"
    fetched = f", {_less(gain.less_fetched)} until fetched" if _tells_both(gain.before) else ""
    return (
        f"{gain.pattern.title}: {gain.verdict}\n"
        f"  index   {gain.pattern.index}{used}\n"
        f"{_side('before', gain.before)}"
        f"{_side('after', gain.after)}"
        f"  report  {said}; measured: {_less(gain.less)} time{fetched}\n"
    )


def _less(percent: float) -> str:
    return f"{abs(percent):.0f} % {'more' if percent < 0 else 'less'}"


def _side(when: str, side: Timed) -> str:
    folded = textwrap.wrap(side.plan.nodes, WIDTH - 10, break_on_hyphens=False)
    return f"  {when:<8}" + ("\n" + " " * 10).join([*folded, _cost(side)]) + "\n"


def _cost(side: Timed) -> str:
    fetched = f", fetched in {duration(side.fetched)}" if _tells_both(side) else ""
    return f"{side.plan.effort}, {duration(side.seconds)}{fetched}"


def _tells_both(side: Timed) -> bool:
    """Whether the database says how long it took itself."""
    return side.plan.seconds is not None
