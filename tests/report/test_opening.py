"""How the text of a failure begins: each line has its room, and breaks where people would."""

from __future__ import annotations

import pytest

from nplusone_guard.report.columns import columns
from nplusone_guard.report.opening import NAME, opening

COUNTS = ("3 queries at 2", "5 at 4")
STATED = ("+1.0 per entry", "at most +0.5 allowed")


def test_a_failure_that_is_raised_is_known_by_its_public_name():
    assert NAME == "nplusone_guard.MaxQueriesExceeded: "


@pytest.mark.parametrize(
    ("sentences", "width", "before", "lines"),
    [
        ([COUNTS], 80, NAME, ["3 queries at 2, 5 at 4"]),
        ([COUNTS, ("",)], 80, NAME, ["3 queries at 2, 5 at 4"]),
        ([COUNTS, ("the list",)], 80, NAME, ["3 queries at 2, 5 at 4: the list"]),
        # One line, to the last column of it.
        ([("five",), ("words",)], 11, "", ["five: words"]),
        ([("five",), ("words",)], 10, "", ["five:", "   words"]),
        ([("five",), ("words",)], 11, ">", ["five:", "   words"]),
        (
            [COUNTS, STATED, ("the list",)],
            72,
            NAME,
            [
                "3 queries at 2, 5 at 4:",
                "   +1.0 per entry, at most +0.5 allowed:",
                "   the list",
            ],
        ),
        # A clause stays whole where it can.
        (
            [("1,200 queries to default", "at most 5 allowed")],
            60,
            NAME,
            [
                "1,200 queries to default,",
                "   at most 5 allowed",
            ],
        ),
        (
            [("2 queries", "none allowed"), ("a page that lists all there is",)],
            27,
            "",
            ["2 queries, none allowed:", "   a page that lists all", "   there is"],
        ),
        (
            [("12 queries to default, replica", "none allowed")],
            24,
            "",
            ["12 queries to", "   default, replica,", "   none allowed"],
        ),
        # What is wide, white space, and what a terminal would obey.
        ([("2",), ("読書読書",)], 10, "", ["2:", "   読書読", "   書"]),
        ([("2",), ("the\n  list\x1b[0m",)], 60, "", ["2: the list\\x1b[0m"]),
    ],
)
def test_what_does_not_fit_on_one_line_is_broken(sentences, width, before, lines):
    assert opening(sentences, width, before) == lines
    assert all(columns(line) <= width for line in (before + lines[0], *lines[1:]))
