"""``manage.py nplusone COMMAND …``: run any management command under watch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.management import BaseCommand, CommandError, ManagementUtility
from django.core.management.base import CommandParser, DjangoHelpFormatter

from nplusone_guard.conf import policy_from_settings
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.files import Destination, why
from nplusone_guard.integrations.commands import already_watched
from nplusone_guard.policy import Policy
from nplusone_guard.recording import open_scope
from nplusone_guard.report.model import Report
from nplusone_guard.report.text import render

EXAMPLES = """\
examples:
  manage.py nplusone send_invoices --month 5
  manage.py nplusone --fail --json queries.json send_invoices --month 5

Options of nplusone come before COMMAND; all that follows COMMAND is its own. The report goes to
standard error, so that what COMMAND prints can still be piped.
"""


class _Help(DjangoHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Django's, with the examples left as they are."""


class Command(BaseCommand):
    """Runs another command in a scope of kind ``command``."""

    help = "Run a management command under watch, and report its query loops."
    requires_system_checks: list[str] = []  # noqa: RUF012 - COMMAND runs its own checks

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Django's parser, with the examples at its end."""
        kwargs |= {"epilog": EXAMPLES, "formatter_class": _Help}
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """Our own two options, then everything else for the command."""
        parser.usage = f"{parser.prog} [--fail] [--json FILE] COMMAND [ARGUMENT ...]"
        parser.add_argument("--fail", action="store_true", help="exit with 1 if findings fail")
        parser.add_argument("--json", metavar="FILE", help="also write the report to FILE")
        parser.add_argument("wrapped", metavar="COMMAND", help="the command to run")
        parser.add_argument(
            "arguments", metavar="ARGUMENT", nargs=argparse.REMAINDER, help="what COMMAND takes"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the command; its own exception or exit status goes before ours."""
        policy = _policy()
        utility = ManagementUtility([sys.argv[0], options["wrapped"], *options["arguments"]])
        command = utility.fetch_command(options["wrapped"])
        output = _JsonFile(options["json"]) if options["json"] else None
        recording = open_scope(f"manage.py {options['wrapped']}", "command", policy)
        try:
            _run(command, utility.argv)
        except BaseException:
            with suppress(Exception):
                self._tell(recording.close(), policy, output)
            raise
        report = recording.close()
        self._tell(report, policy, output)
        if options["fail"]:
            _fail(report, policy)

    def _tell(self, report: Report, policy: Policy, output: _JsonFile | None) -> None:
        text = render(
            report,
            show_cleared=policy.show_cleared,
            base_dir=policy.base_dir,
            encoding=getattr(self.stderr, "encoding", None) or "utf-8",
        )
        self.stderr.write(text, style_func=str)
        if output is not None:
            output.write(report.to_json(indent=2) + "\n")


def _policy() -> Policy:
    try:
        return policy_from_settings()
    except ConfigError as error:
        raise CommandError(str(error)) from error


def _run(command: BaseCommand, argv: list[str]) -> None:
    try:
        with already_watched(command):
            command.run_from_argv(argv)
    except SystemExit as end:
        if end.code:
            raise


def _fail(report: Report, policy: Policy) -> None:
    failing = sum(policy.fails(finding.rule, finding.severity) for finding in report.findings)
    if failing:
        loops = "query loop" if failing == 1 else "query loops"
        raise CommandError(f"{failing} {loops} found in {report.name}.", returncode=1)


class _JsonFile:
    """The file that ``--json`` names.

    It is tried before the command runs: to learn after an hour that the report has
    nowhere to go would be late.
    """

    def __init__(self, path: str) -> None:
        self._destination = Destination(path)
        with self._told():
            self._destination.check()

    def write(self, text: str) -> None:
        """Write ``text``, whole or not at all. Raises ``CommandError``."""
        with self._told():
            self._destination.write(text)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"Cannot write --json {self._destination.name}: {why(error)}."
            raise CommandError(message) from error
