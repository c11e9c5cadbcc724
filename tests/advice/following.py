"""Modules as users write them, run as they stand and then as their advice says."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from nplusone_guard.analysis.findings import Step
from nplusone_guard.guard import watch
from tests.advice.applying import plain
from tests.advice.editing import edited
from tests.corpus.data import populate

#: As many findings of one module are seen to, one after the other.
ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Shown:
    """What a run of a module returned or raised, what it left behind, and what it asked."""

    result: Any
    stored: dict[str, list[str]]
    queries: int
    findings: tuple[Any, ...]


def load(folder: Path, name: str, source: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``source`` as a module of its own file."""
    monkeypatch.syspath_prepend(str(folder))
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    importlib.invalidate_caches()
    return importlib.import_module(name)


def shown(module: ModuleType, size: int) -> Shown:
    """What ``run()`` of a module does to data of a size; the data is gone afterwards."""
    with transaction.atomic():
        populate(size)
        before = _rows()
        try:
            with transaction.atomic(), watch("run") as recording:
                result = plain(module.run())
        except Exception as error:
            result = f"{type(error).__name__}: {error}"
        stored = _told(before, _rows())
        transaction.set_rollback(True)
    report = recording.report
    return Shown(result, stored, report.query_count, report.findings)


def _rows() -> dict[str, dict[Any, dict[str, Any]]]:
    return {
        model._meta.label: {row[model._meta.pk.attname]: row for row in model.objects.values()}
        for model in apps.get_app_config("corpus").get_models(include_auto_created=True)
    }


def _told(before: Any, after: Any) -> dict[str, list[str]]:
    """All rows; those that are new without their key."""
    return {
        table: sorted(
            repr(sorted((k, v) for k, v in row.items() if key in before[table] or v != key))
            for key, row in rows.items()
        )
        for table, rows in after.items()
    }


def followed(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    source: str,
    size: int = 3,
    rounds: int = ROUNDS,
) -> tuple[Shown, Shown | None]:
    """A module as it stands, and with all its advice followed; ``None`` where none has edits."""
    with transaction.atomic():
        populate(size)  # the first time makes keys, which later ones repeat
        transaction.set_rollback(True)
    first = last = shown(load(folder, f"{name}_0", source, monkeypatch), size)
    for number in range(1, rounds + 1):
        options = [one for finding in last.findings for one in finding.advice.options if one.steps]
        if not options:
            return first, last if number > 1 else None
        source = edited(source, options[0].steps, options[0].imports)
        last = shown(load(folder, f"{name}_{number}", source, monkeypatch), size)
    return first, last


def said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str, size: int = 3
) -> tuple[Shown, Shown | None]:
    """A module as it stands, and changed as the sentence of its first finding says.

    ``None`` where that puts nothing before a loop.
    """
    before, _ = followed(folder, monkeypatch, f"{name}_before", source, size, rounds=0)
    advice = before.findings[0].advice
    option = advice.options[0] if advice.options else None
    if option is None or f"before the loop at {name}_before_0.py:{option.line}" not in advice.text:
        return before, None
    changed = edited(source, _in_words(option, advice.text), option.imports)
    return before, shown(load(folder, f"{name}_after", changed, monkeypatch), size)


def _in_words(option: Any, text: str) -> list[Step]:
    """The edits of an option as its sentence tells them: what it says to write, and no more."""
    over = re.search(r", (?:and )?loop over (\w+)", text)
    inserted = [one for one in option.steps if one.action == "insert-before"]
    named = {one.new.partition(" = ")[0] for one in inserted} - {over[1] if over else ""}
    told = Step("insert-before", option.file, option.line, "", option.expression)
    kept = [one for one in option.steps if one not in inserted and one.new not in named]
    return [told, *kept]
