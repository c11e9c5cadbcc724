"""The ratchet over a suite, and what a run leaves for CI."""

from __future__ import annotations

import json
import re

import pytest

from pytest_nplusone_guard import outputs, ratchet
from pytest_nplusone_guard.options import Options, read_options
from tests.pytest_plugin.conftest import INI, is_installed, section
from tests.pytest_plugin.suite import CI_VARIABLES, told, write_suite
from tests.pytest_plugin.workers import HAS_XDIST, alone_and_with

SOURCE = """
    from shelf.reports import count, names

    def test_count(shelf):
        count()

    def test_loop(client, shelf):
        client.get("/books/")
    """
FILES = "\n    nplusone_baseline = known.json\n    nplusone_budgets = queries.json\n"

KNOWN = """\
{
  "schema_version": 2,
  "findings": [
    {"id": "ID", "rule": "lazy-relation", "file": "shelf/views.py", "function": "books", \
"test": "test_shelf.py::test_loop"}
  ]
}
"""
QUERIES = """\
{
  "schema_version": 1,
  "queries": {
    "test_shelf.py::test_count": 1,
    "test_shelf.py::test_loop": 4
  }
}
"""
UNJUDGED = "   stale entries are not judged: not all tests ran"
GROWN = """
    import pytest
    from shelf.reports import count, names

    def test_count(shelf):
        count()
        count()

    def test_loop(client, shelf):
        client.get("/books/")

    def test_new(shelf):
        names()
    """


@pytest.fixture
def suite(sample, monkeypatch):
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    write_suite(sample)
    sample.pytester.makeini(INI.rstrip() + FILES)
    return sample


def text_of(suite, name: str) -> str:
    return re.sub(r'"id": "\w{12}"', '"id": "ID"', (suite.pytester.path / name).read_text())


def last_lines(result, count: int) -> list[str]:
    return told(result).splitlines()[-count:]


def test_known_findings_and_counts_pass_and_others_fail(suite):
    result = suite.run(SOURCE, "--nplusone-update-baseline")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["nplusone: report (from --nplusone-update-baseline)"])
    assert last_lines(result, 3) == [
        " baseline known.json: 0 known, 1 new",
        " written known.json: 1 finding",
        " written queries.json: 2 tests",
    ]
    assert text_of(suite, "known.json") == KNOWN
    assert text_of(suite, "queries.json") == QUERIES

    result = suite.run(SOURCE, "--nplusone=fail")
    result.assert_outcomes(passed=2)
    # What is known is counted, and not told again.
    assert told(result).splitlines() == [
        "2 tests: 5 queries in 0 ms, 1 query loop, 3 queries avoidable",
        " baseline known.json: 1 known, 0 new",
    ]

    result = suite.run(GROWN, "--nplusone=fail")
    result.assert_outcomes(passed=1, failed=2)
    assert told(result, "test_count") == (
        "2 queries, 1 recorded in queries.json\n"
        " @pytest.mark.max_queries(1) on the test shows which; if they are meant,\n"
        " --nplusone-update-baseline records them"
    )
    assert told(result, "test_new").startswith("1 query loop among 4 queries")
    assert last_lines(result, 1) == [" baseline known.json: 1 known, 1 new"]
    suite.run(GROWN, "--nplusone=fail", "--nplusone-allow=+1").assert_outcomes(passed=2, failed=1)


def test_ids_of_an_earlier_release_are_known_and_renewed(suite):
    suite.run(SOURCE, "--nplusone-update-baseline", "--nplusone-report=all.json")
    path = suite.pytester.path / "known.json"
    now = path.read_text()
    (entry,) = json.loads((suite.pytester.path / "all.json").read_text())["findings"]
    (former,) = entry["finding"]["former_ids"]
    assert former == "b523c8e027eb"  # before ids were made for all engines
    old = now.replace(entry["finding"]["id"], former).replace(
        '"schema_version": 2', '"schema_version": 1'
    )
    path.write_text(old.replace('"test":', '"reason": "legacy", "test":'))

    result = suite.run(SOURCE, "--nplusone=fail", "--nplusone-strict")
    assert (result.ret, last_lines(result, 2)) == (
        0,
        [
            " baseline known.json: 1 known, 0 new",
            "   1 goes by an id of an earlier release; --nplusone-update-baseline renews it",
        ],
    )
    suite.run(SOURCE, "--nplusone-update-baseline=prune")
    renewed = json.loads(path.read_text())
    (known,) = renewed["findings"]
    assert (renewed["schema_version"], known.pop("reason")) == (2, "legacy")
    assert [known] == json.loads(now)["findings"]
    result = suite.run(SOURCE, "--nplusone=fail", "--nplusone-strict")
    assert (result.ret, last_lines(result, 1)) == (0, [" baseline known.json: 1 known, 0 new"])


def test_what_is_gone_is_stale_and_what_has_expired_fails(suite):
    suite.run(SOURCE, "--nplusone-update-baseline=new-only").assert_outcomes(passed=2)
    views = suite.pytester.path / "shelf" / "views.py"
    before = views.read_text()
    views.write_text(before.replace("Book.objects.all()", 'Book.objects.select_related("author")'))
    strict = ("--nplusone=fail", "--nplusone-strict")
    workers = ("-n2",) if HAS_XDIST else ()

    # A run of some tests tells nothing of the others.
    result = suite.run(SOURCE, *strict, "-k", "count")
    counts = " baseline known.json: 0 known, 0 new"
    assert (result.ret, last_lines(result, 2)) == (0, [counts, UNJUDGED])
    result = suite.run(SOURCE, "--nplusone=fail", "-k", "count")
    assert last_lines(result, 1) == [counts]

    result = suite.run(SOURCE, "--nplusone-update-baseline=prune", "-k", "count")
    assert last_lines(result, 2) == [
        " written known.json: 1 finding; none dropped, for not all tests ran",
        " written queries.json: 2 tests",
    ]

    result = suite.run(SOURCE, *strict, *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2)
    lines = [re.sub(r"\[\w{12}\]", "[ID]", line) for line in told(result).splitlines()]
    assert lines[1:] == [
        " baseline known.json: 0 known, 0 new, 1 stale",
        "   stale  lazy-relation  shelf/views.py books  [ID]",
        "   no longer found, which fails; --nplusone-update-baseline=prune removes them",
        " budgets: 1 test below the record; --nplusone-update-baseline tightens it",
    ]

    views.write_text(before)
    known = suite.pytester.path / "known.json"
    written = known.read_text()
    known.write_text(written.replace('"test": ', '"until": "2020-01-31", "test": '))
    result = suite.run(SOURCE, "--nplusone=fail")
    result.assert_outcomes(passed=1, failed=1)
    assert re.sub(r"\[\w{12}\]", "[ID]", told(result, "test_loop")).endswith(
        "\n [ID] was known until 2020-01-31, says known.json"
    )

    reason = "the page with all the books is rewritten in the spring, and its queries with it"
    known.write_text(
        written.replace('"test": ', f'"until": "2020-01-31", "reason": "{reason}", "test": ')
    )
    result = suite.run(SOURCE, "--nplusone=fail", *workers)
    assert re.sub(r"\[\w{12}\]", "[ID]", told(result, "test_loop")).endswith(
        f"\n [ID] was known until 2020-01-31, says known.json:\n    {reason}"
    )
    lines = [re.sub(r"\[\w{12}\]", "[ID]", line) for line in told(result).splitlines()]
    assert lines[-3:] == [
        "   expired 2020-01-31  lazy-relation  shelf/views.py books  [ID]",
        "     the page with all the books is rewritten in the spring, and its queries",
        "     with it",
    ]


FAILING = """
    def test_error_of_its_own(client, shelf):
        client.get("/books/")
        raise ValueError("mine")
    """


@alone_and_with("-n1")
def test_a_test_that_fails_by_itself_tells_of_what_is_new(suite, workers):
    """What is known has a section of the failure with ``-v`` alone, as it has in the summary."""
    result = suite.run(FAILING, "--nplusone=fail", *workers)
    assert result.stdout.str().count(" lazy-relation  3 × SELECT shelf_author") == 2
    suite.run(SOURCE, "--nplusone-update-baseline")
    result = suite.run(FAILING, "--nplusone=fail", *workers)
    result.assert_outcomes(failed=1)
    assert " lazy-relation " not in result.stdout.str()
    assert " baseline known.json: 1 known, 0 new" in told(result).splitlines()
    result = suite.run(FAILING, "--nplusone=fail", "-v", *workers)
    assert result.stdout.str().count(" lazy-relation  3 × SELECT shelf_author") == 2
    assert " lazy-relation  3 × SELECT shelf_author" in section(result, "known query loops")
    assert "\n   known   by known.json\n baseline known.json: 1 known, 0 new\n" in told(result)


ASIDE = """
    import pytest

    @pytest.mark.nplusone("report")
    def test_loop(client, shelf):
        client.get("/books/")

    def test_other(client, shelf):
        client.get("/joined/")
    """


def test_what_a_test_only_reports_is_counted_apart(suite):
    """Its twin is held to the baseline, in ``test_known_findings_and_counts_pass_…``."""
    result = suite.run(ASIDE, "--nplusone=fail")
    result.assert_outcomes(passed=2)
    counts = " baseline known.json: 0 known, 0 new, 1 only reported"
    assert counts in told(result).splitlines()


def test_an_empty_baseline_has_nothing_that_a_part_would_leave_unjudged(suite):
    """Of one with entries a line says so, see ``UNJUDGED``."""
    suite.run(ASIDE, "--nplusone-update-baseline", "-k", "other")
    result = suite.run(ASIDE, "--nplusone=fail", "--nplusone-strict", "-k", "other")
    result.assert_outcomes(passed=1, deselected=1)
    assert UNJUDGED not in told(result).splitlines()


PAIR = """
    from shelf.models import Author, Book

    def pairs():
        found = []
        for book in Book.objects.all():
            found.append((book.author.name, Author.objects.filter(name=str(book.pk)).count()))
        return found
    """
PAIR_TEST = """
    from shelf.pairs import pairs

    def test_pairs(shelf):
        pairs()
    """


def test_a_loop_that_is_mended_in_part_stays_known(suite):
    suite.write(**{"shelf/pairs.py": PAIR})
    suite.run(PAIR_TEST, "--nplusone-update-baseline").assert_outcomes(passed=1)
    pairs = suite.pytester.path / "shelf" / "pairs.py"
    whole = pairs.read_text()
    strict = ("--nplusone=fail", "--nplusone-strict")

    pairs.write_text(whole.replace(".all()", '.select_related("author")'))
    result = suite.run(PAIR_TEST, *strict, "--nplusone-allow=+9")
    assert result.ret == 0
    assert " baseline known.json: 1 known, 0 new" in told(result).splitlines()

    # Once that is recorded, what was mended must not come back.
    suite.run(PAIR_TEST, "--nplusone-update-baseline").assert_outcomes(passed=1)
    assert suite.run(PAIR_TEST, *strict).ret == 0
    pairs.write_text(whole)
    result = suite.run(PAIR_TEST, *strict, "--nplusone-allow=+9")
    result.assert_outcomes(failed=1)


def test_reports_and_annotations(suite, monkeypatch):
    path = suite.pytester.path
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(path))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path / "step.md"))
    names = ["out.json", "out.md", "out.sarif", "out.gitlab.json"]
    result = suite.run(SOURCE, "--nplusone=report", *(f"--nplusone-report={n}" for n in names))
    result.assert_outcomes(passed=2)
    annotations = [line for line in result.outlines if line.startswith("::")]
    assert [re.sub(r"\w{12}$", "ID", line) for line in annotations] == [
        (
            "::error file=shelf/views.py,line=7,title=lazy-relation%3A 3 × SELECT shelf_author in the "
            'loop at views.py%3A6::Fix: add .select_related("author") to the queryset at views.py:6%0A'
            "The loop: shelf/views.py:6%0AReached by test_shelf.py::test_loop%0AFinding ID"
        )
    ]
    found = json.loads((path / "out.json").read_text())
    assert [entry["finding"]["rule"] for entry in found["findings"]] == ["lazy-relation"]
    sarif = json.loads((path / "out.sarif").read_text())
    (entry,) = sarif["runs"][0]["results"]
    place = entry["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == "shelf/views.py"
    (issue,) = json.loads((path / "out.gitlab.json").read_text())
    assert issue["location"]["path"] == "shelf/views.py"
    standing = (
        "```text\n"
        " baseline known.json: 0 known, 1 new\n"
        " known.json does not exist; --nplusone-update-baseline writes it\n"
        " queries.json does not exist; --nplusone-update-baseline writes it\n"
        "```\n\n"
    )
    step = (path / "step.md").read_text()
    assert standing in step
    assert step.replace(standing, "").strip() == (path / "out.md").read_text().strip()


def test_the_summary_of_a_step_says_why_a_run_without_findings_fails(suite, monkeypatch):
    step = suite.pytester.path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    stale = json.loads(KNOWN.replace('"ID"', '"0123456789ab"'))
    suite.write(**{"known.json": json.dumps(stale)})
    source = "def test_count(shelf): pass"
    suite.run(source, "--nplusone=fail")
    assert not step.exists()
    assert suite.run(source, "--nplusone=fail", "--nplusone-strict").ret == 1
    assert step.read_text().splitlines()[2:] == [
        "1 test: 0 queries, no query loop",
        "",
        "```text",
        " baseline known.json: 0 known, 0 new, 1 stale",
        "   stale  lazy-relation  shelf/views.py books  [0123456789ab]",
        "   no longer found, which fails; --nplusone-update-baseline=prune removes them",
        " queries.json does not exist; --nplusone-update-baseline writes it",
        "```",
    ]


def test_what_runs_no_test_of_django(suite):
    """A run that watches nothing says so, and one that collects alone says and writes nothing."""
    plain = "def test_it(): pass"
    result = suite.run(plain, "--nplusone=fail", "--collect-only", "--nplusone-update-baseline")
    assert "query loops" not in result.stdout.str()
    assert not (suite.pytester.path / "known.json").exists()
    suite.pytester.makeini("[pytest]")
    (suite.pytester.path / "conftest.py").unlink()
    result = suite.run(plain, "--nplusone=fail", "-pno:django")
    result.assert_outcomes(passed=1)
    assert told(result) == "no test was watched: Django is not set up"


# ── wrong options ───────────────────────────────────────────────────────────────────


def refused(**options) -> str:
    with pytest.raises(pytest.UsageError) as raised:
        ratchet.load(Options("fail", **options), "/srv")
    return str(raised.value)


def test_a_missing_file_is_an_error_in_ci_only(tmp_path, monkeypatch):
    path = str(tmp_path / "known.json")
    monkeypatch.delenv("CI", raising=False)
    assert ratchet.load(Options("fail", baseline=path), "/srv").missing == [
        "known.json does not exist; --nplusone-update-baseline writes it"
    ]
    monkeypatch.setenv("CI", "true")
    assert refused(baseline=path) == (
        f"--nplusone-baseline: {path} does not exist. "
        "Write it with --nplusone-update-baseline, and commit it."
    )


def test_a_wrong_file_is_named(tmp_path):
    path = tmp_path / "known.json"
    path.write_text('{"schema_version": 99, "findings": []}')
    assert refused(baseline=str(path)).startswith(f"{path}")
    assert refused(budgets=str(path)).startswith(f"{path}")
    assert "+10%" in refused(allow="many")


def test_a_report_that_cannot_be_written_is_named(tmp_path):
    path = str(tmp_path / "absent" / "out.md")
    for paths, message in (
        ([path], f"--nplusone-report: {path} cannot be written: No such file or directory"),
        (
            ["out.txt"],
            (
                "--nplusone-report: out.txt has no known ending. "
                "Allowed: .gitlab.json, .json, .md, .sarif."
            ),
        ),
        (
            ["/srv/out.html"],
            (
                "--nplusone-report: out.html cannot be written: HTML is to come. "
                "Allowed: .gitlab.json, .json, .md, .sarif."
            ),
        ),
        (
            ["/srv/"],
            (
                "--nplusone-report: /srv/ has no known ending. "
                "Allowed: .gitlab.json, .json, .md, .sarif."
            ),
        ),
    ):
        with pytest.raises(pytest.UsageError) as raised:
            outputs.check(paths)
        assert str(raised.value) == message


CONTRADICTIONS = {
    ("--nplusone-report=out.md",): (
        "--nplusone-report has no effect while nplusone is off. "
        "Add --nplusone=report or --nplusone=fail."
    ),
    ("--nplusone=off", "--nplusone-update-baseline"): (
        "--nplusone-update-baseline, but nplusone is off (--nplusone). "
        "Allowed with it: --nplusone=report or --nplusone=fail."
    ),
    ("--nplusone=fail", "--nplusone-update-baseline"): (
        "--nplusone-update-baseline needs a file: --nplusone-baseline=FILE or "
        "--nplusone-budgets=FILE."
    ),
}


@pytest.mark.parametrize("arguments", CONTRADICTIONS, ids=" ".join)
def test_options_that_contradict_each_other(pytester, arguments):
    pytester.makeini("[pytest]")
    plugin = [] if is_installed() else ["-ppytest_nplusone_guard.plugin"]
    config = pytester.parseconfig(*plugin, *arguments)
    with pytest.raises(pytest.UsageError) as raised:
        read_options(config)
    assert str(raised.value) == CONTRADICTIONS[arguments]
