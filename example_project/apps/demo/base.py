"""What the commands of the example project share."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.utils import OperationalError

from apps.demo.progress import Progress
from apps.demo.text import WIDTH
from nplusone_guard import Report
from nplusone_guard.report.text import render


class ExampleCommand(BaseCommand):
    """A command that answers a silent database in one line and honours ``NO_COLOR``."""

    requires_system_checks: list[str] = []

    def execute(self, *args: Any, **options: Any) -> str | None:
        if os.environ.get("NO_COLOR") and not options.get("force_color"):
            options["no_color"] = True
        # Under DEBUG Django keeps the text of every statement, and spends more time on that than
        # on the rows of a large table.
        settings.DEBUG = False
        try:
            return super().execute(*args, **options)
        except OperationalError as error:
            name = connection.display_name
            raise CommandError(
                f"{name} does not answer: {str(error).strip().splitlines()[0]}. Check DATABASE_URL."
            ) from error

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
