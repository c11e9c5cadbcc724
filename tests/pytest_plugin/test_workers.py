"""With workers of pytest-xdist a run tells, writes and fails by the same as without."""

from __future__ import annotations

import json
import re

import pytest

from pytest_nplusone_guard.workers import without_group
from tests.pytest_plugin.whole import (
    MODULES,
    REPORT_NAMES,
    REPORT_OPTIONS,
    left_by,
    write_whole,
)
from tests.pytest_plugin.workers import needs_xdist

pytestmark = needs_xdist
RECORDS = ("known.json", "queries.json")
RECORDED = ("--nplusone-baseline=known.json", "--nplusone-budgets=queries.json")
OLD = {
    "id": "0123456789ab",
    "rule": "lazy-relation",
    "file": "shelf/old.py",
    "function": "old",
    "test": "test_pages.py::test_page",
}
VIEW = {
    "id": "036130434a88",
    "rule": "lazy-relation",
    "file": "shelf/views.py",
    "function": "books",
    "test": "test_pages.py::test_page",
}


@pytest.fixture
def whole(sample, monkeypatch):
    write_whole(sample, monkeypatch)
    return sample


def both(whole, *arguments: str, names: tuple[str, ...] = (), before=lambda: None):
    """What a plain run leaves, which one with two workers has to leave, too."""
    before()
    plain = left_by(whole, whole.start(*arguments), *names)
    before()
    workers = left_by(whole, whole.start(*arguments, "-n2"), *names)
    assert workers == plain
    return workers


def test_records_reports_annotations_and_junit(whole, monkeypatch):
    directory = whole.pytester.path
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(directory))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(directory / "step.md"))

    def before():
        (directory / "step.md").write_text("# Before\n")
        for name in RECORDS:
            (directory / name).unlink(missing_ok=True)

    arguments = ("--nplusone=report", *RECORDED, "--nplusone-update-baseline", *REPORT_OPTIONS)
    names = (*RECORDS, *REPORT_NAMES, "step.md")
    left = both(whole, *arguments, "--junitxml=junit.xml", names=names, before=before)

    assert left.outcomes == {"passed": 15, "failed": 5, "skipped": 2, "xfailed": 1}
    assert left.summary.splitlines()[-5:] == [
        " unused ignore at test_reports.py::test_ignored @nplusone[shelf.Book.other]:",
        (
            '   suppressed nothing: shelf.Book has no field "other". Remove it.  '
            "field='shelf.Book.other', reason='three at most'"
        ),
        " baseline known.json: 0 known, 2 new",
        " written known.json: 2 findings",
        " written queries.json: 14 tests",
    ]
    # The first in the order of names, whatever ran first.
    assert [each["test"] for each in json.loads(left.files["known.json"])["findings"]] == [
        "test_pages.py::TestOfDjango::test_loop",
        "test_pages.py::test_page",
    ]
    assert [re.sub(r",title.*", "", each) for each in left.annotations] == [
        "::notice file=shelf/reports.py,line=6",
        "::notice file=shelf/views.py,line=7",
    ]
    assert left.files["step.md"].startswith("# Before\n\n\n## nplusone-guard\n")
    assert left.files["step.md"].count("## nplusone-guard\n") == 1
    assert left.properties["test_reports::test_names"] == {
        "nplusone_queries": "4",
        "nplusone_findings": "08db6771cde9",
    }
    assert set(left.failures) == {
        "TestClass.test_too_many",
        "test_budget",
        "test_error_of_its_own",
        "test_grows",
        "test_too_many",
    }
    assert "+1.0 SELECT shelf_author per book, reports.py:6" in left.failures["test_grows"]


GROUPED = """
    import pytest
    from shelf.reports import names

    pytestmark = pytest.mark.xdist_group("grouped")

    @pytest.mark.parametrize("text", ["a@b"])
    def test_at(shelf, text):
        names()

    @pytest.mark.nplusone(ignore=["lazy-relation", "shelf.Book.other"], reason="three at most")
    def test_in_group(shelf):
        names()
    """


def test_tests_of_one_group_or_file_may_stay_together(whole):
    """Before pytest 9 the group of a test stands in its name, which no record is to hold."""
    whole.write(**dict.fromkeys(MODULES, ""), **{"test_grouped.py": GROUPED})
    arguments = ("--nplusone=report", *RECORDED, "--nplusone-update-baseline")
    report = ("--nplusone-report=all.json",)

    def left(*more: str):
        for name in RECORDS:
            (whole.pytester.path / name).unlink(missing_ok=True)
        result = whole.start(*arguments, *report, *more, needed=("xdist",))
        return left_by(whole, result, *RECORDS, "all.json")

    plain = left()
    assert list(json.loads(plain.files["queries.json"])["queries"]) == [
        "test_grouped.py::test_at[a@b]",
        "test_grouped.py::test_in_group",
    ]
    assert left("-n2", "--dist=loadgroup") == plain
    assert left("-n2", "--dist=loadfile") == plain
    # What was recorded without groups holds with them.
    strict = ("--nplusone=fail", *RECORDED, "--nplusone-strict", "-n2", "--dist=loadgroup")
    result = whole.start(*strict)
    assert result.ret == 0
    assert "budgets:" not in result.stdout.str()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("test_a.py::test_b@group", "test_a.py::test_b"),
        ("test_a.py::test_b[x@y]@group", "test_a.py::test_b[x@y]"),
        ("test_a.py::test_b[x@y]", "test_a.py::test_b[x@y]"),
        ("at@home/test_a.py::test_b", "at@home/test_a.py::test_b"),
        ("at@home/test_a.py::test_b@group", "at@home/test_a.py::test_b"),
        ("test_a.py", "test_a.py"),
    ],
)
def test_a_group_is_no_part_of_the_name(name, told):
    assert without_group(name) == told


def write_records(whole) -> dict[str, str]:
    """The record of another day: one loop is gone since, one is new, one test sends more."""
    entries = ",\n".join(f"    {json.dumps(each)}" for each in (OLD, VIEW))
    counts = '    "test_reports.py::test_count": 1,\n    "test_reports.py::test_names": 9'
    records = {
        "known.json": f'{{\n  "schema_version": 2,\n  "findings": [\n{entries}\n  ]\n}}\n',
        "queries.json": f'{{\n  "schema_version": 1,\n  "queries": {{\n{counts}\n  }}\n}}\n',
    }
    whole.write(**records)
    return records


def test_what_is_new_stale_and_over_budget_fails(whole, monkeypatch):
    records = write_records(whole)
    monkeypatch.setenv("COUNTS", "4")
    arguments = ("--nplusone=fail", *RECORDED, "--nplusone-strict", "--nplusone-allow=+2")
    left = both(whole, *arguments, names=RECORDS)
    assert left.status == 1
    assert left.outcomes == {"passed": 12, "failed": 8, "skipped": 2, "xfailed": 1}
    assert left.failures["test_count"] == (
        "4 queries, 1 recorded in queries.json, 3 allowed\n"
        " @pytest.mark.max_queries(3) on the test shows which; if they are meant,\n"
        " --nplusone-update-baseline records them"
    )
    assert left.failures["test_names"].startswith("1 query loop among 4 queries in 0 ms\n")
    assert "test_page" not in left.failures
    assert left.summary.splitlines()[-4:] == [
        " baseline known.json: 1 known, 1 new, 1 stale",
        "   stale  lazy-relation  shelf/old.py old  [0123456789ab]",
        "   no longer found, which fails; --nplusone-update-baseline=prune removes them",
        " budgets: 11 new; --nplusone-update-baseline adds them",
    ]
    assert left.files == records  # nobody asked for them to be written


def test_a_stale_entry_alone_fails_a_strict_run(whole):
    source = "def test_page(client, shelf):\n    client.get('/books/')\n"
    whole.write(**{**dict.fromkeys(MODULES, ""), "test_pages.py": source})
    write_records(whole)
    asked = ("--nplusone=fail", "--nplusone-baseline=known.json", "--nplusone-strict", "-n2")
    left = left_by(whole, whole.start(*asked))
    assert left.outcomes == {"passed": 1}
    assert " baseline known.json: 1 known, 0 new, 1 stale" in left.summary.splitlines()
    assert left.status == 1


@pytest.mark.parametrize("mode", ["new-only", "prune"])
def test_a_record_is_brought_up_to_date_in_part(whole, mode):
    write_records(whole)
    asked = ("--nplusone=report", *RECORDED, f"--nplusone-update-baseline={mode}")
    left = left_by(whole, whole.start(*asked, "-n2"), *RECORDS)
    found = [each["file"] for each in json.loads(left.files["known.json"])["findings"]]
    queries = json.loads(left.files["queries.json"])["queries"]
    if mode == "prune":
        assert found == ["shelf/views.py"]
        assert queries == {"test_reports.py::test_count": 1, "test_reports.py::test_names": 4}
    else:
        assert found == ["shelf/old.py", "shelf/reports.py", "shelf/views.py"]
        assert len(queries) == 14
        assert queries["test_reports.py::test_names"] == 9  # only what is new
