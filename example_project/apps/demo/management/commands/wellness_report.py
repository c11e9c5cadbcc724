"""``manage.py wellness_report``: the report by one variant, watched."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.demo.base import ExampleCommand
from apps.demo.data import MANAGE, stored
from apps.demo.measuring import measure
from apps.demo.options import choice, day, whole_number
from apps.demo.text import wellness_table
from apps.journal.windows import DAYS, LAST_DAY, Window
from background_tasks.journal_wellness_tasks import VARIANTS


class Command(ExampleCommand):
    help = (
        "Build the tenant wellness report and show what the guard says of it. With --json: an "
        "object with format, variant, window, tenants, measured {queries, rows, seconds} and "
        "nplusone, the guard's own report."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--variant", default="fixed", help=f"{', '.join(VARIANTS)} (default: fixed)"
        )
        parser.add_argument("--tenants", help="only the first N tenants (default: all)")
        parser.add_argument(
            "--until", default=LAST_DAY, help=f"last day of the report (default: {LAST_DAY})"
        )
        parser.add_argument("--days", default=DAYS, help=f"days in the report (default: {DAYS})")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        variant = choice(options, "variant", VARIANTS)
        days = whole_number(options, "days", least=1, most=3_660)
        window = Window.ending(day(options, "until"), days)
        run = measure(variant, window, self.tenants(options))
        if options["json"]:
            whole = {"format": 1, **run.as_dict(), **run.wellness.as_dict()}
            self.stdout.write(json.dumps(whole, indent=2))
            return
        self.stdout.write(f"Tenant wellness report, {window}, variant {variant!r}\n\n")
        self.stdout.write(wellness_table(run.wellness))
        self.stdout.write(f"\n{run.figures}\n\n{self.guard_text(run.guard)}")

    def tenants(self, options: dict[str, Any]) -> int:
        """How many tenants to report on: all, or as many as asked for."""
        there = stored().tenants
        if not there:
            raise CommandError(f"The database holds no tenants yet. Run: {MANAGE} seed")
        if options["tenants"] is None:
            return there
        wanted = whole_number(options, "tenants", least=1, most=10_000)
        if wanted > there:
            raise CommandError(
                f"--tenants '{wanted}': the database holds {there:,}. Use {there:,} or fewer, "
                f"or run: {MANAGE} seed --tenants {wanted}"
            )
        return wanted
