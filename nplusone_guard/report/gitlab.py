"""A session as a code quality report of GitLab, shown in the merge request.

The format is GitLab's subset of the Code Climate specification ("Code Quality report
format"): a list, each entry with a fingerprint that is no other's, a severity, and a path
relative to the repository.
"""

from __future__ import annotations

import json
from typing import Any

from nplusone_guard.report import columns, places
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.model import Report
from nplusone_guard.report.session import SessionFinding, SessionReport

_SEVERITIES = {"error": "major", "warning": "minor"}


def render(source: Report | SessionReport, base_dir: str) -> str:
    """JSON text; ``base_dir`` is the repository that paths are relative to."""
    return json.dumps([_issue(entry, base_dir) for entry in session_of(source)], indent=2) + "\n"


def _issue(entry: SessionFinding, base_dir: str) -> dict[str, Any]:
    finding = entry.finding
    site = places.primary(finding, base_dir)
    path = places.relative(site.file, base_dir) or site.file.replace("\\", "/")
    fix = f" Fix: {finding.advice.text}" if finding.advice.text else ""
    return {
        "type": "issue",
        "check_name": finding.rule,
        "description": columns.clean(f"{finding.summary}.{fix}"),
        "categories": ["Performance"],
        "severity": _SEVERITIES[finding.severity],
        "fingerprint": finding.id,
        "location": {"path": path, "lines": {"begin": max(site.line, 1)}},
    }
