"""A pytest plugin that leaves the guard's hooks in place and takes what they do out.

``-p hollow --nplusone=fail`` imports the guard, opens and judges a scope for each test and
each request, and sends each query through the hook, which notes nothing of it. What a suite
takes longer then is the price of everything but capture.
"""

from __future__ import annotations

from typing import Any

from nplusone_guard.capture.hook import Execute, Hook


def _call_through(
    hook: Hook, execute: Execute, sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    return execute(sql, params, many, context)


Hook.__call__ = _call_through  # type: ignore[method-assign]
