"""The benchmark's script works; how fast anything is, no test says."""

import json
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).with_name("run.py")


def test_one_case_runs_and_its_figure_is_in_the_json(tmp_path):
    figures = tmp_path / "figures.json"
    command = [sys.executable, str(RUN), "--quick", "--no-peers", "--case", "raw"]
    result = subprocess.run(
        [*command, "--seconds", "0.2", "--json", str(figures)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "raw cursor query, one site, in scope" in result.stdout
    (row,) = json.loads(figures.read_text(encoding="utf-8"))["rows"]
    assert row["limit"] == "<= +3 us"
    assert row["measured"].endswith(" us")
