"""What is broken on purpose fails the check that is about it, with what was seen, and no other."""

from __future__ import annotations

import re

import pytest

from tests.example.conftest import probe

INDEX = "tracking_device_idx exists and is used"
MIGRATION = "attendance 0031_add_tracking_performance_indexes is applied and reversible"
REPORT = "wellness report, 20 tenants: 2 queries"
PAGE = "a page holds the rows asked for"
TOTALS = "total_count and total_pages are right"
ORDER = "each person is on exactly one page"
BAD = "bad values are answered with 400 and a message"
CAP = "page_size is capped at 100"
BEYOND = "beyond the last page is an empty page"

VALUES = ("page=abc", "page=0", "page=-1", "page=", "page_size=abc", "page_size=0", "page_size=-5")


def each(said: str) -> str:
    return "; ".join(f"{value}: {said}" for value in VALUES)


EXPECTED = {
    "nothing": {},
    "index dropped": {
        INDEX: "not in the database",
        MIGRATION: "not tried: tracking_device_idx is missing",
    },
    "index of another column": {INDEX: "there, and the plan uses no index"},
    "no way back": {
        MIGRATION: "going back: IrreversibleError: Operation <RunPython <function do_nothing>> in "
        "attendance.0031_add_tracking_performance_indexes is not reversible"
    },
    "rows lost on the way": {
        MIGRATION: "back: 3 indexes differ, forth: as before; 300 rows CHANGED"
    },
    "loop": {REPORT: "22 queries; bypassed-prefetch"},
    "error": {
        PAGE: "status 500",
        TOTALS: "status 500",
        ORDER: "status 500",
        BAD: each("500"),
        CAP: "page_size=100000 gives status 500",
        BEYOND: "page=99999: 500, no empty page",
    },
    "nothing in the answer": {
        PAGE: "0 rows",
        TOTALS: "no people on no pages, of 120",
        ORDER: "0 people on 0 pages, 0 rows",
        BAD: each("no message"),
        CAP: "page_size=100000 gives 0 rows",
        BEYOND: "page=99999: 200, no empty page",
    },
    "order by chance": {ORDER: "# people on 2 pages, 120 rows"},
    "nobody on a page": {
        PAGE: "0 rows",
        ORDER: "0 people on 2 pages, 0 rows",
        CAP: "page_size=100000 gives 0 rows",
    },
    "one too many": {
        TOTALS: "121 people on 5 pages, of 120",
        BEYOND: "page=99999: 200, no rows, but a wrong total or a next page",
    },
    "no message": {BAD: each("no message")},
    "cap of 110": {CAP: "page_size=100000 gives 110 rows"},
}


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    return probe("probe_checks.py", f"sqlite:///{tmp_path_factory.mktemp('checks') / 'a.sqlite3'}")


def without_chance(evidence: str) -> str:
    """``evidence`` but for where a function lies in memory, and how many people chance left out."""
    return re.sub(r"^\d+(?= people on 2 pages, 120)", "#", re.sub(" at 0x[0-9a-f]+", "", evidence))


@pytest.mark.parametrize("broken", EXPECTED)
def test_the_checks_that_are_about_it_fail_and_no_other(failed, broken):
    seen = {title: without_chance(evidence) for title, evidence in failed[broken].items()}
    assert seen == EXPECTED[broken]
