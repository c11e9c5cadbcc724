"""``manage.py seed``: fill the database with the example data."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from apps.demo.base import ExampleCommand
from apps.demo.data import require_tables
from apps.demo.options import whole_number
from apps.demo.seeding import Amounts, seed_database


class Command(ExampleCommand):
    help = "Replace everything that the applications store with example data."
    interrupted = "Interrupted: what was stored before is still there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenants", default=20, help="tenants to make (default: 20)")
        parser.add_argument("--people", default=400, help="people over all tenants (default: 400)")
        parser.add_argument(
            "--entries", default=8000, help="journal entries over all people (default: 8000)"
        )
        parser.add_argument("--tracking", default=2000, help="positions tracked (default: 2000)")
        parser.add_argument("--tickets", default=200, help="helpdesk tickets (default: 200)")
        parser.add_argument(
            "--seed", default=7, help="the same number gives the same data (default: 7)"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        amounts = Amounts(
            tenants=whole_number(options, "tenants", least=1, most=10_000),
            people=whole_number(options, "people", least=1, most=1_000_000),
            entries=whole_number(options, "entries", least=0, most=10_000_000),
            tracking=whole_number(options, "tracking", least=0, most=10_000_000),
            tickets=whole_number(options, "tickets", least=0, most=1_000_000),
        )
        seed = whole_number(options, "seed", least=0, most=2**32)
        require_tables()
        seed_database(amounts, seed, self.stage_reporter())
