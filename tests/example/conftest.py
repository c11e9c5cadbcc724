"""The example project is run as its users run it: as a process with its own settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import databases

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "example_project"
#: How the commands tell to run others, from the root of the repository.
MANAGE = (
    f"{os.path.relpath(sys.executable, ROOT) if Path(sys.executable).is_relative_to(ROOT) else 'python'}"
    " example_project/manage.py"
)
TASKS = EXAMPLE / "background_tasks" / "journal_wellness_tasks.py"


def start(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program from the root of the repository; 80 columns, no terminal, no colour."""
    process = begin(*command, **environment)
    try:
        out, err = process.communicate(timeout=600)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def begin(*command: str, **environment: str) -> subprocess.Popen[str]:
    """Begin what ``start`` runs to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": f"{ROOT}", "COLUMNS": "80", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
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


def new_database(directory: Path, name: str) -> str:
    """The URL of an empty database on the engine that the tests run on."""
    engine = os.environ.get("NPLUSONE_TEST_DB", "sqlite")
    if engine == "sqlite":
        return f"sqlite:///{directory / name}.sqlite3"
    return databases._create_database(engine, f"wellness_{name}")


def probe(program: str, url: str, **environment: str) -> Any:
    """What a program beside this file printed as JSON, run with the example's settings."""
    done = start(str(Path(__file__).with_name(program)), DATABASE_URL=url, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def samples(page: Path) -> list[str]:
    """The blocks of ``page`` that show output."""
    return re.findall(r"^```text\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


#: What is run on data of the performance report's size, in this order.
ON_LARGE = (
    "migrate --verbosity 0",
    "measure_queries --rounds 1 --json",
    "verify_phase1 --json",
    "verify_phase1 --code claimed --json",
    "verify_phase1 --code claimed",
    "measure_wellness --sizes 20,200 --json",
    "measure_wellness --sizes 20,x",
    "measure_wellness --sizes 20,3000",
    "verify_phase1 --code before",
)


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Done]]:
    """A database of the performance report's size, and what became of ``ON_LARGE`` on it."""
    url = new_database(tmp_path_factory.mktemp("large"), "large")
    return url, manage(url, *ON_LARGE)


@pytest.fixture(scope="session")
def probed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What ``probe.py`` saw on the database engine that the tests run on: one entry a data set."""
    facts: list[dict[str, Any]] = probe(
        "probe.py", new_database(tmp_path_factory.mktemp("probe"), "probe")
    )
    return facts
