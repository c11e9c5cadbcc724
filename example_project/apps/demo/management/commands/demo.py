"""``manage.py demo``: the wellness report three ways, measured side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from apps.demo.base import ExampleCommand
from apps.demo.comparison import TABLE_HEAD, TITLES, Compared, closing, compare
from apps.demo.data import MANAGE, Stored, database_name, stored
from apps.demo.measuring import measure_fairly
from apps.demo.options import whole_number
from apps.demo.seeding import DEMO_SIZE, SEED, Amounts, seed_database
from apps.demo.text import WIDTH, source_file, source_lines
from apps.journal.windows import Window
from background_tasks.journal_wellness_tasks import VARIANTS


class Command(ExampleCommand):
    help = (
        "Migrate, seed where needed, and run the wellness report three ways. With --json: an "
        "object with format, database, data {tenants, people, entries}, window, tenants, rounds, "
        "and variants, a list of {variant, report_said, measured {queries, rows, seconds}, "
        "verdict, nplusone}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenants", default=20, help="tenants to report on (default: 20)")
        parser.add_argument(
            "--rounds", default=5, help="timed runs of each variant; the median counts (default: 5)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        tenants = whole_number(options, "tenants", least=1, most=1_000)
        rounds = whole_number(options, "rounds", least=1, most=100)
        data = self.prepare(tenants)
        window = Window.ending()
        runs = measure_fairly(VARIANTS, window, tenants, rounds)
        if any(run.wellness != runs[0].wellness for run in runs):
            raise CommandError("The three variants did not return the same report.")
        outcome = Outcome(data, window, tenants, rounds, compare(runs, tenants))
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_dict(), indent=2))
        else:
            self.show(outcome)

    def prepare(self, tenants: int) -> Stored:
        """Bring the tables up to date, and make example data where there is not enough."""
        call_command("migrate", verbosity=0, interactive=False)
        there = stored()
        if there.tenants < tenants or not there.entries:
            instead = f" in place of the {there.tenants:,} there" if there.tenants else ""
            self.note(f"Making example data for {tenants:,} tenants{instead} ...")
            seed_database(scaled(tenants), SEED, self.stage_reporter())
            self.note()
        return stored()

    def show(self, outcome: Outcome) -> None:
        """Print the three runs and the closing table."""
        self.write(self.style.MIGRATE_HEADING("The tenant wellness report, three ways"))
        self.write(f"  database  {database_name()}")
        self.write(f"  data      {outcome.data}")
        self.write(f"  report    {outcome.tenants:,} tenants, {outcome.window}")
        for number, compared in enumerate(outcome.variants, start=1):
            self.show_variant(number, compared)
        self.show_table(outcome)

    def show_variant(self, number: int, compared: Compared) -> None:
        run = compared.run
        title = f"{number}. {run.variant}: {TITLES[run.variant]}"
        self.write(f"\n{self.style.MIGRATE_HEADING(title)}\n{'-' * WIDTH}")
        self.write(f"{source_file(run.variant)}\n\n{source_lines(run.variant)}\n")
        self.write(f"{run.figures}\n\n{self.guard_text(run.guard)}")

    def show_table(self, outcome: Outcome) -> None:
        self.write(f"\n{self.style.MIGRATE_HEADING('Side by side')}\n{'-' * WIDTH}")
        self.write(TABLE_HEAD)
        for compared in outcome.variants:
            clean = not compared.run.guard.findings
            style = self.style.SUCCESS if clean else self.style.WARNING
            self.write(compared.row().replace(compared.verdict, style(compared.verdict)))
        self.write("\n" + closing(outcome.variants, outcome.rounds))
        self.write(f"\nOne variant alone:\n  {MANAGE} wellness_report --variant claimed")

    def write(self, text: str) -> None:
        self.stdout.write(text)


def scaled(tenants: int) -> Amounts:
    """As many people and entries for each of ``tenants`` as in ``DEMO_SIZE``."""
    size = DEMO_SIZE
    return Amounts(
        tenants, tenants * size.people // size.tenants, tenants * size.entries // size.tenants
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that one demo measured."""

    data: Stored
    window: Window
    tenants: int
    rounds: int
    variants: list[Compared]

    def as_dict(self) -> dict[str, Any]:
        """The outcome as plain values, ready for JSON."""
        whole = self.variants[0].run.wellness.as_dict()
        return {
            "format": 1,
            "database": database_name(),
            "data": self.data.as_dict(),
            "rounds": self.rounds,
            **whole,
            "variants": [compared.as_dict() for compared in self.variants],
        }
