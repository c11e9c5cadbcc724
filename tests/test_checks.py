"""System checks: every problem of the settings, with its id and what to do about it."""

from __future__ import annotations

import pytest
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from nplusone_guard.policy import RULES

OURS = "nplusone_guard.middleware.GuardMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"


def found(**kwargs):
    messages = checks.run_checks(tags=["nplusone_guard"], **kwargs)
    return [(message.id.removeprefix("nplusone_guard."), message.hint) for message in messages]


def test_nothing_to_say_without_settings():
    assert found() == []


@override_settings(NPLUSONE_GUARD={"MODE": "x", "TRESHOLD": 2, "SELECT": ["nope"], "IGNORE": [{}]})
def test_every_problem_is_one_error():
    assert found() == [
        ("E003", 'Allowed: "off", "log", "warn", "raise".'),
        ("E002", 'Did you mean "THRESHOLD"?'),
        (
            "E004",
            f"Known: {', '.join(RULES)}.",
        ),
        ("E005", "Say why these queries may stay."),
        ("E005", "Allowed: at least one of rule, path, field, id."),
    ]


@override_settings(NPLUSONE_GUARD={"TRESHOLD": 2})
def test_manage_py_check_shows_them():
    with pytest.raises(SystemCheckError) as raised:
        call_command("check")
    text = "(nplusone_guard.E002) NPLUSONE_GUARD has an unknown key 'TRESHOLD'.\n"
    assert text + '\tHINT: Did you mean "THRESHOLD"?' in str(raised.value)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("corpus.Entry.auhtor", [("W005", 'Did you mean "author"?')]),
        ("corpus.Entry.author", []),
        ("corpsu.Entry.author", []),  # an app that other settings may install
    ],
)
def test_a_field_that_is_misspelt_ignores_nothing(settings, field, expected):
    settings.NPLUSONE_GUARD = {"IGNORE": ["write-in-loop", {"field": field, "reason": "x"}]}
    assert found() == expected


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        ([], []),
        ([SESSIONS], []),
        ([OURS, SESSIONS], []),
        ([SECURITY, OURS, SESSIONS], []),
        ([SECURITY, SESSIONS, OURS], ["W001"]),
        ([OURS, SECURITY, OURS], ["W002"]),
    ],
)
def test_the_middleware_comes_before_those_that_query(middleware, expected):
    with override_settings(MIDDLEWARE=middleware):
        assert [code for code, _ in found()] == expected


@override_settings(MIDDLEWARE=[SESSIONS, OURS])
def test_the_warning_names_who_is_in_front():
    (message,) = checks.run_checks(tags=["nplusone_guard"])
    assert message.msg == (
        f"GuardMiddleware does not see the queries of {SESSIONS}, which comes before it."
    )
    assert message.hint == f'Move "{OURS}" above it in MIDDLEWARE, best to the top.'


@override_settings(MIDDLEWARE=[OURS], NPLUSONE_GUARD={"MODE": "raise"})
def test_raising_at_users_is_warned_about_before_a_deployment_alone():
    assert found() == []
    assert [code for code, _ in found(include_deployment_checks=True)] == ["W003"]


@override_settings(MIDDLEWARE=[OURS], NPLUSONE_GUARD={"MODE": "log"})
def test_logging_in_production_is_fine():
    assert found(include_deployment_checks=True) == []
