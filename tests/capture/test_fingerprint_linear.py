"""The time to read a text grows with its length and with nothing else."""

from __future__ import annotations

import sys
from time import process_time

import pytest

from nplusone_guard.capture.fingerprint import MAX_TEXT, fingerprint

#: What begins a string, a name, a comment, a number …, and does not end it.
LEXICAL = [
    "'", "''", "'a", "E'", "'\\", '"', '""', '"a', '"a".', '"a", ', "`", "[", "[a", "\\",
    "/*", "/* ", "*/", "/*/", "--", "-- ", "#", "/*!", "/*! */", "$$", "$a$", "$a$ $b$ ",
    "q'", "q'[", ":", "::", ": :", "::a", "a::b ", ".", ". ", "a . ", "a.", "%", "%(", "%(a",
    "1", "1.", "1e", "0x", "1_", "(?, ", "(%s, (", "(1, ", " ", "\n", "\x00", "é",
]  # fmt: skip
#: What opens a level, or folds, over and over.
GRAMMATICAL = [
    "(", ")", "((", "(a OR ", "-", "- ", "+1", "a=1 OR ", "a=1 OR b=1 OR ", "AND (a) ", "IN (",
    "IN (1,", "VALUES (", "VALUES (1),", "(1),", "CASE ", "CASE WHEN ", "WHEN a THEN ", "END ",
    "SELECT ", "FROM ", "FROM a,", "UNION ", "UNION SELECT 1 ", "LIMIT ", "WITH a AS (",
    "ARRAY[", "ANY(ARRAY[", "[(", "[ )", "f(", "NOT (", "EXISTS (", ";", "a;", ",", "a,",
    "SAVEPOINT ", "FETCH ", "DECLARE a ", "(/**/", "a/**/", "/**/)", "(a)", "(a) ",
    "WHERE (a) ", "(? /**/, ", "OR ", "a OR ",
]  # fmt: skip
CASES = [
    *[(vendor, unit) for vendor in ("sqlite", "postgresql", "mysql", "oracle") for unit in LEXICAL],
    *[("postgresql", unit) for unit in GRAMMATICAL],
]
SHORT = 1_024


def seconds(sql: str, vendor: str) -> float:
    best = float("inf")
    for _ in range(3):
        start = process_time()
        fingerprint(sql, vendor)
        best = min(best, process_time() - start)
    return best


@pytest.mark.parametrize(("vendor", "unit"), CASES)
def test_sixteen_times_the_text_is_nothing_like_its_square(vendor: str, unit: str):
    """The square would be 256 times as long; the bound leaves room for a busy machine."""
    start = "SELECT a FROM t WHERE "
    short = seconds(start + unit * (SHORT // len(unit)), vendor)
    long = seconds(start + unit * (16 * SHORT // len(unit)), vendor)
    assert long < 120 * max(short, 5e-5)


def calls(sql: str) -> int:
    """The functions called to read ``sql``: exact, on any machine."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(profile)
    try:
        fingerprint(sql, "postgresql")
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "unit",
    [
        "(",
        "(a OR ",
        "a=1 OR ",
        "VALUES (1),",
        "CASE WHEN a THEN ",
        "UNION SELECT 1 ",
        "[ )",
        "a . ",
    ],
)
def test_twice_the_text_is_twice_the_calls(unit: str):
    short, long = calls(unit * 500), calls(unit * 1_000)
    assert long < 2.2 * short


def test_a_text_of_any_length_costs_no_more_than_its_beginning():
    beginning = "SELECT a FROM t WHERE b IN (" + "'x', " * 10_000
    assert calls(beginning * 50) == calls(beginning[:MAX_TEXT] + " ")
