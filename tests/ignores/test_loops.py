"""Ignores on real loops: those they suppress, and those they leave."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from nplusone_guard.guard import watch
from nplusone_guard.ignores.blocks import ignore
from nplusone_guard.policy import IgnoreEntry, Policy

USERS = range(3)


def look_up():
    for pk in USERS:
        User.objects.filter(pk=pk).count()


def look_up_with_a_comment():
    for pk in USERS:
        User.objects.filter(pk=pk).count()  # nplusone: ignore[query-in-loop] three at most


def look_up_with_a_comment_on_the_loop():
    for pk in USERS:  # nplusone: ignore[query-in-loop, write-in-loop] three at most
        User.objects.filter(
            pk=pk,
        ).count()


def look_up_with_a_comment_for_another_rule():
    for pk in USERS:
        User.objects.filter(pk=pk).count()  # nplusone: ignore[lazy-relation] three at most


def look_up_in_blocks():
    for pk in USERS:
        with ignore("query-in-loop", reason="three at most"):
            User.objects.filter(pk=pk).count()


@ignore(path="*ignores/test_loops.py", reason="three at most")
def look_up_decorated():
    look_up()


def details(report):
    return [one.detail for one in report.cleared if one.reason == "ignored"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("run", "detail"),
    [
        (look_up_with_a_comment, "comment: three at most"),
        (look_up_with_a_comment_on_the_loop, "comment: three at most"),
        (look_up_in_blocks, "ignore(): three at most"),
        (look_up_decorated, "ignore(): three at most"),
    ],
)
def test_an_ignored_loop_is_cleared_with_the_reason(run, detail):
    with watch() as report:
        run()
    assert (list(report), details(report), report.unused_ignores) == ([], [detail], ())


@pytest.mark.django_db
def test_entries_of_a_policy_ignore_loops():
    with watch() as found:
        look_up()
    for criterion in ({"finding": found[0].id}, {"path": "*/test_loops.py"}):
        policy = Policy(ignores=(IgnoreEntry("three at most", **criterion),))
        with watch(policy=policy) as report:
            look_up()
        assert (list(report), details(report)) == ([], ["settings: three at most"])


@pytest.mark.django_db
def test_an_ignore_for_another_rule_suppresses_nothing_and_is_reported():
    with watch() as report, ignore("lazy-relation", reason="idle"):
        look_up_with_a_comment_for_another_rule()
    assert [finding.rule for finding in report] == ["query-in-loop"]
    assert [one.text for one in report.unused_ignores] == [
        "# nplusone: ignore[lazy-relation] three at most",
        "ignore(rule='lazy-relation', reason='idle')",
    ]


@pytest.mark.django_db
def test_a_block_around_a_unit_that_needs_it_is_not_unused():
    with watch("test") as report:
        with ignore("query-in-loop", reason="three at most"), watch("GET /", kind="request"):
            look_up()
        with watch("GET /", kind="request"):
            look_up_in_blocks()
    assert (list(report), report.unused_ignores) == ([], ())
