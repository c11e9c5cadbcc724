"""What the example measures on data of the performance report's size: counts, never times."""

from __future__ import annotations

import json
import os
import re

import pytest

from tests.example.conftest import ROOT, samples

pytestmark = pytest.mark.database

ENGINE = os.environ.get("NPLUSONE_TEST_DB", "sqlite")
INDEXES = [
    "tracking_people_date_idx",
    "tracking_ident_date_idx",
    "tracking_device_idx",
    "journal_user_ts_desc_idx",
    "journal_type_ts_desc_idx",
    "journal_privacy_user_idx",
]


def outcome(large, command, *, status=0):
    done = large[1][command]
    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr
    return json.loads(done.stdout)


# --- measure_queries ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def queries(large):
    if ENGINE == "mariadb":
        pytest.skip("MariaDB is refused, as the test below shows")
    return outcome(large, "measure_queries --rounds 1 --json")


def test_each_query_is_measured_without_its_index_and_with_it(queries):
    assert [one["index"] for one in queries["queries"]] == INDEXES
    for one in queries["queries"]:
        assert one["index"] not in one["before"]["plan"]["indexes"]
        assert one["index_used"] is (one["index"] in one["after"]["plan"]["indexes"])
        assert one["index_used"]
        assert one["before"]["seconds"] > 0 < one["after"]["seconds"]


def test_the_work_is_what_the_engine_counts(queries):
    sqlite = ENGINE == "sqlite"
    assert queries["work"] == ("VM steps" if sqlite else "rows read")
    by_index = {one["index"]: one for one in queries["queries"]}
    device = by_index["tracking_device_idx"]
    assert device["before"]["plan"]["work"] >= 50_000
    assert device["after"]["plan"]["work"] < 1_000
    assert (device["before"]["plan"]["buffers"] is None) is sqlite


def test_the_rows_that_come_back_are_the_same_with_the_index(queries):
    for one in queries["queries"]:
        assert one["before"]["plan"]["rows"] == one["after"]["plan"]["rows"] > 0


def test_postgresql_alone_tells_how_long_it_took_itself(queries):
    for one in queries["queries"]:
        for side in (one["before"], one["after"]):
            assert (side["seconds"] == side["fetched_seconds"]) is (ENGINE == "sqlite")


def test_an_index_that_only_turns_the_direction_round_gains_nothing(queries):
    (timeline,) = (one for one in queries["queries"] if one["index"] == "journal_user_ts_desc_idx")
    assert timeline["before"]["plan"]["indexes"] == ["journal_user_ts_idx"]
    # SQLite counts to a step or two.
    assert abs(timeline["before"]["plan"]["work"] - timeline["after"]["plan"]["work"]) <= 2
    assert "Sort" not in timeline["before"]["plan"]["nodes"]
    assert "TEMP B-TREE" not in timeline["before"]["plan"]["nodes"]
    assert timeline["verdict"] == "no gain"


def test_an_index_that_saves_a_sort_does_less_work(queries):
    (by_type,) = (one for one in queries["queries"] if one["index"] == "journal_type_ts_desc_idx")
    sorts = "TEMP B-TREE" if ENGINE == "sqlite" else "Sort"
    assert sorts in by_type["before"]["plan"]["nodes"]
    assert sorts not in by_type["after"]["plan"]["nodes"]
    assert by_type["after"]["plan"]["work"] < by_type["before"]["plan"]["work"] / 10


def test_measuring_leaves_the_indexes_as_they_were(large):
    """The checks that ran after it found all of them."""
    checks = outcome(large, "verify_phase1 --json")["checks"]
    assert [check["title"].split()[0] for check in checks[:6]] == INDEXES


def test_an_engine_whose_plans_are_not_read_is_refused(large):
    refused = large[1]["measure_queries --rounds 1 --json"]
    if ENGINE != "mariadb":
        assert refused.returncode == 0
        return
    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: Plans are read on SQLite and PostgreSQL, not")


# --- verify_phase1 ------------------------------------------------------------------------


def test_the_cure_passes_all_15_checks(large):
    found = outcome(large, "verify_phase1 --json")
    assert [check["evidence"] for check in found["checks"] if not check["passed"]] == []
    assert (found["passed"], len(found["checks"])) == (15, 15)


def test_the_reports_own_code_fails_with_what_was_measured(large):
    found = outcome(large, "verify_phase1 --code claimed --json", status=1)
    failed = {check["title"]: check["evidence"] for check in found["checks"] if not check["passed"]}
    assert (found["passed"], len(found["checks"])) == (10, 15)
    assert failed == {
        "wellness report, 20 tenants: 2 queries": "22 queries; bypassed-prefetch",
        "each person is on exactly one page": (
            "the rows have no order; Django warns that pages may be inconsistent"
        ),
        "bad values are answered with 400 and a message": (
            "page=abc: 500; page=0: 500; page=-1: 500; page=: 500; page_size=abc: 500; "
            "page_size=0: 500; page_size=-5: 500"
        ),
        "page_size is capped at 100": "page_size=100000 gives 5,000 rows",
        "beyond the last page is an empty page": "page=99999: 500, no empty page",
    }


def test_each_check_says_what_it_saw(large):
    checks = outcome(large, "verify_phase1 --json")["checks"]
    evidence = [check["evidence"] for check in checks]
    assert evidence[0] == "there, and the plan uses tracking_people_date_idx"
    assert re.fullmatch(
        r"back: [34] indexes differ, forth: as before(, and \w+ stays)?; 50,000 rows untouched",
        evidence[6],
    )
    assert ("stays" in evidence[6]) is (ENGINE == "mariadb")
    assert evidence[8] == "2 queries; no loop found"
    assert evidence[9:] == [
        "25 rows",
        "5,000 people on 200 pages, of 5,000",
        "5,000 people on 50 pages, 5,000 rows",
        "7 bad values, each 400 with a message",
        "page_size=100000 gives 100 rows",
        "page=99999: 200, no rows, and the right total",
    ]


def test_verify_phase1_for_people(large):
    done = large[1]["verify_phase1 --code claimed"]
    assert done.returncode == 1
    assert (
        "FAIL  wellness report, 20 tenants: 2 queries\n      22 queries; bypassed-prefetch\n"
        in done.stdout
    )
    assert done.stdout.endswith("10 of 15 checks pass. The report said 15 of 15.\n")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_documentation_shows_what_verify_phase1_prints(large):
    (sample,) = (s for s in samples(ROOT / "docs" / "example.md") if s.startswith("FAIL  "))
    assert sample in large[1]["verify_phase1 --code claimed"].stdout


# --- measure_wellness ---------------------------------------------------------------------


def test_the_report_takes_as_many_queries_however_it_is_called(large):
    runs = outcome(large, "measure_wellness --sizes 20,200 --json")["runs"]
    assert [(run["via"], run["tenants"], run["variant"], run["queries"]) for run in runs] == [
        (via, tenants, variant, queries)
        for via in ("function", "task", "command")
        for tenants in (20, 200)
        for variant, queries in (("before", tenants + 1), ("claimed", tenants + 2), ("fixed", 2))
    ]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "measure_wellness --sizes 20,x",
            "--sizes '20,x': use numbers from 1 to 10,000, such as 20,200.",
        ),
        ("measure_wellness --sizes 20,3000", "--sizes: the database holds 2,000 tenants."),
        ("verify_phase1 --code before", "--code 'before': use fixed or claimed."),
    ],
)
def test_a_bad_value_is_named(large, command, message):
    refused = large[1][command]
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"CommandError: {message}\n"
