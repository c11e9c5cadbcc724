"""A suite with each kind of test in two modules, and all that a run of it leaves behind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

import pytest

from tests.pytest_plugin.conftest import Sample
from tests.pytest_plugin.suite import CI_VARIABLES, write_suite

PAGES = """
    import pytest
    from django.test import TestCase
    from shelf.data import make_books
    from shelf.reports import count, names

    def test_page(client, shelf):
        client.get("/books/")

    def test_page_again(client, shelf):
        client.get("/books/")

    @pytest.mark.parametrize("path", ["/books/", "/joined/"])
    def test_path(client, shelf, path):
        client.get(path)

    @pytest.mark.skip(reason="not today")
    def test_skipped(shelf):
        names()

    def test_that_skips_itself(shelf):
        count()
        pytest.skip("half-way")

    def test_no_database():
        pass

    def test_error_of_its_own(shelf):
        names()
        raise ValueError("mine")

    @pytest.mark.xfail(reason="known")
    def test_xfail(shelf):
        raise ValueError("mine")

    class TestOfDjango(TestCase):
        def setUp(self):
            make_books(3)

        def test_loop(self):
            names()

        def test_clean(self):
            self.client.get("/joined/")
    """
REPORTS = """
    import os
    import pytest
    from shelf.data import make_books
    from shelf.reports import count, names

    def test_names(shelf):
        names()

    def test_count(shelf):
        for _ in range(int(os.environ.get("COUNTS", 1))):
            count()

    @pytest.mark.max_queries(2)
    def test_within(shelf):
        count()

    @pytest.mark.max_queries(2)
    def test_too_many(shelf):
        count()
        count()
        count()

    @pytest.mark.nplusone("report")
    def test_budget(shelf, assert_max_queries):
        with assert_max_queries(2):
            names()

    def test_constant(db, assert_constant_queries):
        assert_constant_queries(make_books, count)

    @pytest.mark.nplusone("report")
    def test_grows(db, assert_constant_queries):
        assert_constant_queries(make_books, names)

    @pytest.mark.nplusone("off")
    def test_off(shelf):
        names()

    @pytest.mark.nplusone("report")
    def test_report(shelf):
        names()

    @pytest.mark.nplusone(ignore=["lazy-relation", "shelf.Book.other"], reason="three at most")
    def test_ignored(shelf):
        names()
    """
#: What a marker asks of one module, also of a class in it.
CLASSES = """
    import pytest
    from shelf.reports import count

    pytestmark = pytest.mark.max_queries(1)

    class TestClass:
        def test_within(self, shelf):
            count()

        @pytest.mark.max_queries(0)
        def test_too_many(self, shelf):
            count()
    """
MODULES = {"test_pages.py": PAGES, "test_reports.py": REPORTS, "test_classes.py": CLASSES}
REPORT_NAMES = ("all.json", "all.md", "all.sarif", "all.gitlab.json")
REPORT_OPTIONS = tuple(f"--nplusone-report={name}" for name in REPORT_NAMES)


@dataclass(frozen=True)
class Left:
    """What a run has told and written, without what differs from one run to the next."""

    status: int
    outcomes: dict[str, int]
    summary: str
    annotations: list[str]
    failures: dict[str, str]
    files: dict[str, str]
    properties: dict[str, dict[str, str]]


def write_whole(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*CI_VARIABLES, "COUNTS"):
        monkeypatch.delenv(name, raising=False)
    write_suite(sample)
    sample.write(**MODULES)


def left_by(sample: Sample, result: pytest.RunResult, *names: str) -> Left:
    """What ``result`` told, the files of ``names``, and ``junit.xml`` where there is one."""
    directory = sample.pytester.path
    junit = directory / "junit.xml"
    return Left(
        status=int(result.ret),
        outcomes={**result.parseoutcomes()},
        summary=_summary(result.stdout.str()),
        annotations=[line for line in result.stdout.lines if line.startswith("::")],
        failures=_failures(result.stdout.str()),
        files={name: timeless((directory / name).read_text("utf-8")) for name in names},
        properties=properties_in(junit.read_text("utf-8")) if junit.exists() else {},
    )


def properties_in(junit: str) -> dict[str, dict[str, str]]:
    """The properties of each test in a file of JUnit, by its class and name."""
    return {
        f"{case.get('classname')}::{case.get('name')}": {
            each.get("name", ""): each.get("value", "") for each in case.iter("property")
        }
        for case in ElementTree.fromstring(junit).iter("testcase")
    }


def _summary(output: str) -> str:
    """The last section on query loops; those of tests stand in the order that they ran in."""
    below = re.split(r"^=+ query loops =+$", output, flags=re.MULTILINE)[-1]
    # A long path leaves a heading two characters of its rule, on each side.
    kept = re.split(r"^(?:=|-){2,} ", below, flags=re.MULTILINE)[0].splitlines()
    return timeless("\n".join(line for line in kept if not line.startswith("::"))).strip("\n")


def _failures(output: str) -> dict[str, str]:
    """The text of each failure, by the name of the test; where it ran says xdist."""
    after = r"^=+ (?:warnings summary|query loops|short test summary)"
    text = re.split(after, output, flags=re.MULTILINE)
    # The first test makes the database, whichever it is; -v tells.
    text[0] = re.sub(r"\n-+ Captured stderr setup -+\nCreating test database.*", "", text[0])
    parts = re.split(r"^_{3,} (\S+) _{3,}$", text[0], flags=re.MULTILINE)[1:]
    return {
        name: timeless(re.sub(r"^\[gw\d\] .*\n", "", body, flags=re.MULTILINE)).strip("\n")
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


def timeless(text: str) -> str:
    text = re.sub(r"\b[\d.,]+ [mµ]?s\b", "0 ms", text)
    text = re.sub(r"\bat 0x[0-9a-f]+", "at 0x0", text)
    return re.sub(r'("(?:query_time|wall_time|duration)": )[\d.e-]+', r"\g<1>0.0", text)
