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
#: Of use to no test.
IGNORES = """
NPLUSONE_GUARD = {"IGNORE": [{"path": "shelf/old.py", "reason": "three at most"}]}
"""


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
