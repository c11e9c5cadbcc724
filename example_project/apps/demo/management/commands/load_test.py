"""``manage.py load_test``: the report's load test, against real servers, guard off and on."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from apps.demo.base import ExampleCommand
from apps.demo.data import database_name
from apps.demo.load import Load
from apps.demo.load_runs import run_load
from apps.demo.measuring import milliseconds
from apps.demo.options import choice, whole_number
from apps.demo.paging_gains import PATHS
from apps.demo.progress import Progress
from apps.demo.servers import COMMANDS


class Command(ExampleCommand):
    help = (
        "Load the escalation form's loadPeoples through a real server, with the guard off and "
        "with the guard logging, in turns. Exit status 1 where a request failed. With --json: an "
        "object with format, database, path and loads."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--server", default="gunicorn", help="gunicorn or uvicorn (gunicorn)")
        parser.add_argument("--requests", default=1000, help="requests to each (1000)")
        parser.add_argument("--at-once", default=100, help="requests at once (100)")
        parser.add_argument("--workers", default=2, help="worker processes of each server (2)")
        parser.add_argument("--variant", default="fixed", help="before or fixed (fixed)")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        server = choice(options, "server", COMMANDS)
        path = PATHS[choice(options, "variant", sorted(PATHS))]
        requests = whole_number(options, "requests", least=1, most=1_000_000)
        at_once = whole_number(options, "at_once", least=1, most=1_000)
        workers = whole_number(options, "workers", least=1, most=64)
        self.enlarge()
        progress = Progress(self.stderr, "requests", 2 * requests)
        loads = run_load(server, path, requests, at_once, workers, progress.advance)
        progress.finish()
        self.show(loads, path, as_json=options["json"])
        if any(load.errors for load in loads):
            raise SystemExit(1)

    def show(self, loads: list[Load], path: str, *, as_json: bool) -> None:
        if as_json:
            whole = {
                "format": 1,
                "database": database_name(),
                "path": path,
                "loads": [load.as_dict() for load in loads],
            }
            self.stdout.write(json.dumps(whole, indent=2))
            return
        first = loads[0]
        self.stdout.write(
            f"{first.requests:,} requests, {first.at_once} at once, {first.server}, "
            f"{database_name()}\nGET {path}\n"
        )
        self.stdout.write(
            f"  {'guard':<7}{'p50':>12}{'p95':>12}{'p99':>12}{'errors':>8}{'memory before, after':>24}"
        )
        for load in loads:
            self.stdout.write(row(load))


def row(load: Load) -> str:
    times = "".join(f"{milliseconds(load.percentile(n)):>12}" for n in (50, 95, 99))
    memory = "-"
    if load.memory_before is not None and load.memory_after is not None:
        memory = f"{load.memory_before:.0f}, {load.memory_after:.0f} MiB"
    error = f"\n  {load.errors[0]}" if load.errors else ""
    return f"  {load.guard:<7}{times}{len(load.errors):>8,}{memory:>24}{error}"
