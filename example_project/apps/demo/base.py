"""What the commands of the example project share."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.utils import IntegrityError, OperationalError

from apps.demo.data import MANAGE
from apps.demo.plans import WORK
from apps.demo.progress import Progress
from apps.demo.seeding import (
    DEMO_SIZE,
    NOTHING,
    REPORT_SIZE,
    SEED,
    enlarge_database,
    seed_database,
    stored_amounts,
)
from apps.demo.text import WIDTH
from nplusone_guard import Report
from nplusone_guard.report.text import render

#: The exit status of what SIGINT ended, as shells give it.
INTERRUPTED = 128 + signal.SIGINT


class ExampleCommand(BaseCommand):
    """A command that answers a silent database in one line and honours ``NO_COLOR``."""

    requires_system_checks: list[str] = []
    #: What is said where the command is interrupted.
    interrupted = "Interrupted."

    def execute(self, *args: Any, **options: Any) -> str | None:
        if os.environ.get("NO_COLOR") and not options.get("force_color"):
            options["no_color"] = True
        # Under DEBUG Django keeps the text of every statement, and spends more time on that than
        # on the rows of a large table.
        settings.DEBUG = False
        try:
            return super().execute(*args, **options)
        except OperationalError as error:
            # SQLite's word for an exception, here from Ctrl-C, in what it calls as it goes along.
            if str(error) == "interrupted":
                raise KeyboardInterrupt from error
            raise CommandError(refusal(error)) from error

    def run_from_argv(self, argv: list[str]) -> None:
        """As Django does, and without a traceback where somebody interrupts the command."""
        try:
            super().run_from_argv(argv)
        except KeyboardInterrupt:
            self.note(f"\n{self.interrupted}")
            sys.exit(INTERRUPTED)

    def enlarge(self) -> None:
        """Bring the database to the size that the performance report speaks of."""
        call_command("migrate", verbosity=0, interactive=False)
        if REPORT_SIZE.without(stored_amounts()) == NOTHING:
            return
        self.note("Adding example data up to the size that the performance report speaks of ...")
        if stored_amounts() == NOTHING:
            # In two steps here, too, so that the data is the same after `demo` and without it.
            seed_database(DEMO_SIZE, SEED, self.stage_reporter())
        try:
            enlarge_database(REPORT_SIZE, SEED, self.stage_reporter())
        except IntegrityError as error:
            raise CommandError(
                f"The data there has gaps, and cannot be added to ({error}). Run: {MANAGE} seed"
            ) from error
        self.note()

    def require_plans(self) -> None:
        """Raise a ``CommandError`` on an engine whose plans are not read here."""
        if connection.vendor not in WORK:
            raise CommandError(
                f"Plans are read on SQLite and PostgreSQL, not on {connection.display_name}. "
                "Run: make demo DB=postgres"
            )

    def guard_text(self, report: Report) -> str:
        """The guard's report as text, in the columns and the encoding of these commands."""
        encoding = getattr(sys.stdout, "encoding", None)
        return render(report, width=WIDTH, base_dir=str(settings.BASE_DIR), encoding=encoding)

    def note(self, text: str = "") -> None:
        """Say ``text`` on standard error, which ``--json`` leaves to people; no red, no alarm."""
        self.stderr.write(text, str)

    def stage_reporter(self) -> StageReporter:
        """Progress for ``seed_database``, written to standard error."""
        return StageReporter(self.stderr)


def refusal(error: OperationalError) -> str:
    """What the database refused, or that there is none."""
    said = str(error).strip().splitlines()[0]
    if connection.connection is not None and connection.is_usable():
        return f"{connection.display_name}: {said}."
    return f"{connection.display_name} does not answer: {said}. Check DATABASE_URL."


class StageReporter:
    """Turns ``(stage, done, total)`` into one line of progress a stage."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.current: Progress | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self.current is None or self.current.label != stage:
            self.current = Progress(self.stream, stage, total)
        self.current.advance(done - self.current.done)
        if done == total:
            self.current.finish()
