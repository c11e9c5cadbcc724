"""What a run leaves does not depend on the order of its tests, nor on how often one is tried."""

from __future__ import annotations

import importlib.util
import json

import pytest

from tests.pytest_plugin.whole import left_by, write_whole

UPDATED = (
    "--nplusone=report",
    "--nplusone-baseline=known.json",
    "--nplusone-budgets=queries.json",
    "--nplusone-update-baseline",
    "--nplusone-report=all.json",
)
NAMES = ("known.json", "queries.json", "all.json")


def needs(module: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"needs {module}")


@needs("pytest_randomly")
def test_seeds_of_pytest_randomly(sample, monkeypatch):
    write_whole(sample, monkeypatch)
    runs = []
    for seed in (1, 2):
        for name in NAMES:
            (sample.pytester.path / name).unlink(missing_ok=True)
        result = sample.start(*UPDATED, "-v", f"--randomly-seed={seed}")
        order = [line.split()[0] for line in result.stdout.lines if "::" in line and "%]" in line]
        runs.append((order, left_by(sample, result, *NAMES)))
    (one_order, one), (other_order, other) = runs
    assert len(one_order) == 23
    assert sorted(one_order) == sorted(other_order)
    assert one_order != other_order
    assert one == other
    # The first in the order of names: whatever runs first, the file does not change.
    entries = json.loads(one.files["known.json"])["findings"]
    assert [each["test"] for each in entries] == [
        "test_pages.py::TestOfDjango::test_loop",
        "test_pages.py::test_page",
    ]


FLAKY = """
    import os
    import pytest
    from shelf.reports import names

    def test_before(shelf):
        names()

    @pytest.mark.flaky(reruns=2)
    def test_flaky(shelf):
        names()
        tries = os.open("tries", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        os.write(tries, b".")
        assert os.path.getsize("tries") == 3
    """


@needs("xdist")
@needs("pytest_rerunfailures")
def test_a_retry_in_a_worker_is_no_second_sighting(sample, monkeypatch):
    write_whole(sample, monkeypatch)
    sample.write(**{"test_pages.py": "", "test_classes.py": "", "test_reports.py": FLAKY})
    result = sample.start(*UPDATED, "--junitxml=junit.xml", "-n2", needed=("rerunfailures",))
    left = left_by(sample, result, *NAMES)
    assert left.outcomes == {"passed": 2, "rerun": 2}
    assert left.summary.splitlines()[0] == (
        "2 tests: 8 queries in 0 ms, 1 query loop, 6 queries avoidable"
    )
    (finding,) = json.loads(left.files["all.json"])["findings"]
    assert [each["scope"] for each in finding["sightings"]] == [
        "test_reports.py::test_before",
        "test_reports.py::test_flaky",
    ]
    assert json.loads(left.files["queries.json"])["queries"] == {
        "test_reports.py::test_before": 4,
        "test_reports.py::test_flaky": 4,
    }
    assert left.properties["test_reports::test_flaky"] == {
        "nplusone_queries": "4",
        "nplusone_findings": "08db6771cde9",
    }
