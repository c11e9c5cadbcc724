"""``manage.py demo``: the wellness report three ways, measured side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from apps.demo.base import ExampleCommand
from apps.demo.claims import Claim, claims, summary
from apps.demo.comparison import TABLE_HEAD, TITLES, Compared, closing, compare
from apps.demo.data import MANAGE, Stored, database_name, stored
from apps.demo.measuring import measure_fairly
from apps.demo.options import choice, new_file, whole_number
from apps.demo.page import render
from apps.demo.progress import Progress
from apps.demo.seeding import DEMO_SIZE, SEED, Amounts, seed_database, stored_amounts
from apps.demo.servers import PROGRAMS
from apps.demo.survey import Survey, survey
from apps.demo.text import WIDTH, paragraph, source_file, source_lines
from apps.journal.windows import Window
from background_tasks.journal_wellness_tasks import VARIANTS

PAGE = "demo-report.html"
HOW_MEASURED = (
    'Times are medians, without and with each index in turn. "Reported" is the performance '
    'report\'s own code, "cured" the code that does what it meant. Memory is what one request '
    "adds to the server's peak."
)


class Command(ExampleCommand):
    help = (
        "Migrate, seed where needed, and run the wellness report three ways. With --json: an "
        "object with format, database, data {tenants, people, entries}, window, tenants, rounds, "
        "and variants, a list of {variant, report_said, measured {queries, rows, seconds}, "
        "verdict, nplusone}; with --all also claims and survey."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenants", default=20, help="tenants to report on (default: 20)")
        parser.add_argument(
            "--rounds", default=5, help="timed runs of each variant; the median counts (default: 5)"
        )
        parser.add_argument(
            "--all", action="store_true", help="also check every other claim, and write the page"
        )
        parser.add_argument(
            "--page", default=PAGE, help=f"where --all writes its page (default: {PAGE})"
        )
        parser.add_argument("--server", default="gunicorn", help="gunicorn or uvicorn (gunicorn)")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        tenants = whole_number(options, "tenants", least=1, most=1_000)
        server = choice(options, "server", PROGRAMS)
        rounds = whole_number(options, "rounds", least=1, most=100)
        page = new_file(options, "page")
        data = self.prepare(tenants)
        window = Window.ending()
        runs = measure_fairly(VARIANTS, window, tenants, rounds)
        if any(run.wellness != runs[0].wellness for run in runs):
            raise CommandError("The three variants did not return the same report.")
        outcome = Outcome(data, window, tenants, rounds, compare(runs, tenants))
        if not options["json"]:
            self.show(outcome)
        whole = outcome.as_dict()
        if options["all"]:
            whole |= self.check_all(outcome, server, page, quiet=options["json"])
        if options["json"]:
            self.stdout.write(json.dumps(whole, indent=2))

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

    def check_all(
        self, outcome: Outcome, server: str, page: Path, *, quiet: bool
    ) -> dict[str, Any]:
        """Measure every claim of the performance report, show the summary, write the page."""
        self.note("\nChecking every claim of the performance report ...")
        self.enlarge()
        found = survey(server, lambda stage, total: Progress(self.stderr, stage, total))
        lines = claims(outcome.variants, found)
        texts = {one.run.variant: self.guard_text(one.run.guard) for one in outcome.variants}
        page.write_text(
            render(about(outcome), lines, outcome.variants, texts, found), encoding="utf-8"
        )
        if not quiet:
            self.show_summary(lines, found, page)
        return {"claims": [one.as_dict() for one in lines], "survey": found.as_dict()}

    def show_summary(self, lines: list[Claim], found: Survey, page: Path) -> None:
        title = "The performance report, claim by claim"
        self.write(f"\n{self.style.MIGRATE_HEADING(title)}\n{'-' * WIDTH}")
        self.write(summary(lines) + "\n")
        for reason in found.missing:
            self.write(paragraph(f"Not measured. {reason}"))
        self.write(paragraph(HOW_MEASURED) + "\n")
        self.write(f"The same with charts, plans and findings:\n  {page.resolve()}")

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


def about(outcome: Outcome) -> tuple[str, str]:
    """What was measured, and on what, for the head of the page."""
    where = (
        f"{database_name()}. The wellness report: {outcome.tenants:,} tenants, {outcome.window}. "
        f"All else: {stored_amounts()}."
    )
    return where, "Every figure was measured in the run that wrote this page. " + HOW_MEASURED


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
