"""The guard's reports as lines of JSON, as collectors of logs read them."""

from __future__ import annotations

import json
import logging


class ReportLines(logging.Formatter):
    """One report a line: what it is of, its figures, and the ids of its findings."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; of a record that tells of no report, the message alone."""
        facts = {
            "level": record.levelname,
            "name": getattr(record, "report_name", None),
            "kind": getattr(record, "report_kind", None),
            "queries": getattr(record, "query_count", None),
            "seconds": getattr(record, "wall_time", None),
            "findings": getattr(record, "finding_ids", None),
            "correlation_id": getattr(record, "correlation_id", None),
            "message": record.getMessage(),
        }
        return json.dumps({name: value for name, value in facts.items() if value is not None})
