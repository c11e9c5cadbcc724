"""``manage.py measure_wellness``: the wellness report at 20, 200 and 2,000 tenants."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.demo.base import ExampleCommand
from apps.demo.data import database_name, stored
from apps.demo.growth import SIZES, WAYS, Grown, measure_all
from apps.demo.progress import Progress
from apps.demo.text import duration, paragraph
from background_tasks.journal_wellness_tasks import VARIANTS


class Command(ExampleCommand):
    help = (
        "Build the wellness report at several sizes, by each variant, as a function, as a Celery "
        "task on a worker and as a management command, and show queries and time. Adds example "
        "data up to 2,000 tenants. With --json: an object with format, database, missing, and "
        "runs, a list of {via, variant, tenants, queries, seconds}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        sizes = ",".join(map(str, SIZES))
        parser.add_argument("--sizes", default=sizes, help=f"tenants ({sizes})")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        sizes = numbers(options["sizes"])
        self.enlarge()
        if max(sizes) > stored().tenants:
            raise CommandError(f"--sizes: the database holds {stored().tenants:,} tenants.")
        progress = Progress(self.stderr, "reports", len(sizes) * len(VARIANTS) * len(WAYS))
        runs, missing = measure_all(sizes, progress.advance)
        progress.finish()
        if options["json"]:
            whole = {
                "format": 1,
                "database": database_name(),
                "missing": missing,
                "runs": [run.as_dict() for run in runs],
            }
            self.stdout.write(json.dumps(whole, indent=2))
            return
        self.stdout.write(f"The wellness report, {database_name()}\n")
        self.stdout.write(table(runs))
        for reason in missing:
            self.stdout.write(paragraph(f"Not measured. {reason.splitlines()[0]}"))


def table(runs: list[Grown]) -> str:
    """A line a run."""
    head = f"  {'called as':<10}{'tenants':>8}  {'variant':<8}{'queries':>9}{'time':>14}\n"
    return head + "".join(
        f"  {run.via:<10}{run.tenants:>8,}  {run.variant:<8}{run.queries:>9,}"
        f"{duration(run.seconds):>14}\n"
        for run in runs
    )


def numbers(value: str) -> list[int]:
    """``20,200`` as numbers, or a ``CommandError``."""
    words = [word.strip() for word in str(value).split(",")]
    if not all(word.isascii() and word.isdecimal() and 0 < int(word) < 10_001 for word in words):
        raise CommandError(f"--sizes {value!r}: use numbers from 1 to 10,000, such as 20,200.")
    return [int(word) for word in words]
