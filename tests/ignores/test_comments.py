"""Ignores in comments: which lines they count for, and what is wrong with one."""

from __future__ import annotations

import pytest

from nplusone_guard.ignores.comments import comment_for

SOURCE = """\
a = one()  # nplusone: ignore[lazy-relation] legacy
b = two()  # nplusone: ignore[lazy-relation, query-in-loop] two of them
c = three()  # nplusone: ignore all of them
d = four()  # noqa: F821  # nplusone:ignore[write-in-loop]: see #123  # type: ignore
e = five(
    1,  # nplusone: ignore[query-in-loop] in the middle
    2,
)
f = (  # nplusone: ignore[query-in-loop] on the first line
    six()
    .seven()
)
g = (
    eight()
    .nine()
)  # nplusone: ignore[query-in-loop] on the last line
# nplusone: ignore[query-in-loop] above, on a line of its own
h = ten()
text = "# nplusone: ignore[query-in-loop] only a string"
for x in y:  # nplusone: ignore[query-in-loop] the loop
    z()
i = 1  # nplusone: ignored by nobody
"""

COMMENTS = [
    (1, {"lazy-relation"}, "legacy"),
    (2, {"lazy-relation", "query-in-loop"}, "two of them"),
    (3, None, "all of them"),
    (4, {"write-in-loop"}, "see #123"),
    (6, {"query-in-loop"}, "in the middle"),
    (9, {"query-in-loop"}, "on the first line"),
    (11, {"query-in-loop"}, "on the first line"),
    (13, {"query-in-loop"}, "on the last line"),
    (15, {"query-in-loop"}, "on the last line"),
    (16, {"query-in-loop"}, "on the last line"),
    (20, {"query-in-loop"}, "the loop"),
]
NO_COMMENT = [5, 7, 8, 17, 18, 19, 21, 22, 99]

BROKEN = [
    ("# nplusone: ignore", "has no reason, so it ignores nothing. Say why"),
    ("# nplusone: ignore[lazy-relation]", "has no reason, so it ignores nothing."),
    ("# nplusone: ignore[lazy-relations] old", "names 'lazy-relations', which is not a rule, so"),
    ("# nplusone: ignore[lazy-relations] old", 'Did you mean "lazy-relation"?'),
    ("# nplusone: ignore[] old", "names no rule between the brackets, so it ignores nothing."),
]


@pytest.mark.parametrize(("line", "rules", "reason"), COMMENTS)
def test_a_comment_counts_for_its_line_and_from_the_edges_of_its_statement(
    source, line, rules, reason
):
    comment = comment_for(source(SOURCE), line)
    assert comment.rules == rules
    assert comment.reason == reason
    assert comment.problem == ""


@pytest.mark.parametrize("line", NO_COMMENT)
def test_no_comment_counts_for_other_lines(source, line):
    assert comment_for(source(SOURCE), line) is None


@pytest.mark.parametrize(("text", "problem"), BROKEN)
def test_a_comment_that_is_wrong_ignores_nothing_and_says_why(source, text, problem):
    comment = comment_for(source(f"a()  {text}\n"), 1)
    assert problem in comment.problem
    assert not comment.covers("lazy-relation")


def test_a_changed_file_is_read_again(source):
    path = source("a()  # nplusone: ignore old\n")
    assert comment_for(path, 1).reason == "old"
    source("a()  # nplusone: ignore the new reason\n")
    assert comment_for(path, 1).reason == "the new reason"
    source("a()\n")
    assert comment_for(path, 1) is None


def test_a_file_is_read_once(source, monkeypatch):
    path = source("a()  # nplusone: ignore old\n")
    comment_for(path, 1)
    monkeypatch.setattr("linecache.getlines", None)
    assert comment_for(path, 1).reason == "old"


@pytest.mark.parametrize(
    "text",
    ["a()  # nplusone: ignore fine\nb = (\n", "a()  # nplusone: ignore fine\n  if:\n '"],
)
def test_what_comes_before_a_syntax_error_still_counts(source, text):
    assert comment_for(source(text), 1).reason == "fine"


@pytest.mark.parametrize("file", ["", "<string>", "/nowhere/at/all.py"])
def test_a_file_that_cannot_be_read_has_no_comments(file):
    assert comment_for(file, 1) is None
