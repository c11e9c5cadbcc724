"""``manage.py load_test``: the report's load test against real servers, guard off, on and sampled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from apps.demo.base import ExampleCommand
from apps.demo.claims import P95_SECONDS, duration
from apps.demo.data import database_name
from apps.demo.load import Load
from apps.demo.load_runs import LIMIT, MODES, run_load
from apps.demo.options import choice, whole_number
from apps.demo.paging_gains import PATHS
from apps.demo.progress import Progress
from apps.demo.servers import COMMANDS


class Command(ExampleCommand):
    help = (
        "Load the escalation form's loadPeoples through a real server, with the guard off, with "
        "the guard logging, and with the guard logging a tenth of the requests, in turns. Exit "
        "status 1 where a request failed. With --json: an object with format, database, path, "
        "loads, and against_off, how many times the time of the guard off the others take."
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
        progress = Progress(self.stderr, "requests", len(MODES) * requests)
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
                "against_off": {load.guard: against(load, loads[0]) for load in loads[1:]},
            }
            self.stdout.write(json.dumps(whole, indent=2))
            return
        first = loads[0]
        self.stdout.write(
            f"{first.requests:,} requests to each, {first.at_once} at once, {first.server}, "
            f"{database_name()}\nGET {path}\n"
        )
        self.stdout.write(
            f"  {'guard':<8}{'p50':>10}{'p95':>10}{'p99':>10}{'errors':>8}{'CPU each':>10}"
            f"{'memory, MiB':>18}"
        )
        for load in loads:
            self.stdout.write(row(load))
        self.stdout.write("")
        for line in targets(loads):
            self.stdout.write(line)


def row(load: Load) -> str:
    times = "".join(f"{duration(load.percentile(n)):>10}" for n in (50, 95, 99))
    each = "-" if load.processor_each is None else duration(load.processor_each)
    memory = "-"
    if load.memory_before is not None and load.memory_after is not None:
        memory = f"{load.memory_before:.0f} -> {load.memory_after:.0f}"
    error = f"\n  {load.errors[0]}" if load.errors else ""
    return f"  {load.guard:<8}{times}{len(load.errors):>8,}{each:>10}{memory:>18}{error}"


def against(load: Load, off: Load) -> dict[str, float | None]:
    dearer = load.dearer_than(off)
    return {
        "p50": round(load.slower_than(off), 3),
        "processor": None if dearer is None else round(dearer, 3),
    }


def targets(loads: list[Load]) -> Iterator[str]:
    """The targets, each with whether it is met, and what was measured."""
    off, *others = loads
    errors = sum(len(load.errors) for load in loads)
    yield _target("no errors", not errors, f"{errors:,}")
    slowest = max(load.percentile(95) for load in loads)
    yield _target("p95 below 500 ms", slowest < P95_SECONDS, f"{duration(slowest)} at most")
    for load in others:
        slower, dearer = load.slower_than(off), load.dearer_than(off)
        seen = f"{slower:.3f}x the median response time"
        if dearer is not None:
            seen = f"{dearer:.3f}x the processor time, {seen}"
        met = (slower if dearer is None else dearer) <= LIMIT
        yield _target(f"{load.guard}: at most {LIMIT}x the guard off", met, seen)


def _target(title: str, met: bool, evidence: str) -> str:
    return f"{'PASS' if met else 'FAIL'}  {title}\n      {evidence}"
