"""The session as JSON and back; a report alone is read as a session of one scope."""

from __future__ import annotations

from typing import Final

from nplusone_guard.report import json as report_json
from nplusone_guard.report import records
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.session import SessionReport

SCHEMA_VERSION: Final = 1
#: What a document's ``kind`` says, where a report names the kind of its scope.
KIND: Final = "session"


def dumps(session: SessionReport, indent: int | None = None) -> str:
    """``session`` as JSON text in ASCII, its keys in a fixed order."""
    return records.dumps(session, indent, schema_version=SCHEMA_VERSION, kind=KIND)


def loads(text: str) -> SessionReport:
    """The session that ``dumps`` wrote, or one of the single report in ``text``.

    Raises ``ConfigError`` for anything else.
    """
    with records.naming("session JSON"):
        return read(text)


def read(text: str) -> SessionReport:
    """As ``loads``, for callers that name the file themselves in what is wrong."""
    document = records.parse(text)
    if document.get("kind") != KIND:
        return session_of(report_json.read(document))
    records.check_version(document, SCHEMA_VERSION)
    # Joined anew, for a document may come from elsewhere.
    return session_of(records.read(SessionReport, document))
