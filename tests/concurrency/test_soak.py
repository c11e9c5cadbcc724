"""A smaller soak than ``make soak``, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

REQUESTS, QUERIES = 200, 4_000


@pytest.fixture
def soak(served_project):
    def run(*arguments):
        environment = served_project.environment(
            DJANGO_SETTINGS_MODULE="served", NPLUSONE_GUARD="{'MODE': 'log'}"
        )
        return subprocess.run(
            [sys.executable, "-m", "tests.concurrency.soak", *map(str, arguments)],
            env=environment,
            cwd=served_project.directory,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )

    return run


def test_every_report_is_exact_and_memory_is_flat(soak, capsys):
    """200 requests over eight threads, and 200 at once in one event loop."""
    size = (200, 50_000) if os.environ.get("NPLUSONE_SOAK") else (REQUESTS, QUERIES)
    done = soak(*size)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    with capsys.disabled():
        print(f"\nsoak: {results}")
    for result in results.values():
        assert (result["requests"], result["queries"]) == size
    assert results["wsgi"]["threads"] == 8


def test_an_inexact_report_is_seen():
    """What the soak checks would not pass unnoticed."""
    from tests.concurrency import soak

    class Report:
        query_count, findings = 5, ()

    with pytest.raises(AssertionError):
        soak.check([Report], [4])
    with pytest.raises(AssertionError):
        soak.check([Report], [5])
    assert sum(soak.sizes_of(200, 50_000)) == 50_000
