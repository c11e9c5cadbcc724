"""A session as annotations of GitHub Actions: workflow commands, one line a finding.

The format is that of "Workflow commands for GitHub Actions", its escapes those of the
toolkit (``@actions/core``, ``command.ts``): GitHub undoes them. GitHub shows ten errors
and ten warnings of a step, so the worst come first.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from nplusone_guard.report import columns, places
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.model import Report
from nplusone_guard.report.once import told_once
from nplusone_guard.report.session import SessionFinding, SessionReport
from nplusone_guard.report.summary import reached_by

#: Scopes that an annotation names.
MAX_SCOPES = 3


def render(
    source: Report | SessionReport,
    base_dir: str,
    *,
    recorded: Collection[str] = (),
    record: str = "",
) -> str:
    """One command a finding; ``base_dir`` is the workspace that paths are relative to.

    Where no line of a finding lies in the workspace the annotation is for the whole run.
    Findings whose ids were ``recorded`` just now, in the file ``record``, fail nothing:
    they are notices.
    """
    entries = told_once(session_of(source))
    notes = dict.fromkeys(recorded, f"Recorded in {record}: known from now on")
    return "".join(
        f"{_command(entry, base_dir, notes.get(entry.finding.id, ''))}\n" for entry in entries
    )


def source_url() -> str:
    """Where GitHub shows the files of the commit that this job builds; else empty."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA")
    server, repository, commit = (os.environ.get(name, "") for name in names)
    known = server and repository and commit
    return f"{server}/{repository}/blob/{commit}" if known else ""


def _command(entry: SessionFinding, base_dir: str, note: str) -> str:
    finding = entry.finding
    title = f"{finding.rule}: {finding.summary}"
    properties = {**_place(entry, base_dir), "title": columns.clean(title)}
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    lines = [*_lines(entry, base_dir), *([note] if note else [])]
    message = "\n".join(map(columns.clean, lines))
    return f"::{'notice' if note else finding.severity} {told}::{_data(message)}"


def _place(entry: SessionFinding, base_dir: str) -> dict[str, str]:
    site = places.primary(entry.finding, base_dir)
    below = places.relative(site.file, base_dir)
    # Cleaned, the name would be another file's; escaped, it does no harm.
    return {"file": _encodable(below), "line": str(max(site.line, 1))} if below else {}


def _lines(entry: SessionFinding, base_dir: str) -> Iterator[str]:
    finding = entry.finding
    main = places.primary(finding, base_dir)
    yield f"Fix: {finding.advice.text}" if finding.advice.text else finding.summary
    for site, what in places.related(finding, main):
        yield f"{what[:1].upper()}{what[1:]}: {places.shown(site, base_dir)}"
    if any(entry.scopes):
        yield f"Reached by {reached_by(entry.scopes, MAX_SCOPES)}"
    yield f"Finding {finding.id}"


def _encodable(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
