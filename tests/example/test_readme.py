"""What the example's README tells to run is there, with its options; and it tells of every command."""

from __future__ import annotations

import json
import re

from tests.example.conftest import EXAMPLE, start

README = (EXAMPLE / "README.md").read_text()
LINES = [
    line.partition("#")[0].strip()
    for line in re.findall(
        r"^    \.venv/bin/python example_project/manage\.py (.+)$", README, re.MULTILINE
    )
]


def parsed(*lines: str) -> list[str]:
    done = start(str(EXAMPLE.parent / "tests" / "example" / "probe_readme.py"), *lines)
    assert done.returncode == 0, done.stderr
    refused: list[str] = json.loads(done.stdout)
    return refused


def test_what_the_readme_tells_to_run_can_be_run():
    wrong = ["seed --tennants 5", "sead"]
    assert parsed(*LINES, *wrong) == wrong


def test_the_readme_tells_of_every_command():
    there = {path.stem for path in EXAMPLE.rglob("management/commands/[a-z]*.py")}
    assert there <= {line.split()[0] for line in LINES}
