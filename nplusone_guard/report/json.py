"""The report as JSON and back, by the schema in ``docs/report.schema.json``.

Every field of the dataclasses is written, in their order, under its own name, below
``schema_version``. Reading follows the same dataclasses: a field with a default may be
missing and a key that is not known is passed over, so releases that only add fields
read each other's files and the version stays. It grows when a field is renamed,
removed or changes its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nplusone_guard.report import records
from nplusone_guard.report.model import Report

SCHEMA_VERSION = 1


def dumps(report: Report, indent: int | None = None) -> str:
    """``report`` as JSON text in ASCII, its keys in a fixed order.

    Of ``extra`` only JSON values are written; another object is named by its type.
    """
    return records.dumps(report, indent, schema_version=SCHEMA_VERSION)


def loads(text: str) -> Report:
    """The report that ``dumps`` wrote.

    Raises ``ConfigError`` for anything else, naming the key (as a JSON Pointer, RFC 6901),
    the value found there and what is allowed.
    """
    with records.naming("report JSON"):
        return read(records.parse(text))


def read(document: Mapping[str, Any]) -> Report:
    """The report in a document that is JSON already. Raises ``ConfigError``."""
    records.check_kind(document, records.REPORT)
    records.check_version(document, SCHEMA_VERSION)
    report = records.read(Report, document)
    _check_timeline(report)
    return report


def _check_timeline(report: Report) -> None:
    kept = len(report.shapes)
    for index, entry in enumerate(report.timeline):
        if not -1 <= entry.shape < kept:
            where = f"/timeline/{index}/shape"
            raise records.fault(where, entry.shape, f"an index into /shapes ({kept} long), or -1")
