"""The record of queries for each test: only more of them fail, and an update tightens it."""

from __future__ import annotations

import json

import pytest

from pytest_nplusone_guard.ratchet import Outcome
from tests.pytest_plugin.conftest import INI, section
from tests.pytest_plugin.suite import CI_VARIABLES, told, write_suite

SOURCE = """
    import pytest
    from shelf.reports import count

    @pytest.mark.parametrize("name", ["a b", "[1]::x", "é", "two\\nlines"])
    def test_names(shelf, name):
        count()

    def test_fewer(shelf):
        count()

    def test_more(shelf):
        for _ in range(11):
            count()

    def test_new(shelf):
        count()

    def test_skipped(shelf):
        pytest.skip("today")

    def test_failing(shelf):
        count()
        raise KeyError("mine")
    """
NAMES = ["test_names[\\xe9]", "test_names[[1]::x]", "test_names[a b]", "test_names[two\\nlines]"]
RECORD = {
    **dict.fromkeys(NAMES, 1),
    "test_failing": 7,
    "test_fewer": 3,
    "test_gone": 2,
    "test_more": 10,
    "test_skipped": 4,
}


@pytest.fixture
def suite(sample, monkeypatch):
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    write_suite(sample)
    sample.pytester.makeini(f"{INI.rstrip()}\n    nplusone_budgets = queries.json\n")
    write(sample, RECORD)
    return sample


def write(suite, record: dict[str, int]) -> None:
    queries = {f"test_shelf.py::{name}": count for name, count in record.items()}
    text = json.dumps({"schema_version": 1, "queries": queries})
    (suite.pytester.path / "queries.json").write_text(text)


def recorded(suite) -> dict[str, int]:
    document = json.loads((suite.pytester.path / "queries.json").read_text())
    return {name.partition("::")[2]: count for name, count in document["queries"].items()}


def last_lines(result, count: int = 1) -> list[str]:
    return told(result).splitlines()[-count:]


def test_only_more_fails(suite):
    result = suite.run(SOURCE, "--nplusone=fail")
    result.assert_outcomes(passed=6, failed=2, skipped=1)
    assert section(result, "test_more") == (
        "11 queries, 10 recorded in queries.json\n"
        " @pytest.mark.max_queries(10) on the test shows which; if they are meant,\n"
        " --nplusone-update-baseline records them"
    )
    assert "KeyError: 'mine'" in section(result, "test_failing")
    assert last_lines(result, 2) == [
        " budgets: 1 test below the record, 1 new, 1 gone",
        "   --nplusone-update-baseline records all",
    ]
    assert recorded(suite) == RECORD


@pytest.mark.parametrize(("allowance", "failed"), [("+10%", 1), ("+9%", 2)])
def test_an_allowance_is_a_share_or_a_number(suite, allowance, failed):
    result = suite.run(SOURCE, "--nplusone=fail", f"--nplusone-allow={allowance}")
    result.assert_outcomes(passed=8 - failed, failed=failed, skipped=1)


def test_pruning_only_tightens(suite):
    """A test that failed or was skipped is not gone; one that sends more still fails."""
    result = suite.run(SOURCE, "--nplusone=fail", "--nplusone-update-baseline=prune")
    result.assert_outcomes(passed=6, failed=2, skipped=1)
    tightened = RECORD | {"test_fewer": 1}
    del tightened["test_gone"]
    assert recorded(suite) == tightened


def test_an_update_records_what_is(suite):
    result = suite.run(SOURCE, "--nplusone=fail", "--nplusone-update-baseline")
    result.assert_outcomes(passed=7, failed=1, skipped=1)
    now = RECORD | {"test_fewer": 1, "test_more": 11, "test_new": 1}
    del now["test_gone"]
    assert recorded(suite) == now
    assert list(recorded(suite)) == sorted(now)
    assert last_lines(result) == [" written queries.json: 9 tests"]


@pytest.mark.parametrize(
    ("counts", "lines"),
    [
        ((1, 0, 0), [" budgets: 1 test below the record; --nplusone-update-baseline tightens it"]),
        ((0, 11, 0), [" budgets: 11 new; --nplusone-update-baseline adds them"]),
        ((0, 0, 1), [" budgets: 1 gone; --nplusone-update-baseline drops it"]),
        ((0, 0, 3), [" budgets: 3 gone; --nplusone-update-baseline drops them"]),
        ((0, 1_200, 3), [" budgets: 1,200 new, 3 gone; --nplusone-update-baseline records all"]),
        (
            (1_200, 1, 0),
            [
                " budgets: 1,200 tests below the record, 1 new",
                "   --nplusone-update-baseline records all",
            ],
        ),
        ((0, 0, 0), []),
    ],
)
def test_what_an_update_would_do_is_said_within_80_columns(counts, lines):
    lower, unrecorded, gone = counts
    outcome = Outcome(lower=lower, unrecorded=unrecorded, gone=gone)
    assert [*outcome.lines(strict=False, verbose=False)] == lines
    assert all(len(line) <= 80 for line in lines)


def test_a_test_over_its_record_fits_the_terminal():
    """No name of a test is cut, and a wide terminal has all on one line."""
    told = "tests/test_views.py::test_animals_of_the_keeper: 4 queries, 3 recorded in queries.json"
    outcome = Outcome(over=[told])
    assert [*outcome.lines(strict=False, verbose=False, width=80)] == [
        " over budget  tests/test_views.py::test_animals_of_the_keeper: 4 queries, 3",
        "   recorded in queries.json",
    ]
    (line,) = outcome.lines(strict=False, verbose=False, width=110)
    assert line == f" over budget  {told}"
