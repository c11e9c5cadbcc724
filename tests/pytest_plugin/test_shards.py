"""Halves of a suite, joined by ``nplusone-guard``, are what one whole run is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nplusone_guard import cli
from nplusone_guard.report import shards
from tests.pytest_plugin.suite import CI_VARIABLES, write_suite
from tests.pytest_plugin.whole import timeless, write_whole

SHARDS = {
    "shard-1.json": ("test_pages.py", "test_reports.py::test_ignored"),
    "shard-2.json": ("test_reports.py", "test_classes.py"),  # one test is in both
}
#: Of use to no test.
IGNORES = """
NPLUSONE_GUARD = {"IGNORE": [{"path": "shelf/old.py", "reason": "three at most"}]}
"""


MODULES = {
    "test_names.py": """
        from shelf.reports import names

        def test_names(shelf):
            names()
        """,
    "test_page.py": """
        import pytest

        def test_page(client, shelf):
            client.get("/books/")

        @pytest.mark.skip
        def test_skipped():
            pass
        """,
}


@pytest.fixture
def joined(sample, monkeypatch):
    """A whole run, two shards, and both of them merged."""
    write_whole(sample, monkeypatch)
    with (sample.pytester.path / "settings.py").open("a") as settings:
        settings.write(IGNORES)
    monkeypatch.chdir(sample.pytester.path)
    sample.start("--nplusone=report", "--nplusone-report=whole.json")
    for name, tests in SHARDS.items():
        sample.start("--nplusone=report", f"--nplusone-report={name}", *tests)
    assert cli.main(["merge", *SHARDS, "-o", "all.json"]) == cli.OK
    return sample.pytester.path


def test_shards_together_are_the_whole_run(joined, capsys):
    whole, merged = (
        json.loads(timeless((joined / name).read_text("utf-8")))
        for name in ("whole.json", "all.json")
    )
    assert len(whole["scopes"]) == 21
    assert merged == whole

    assert cli.main(["diff", "whole.json", "all.json", "--fail"]) == cli.OK
    assert capsys.readouterr().out == "0 new findings, 0 gone, 2 kept\n"
    # A part lacks what the other has.
    assert cli.main(["diff", "shard-2.json", "all.json", "--fail"]) == cli.FAILED
    assert capsys.readouterr().out.startswith("1 new finding, 0 gone, 1 kept\nnew:\n")

    texts = []
    for name in ("whole.json", "all.json"):
        assert cli.main(["render", name, "--md"]) == cli.OK
        shown = timeless(capsys.readouterr().out).splitlines()
        texts.append([line for line in shown if line])
    assert texts[1] == texts[0]
    unused = [line for line in texts[1] if line.startswith("- unused ignore at ")]
    assert [line.split("`")[1] for line in unused] == [
        "settings",
        "test_reports.py::test_ignored @nplusone[shelf.Book.other]",
    ]
    # One part knows nothing of what the other needs, and neither do parts that broke off.
    assert cli.main(["render", "shard-1.json"]) == cli.OK
    assert "unused ignore" not in capsys.readouterr().out
    broken = json.loads((joined / "shard-2.json").read_text()) | {"coverage": "broken"}
    (joined / "shard-2.json").write_text(json.dumps(broken))
    assert cli.main(["render", *SHARDS]) == cli.OK
    assert "unused ignore" not in capsys.readouterr().out
    assert "21 tests: 56 queries in 0 ms, 2 query loops, 28 queries avoidable" in texts[0]


# --- with a number, against a baseline --------------------------------------------------------

STALE = {"id": "0123456789ab", "rule": "lazy-relation", "file": "shelf/old.py", "function": "old"}


@pytest.fixture
def suite(sample, monkeypatch):
    for name in CI_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    write_suite(sample)
    sample.write(**MODULES)
    monkeypatch.chdir(sample.pytester.path)
    return sample


@pytest.fixture
def merge(capsys):
    """Joins both shards; the exit code, and what is said of them."""

    def merge(*options, files=("1.json", "2.json")):
        code = cli.main(["merge", *files, "-o", "all.json", *options])
        return code, capsys.readouterr().err

    return merge


def record(*more):
    """Write a baseline of what is found, and of ``more``."""
    known = json.loads(Path("fresh.json").read_text())
    known["findings"] += more
    Path("known.json").write_text(json.dumps(known))


def test_numbered_shards_are_held_against_a_baseline_as_the_whole_is(suite, merge):
    suite.start("--nplusone-update-baseline", "--nplusone-baseline=fresh.json")
    record(STALE)
    strict = ("--nplusone=fail", "--nplusone-strict", "--nplusone-baseline=known.json")
    for number, module in enumerate(MODULES, 1):
        numbers = (f"--nplusone-shard={number}/2", f"--nplusone-report={number}.json")
        result = suite.start(*strict, *numbers, module)
        assert (result.ret, "stale" in result.stdout.str()) == (0, False)

    told = (
        " baseline known.json: 2 known, 0 new, 1 stale\n"
        "   stale  lazy-relation  shelf/old.py old  [0123456789ab]\n"
        "   no longer found{}; --nplusone-update-baseline=prune removes them\n"
    )
    against = "--baseline=known.json"
    assert merge(against) == (cli.OK, told.format(""))
    assert merge(against, "--strict") == (cli.FAILED, told.format(", which fails"))
    whole = suite.start(*strict)
    assert (whole.ret, told.format(", which fails") in whole.stdout.str()) == (1, True)

    assert merge("--baseline=fresh.json", "--strict") == (
        cli.OK,
        " baseline fresh.json: 2 known, 0 new\n",
    )
    # The test that met it was skipped.
    record(STALE | {"test": "test_page.py::test_skipped"})
    assert merge(against, "--strict") == (cli.OK, " baseline known.json: 2 known, 0 new\n")
    Path("known.json").write_text(json.dumps({"schema_version": 2, "findings": [STALE]}))
    code, words = merge(against)
    assert (code, words.split("\n")[0]) == (
        cli.FAILED,
        " baseline known.json: 0 known, 2 new, 1 stale",
    )

    record(STALE)
    broken = json.loads(Path("2.json").read_text()) | {"coverage": "broken"}
    Path("2.json").write_text(json.dumps(broken))
    code, words = merge(against, "--strict")
    assert (code, words.splitlines()) == (
        cli.OK,
        [
            " baseline known.json: 2 known, 0 new",
            "   stale entries are not judged: did not run to the end: 2.json",
        ],
    )
    Path("all.json").unlink()
    assert merge(against, files=["1.json"]) == (
        cli.USAGE,
        "nplusone-guard: error: 1 shard is missing, 2/2; there: 1.json (1/2)\n",
    )
    assert not Path("all.json").exists()


def test_a_shard_is_no_whole_run_whatever_it_collects(suite):
    """Plugins that choose the tests of a shard need not say that they left some out."""
    Path("known.json").write_text(json.dumps({"schema_version": 2, "findings": [STALE]}))
    arguments = ("--nplusone=report", "--nplusone-baseline=known.json", "--nplusone-strict")
    assert suite.start(*arguments, "--nplusone-shard=1/2").ret == 0
    assert suite.start(*arguments, "--nplusone-shard=1/1").ret == 1


@pytest.mark.parametrize("stated", ["3/2", "0/2", "2", "a/b", "1/2/3", "-1/2", "1/02"])
def test_a_number_that_is_none_is_refused(stated):
    with pytest.raises(ValueError, match=r"^K/N, the number of this shard and how many there are"):
        shards.parse(stated)


def test_the_message_for_a_number_that_is_none(suite):
    result = suite.start("--nplusone=fail", "--nplusone-shard=3/2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    allowed = "K/N, the number of this shard and how many there are: 1/4."
    result.stderr.fnmatch_lines([f"ERROR: --nplusone-shard is '3/2'. Allowed: {allowed}"])
