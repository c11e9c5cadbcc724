"""The benchmark's script works; how fast anything is, no test says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.pytest_plugin.conftest import ROOT, only_plugins

RUN = Path(__file__).with_name("run.py")


def test_one_case_runs_and_its_figure_is_in_the_json(tmp_path):
    figures = tmp_path / "figures.json"
    command = [sys.executable, str(RUN), "--quick", "--no-peers", "--case", "raw"]
    result = subprocess.run(
        [*command, "--seconds", "0.2", "--json", str(figures)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "raw cursor query, one site, in scope" in result.stdout
    (row,) = json.loads(figures.read_text(encoding="utf-8"))["rows"]
    assert row["limit"] == "<= +3 us"
    assert row["measured"].endswith(" us")


def test_the_suite_to_be_watched_passes_and_has_no_loop(tmp_path, monkeypatch):
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    write = [sys.executable, str(RUN.with_name("bench_suite.py")), "--keep", str(tmp_path)]
    subprocess.run([*write, "--tests", "10"], check=True, timeout=60)
    result = _watch(tmp_path)
    assert "\n10 passed" in result.stdout, result.stdout + result.stderr
    assert re.search(r"^10 tests: \d+ queries in .*, no query loop$", result.stdout, re.MULTILINE)


def _watch(directory: Path, *more: str) -> subprocess.CompletedProcess[str]:
    own = [str(ROOT), str(ROOT / "pytest_plugin"), str(RUN.parent)]
    paths = [*own, os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", *only_plugins(more), *more),
            *("-pno:cacheprovider", "--nplusone=fail"),
        ],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_hollow_guard_is_there_and_captures_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    write = [sys.executable, str(RUN.with_name("bench_suite.py")), "--keep", str(tmp_path)]
    subprocess.run([*write, "--tests", "10"], check=True, timeout=60)
    result = _watch(tmp_path, "-phollow")
    assert "\n10 passed" in result.stdout, result.stdout + result.stderr
    assert "\n10 tests: 0 queries, no query loop\n" in result.stdout
