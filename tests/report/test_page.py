"""The page on the report shows what is there: real output, and every field."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest

from nplusone_guard import policy
from nplusone_guard.analysis import findings, verdicts
from nplusone_guard.report import model
from nplusone_guard.report.records import hints_of
from tests.report.factory import wellness

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "report.md").read_text()
RECORDS = {
    "Report": model.Report,
    "Finding": findings.Finding,
    "Statement": findings.Statement,
    "Site": verdicts.Site,
    "Origin": findings.Origin,
    "Advice": findings.Advice,
    "Option": findings.Option,
    "Step": findings.Step,
    "Cleared": verdicts.Cleared,
    "Shape": findings.Shape,
    "Timeline entry": model.TimelineEntry,
    "Unused ignore": policy.UnusedIgnore,
    "Eager load": findings.EagerLoad,
}


def test_the_output_on_the_page_is_real(monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {}
    printed, shown = [], []
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        if language == "python":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(code, names)
            printed += filter(None, [output.getvalue()])
        elif language == "text":
            shown.append(code)
    assert shown == printed
    assert len(shown) == 3


def test_the_example_is_the_wellness_report():
    example = (ROOT / "docs" / "report.example.json").read_text()
    assert example == wellness().to_json(indent=2) + "\n"


def rows(title: str) -> list[list[str]]:
    section = PAGE.split(f"### {title}\n", 1)[1].split("\n#", 1)[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in cells]


@pytest.mark.parametrize("title", RECORDS)
def test_every_field_is_on_the_page_with_its_type_and_default(title):
    kind = RECORDS[title]
    hints = hints_of(kind)
    assert [row[:3] for row in rows(title)] == [
        [f"`{field.name}`", shown_type(hints[field.name]), shown_default(field)]
        for field in dataclasses.fields(kind)
    ]


WORDS = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    Mapping: "object",
    Literal: "string",
}
#: What a list of records is called on the page.
PLURALS = {
    findings.Finding: "[findings](#finding)",
    verdicts.Cleared: "[cleared groups](#cleared)",
    findings.Shape: "[shapes](#shape)",
    findings.Statement: "[statements](#statement)",
    verdicts.Site: "[sites](#site)",
    policy.UnusedIgnore: "[ignores](#unused-ignore)",
    findings.Option: "[options](#option)",
    findings.Step: "[steps](#step)",
    findings.EagerLoad: "[eager loads](#eager-load)",
    model.TimelineEntry: "[entries](#timeline-entry)",
    str: "strings",
}


def shown_type(hint) -> str:
    if get_origin(hint) is tuple:
        return f"list of {PLURALS[get_args(hint)[0]]}"
    if isinstance(hint, types.UnionType):
        return f"{shown_type(get_args(hint)[0])} or null"
    if dataclasses.is_dataclass(hint):
        name = hint.__name__.lower()
        return f"[{name}](#{name})"
    return WORDS[get_origin(hint) or hint]


def shown_default(field: dataclasses.Field) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return "`{}`"
    if field.default is dataclasses.MISSING:
        return ""
    shown = {(): "[]", None: "null"}.get(field.default, str(field.default))
    return f'`"{shown}"`' if isinstance(field.default, str) else f"`{shown}`"
