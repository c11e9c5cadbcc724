"""The jobs of ``docs/ci.md``: valid YAML, whose commands work one after the other."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nplusone_guard import cli
from tests.pytest_plugin.conftest import PLUGIN, ROOT, is_installed
from tests.pytest_plugin.suite import CI_VARIABLES, write_suite
from tests.pytest_plugin.workers import needs_xdist

PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
MODULES = {
    "test_names.py": "from shelf.reports import names\n\ndef test_names(shelf):\n    names()\n",
    "test_page.py": "def test_page(client, shelf):\n    client.get('/books/')\n",
}
#: As ``--nplusone-update-baseline`` writes it of these modules.
BASELINE = """\
{
  "schema_version": 2,
  "findings": [
    {"id": "08db6771cde9", "rule": "lazy-relation", "file": "shelf/reports.py", \
"function": "names", "test": "test_names.py::test_names"},
    {"id": "036130434a88", "rule": "lazy-relation", "file": "shelf/views.py", \
"function": "books", "test": "test_page.py::test_page"}
  ]
}
"""


def documents() -> list[dict]:
    yaml = pytest.importorskip("yaml")
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


@pytest.fixture
def project(sample, monkeypatch):
    """A checkout whose baseline is committed, and the programs of an environment."""
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    write_suite(sample)
    sample.write(**MODULES, **{"nplusone-baseline.json": BASELINE})
    path = sample.pytester.path
    programs = path / ".programs"
    programs.mkdir()
    _write_program(programs / "python", sys.executable)
    _write_program(programs / "nplusone-guard", f"{sys.executable} -m nplusone_guard.cli")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    plugin = [] if is_installed() else ["-p", PLUGIN]
    options = [*plugin, "-pno:randomly", "-pno:asyncio", "-pno:cacheprovider"]
    monkeypatch.setenv("PYTEST_ADDOPTS", " ".join(options))
    sh(path, "git init -q . && git add test_names.py test_page.py")
    monkeypatch.setenv("CI", "true")
    return path


def _write_program(path: Path, command: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    path.chmod(0o755)


def sh(path: Path, command: str, status: int = 0) -> str:
    shell = [shutil.which("bash") or "sh", "-ec", command]
    done = subprocess.run(shell, cwd=path, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def commands(job: dict, **matrix: object) -> list[str]:
    """What the shell is given; two workers are enough, and all is installed."""
    lines = [step["run"] for step in job["steps"] if "run" in step]
    lines = [line.replace("-n auto", "-n 2") for line in lines if "pip install" not in line]
    for name, value in matrix.items():
        lines = [line.replace(f"${{{{ matrix.{name} }}}}", str(value)) for line in lines]
    assert not any("${{" in line for line in lines)
    return lines


def findings(path: Path) -> list[str]:
    return [each["finding"]["id"] for each in json.loads(path.read_text("utf-8"))["findings"]]


@needs_xdist
def test_the_job_of_github(project, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "step.md"))
    job = documents()[0]["jobs"]["tests"]
    for command in commands(job):
        sh(project, command)
    named = [step["with"] for step in job["steps"] if "upload" in step.get("uses", "")]
    assert [(project / (each.get("path") or each["sarif_file"])).exists() for each in named] == [
        True,
        True,
    ]
    assert (project / "step.md").read_text().startswith("## nplusone-guard\n")


@needs_xdist
def test_the_job_of_gitlab(project):
    job = documents()[1]["tests"]
    for command in job["script"]:
        if "pip install" not in command:
            sh(project, command.replace("-n auto", "-n 2"))
    left = [*job["artifacts"]["paths"], *job["artifacts"]["reports"].values()]
    assert left == ["nplusone.json", "nplusone.gitlab.json", "junit.xml"]
    assert all((project / name).stat().st_size for name in left)


def test_the_jobs_of_shards(project, monkeypatch):
    jobs = documents()[2]["jobs"]
    for shard in jobs["tests"]["strategy"]["matrix"]["shard"]:
        for command in commands(jobs["tests"], shard=shard):
            assert "1 passed" in sh(project, command)
        assert len(findings(project / f"shard-{shard}.json")) == 1
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "step.md"))
    for command in commands(jobs["nplusone"]):
        sh(project, command)
    assert len(findings(project / "all.json")) == 2
    # What no part has met any more is stale, which fails.
    gone = '"id": "0123456789ab", "rule": "lazy-relation", "file": "a.py", "function": "f"'
    (project / "nplusone-baseline.json").write_text(
        BASELINE.replace("    {", f"    {{{gone}}},\n    {{", 1)
    )
    _, merge = commands(jobs["nplusone"])
    sh(project, merge, cli.FAILED)
    (project / "shard-2.json").unlink()
    sh(project, merge, cli.USAGE)
    (project / "shard-2.json").write_text((project / "all.json").read_text("utf-8"))
    assert "2 tests: 8 queries in " in (project / "step.md").read_text("utf-8")

    (compare,) = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)
    shutil.copy(project / "all.json", project / "main.json")
    assert sh(project, compare) == "0 new findings, 0 gone, 2 kept\n"
    shutil.copy(project / "shard-1.json", project / "main.json")
    assert sh(project, compare, cli.FAILED).startswith("1 new finding, 0 gone, 1 kept\n")
