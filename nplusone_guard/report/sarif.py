"""A session as SARIF 2.1.0, which code scanning of GitHub, GitLab, Azure and editors read.

References are to the OASIS standard "Static Analysis Results Interchange Format (SARIF)
Version 2.1.0".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from typing import Any, Final
from urllib.parse import quote

from nplusone_guard import policy
from nplusone_guard.analysis.findings import Finding, Option
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.report import columns, places, records
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.model import Report
from nplusone_guard.report.rules import RULES
from nplusone_guard.report.session import SessionFinding, SessionReport

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
#: Stands for the repository, wherever it is checked out.
ROOT: Final = "%SRCROOT%"
#: Names what identifies a result; the version grows with how a finding's id is made.
FINGERPRINT: Final = "nplusoneGuard/v2"
FORMER_FINGERPRINT: Final = "nplusoneGuard/v1"
#: Scopes that a result names.
MAX_SCOPES: Final = 20

_INDEX = {rule: index for index, rule in enumerate(RULES)}


def render(source: Report | SessionReport, base_dir: str) -> str:
    """SARIF text; files below ``base_dir`` are named relative to it."""
    session = session_of(source)
    run = {
        "tool": {"driver": _driver()},
        "invocations": [_invocation(session)],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(entry, base_dir) for entry in session],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _driver() -> dict[str, Any]:
    driver: dict[str, Any] = {"name": "nplusone-guard"}
    with suppress(metadata.PackageNotFoundError):  # Run from a folder that was not installed.
        driver["semanticVersion"] = metadata.version("nplusone-guard")
    return driver | {"rules": [_rule(rule) for rule in RULES]}


def _rule(rule: str) -> dict[str, Any]:
    about = RULES[rule]
    return {
        "id": rule,
        "name": "".join(word.capitalize() for word in rule.split("-")),
        "shortDescription": {"text": f"{about.title}."},
        "fullDescription": {"text": about.help},
        "help": {"text": about.help, "markdown": about.help},
        "defaultConfiguration": {"level": policy.RULES[rule]},
        "properties": {"tags": ["performance", "database", "django"]},
    }


def _invocation(session: SessionReport) -> dict[str, Any]:
    errors = [
        {"level": "error", "message": {"text": _text(error)}} for error in session.internal_errors
    ]
    return {"executionSuccessful": True, "toolExecutionNotifications": errors}


def _result(entry: SessionFinding, base_dir: str) -> dict[str, Any]:
    finding = entry.finding
    main = places.primary(finding, base_dir)
    others = list(places.related(finding, main))
    return {
        "ruleId": _plain(finding.rule),
        **_rule_index(finding.rule),
        "level": finding.severity,
        "message": {"text": _message(finding, [what for _, what in others])},
        "locations": [_location(main, base_dir)],
        "relatedLocations": [
            {"id": number, **_location(site, base_dir), "message": {"text": _text(what)}}
            for number, (site, what) in enumerate(others, start=1)
        ],
        "partialFingerprints": _fingerprints(finding),
        "occurrenceCount": max(len(entry.sightings), 1),
        "properties": _properties(entry, base_dir),
    }


def _fingerprints(finding: Finding) -> dict[str, str]:
    """The id, and for results of earlier releases what they called it."""
    named = {FINGERPRINT: _plain(finding.id)}
    if finding.former_ids:
        named[FORMER_FINGERPRINT] = _plain(finding.former_ids[0])
    return named


def _rule_index(rule: str) -> Mapping[str, int]:
    return {"ruleIndex": _INDEX[rule]} if rule in _INDEX else {}


def _message(finding: Finding, others: Sequence[str]) -> str:
    """The finding and its fix; links to the other lines, which viewers show no other way."""
    fix = f" Fix: {finding.advice.text}." if finding.advice.text else ""
    links = [f"[{_text(what)}]({number})" for number, what in enumerate(others, start=1)]
    see = f" See {', '.join(links)}." if links else ""
    return _text(f"{finding.summary}.{fix}") + see


def _properties(entry: SessionFinding, base_dir: str) -> dict[str, Any]:
    return {
        "queries": entry.count,
        "avoidable": entry.saves,
        "reachedBy": [_plain(scope) for scope in entry.scopes[:MAX_SCOPES]],
        "advice": [_option(option, base_dir) for option in entry.finding.advice.options],
    }


def _option(option: Option, base_dir: str) -> dict[str, Any]:
    """One way out, with the file named as in locations."""
    below = places.relative(option.file, base_dir)
    named = replace(option, file=below if below is not None else option.file, steps=())
    told = records.plain(named)
    shown = {
        key: _plain(value) if isinstance(value, str) else value
        for key, value in told.items()
        if key not in {"steps", "imports"}
    }
    # What is written before a loop may be several lines.
    return shown | {"expression": "\n".join(map(_plain, option.expression.split("\n")))}


def _location(site: Site, base_dir: str) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": _artifact(site, base_dir),
            "region": _region(site),
        }
    }
    if site.function:
        location["logicalLocations"] = [{"fullyQualifiedName": _plain(site.function)}]
    return location


def _artifact(site: Site, base_dir: str) -> dict[str, str]:
    below = places.relative(site.file, base_dir)
    if below is not None:
        return {"uri": _quoted(below), "uriBaseId": ROOT}
    path = site.file.replace("\\", "/").lstrip("/")
    return {"uri": f"file:///{_quoted(path)}"}


def _quoted(path: str) -> str:
    try:
        return quote(path.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # A half of a character, which no file name on disk has.
        return quote(path.encode("utf-8", "backslashreplace"))


def _region(site: Site) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": max(site.line, 1)}
    return region | ({"snippet": {"text": _plain(site.source)}} if site.source else {})


def _plain(text: str) -> str:
    return columns.clean(text)


def _text(text: str) -> str:
    r"""``text`` in a message, where ``{0}`` and ``[text](1)`` would be read (§3.11.5, §3.11.6)."""
    for char, escaped in (("\\", "\\\\"), ("[", "\\["), ("]", "\\]"), ("{", "{{"), ("}", "}}")):
        text = text.replace(char, escaped)
    return columns.clean(text)
