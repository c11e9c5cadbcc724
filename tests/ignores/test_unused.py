"""Ignores that suppressed nothing."""

from __future__ import annotations

from nplusone_guard.guard import watch
from nplusone_guard.ignores.blocks import ignore
from nplusone_guard.ignores.comments import comment_for
from nplusone_guard.ignores.matching import find_ignore
from nplusone_guard.ignores.unused import unused, unused_settings_ignores
from nplusone_guard.policy import IgnoreEntry, Policy, UnusedIgnore
from tests.ignores.places import site


def test_unused_comments_are_reported_once_each(source):
    path = source(
        "a()  # nplusone: ignore[lazy-relation] used\n"
        "b()  # nplusone: ignore[lazy-relation] not used\n"
        "c()  # nplusone: ignore[lazy-relation]\n"
        "d()\n"
    )
    reached = [site(path, line) for line in (1, 2, 2, 3, 4)]
    idle, broken = unused(reached, [], {comment_for(path, 1)})
    assert idle == UnusedIgnore(
        f"{path}:2",
        "# nplusone: ignore[lazy-relation] not used",
        "suppressed nothing here; remove it.",
    )
    assert (broken.where, broken.text) == (f"{path}:3", "# nplusone: ignore[lazy-relation]")
    assert broken.reason.startswith("has no reason, so it ignores nothing.")


def test_idle_blocks_are_reported_once_each():
    with watch() as recording:
        for _ in range(2):
            with ignore("write-in-loop", path="a.py", reason="idle") as idle:
                pass
    (found,) = recording.report.unused_ignores
    assert found == UnusedIgnore(
        idle.where,
        "ignore(rule='write-in-loop', path='a.py', reason='idle')",
        "suppressed nothing here; remove it.",
    )
    assert idle.where.startswith(f"{__file__}:")


def test_entries_of_the_settings_are_counted_over_the_whole_process():
    policy = Policy(
        ignores=(IgnoreEntry("a", rule="lazy-relation"), IgnoreEntry("b", finding="abc"))
    )
    find_ignore("lazy-relation", site(), None, "", (), (), policy)
    (found,) = unused_settings_ignores(policy)
    assert (found.where, found.text) == ("settings", "id='abc', reason='b'")
