"""``manage.py load_test``: the report's load test against real servers, guard off, on and sampled."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from apps.demo.base import ExampleCommand
from apps.demo.claims import P95_SECONDS
from apps.demo.data import database_name
from apps.demo.load import Load
from apps.demo.load_runs import LIMIT, is_noisy, requests_in_all, run_load
from apps.demo.options import choice, whole_number
from apps.demo.paging_gains import PATHS
from apps.demo.progress import Progress
from apps.demo.servers import PROGRAMS
from apps.demo.text import duration


class Command(ExampleCommand):
    help = (
        "Load the escalation form's loadPeoples through a real server, with the guard off, with "
        "the guard logging, and with the guard logging a tenth of the requests: all requests to "
        "one after the other for the response times, in short turns for the processor time. Exit "
        "status 1 where a request failed. With --json: an object with format, database, path, "
        "loads, and against_off, how many times the median response time of the guard off the "
        "others take. In a load, processor_against_off is so of the processor time (quartiles "
        "over blocks of requests); with the guard off, that of a second server with the guard off."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--server", default="gunicorn", help="gunicorn or uvicorn (gunicorn)")
        parser.add_argument("--requests", default=1000, help="requests to each (1000)")
        parser.add_argument("--at-once", default=100, help="requests at once (100)")
        parser.add_argument("--workers", default=2, help="worker processes of each server (2)")
        parser.add_argument("--variant", default="fixed", help="before or fixed (fixed)")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        server = choice(options, "server", PROGRAMS)
        path = PATHS[choice(options, "variant", sorted(PATHS))]
        requests = whole_number(options, "requests", least=1, most=1_000_000)
        at_once = whole_number(options, "at_once", least=1, most=1_000)
        workers = whole_number(options, "workers", least=1, most=64)
        self.enlarge()
        progress = Progress(self.stderr, "requests", requests_in_all(requests))
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
                "against_off": {
                    load.guard: {"p50": round(load.slower_than(loads[0]), 3)} for load in loads[1:]
                },
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


def targets(loads: list[Load]) -> Iterator[str]:
    """The targets, each with whether it is met, and what was measured."""
    off, log, *_ = loads
    errors = sum(len(load.errors) for load in loads)
    yield _target("no errors", not errors, f"{errors:,}")
    slow, alone = log.percentile(95), off.percentile(95)
    seen = f"{duration(slow)}, and {duration(alone)} with the guard off"
    if slow >= P95_SECONDS <= alone:
        seen += ": this machine takes longer without the guard, too"
    yield _target("p95 below 500 ms, guard on", slow < P95_SECONDS, seen)
    for load in loads[1:]:
        yield _cost(load, off)


def _cost(load: Load, off: Load) -> str:
    title = f"{load.guard}: at most {LIMIT}x the guard off"
    slower = load.slower_than(off)
    if load.against_off is None or off.against_off is None:
        return _target(title, slower <= LIMIT, f"{slower:.3f}x the median response time")
    seen = f"{load.against_off} the processor time; the guard off against itself: {off.against_off}"
    return _target(title, None if is_noisy(off) else load.against_off.median <= LIMIT, seen)


def _target(title: str, met: bool | None, evidence: str) -> str:
    """``met`` is ``None`` where the measure was too coarse to say."""
    word = "OPEN" if met is None else "PASS" if met else "FAIL"
    return f"{word}  {title}\n{textwrap.indent(textwrap.fill(evidence, 72), ' ' * 6)}"
