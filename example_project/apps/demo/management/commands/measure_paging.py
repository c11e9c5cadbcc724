"""``manage.py measure_paging``: ``loadPeoples`` over HTTP, before and after."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from apps.demo.base import ExampleCommand
from apps.demo.data import database_name
from apps.demo.options import choice, whole_number
from apps.demo.paging_gains import Answer, measure_paging
from apps.demo.servers import PROGRAMS, serving
from apps.demo.text import duration


class Command(ExampleCommand):
    help = (
        "Ask a real server for all people and for a page of them, and show rows, bytes, memory and "
        "time. Adds example data up to the report's 5,000 people. With --json: an object with "
        "format, database, server, rounds and answers {before, fixed}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--server", default="gunicorn", help="gunicorn or uvicorn (gunicorn)")
        parser.add_argument("--rounds", default=5, help="timed requests of each kind (5)")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        server = choice(options, "server", PROGRAMS)
        rounds = whole_number(options, "rounds", least=1, most=100)
        self.enlarge()
        with serving(server, guard="off") as running:
            answers = measure_paging(running, rounds)
        if options["json"]:
            whole = {
                "format": 1,
                "database": database_name(),
                "server": server,
                "rounds": rounds,
                "answers": {variant: answer.as_dict() for variant, answer in answers.items()},
            }
            self.stdout.write(json.dumps(whole, indent=2))
            return
        self.stdout.write(f"loadPeoples over HTTP, {server}, {database_name()}\n")
        self.stdout.write(
            f"  {'variant':<8}{'people':>8}{'rows':>8}{'bytes':>12}{'memory':>12}{'time':>12}"
        )
        for variant in ("before", "fixed"):
            self.stdout.write(row(answers[variant]))
        self.stdout.write(less(answers["before"], answers["fixed"]))
        self.stdout.write(SAID)


#: What the performance report says of each column (3.1, "Performance Metrics"), as less than before.
SAID = f"  {'report':<16}{'99.5 %':>8}{'99.5 %':>12}{'99.5 %':>12}{'90-95 %':>12}"


def row(answer: Answer) -> str:
    memory = "-" if answer.memory is None else f"+{answer.memory:.1f} MiB"
    return (
        f"  {answer.variant:<8}{answer.total:>8,}{answer.rows:>8,}{answer.bytes:>12,}"
        f"{memory:>12}{duration(answer.seconds):>12}"
    )


def less(before: Answer, after: Answer) -> str:
    """How much less each figure became."""
    pairs = [
        (before.rows, after.rows),
        (before.bytes, after.bytes),
        (before.memory, after.memory),
        (before.seconds, after.seconds),
    ]
    rows, *others = [_part(*pair) for pair in pairs]
    return f"  {'less':<16}{rows:>8}" + "".join(f"{other:>12}" for other in others)


def _part(before: float | None, after: float | None) -> str:
    return f"{100 * (1 - after / before):.1f} %" if before and after is not None else "-"
