"""Runs each argument as a command of the example's ``manage.py`` and prints what became of it.

One process for many commands: starting Django takes longer than most of them.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from django.core.management import ManagementUtility

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "example_project"))
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"


def run(command: str) -> dict[str, object]:
    out, err, status = StringIO(), StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            ManagementUtility(["manage.py", *command.split()]).execute()
        except SystemExit as end:
            status = end.code
    return {"returncode": status, "stdout": out.getvalue(), "stderr": err.getvalue()}


if __name__ == "__main__":
    print(json.dumps({command: run(command) for command in sys.argv[1:]}))
