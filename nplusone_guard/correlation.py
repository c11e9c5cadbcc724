"""One id for all that belongs together: a request, its log lines, the tasks that it spawns."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import Scope, open_scope_of_context

#: The header of a response that tells the id, under DEBUG.
RESPONSE_HEADER: Final = "X-Nplusone-Guard-Correlation-ID"

#: The longest id that is taken from outside, in characters.
MAX_LENGTH: Final = 128

#: What a log record says outside every scope.
NONE: Final = "-"

# What comes from outside ends up in logs, headers and files: no white space, no controls,
# nothing that a shell, HTML or a log format would take for its own.
_SAFE: Final = re.compile(rf"[A-Za-z0-9._:+/=@-]{{1,{MAX_LENGTH}}}")

# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT: Final = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})"
    r"-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?P<more>-.*)?"
)


def generate() -> str:
    """A new id: 32 hexadecimal digits, as a trace id has."""
    return os.urandom(16).hex()  # a fifth of what a UUID takes


def accept(value: object) -> str:
    """``value`` if it can be an id (1 to 128 letters, digits and ``._:+/=@-``), else empty."""
    return value if isinstance(value, str) and _SAFE.fullmatch(value) else ""


def trace_id(traceparent: object) -> str:
    """The trace id of a W3C ``traceparent``; empty where it is none."""
    found = _TRACEPARENT.fullmatch(traceparent) if isinstance(traceparent, str) else None
    if found is None or (found["more"] and found["version"] == "00"):
        return ""
    return found["trace"]


def of_request(environ: Mapping[str, Any]) -> str:
    """The id that a request brings: ``traceparent``'s trace id, else ``X-Request-ID``.

    ``environ`` holds the headers as WSGI, and ``HttpRequest.META``, names them. Empty where
    the request brings neither; a new id where ``X-Request-ID`` cannot be one.
    """
    value = environ.get("HTTP_TRACEPARENT")
    found = trace_id(value) if value is not None else ""
    if found:
        return found
    value = environ.get("HTTP_X_REQUEST_ID")
    return "" if value is None else accept(value) or generate()


def of_scope(scope: Scope) -> str:
    """The id of ``scope``: its own, else that of the scope around it, else a new one."""
    chain = (scope, *scope.ancestors)
    found = next((each.correlation_id for each in chain if each.correlation_id), "")
    if found:
        return found
    outermost = chain[-1]
    with outermost.lock:
        outermost.correlation_id = outermost.correlation_id or generate()
        return outermost.correlation_id


def current_correlation_id() -> str | None:
    """The id of the innermost open scope of this context; ``None`` outside every scope."""
    scope = open_scope_of_context()
    return of_scope(scope) if scope is not None else None


class CorrelationFilter(logging.Filter):
    """Gives every log record a ``correlation_id``, ``-`` outside every scope.

    It stands on a handler, so that it sees the records of all loggers.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass; one that has an id already keeps it."""
        if not hasattr(record, "correlation_id"):
            record.correlation_id = NONE
            try:
                record.correlation_id = current_correlation_id() or NONE
            except Exception as error:
                contain("correlation", error)
        return True
