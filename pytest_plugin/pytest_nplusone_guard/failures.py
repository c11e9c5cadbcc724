"""What pytest makes of a failure of ours. Loaded only once there is one."""

from __future__ import annotations

import os

import pytest


def as_of_test(report: pytest.TestReport, config: pytest.Config) -> None:
    """Let a failure of ours be one of the test, in one line.

    ``--tb=line``, editors and annotations name the line that failed: that is one of this
    package, which nobody wants to open. And the list of failures would hold all of it in CI,
    though it stands in full above the list.
    """
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        file, line, _ = report.location
        crash.path = os.path.join(config.rootpath, file)
        crash.lineno = (line or 0) + 1
        crash.message = crash.message.partition("\n")[0]
