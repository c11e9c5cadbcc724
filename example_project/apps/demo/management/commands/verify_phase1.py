"""``manage.py verify_phase1``: the 15 checks of the performance report, run."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from django.core.management.base import CommandParser

from apps.demo.base import ExampleCommand
from apps.demo.checks import Check, run_checks
from apps.demo.data import database_name
from apps.demo.options import choice
from apps.demo.text import WIDTH

CODES = ("fixed", "claimed")


class Command(ExampleCommand):
    help = (
        "Run the 15 checks of the performance report, on its own code (claimed) or on the cure "
        "(fixed). Adds example data up to the report's size, and migrates attendance and journal "
        "back and forth. Exit status 1 where a check fails. With --json: an object with format, "
        "database, code, passed and checks, a list of {category, title, passed, evidence}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--code", default="fixed", help=f"{' or '.join(CODES)} (fixed)")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        code = choice(options, "code", CODES)
        self.enlarge()
        checks = list(run_checks(code))
        passed = sum(check.passed for check in checks)
        if options["json"]:
            whole = {
                "format": 1,
                "database": database_name(),
                "code": code,
                "passed": passed,
                "checks": [check.as_dict() for check in checks],
            }
            self.stdout.write(json.dumps(whole, indent=2))
        else:
            self.show(code, checks, passed)
        if passed < len(checks):
            raise SystemExit(1)

    def show(self, code: str, checks: list[Check], passed: int) -> None:
        self.stdout.write(f"Phase 1, variant {code!r}, {database_name()}\n")
        for check in checks:
            self.stdout.write(self.line(check))
        self.stdout.write(f"{passed} of {len(checks)} checks pass. The report said 15 of 15.")

    def line(self, check: Check) -> str:
        """``PASS  title`` and the evidence below it."""
        style = self.style.SUCCESS if check.passed else self.style.ERROR
        evidence = textwrap.fill(
            check.evidence, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6
        )
        return f"{style('PASS' if check.passed else 'FAIL')}  {check.title}\n{evidence}"
