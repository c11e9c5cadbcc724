"""What an ignore may say, and what is wrong with one that says anything else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nplusone_guard.ignores.field_names import is_slip, missing
from nplusone_guard.policy import RULES
from nplusone_guard.spelling import closest

_FIELD: Final = re.compile(r"\w+\.\w+\.(\w+|\*)")


def entry_faults(given: Mapping[str, object]) -> list[tuple[str, str]]:
    """What is wrong with a targeted ignore: pairs of a fault and what to do about it.

    ``given`` holds ``reason`` and the criteria by their names in ``IgnoreEntry``.
    """
    return [
        fault
        for name, value in given.items()
        if value is not None and name != "reason"
        for fault in _criterion_faults(name, value)
    ] + reason_faults(given.get("reason"))


def reason_faults(reason: object) -> list[tuple[str, str]]:
    """An ignore without a reason is worth nothing to whoever meets it next year."""
    if isinstance(reason, str) and reason.strip():
        return []
    return [("has no reason", "Say why these queries may stay.")]


def slip_faults(field: str, test_file: Path | None = None) -> list[tuple[str, str]]:
    """A field is one that some model has; what other settings may have passes.

    ``test_file`` may define models of its own.
    """
    found = missing(field)
    if found is None or not is_slip(found, test_file):
        return []
    return [(f"names {field!r}, but {found.text}", found.hint)]


def rule_faults(rule: object) -> list[tuple[str, str]]:
    """A rule is named by its slug."""
    if isinstance(rule, str) and rule in RULES:
        return []
    return [(f"names {rule!r}, which is not a rule", closest(rule, RULES))]


def _criterion_faults(name: str, value: object) -> list[tuple[str, str]]:
    if name == "rule":
        return rule_faults(value)
    if not isinstance(value, str) or not value.strip():
        return [(f"has {value!r} for {name}", "Allowed: a string that is not empty.")]
    if name == "field" and not _FIELD.fullmatch(value):
        hint = 'Allowed: "app.Model.field" or "app.Model.*".'
        return [(f"has {value!r} for field", hint)]
    return []
