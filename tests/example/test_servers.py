"""``loadPeoples`` behind real servers: the pages, and the load."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest

from tests import services
from tests.example.conftest import EXAMPLE, start

SERVERS = ("gunicorn", "uvicorn")


@pytest.fixture(scope="module")
def served(large):
    """Runs a command on the large database, as a process of its own; SQLite alone."""
    url, _done = large

    def run(*command, status=0):
        done = start(str(EXAMPLE / "manage.py"), *command, DATABASE_URL=url)
        assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
        return done

    return run


@pytest.fixture(params=SERVERS)
def server(request):
    if not importlib.util.find_spec(request.param):
        services.unavailable(f"{request.param} is not installed")
    return request.param


def test_a_page_is_a_small_answer_in_place_of_a_large_one(served, server):
    found = json.loads(
        served("measure_paging", f"--server={server}", "--rounds=1", "--json").stdout
    )
    before, fixed = found["answers"]["before"], found["answers"]["fixed"]
    assert (before["rows"], before["total"]) == (5_000, 5_000)
    assert (fixed["rows"], fixed["total"]) == (25, 5_000)
    assert before["bytes"] > 500_000
    assert fixed["bytes"] < 5_000
    assert before["seconds"] > 0 < fixed["seconds"]
    if before["memory"] is not None:
        assert before["memory"] > fixed["memory"] >= 0


def test_under_load_every_request_is_answered_guard_off_on_and_sampled(served, server):
    done = served(
        "load_test", f"--server={server}", "--requests=40", "--at-once=8", "--workers=1", "--json"
    )
    found = json.loads(done.stdout)
    label, sent = done.stderr.split()
    # To each of three; then to four, and up to three times more for the costs to be known.
    assert label == "requests"
    assert int(sent) in {3 * 40 + times * 4 * 40 for times in (1, 2, 3, 4)}
    assert found["path"] == "/api/y_helpdesk/?action=loadPeoples&page=1&page_size=25"
    assert [(one["guard"], one["requests"], one["errors"]) for one in found["loads"]] == [
        ("off", 40, 0),
        ("log", 40, 0),
        ("sampled", 40, 0),
    ]
    assert list(found["against_off"]) == ["log", "sampled"]
    for one in found["loads"]:
        assert 0 < one["p50_seconds"] <= one["p95_seconds"] <= one["p99_seconds"]
        if sys.platform == "linux":
            ratio = one["processor_against_off"]
            assert one["processor_seconds_each"] > 0 < ratio["low"] <= ratio["median"]


def test_a_server_that_does_not_exist_is_named(served):
    refused = served("load_test", "--server=apache", status=1)
    assert refused.stderr == "CommandError: --server 'apache': use gunicorn or uvicorn.\n"
