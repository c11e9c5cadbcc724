"""The example's own tests are the model for users: green as they are, red with the old code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.example.conftest import EXAMPLE, ROOT, new_database
from tests.pytest_plugin.conftest import only_plugins


def suite(*arguments, url, **environment):
    """Run pytest in the example's folder, with the plugin, on a database of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DJANGO_", "GITHUB_", "PYTEST_"))
    }
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider"),
            *only_plugins(arguments),
            *arguments,
        ],
        cwd=EXAMPLE,
        env={
            **kept,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "pytest_plugin")]),
            "DATABASE_URL": url,
            "COLUMNS": "100",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.database
def test_as_it_is_it_passes_with_one_known_finding_and_one_ignored(tmp_path):
    """On every engine, with one baseline."""
    done = suite("--nplusone-strict", url=new_database(tmp_path, "suite"))
    assert done.returncode == 0, done.stdout
    assert "baseline nplusone-baseline.json: 1 known, 0 new" in done.stdout
    assert re.search(r"^ cleared: .*\b1 ignored", done.stdout, re.MULTILINE)


def test_the_known_finding_has_a_reason():
    (entry,) = json.loads((EXAMPLE / "nplusone-baseline.json").read_text())["findings"]
    assert (entry["function"], entry["rule"]) == ("wellness_before", "query-in-loop")
    assert entry["reason"]


@pytest.mark.parametrize("variant", ["claimed", "before"])
def test_with_the_old_code_back_in_it_fails_and_names_the_loop(tmp_path, variant):
    done = suite(
        "tests/test_wellness.py",
        url=f"sqlite:///{tmp_path / 'suite.sqlite3'}",
        WELLNESS_VARIANT=variant,
    )
    assert done.returncode == 1, done.stdout
    queries = {"before": 4, "claimed": 5}[variant]
    rule = {"before": "query-in-loop", "claimed": "bypassed-prefetch"}[variant]
    assert f"{queries} queries, at most 2 allowed" in done.stdout
    assert rule in done.stdout
    assert "FAILED tests/test_wellness.py::test_the_report_takes_two_queries " in done.stdout
    assert "2 failed, 2 passed" in done.stdout
