"""Queries per test: above the record plus the allowance fails, fewer never does."""

from __future__ import annotations

import textwrap
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nplusone_guard import budget_file
from nplusone_guard.budget_file import Allowance, Exceeded, compare, dumps, loads, update
from nplusone_guard.exceptions import ConfigError

COUNTS = st.dictionaries(st.text(), st.integers(0, 10**6), max_size=5)
RECORD = {"gone": 1, "less": 9, "more": 9, "same": 9}
NOW = {"less": 3, "more": 12, "new": 5, "same": 9}


# --- allowances -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "recorded", "limit"),
    [
        ("+2", 10, 12),
        ("2", 10, 12),
        ("0", 10, 10),
        ("+10%", 10, 11),
        ("+10%", 9, 9),
        ("10%", 29, 31),
        (" +2.5% ", 40, 41),
        ("+2.5%", 39, 39),
        ("+100%", 0, 0),
        # 1.1 * 10 is more than 11 in binary fractions.
        ("+14%", 50, 57),
        ("+29%", 100, 129),
    ],
)
def test_an_allowance_is_queries_or_a_share(text, recorded, limit):
    assert budget_file.parse_allowance(text).limit(recorded) == limit


@pytest.mark.parametrize("text", ["", "-1", "+-2", "ten", "+2.5", "10 %", "%", "1e3", "+٣", "+2+3"])
def test_what_is_no_allowance_is_refused(text):
    with pytest.raises(ConfigError, match=r"^--nplusone-allow is .*; allowed: queries as in"):
        budget_file.parse_allowance(text, "--nplusone-allow")


def test_an_unknown_allowance_names_value_and_what_is_allowed():
    with pytest.raises(ConfigError) as caught:
        budget_file.parse_allowance("ten", "--nplusone-allow")
    assert str(caught.value) == (
        '--nplusone-allow is "ten"; allowed: queries as in "+2", or a share as in "+10%"'
    )


@given(st.integers(0, 10**6), st.integers(0, 500))
def test_a_share_is_exact(recorded, percent):
    limit = budget_file.parse_allowance(f"+{percent}%").limit(recorded)
    assert limit * 100 <= recorded * (100 + percent) < (limit + 1) * 100


# --- comparing ------------------------------------------------------------------------------


def test_only_more_than_allowed_fails():
    outcome = compare(RECORD, NOW, complete=True)
    assert outcome.exceeded == (Exceeded("more", count=12, recorded=9, limit=9),)
    assert (outcome.new, outcome.lower, outcome.stale) == (("new",), ("less",), ("gone",))
    assert compare(RECORD, NOW, Allowance(queries=3), complete=True).exceeded == ()
    assert compare(RECORD, NOW, Allowance(share=Fraction(1, 3)), complete=True).exceeded == ()


def test_after_a_partial_run_nothing_is_stale():
    assert compare(RECORD, NOW, complete=False).stale == ()


# --- updating -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "complete", "updated"),
    [
        ("all", True, NOW),
        ("all", False, {"gone": 1, **NOW}),
        ("new-only", True, {"gone": 1, "less": 9, "more": 9, "new": 5, "same": 9}),
        ("prune", True, {"less": 3, "more": 9, "same": 9}),
        ("prune", False, {"gone": 1, "less": 3, "more": 9, "same": 9}),
    ],
)
def test_an_update_follows_its_mode(mode, complete, updated):
    assert update(RECORD, NOW, mode, complete=complete) == updated


@given(COUNTS, COUNTS)
def test_pruning_never_raises_a_record(recorded, counts):
    tight = update(recorded, counts, "prune", complete=True)
    assert all(count <= recorded[test] for test, count in tight.items())


@given(COUNTS, COUNTS)
def test_after_an_update_nothing_is_exceeded(recorded, counts):
    updated = update(recorded, counts, "all", complete=True)
    assert compare(updated, counts, complete=True) == budget_file.Comparison()


# --- the file -------------------------------------------------------------------------------


def test_the_file_has_one_test_a_line_sorted():
    assert dumps({"b.py::test": 3, "a.py::test[é]": 12}) == textwrap.dedent("""\
        {
          "schema_version": 1,
          "queries": {
            "a.py::test[\\u00e9]": 12,
            "b.py::test": 3
          }
        }
    """)
    assert dumps({}) == '{\n  "schema_version": 1,\n  "queries": {}\n}\n'


@given(COUNTS)
def test_a_record_survives_the_round_trip(recorded):
    assert loads(dumps(recorded)) == recorded
    assert dumps(loads(dumps(recorded))) == dumps(recorded)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"schema_version": 1, "queries": {"a/b::t": -1}}',
            "/queries/a~1b::t is -1; allowed: a number of queries, 0 or more",
        ),
        (
            '{"schema_version": 1, "queries": {"t": true}}',
            "/queries/t is true; allowed: a number of queries, 0 or more",
        ),
        ('{"schema_version": 1, "queries": []}', "/queries is []; allowed: an object"),
        (
            '{"schema_version": 1, "queries": {"a::t": 1, "a::t": 2}}',
            'the key "a::t" stands twice; allowed: once in an object',
        ),
        ('{"schema_version": 1}', "/queries is missing; allowed: an object"),
        (
            '{"schema_version": 1, "queries": {}, "test": 5}',
            "/test is not a key; allowed: schema_version, queries",
        ),
        (
            '{"schema_version": 2, "findings": []}',
            "the document is a baseline; allowed: budgets of tests",
        ),
        (
            '{"schema_version": 3}',
            (
                "/schema_version is 3, but this release of nplusone-guard reads version 1; "
                "read it with a newer release"
            ),
        ),
        ("{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 "),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "budgets.json").write_text(text)
    with pytest.raises(ConfigError) as caught:
        budget_file.load("budgets.json")
    assert str(caught.value).startswith(f"budgets.json: {message}")


def test_saved_is_loaded(tmp_path):
    budget_file.save(tmp_path / "a.json", NOW)
    assert budget_file.load(tmp_path / "a.json") == NOW
