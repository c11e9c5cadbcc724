"""A loop whose statements not every test has seen is told once; two loops never are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nplusone_guard.report import github, markdown, summary
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.once import told_once
from tests.report.factory import finding, report, site, statement

FIRST = statement(3, "SELECT first", fingerprint="SELECT 1", site=site(61), id="aaaaaaaaaaaa")
SECOND = statement(3, "SELECT second", fingerprint="SELECT 2", site=site(62), id="bbbbbbbbbbbb")
BOTH = finding("query-in-loop", FIRST, SECOND, id="aaaaaaaaaaaa")
REST = finding("query-in-loop", SECOND, id="bbbbbbbbbbbb")


def seen(*findings):
    """Each of them by a test of its own."""
    return session_of(
        *(report(each, name=f"test_{at}", kind="test") for at, each in enumerate(findings))
    )


@pytest.mark.parametrize("findings", [(BOTH, REST), (REST, BOTH)])
def test_the_lesser_finding_is_told_with_the_greater(findings):
    session = seen(*findings)
    (told,) = told_once(session)
    assert told.finding == BOTH
    assert told.scopes == ("test_0", "test_1")
    assert told.count == 9
    assert told_once(session).saves == session.saves
    assert len(session) == 2  # as data, in baselines and files, both stay
    text = summary.render(session)
    assert text.startswith("2 tests: 44 queries in 42.8 ms, 1 query loop, ")
    assert "tests   test_0, test_1" in text
    for render in (markdown.render, github.render):
        assert render(session, "/srv").count("bbbbbbbbbbbb") == 0
        assert render(session, "/srv").count("aaaaaaaaaaaa") == 1


OTHER = statement(3, "SELECT third", fingerprint="SELECT 3", site=site(63), id="cccccccccccc")


def at(kind: str, line: int = 60):
    return site(line, "for tenant in tenants:", kind=kind)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # Comprehensions and tags may share their line.
        (replace(BOTH, loop=at("comprehension")), replace(REST, loop=at("comprehension"))),
        (replace(BOTH, loop=at("template")), replace(REST, loop=at("template"))),
        (replace(BOTH, loop=None), replace(REST, loop=None)),
        (BOTH, replace(REST, loop=at("for", 80))),
        (BOTH, replace(REST, rule="lazy-relation")),
        (BOTH, replace(REST, also_at=(site(81),))),
        # A fix of the one would not be told with the other.
        (BOTH, finding("query-in-loop", SECOND, OTHER, id="bbbbbbbbbbbb")),
        (BOTH, finding("query-in-loop", OTHER, id="cccccccccccc")),
        (
            BOTH,
            finding("query-in-loop", replace(SECOND, database="replica"), id="bbbbbbbbbbbb"),
        ),
    ],
)
def test_what_may_be_another_loop_or_fix_is_told_apart(one, other):
    session = seen(one, other)
    assert told_once(session) == session
    assert len(told_once(session)) == 2


def test_what_one_test_tells_apart_is_told_apart():
    session = session_of(report(BOTH, REST, name="test_0", kind="test"))
    assert len(told_once(session)) == 2
