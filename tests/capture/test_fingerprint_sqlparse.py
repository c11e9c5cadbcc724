"""Beside sqlparse: the same shapes where it is right, and where it is known to be wrong."""

from __future__ import annotations

import pytest
import sqlparse
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlparse import tokens as kinds

from nplusone_guard.capture.fingerprint import fingerprint
from tests.capture.statements import named, plain_names, statements

#: Vendors whose texts sqlparse reads as they do.
vendors = st.sampled_from(["sqlite", "postgresql", "other"])
simple_names = st.lists(
    plain_names.map(lambda name: ("quoted", name)), min_size=8, max_size=8, unique=True
)


def normalised(sql: str) -> str:
    """``sql`` with ``?`` for values and without comments, by sqlparse alone."""
    kept = []
    for token in sqlparse.parse(sql)[0].flatten():
        if token.ttype in kinds.Whitespace or token.ttype in kinds.Comment:
            continue
        value = token.ttype in kinds.Literal and token.ttype is not kinds.Literal.String.Symbol
        kept.append("?" if value or token.ttype in kinds.Name.Placeholder else token.value)
    return " ".join(kept)


@settings(deadline=None)
@given(statements, simple_names, vendors)
def test_reads_the_same_values_and_names(tokens, names, vendor):
    sql = " ".join(named(tokens, names, vendor))
    assert fingerprint(normalised(sql), vendor).text == fingerprint(sql, vendor).text


@settings(deadline=None)
@given(statements, simple_names, vendors)
def test_pretty_printing_does_not_matter(tokens, names, vendor):
    sql = " ".join(named(tokens, names, vendor))
    pretty = sqlparse.format(sql, reindent=True, keyword_case="lower")
    assert fingerprint(pretty, vendor).text == fingerprint(sql, vendor).text


@settings(deadline=None)
@given(statements, simple_names)
def test_finds_the_same_kind(tokens, names):
    sql = " ".join(named(tokens, names, "sqlite"))
    assert fingerprint(sql).kind.upper() == sqlparse.parse(sql)[0].get_type()


@settings(deadline=None)
@given(st.lists(statements, min_size=1, max_size=3), simple_names)
def test_splits_the_same_statements(several, names):
    texts = [" ".join(named(tokens, names, "sqlite")) for tokens in several]
    sql = "; ".join(texts)
    shapes = [fingerprint(text).text for text in sqlparse.split(sql)]
    assert fingerprint(sql).text == "; ".join(shapes)


SAME = [
    "SELECT a, b AS c FROM t WHERE d = 'x' AND e IN (1, 2)",
    "SELECT 'it''s', 1.5, 2e3 FROM t -- why\nWHERE a /* b */ = 1",
    'SELECT "t"."id", COUNT("t"."id") AS "n" FROM "t" GROUP BY "t"."id" HAVING COUNT("t"."id") > 5',
    "SELECT a FROM t WHERE b = :name OR c = %(other)s",
    "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')",
    "UPDATE t SET a = 1, b = 'y' WHERE c BETWEEN 1 AND 2",
    "SELECT a::text, b FROM t WHERE c >= '2024-01-01'",
    "WITH x AS (SELECT a FROM t) SELECT * FROM x LIMIT 5 OFFSET 10",
    "SELECT a FROM t UNION ALL SELECT b FROM u ORDER BY 1",
]


@pytest.mark.parametrize("sql", SAME)
def test_same_as_sqlparse(sql: str):
    assert fingerprint(normalised(sql), "postgresql").text == fingerprint(sql, "postgresql").text


#: What sqlparse reads otherwise, and we must not.
DIFFERENT = [
    ("postgresql", "SELECT a /* b /* c */ d */ FROM t", "SELECT a FROM t"),
    ("oracle", "SELECT q'[it's]', a FROM t", "SELECT ?, a FROM t"),
    ("postgresql", r"SELECT E'it\'s', a FROM t", "SELECT ?, a FROM t"),
    ("postgresql", "SELECT B'1', U&'x' FROM t", "SELECT ?, ? FROM t"),
    ("sqlite", "SELECT a-1 FROM t", "SELECT a - ? FROM t"),
    ("postgresql", "SELECT a FROM t WHERE d ?| ARRAY['a']", "SELECT a FROM t WHERE d ?| ARRAY[?]"),
]


@pytest.mark.parametrize(("vendor", "sql", "shape"), DIFFERENT)
def test_right_where_sqlparse_is_not(vendor: str, sql: str, shape: str):
    assert fingerprint(sql, vendor).text == shape
    assert fingerprint(normalised(sql), vendor).text != shape
