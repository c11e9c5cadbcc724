"""Scopes in which nothing was sent twice are spared the judge, and no others."""

from __future__ import annotations

import pytest
from django.db import connection

from nplusone_guard import ignore
from nplusone_guard.analysis import judge
from nplusone_guard.guard import open_scope
from nplusone_guard.policy import Policy

pytestmark = pytest.mark.django_db


def ask(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def two_statements():
    ask("SELECT 1")
    ask("SELECT 2 AS two")


def a_loop():
    for _ in range(2):
        ask("SELECT 1")


def one_statement_on_two_lines():
    ask("SELECT 1")
    ask("SELECT 1")


def an_ignore_without_use():
    with ignore("query-in-loop", reason="there is none"):
        ask("SELECT 1")


@pytest.mark.parametrize(
    ("run", "details", "judged"),
    [
        (two_statements, False, False),
        (two_statements, True, True),
        (a_loop, False, True),
        (one_statement_on_two_lines, False, True),
        (an_ignore_without_use, False, True),
    ],
)
def test_a_scope_is_judged_where_there_is_something_to_say(monkeypatch, run, details, judged):
    seen = []

    class Judge(judge.Judge):
        def __init__(self, scope):
            seen.append(scope)
            super().__init__(scope)

    monkeypatch.setattr(judge, "Judge", Judge)
    recording = open_scope("scope", "block", Policy(details=details))
    run()
    report = recording.close()
    assert bool(seen) is judged
    assert len(report.findings) == (run is a_loop)
    assert len(report.unused_ignores) == (run is an_ignore_without_use)
