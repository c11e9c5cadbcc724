"""Command-line values, checked in one place so that every refusal reads alike."""

from __future__ import annotations

import os
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

YEARS = range(1900, 3000)


def whole_number(options: dict[str, Any], name: str, *, least: int, most: int) -> int:
    """The option ``name`` as a number from ``least`` to ``most``, or a ``CommandError``."""
    value = options[name]
    allowed = f"a whole number from {least:,} to {most:,}"
    try:
        number = int(str(value))
    except ValueError:
        raise _refusal(name, value, allowed) from None
    if not least <= number <= most:
        raise _refusal(name, value, allowed)
    return number


def choice(options: dict[str, Any], name: str, allowed: Collection[str]) -> str:
    """The option ``name`` as one of ``allowed``, or a ``CommandError``."""
    value = options[name]
    if value not in allowed:
        *others, last = allowed
        raise _refusal(name, value, f"{', '.join(others)} or {last}")
    return str(value)


def day(options: dict[str, Any], name: str) -> date:
    """The option ``name`` as a day, or a ``CommandError``."""
    value = options[name]
    allowed = "a day as YYYY-MM-DD, such as 2025-11-04"
    try:
        found = date.fromisoformat(str(value))
    except ValueError:
        raise _refusal(name, value, allowed) from None
    # At either end of the calendar there are no days left to reckon with.
    if found.year not in YEARS:
        raise _refusal(name, value, allowed)
    return found


def new_file(options: dict[str, Any], name: str) -> Path:
    """The option ``name`` as a file that can be written, or a ``CommandError``."""
    path = Path(options[name])
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise _refusal(name, path, "a file in a directory that is there and can be written to")
    return path


def _refusal(name: str, value: object, allowed: str) -> CommandError:
    return CommandError(f"--{name.replace('_', '-')} {str(value)!r}: use {allowed}.")
