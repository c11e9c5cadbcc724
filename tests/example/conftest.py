"""The example project is run as its users run it: as a process with its own settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import databases

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "example_project"
TASKS = EXAMPLE / "background_tasks" / "journal_wellness_tasks.py"


def start(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program from the root of the repository; 80 columns, no terminal, no colour."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": f"{ROOT}", "COLUMNS": "80", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@dataclass(frozen=True)
class Done:
    """What became of one command."""

    returncode: int
    stdout: str
    stderr: str


def manage(url: str, *commands: str) -> dict[str, Done]:
    """Run commands of ``manage.py`` one after the other, all in one process, on one database."""
    done = start(str(Path(__file__).with_name("batch.py")), *commands, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return {command: Done(**facts) for command, facts in json.loads(done.stdout).items()}


@pytest.fixture(scope="session")
def probed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What ``probe.py`` saw on the database engine that the tests run on: one entry a data set."""
    engine = os.environ.get("NPLUSONE_TEST_DB", "sqlite")
    url = f"sqlite:///{tmp_path_factory.mktemp('probe') / 'probe.sqlite3'}"
    if engine != "sqlite":
        url = databases._create_database(engine, "wellness_probe")
    done = start(str(Path(__file__).with_name("probe.py")), DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    facts: list[dict[str, Any]] = json.loads(done.stdout)
    return facts
