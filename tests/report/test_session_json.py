"""A session as JSON and back, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from nplusone_guard.exceptions import ConfigError
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.session import SessionReport
from tests.report.factory import (
    wellness,
)
from tests.report.strategies import SESSIONS


@settings(max_examples=15)
@given(SESSIONS)
def test_a_session_survives_the_round_trip(session):
    text = session.to_json()
    assert SessionReport.from_json(text) == session
    assert SessionReport.from_json(text).to_json() == text


def test_the_version_and_the_kind_come_first():
    document = json.loads(session_of(wellness()).to_json())
    assert list(document) == [
        "schema_version",
        "kind",
        "scopes",
        "findings",
        "cleared",
        "unused_ignores",
        "internal_errors",
        "eager_loads",
        "coverage",
        "suite",
    ]
    assert (document["schema_version"], document["kind"]) == (1, "session")


def test_a_single_report_is_a_session_of_one_scope():
    assert SessionReport.from_json(wellness().to_json()) == session_of(wellness())


def changed(key, value):
    return json.dumps(json.loads(session_of(wellness()).to_json()) | {key: value})


NEWER = (
    "/schema_version is 2, but this release of nplusone-guard reads version 1; "
    "read it with a newer release"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (changed("scopes", [{"name": "a"}]), "/scopes/0/kind is missing; allowed: a string"),
        (changed("findings", [{"finding": 1}]), "/findings/0/finding is 1; allowed: an object"),
        (changed("schema_version", 0), "/schema_version is 0; allowed: 1"),
        (changed("kind", 7), "/name is missing; allowed: a string"),
        (changed("schema_version", 2), NEWER),
        ("[]", "the document is []; allowed: an object"),
        ("<", "not JSON: Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_what_is_no_session_is_refused(text, message):
    with pytest.raises(ConfigError) as caught:
        SessionReport.from_json(text)
    assert str(caught.value) == f"session JSON: {message}"


def test_keys_that_a_later_release_adds_are_passed_over():
    assert SessionReport.from_json(changed("color", "red")) == session_of(wellness())
