"""What holds for the fingerprint of any statement, and of any text at all."""

from __future__ import annotations

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from nplusone_guard.capture.fingerprint import fingerprint
from tests.capture.statements import (
    VENDORS,
    conditions,
    listed,
    named,
    names,
    odd_names,
    quoted,
    statements,
    used,
)

vendors = st.sampled_from(VENDORS)
eight_names = st.lists(names, min_size=8, max_size=8, unique_by=lambda pair: pair[1].lower())
GAPS = [" ", "  ", "\n", "\t\r\n", " /* it's a */ ", "/**/", " -- (\n", " /* a\nb */\n", "\n-- '\n"]
gaps = st.sampled_from(GAPS)

#: Pieces of SQL, and of nothing, in any order.
SOUP = [
    *"SELECT FROM WHERE AND OR NOT IN IS NULL CASE WHEN THEN ELSE END VALUES ROW UNION".split(),
    *"INSERT INTO UPDATE SET DELETE USING JOIN ON WITH AS LIMIT OFFSET FETCH FIRST".split(),
    *"ARRAY ANY EXISTS BETWEEN DISTINCT ORDER BY SAVEPOINT ROLLBACK TO RELEASE BEGIN".split(),
    *"COMMIT DECLARE CURSOR FOR CLOSE MOVE REPLACE MERGE CALL TRUNCATE MINUS a b f é".split(),
    *'"a" "a"."b" `c` [d] t.c 1abc ( ) ( ) ( ) [ ] , , , ; . : :: ::int = < >= <> - +'.split(),
    *"* / % %% || -> ->> #> ?| # @ @x @@y ? ? %s %(x)s $1 $z :x 1 -1 .5 1.5e3 0x1F".split(),
    *"'x' N'x' E'a\\'b' U&'x' U&\"x\" q'[it's]' $$x$$ $t$y$t$ (?,?) (1,2) (%s,%s)".split(),
    *("/* c */", "/* /* n */ */", "/*! a */", "-- c\n", "# c\n", '"a b"', '"a", ', "'it''s'"),
    *("'", '"', "`", "/*", "*/", "--", "$$", "$t$", "q'", "\\", "\x00", "\u00a0", "\u0301"),
]
soup = st.lists(
    st.tuples(st.sampled_from(SOUP), st.sampled_from(["", " ", "\n"])), max_size=14
).map(lambda pieces: "".join(part for piece in pieces for part in piece))


@settings(deadline=None, max_examples=500)
@given(st.one_of(soup, soup.map("SELECT a FROM t WHERE ".__add__), st.text(max_size=60)), vendors)
@example("SELECT a FROM t WHERE ([ ) RETURNING )", "oracle")
@example("% RELEASE . ::  /* /* n */ */ WHERE", "postgresql")
@example("FETCH\nWHERE [ (%s,%s) COMMIT WHERE b", "postgresql")
@example("UNION %(x)s", "sqlite")
def test_the_shape_of_a_shape_is_that_shape(sql: str, vendor: str):
    shape = fingerprint(sql, vendor).text
    assert fingerprint(shape, vendor).text == shape


@settings(deadline=None)
@given(statements, eight_names, vendors)
def test_the_shape_of_a_statement_is_a_statement_of_that_shape(tokens, chosen, vendor):
    first = fingerprint(" ".join(named(tokens, chosen, vendor)), vendor)
    second = fingerprint(first.text, vendor)
    assert (second.text, second.kind, second.tables) == (first.text, first.kind, first.tables)


@settings(deadline=None)
@given(statements, eight_names, vendors, st.data())
def test_white_space_and_comments_do_not_matter(tokens, chosen, vendor, data):
    written = named(tokens, chosen, vendor)
    other = "".join(token + data.draw(gaps) for token in written)
    expected = fingerprint(" ".join(written), vendor)
    found = fingerprint(data.draw(gaps) + other, vendor)
    assert found == expected


@settings(deadline=None)
@given(statements, eight_names, eight_names, vendors)
def test_different_names_are_different_shapes(tokens, chosen, other, vendor):
    assume(any(chosen[index][1] != other[index][1] for index in used(tokens)))
    one = " ".join(named(tokens, chosen, vendor))
    two = " ".join(named(tokens, other, vendor))
    assert fingerprint(one, vendor).text != fingerprint(two, vendor).text


@settings(deadline=None)
@given(odd_names, odd_names, vendors)
def test_different_tables_are_different_tables(one: str, two: str, vendor: str):
    assume(one != two)
    first = fingerprint(f"SELECT a FROM {quoted(one, vendor)}", vendor)
    second = fingerprint(f"SELECT a FROM {quoted(two, vendor)}", vendor)
    assert first.text != second.text
    assert (first.main_table, second.main_table) == (one, two)


counts = st.integers(1, 12)
entries = st.sampled_from(["%s", "?", "1", "'x'", "-5", "NULL", ":a", "%s /* c */"])
rows_of_lists = st.lists(entries, min_size=1, max_size=12)


@settings(deadline=None)
@given(rows_of_lists, rows_of_lists, vendors)
def test_the_length_of_an_in_list_does_not_matter(one, two, vendor):
    assume(set(one) != {"NULL"} != set(two))
    sql = "SELECT a FROM t WHERE b = %s AND c IN ({})"
    first = fingerprint(sql.format(", ".join(one)), vendor)
    second = fingerprint(sql.format(",".join(two)), vendor)
    assert first.text == second.text
    assert (first.in_lists[0].length, second.in_lists[0].length) == (len(one), len(two))


@settings(deadline=None)
@given(conditions(depth=1), counts, counts, eight_names, vendors)
def test_the_number_of_or_terms_does_not_matter(term, one, two, chosen, vendor):
    term = named(term, chosen, vendor)

    def shape(count: int) -> str:
        chain = " ".join(listed([["(", *term, ")"]] * count, "OR"))
        return fingerprint(f"SELECT a FROM t WHERE ({chain}) AND b = 1", vendor).text

    if one > 1 and two > 1:
        assert shape(one) == shape(two)


@given(counts, counts, vendors)
def test_the_number_of_key_terms_does_not_matter(one, two, vendor):
    def shape(count: int) -> str:
        chain = " OR ".join(["(t.a = %s AND t.b = %s)"] * count)
        chain = f"({chain})" if count > 1 else chain
        keys = " OR ".join(["t.c = %s"] * count)
        keys = f"({keys})" if count > 1 else keys
        return fingerprint(f"SELECT a FROM t WHERE ({keys} AND {chain})", vendor).text

    assert shape(one) == shape(two)


@given(counts, counts, vendors)
def test_the_number_of_rows_does_not_matter(one, two, vendor):
    sql = "INSERT INTO t (a, b) VALUES {}"
    first = fingerprint(sql.format(", ".join(["(%s, f(%s))"] * one)), vendor)
    second = fingerprint(sql.format(", ".join(["(%s, f(%s))"] * two)), vendor)
    assert first.text == second.text
    assert (first.batch_rows, second.batch_rows) == (one, two)


@given(counts, counts, vendors)
def test_the_number_of_arms_does_not_matter(one, two, vendor):
    sql = "UPDATE t SET a = CASE {} ELSE NULL END WHERE b IN ({})"
    arm = "WHEN (t.b = %s) THEN %s"
    first = fingerprint(sql.format(" ".join([arm] * one), ", ".join(["%s"] * one)), vendor)
    second = fingerprint(sql.format(" ".join([arm] * two), ", ".join(["%s"] * two)), vendor)
    assert first.text == second.text
    assert (first.batch_rows, second.batch_rows) == (one, two)
