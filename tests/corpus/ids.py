"""What the findings of the corpus go by; as a program, on SQLite: ``python -m tests.corpus.ids``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.corpus.labels import Pattern

ROOT = Path(__file__).resolve().parents[2]
SIZE = 3


def ids() -> dict[str, list[str]]:
    """The ids of each loop's findings and their statements, here and now."""
    from tests.corpus.labels import patterns

    loops = [each for each in patterns() if not each.healthy and each.available]
    return {str(loop): _ids_of(loop) for loop in loops if not loop.transactional}


def _ids_of(pattern: Pattern) -> list[str]:
    from django.db import transaction

    from nplusone_guard.guard import watch
    from tests.corpus import checking

    with ExitStack() as stack:
        for alias in pattern.databases:
            stack.enter_context(transaction.atomic(using=alias))
            stack.callback(transaction.set_rollback, True, using=alias)
        argument = checking.prepare(pattern, SIZE)
        with watch("corpus") as recording:
            checking.call(pattern.function, argument)
    findings = recording.report.findings
    parts = [each.id for finding in findings for each in finding.statements]
    return sorted([*(finding.id for finding in findings), *parts])


def ids_on_sqlite() -> dict[str, list[str]]:
    """The same of another process, on SQLite."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.corpus.ids"],
        cwd=ROOT,
        env={
            **os.environ,
            "NPLUSONE_TEST_DB": "sqlite",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=300,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def _main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    for alias in ("default", "other"):
        call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
    json.dump(ids(), sys.stdout)


if __name__ == "__main__":
    _main()
