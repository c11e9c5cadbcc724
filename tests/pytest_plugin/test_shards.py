"""Halves of a suite, joined by ``nplusone-guard``, are what one whole run is."""

from __future__ import annotations

import json

import pytest

from nplusone_guard import cli
from tests.pytest_plugin.whole import timeless, write_whole

SHARDS = {
    "shard-1.json": ("test_pages.py", "test_reports.py::test_ignored"),
    "shard-2.json": ("test_reports.py", "test_classes.py"),  # one test is in both
}
#: What a whole run tells of the ignores that nothing needs, a part cannot know.
WHOLE_RUNS_ONLY = ("unused_ignores",)


@pytest.fixture
def joined(sample, monkeypatch):
    """A whole run, two shards, and both of them merged."""
    write_whole(sample, monkeypatch)
    monkeypatch.chdir(sample.pytester.path)
    sample.start("--nplusone=report", "--nplusone-report=whole.json")
    for name, tests in SHARDS.items():
        sample.start("--nplusone=report", f"--nplusone-report={name}", *tests)
    assert cli.main(["merge", *SHARDS, "-o", "all.json"]) == cli.OK
    return sample.pytester.path


def test_shards_together_are_the_whole_run(joined, capsys):
    whole, merged = (
        {
            key: value
            for key, value in json.loads(timeless((joined / name).read_text("utf-8"))).items()
            if key not in WHOLE_RUNS_ONLY
        }
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
        texts.append(
            [line for line in shown if line and not line.startswith("- unused ignore at ")]
        )
    assert texts[1] == texts[0]
    assert "21 tests: 56 queries in 0 ms, 2 query loops, 28 queries avoidable" in texts[0]
