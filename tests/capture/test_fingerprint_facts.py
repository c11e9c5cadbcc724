"""What a fingerprint knows of a statement beside its shape."""

from __future__ import annotations

import pytest

from nplusone_guard.capture.fingerprint import Fingerprint, InList, Number, fingerprint


def lists(sql: str, vendor: str = "sqlite") -> list[tuple[int | None, int, int]]:
    return [(one.param, one.length, one.width) for one in fingerprint(sql, vendor).in_lists]


KINDS = [
    ("SELECT a FROM t", "select", "SELECT t"),
    ("  -- why\n select a from t", "select", "SELECT t"),
    ("(SELECT a FROM t) UNION (SELECT a FROM u)", "select", "SELECT t"),
    ("((SELECT a FROM t))", "select", "SELECT t"),
    ("WITH x AS (SELECT a FROM u) SELECT a FROM t", "select", "SELECT t"),
    ("WITH x AS (SELECT 1) INSERT INTO t SELECT a FROM x", "insert", "INSERT t"),
    ("WITH x AS (DELETE FROM u RETURNING a) UPDATE t SET a = 1", "update", "UPDATE t"),
    ("WITH x AS (SELECT 1) DELETE FROM t", "delete", "DELETE t"),
    ("VALUES (1), (2)", "select", "SELECT"),
    ("SELECT 1", "select", "SELECT"),
    ("INSERT INTO t (a) VALUES (1)", "insert", "INSERT t"),
    ("INSERT OR IGNORE INTO t (a) VALUES (1)", "insert", "INSERT t"),
    ("INSERT INTO t SELECT a FROM u", "insert", "INSERT t"),
    ("UPDATE t SET a = 1", "update", "UPDATE t"),
    ("DELETE FROM t WHERE a = 1", "delete", "DELETE t"),
    ("REPLACE INTO t (a) VALUES (1)", "replace", "REPLACE t"),
    ("SELECT REPLACE(a, 'x', 'y') FROM t", "select", "SELECT t"),
    ("MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET b = 1", "merge", "MERGE t"),
    ("CALL proc(1, 2)", "call", "CALL proc"),
    ("CALL s.proc", "call", "CALL s.proc"),
    ("DECLARE c CURSOR FOR SELECT a FROM t", "select", "SELECT t"),
    ("FETCH 100 FROM c", "other", "FETCH"),
    ("CLOSE c", "other", "CLOSE"),
    ("EXPLAIN SELECT a FROM t", "other", "EXPLAIN t"),
    ("CREATE TABLE t (a integer)", "other", "CREATE"),
    ("TRUNCATE TABLE t", "other", "TRUNCATE t"),
    ("PRAGMA foreign_keys", "other", "PRAGMA"),
    ("SET search_path TO x", "other", "SET"),
    ("BEGIN", "control", "BEGIN"),
    ("BEGIN; SELECT a FROM t; COMMIT", "select", "SELECT t"),
    ("", "other", ""),
]


@pytest.mark.parametrize(("sql", "kind", "headline"), KINDS)
def test_kind_and_headline(sql: str, kind: str, headline: str):
    found = fingerprint(sql, "postgresql")
    assert (found.kind, found.headline) == (kind, headline)


CONTROL = [
    ("BEGIN", "begin", None),
    ("BEGIN IMMEDIATE", "begin", None),
    ("BEGIN ISOLATION LEVEL SERIALIZABLE", "begin", None),
    ("START TRANSACTION READ ONLY", "begin", None),
    ("COMMIT", "commit", None),
    ("COMMIT AND CHAIN", "commit", None),
    ("END", "commit", None),
    ("ROLLBACK", "rollback", None),
    ("ABORT", "rollback", None),
    ("SAVEPOINT s1", "savepoint", "s1"),
    ('SAVEPOINT "s1"', "savepoint", "s1"),
    ("RELEASE s1", "release", "s1"),
    ('RELEASE SAVEPOINT "s1"', "release", "s1"),
    ("ROLLBACK TO s1", "rollback-to", "s1"),
    ('ROLLBACK TO SAVEPOINT "s 1"', "rollback-to", "s 1"),
    ("ROLLBACK TRANSACTION TO SAVEPOINT s1", "rollback-to", "s1"),
    ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "other", None),
    ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "other", None),
    ("SET autocommit = 1", "other", None),
    ("SET CONSTRAINTS ALL IMMEDIATE", "other", None),
    ("PREPARE TRANSACTION 'x'", "other", None),
]


@pytest.mark.parametrize(("sql", "control", "savepoint"), CONTROL)
def test_transaction_control(sql: str, control: str, savepoint: str | None):
    found = fingerprint(sql, "postgresql")
    assert (found.kind, found.control, found.savepoint) == ("control", control, savepoint)


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql", "mysql", "oracle", "microsoft"])
@pytest.mark.parametrize("verb", ["SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT"])
@pytest.mark.parametrize("name", ['"s140_x1"', "`s140_x1`", '"s 1"', '"1"', '"s1" '])
def test_djangos_savepoints_are_read_as_all_others_are(vendor, verb, name):
    sql = f"{verb} {name}"
    # A comment, which the shape leaves out, is no statement that Django itself makes.
    assert fingerprint(sql, vendor) == fingerprint(f"{sql} -- x", vendor)


@pytest.mark.parametrize(
    "sql", ["BEGIN proc(:1); END;", "SET names utf8", "PREPARE p AS SELECT 1", "START SLAVE"]
)
def test_what_only_begins_like_transaction_control(sql: str):
    assert fingerprint(sql, "oracle").kind == "other"


TABLES = [
    ('SELECT "a"."x" FROM "a"', ("a",)),
    ('SELECT * FROM "s"."a"', ("s.a",)),
    ('SELECT * FROM "a""b"', ('a"b',)),
    ("SELECT * FROM Person p, u AS v, w", ("Person", "u", "w")),
    ('SELECT * FROM "a", "b", "c"', ("a", "b", "c")),
    ("SELECT * FROM a JOIN b USING (x) LEFT OUTER JOIN c ON a.x = c.x", ("a", "b", "c")),
    ("SELECT * FROM (a JOIN b ON a.x = b.x)", ("a", "b")),
    ("SELECT (SELECT 1 FROM b) FROM a", ("a", "b")),
    ("SELECT * FROM (SELECT * FROM b WHERE EXISTS(SELECT 1 FROM c)) AS x", ("b", "c")),
    ("SELECT * FROM a WHERE x IN (SELECT y FROM b UNION SELECT z FROM c)", ("a", "b", "c")),
    ("WITH a AS (SELECT * FROM b), c(x) AS (SELECT 1) SELECT * FROM A JOIN c ON 1 = 1", ("b",)),
    ("WITH RECURSIVE a AS (SELECT 1 FROM b UNION ALL SELECT 1 FROM a) SELECT * FROM d", ("d", "b")),
    ("WITH a AS (DELETE FROM b RETURNING *) INSERT INTO c SELECT * FROM a", ("c", "b")),
    ("SELECT EXTRACT(YEAR FROM d), TRIM(BOTH 'x' FROM e), SUBSTRING(f FROM 1) FROM a", ("a",)),
    ("SELECT * FROM a WHERE x IS DISTINCT FROM y", ("a",)),
    ("SELECT * FROM generate_series(1, 2) g, b", ("b",)),
    ("SELECT * FROM a, LATERAL (SELECT 1 FROM b) x", ("a", "b")),
    ("SELECT * FROM a ORDER BY x, y FOR UPDATE OF a", ("a",)),
    ("SELECT 1 FROM DUAL", ()),
    ("SELECT * FROM a UNION SELECT * FROM a", ("a",)),
    ("INSERT INTO a (b, c) SELECT d, e FROM f", ("a", "f")),
    ("UPDATE a SET b = c FROM d WHERE a.x = d.x", ("a", "d")),
    ("UPDATE ONLY a SET b = 1", ("a",)),
    ("DELETE FROM a USING b WHERE a.x = b.x", ("a", "b")),
    ("MERGE INTO a USING b ON a.x = b.x WHEN NOT MATCHED THEN INSERT VALUES (1)", ("a", "b")),
    ("TRUNCATE a, b", ("a", "b")),
    ("SELECT * FROM a ; SELECT * FROM b", ("a", "b")),
    ('SELECT * FROM "a" . "b"', ("a.b",)),
]


@pytest.mark.parametrize(("sql", "tables"), TABLES)
def test_tables(sql: str, tables: tuple[str, ...]):
    found = fingerprint(sql, "postgresql")
    assert found.tables == tables
    assert found.main_table == (tables[0] if tables else "")


def test_tables_in_the_quotes_of_other_dialects():
    assert fingerprint("SELECT * FROM `a`, `b c`", "mysql").tables == ("a", "b c")
    assert fingerprint("DELETE `a` FROM `a` INNER JOIN `b` ON 1", "mysql").tables == ("a", "b")
    assert fingerprint("SELECT * FROM [a b] JOIN c", "sqlite").tables == ("a b", "c")
    assert fingerprint("SELECT * FROM t STRAIGHT_JOIN u", "mysql").tables == ("t", "u")
    assert fingerprint("SELECT STRAIGHT_JOIN a FROM t", "mysql").tables == ("t",)


class TestInLists:
    def test_is_found_by_its_first_placeholder_among_all(self):
        sql = "SELECT a FROM t WHERE b = %s AND c IN (%s, %s, %s) AND d = %s AND e IN (%s)"
        assert lists(sql) == [(1, 3, 3), (5, 1, 1)]

    def test_counts_rows_of_a_row_list(self):
        assert lists("SELECT a FROM t WHERE (b, c) IN ((%s, %s), (%s, %s))") == [(0, 2, 4)]

    def test_of_literals_has_no_placeholder(self):
        assert lists("SELECT a FROM t WHERE b = %s AND c IN (1, 'x', NULL)") == [(None, 3, 0)]

    def test_of_literals_is_told_apart_by_its_digest(self):
        one, same, other = (
            fingerprint(f"SELECT a FROM t WHERE b IN ({values})").in_lists[0].digest
            for values in ("1, 2", "1 /* one */,2", "1, 3")
        )
        assert one == same != other

    def test_tells_a_sign_and_the_kind_of_value_apart(self):
        digests = {
            fingerprint(f"SELECT a FROM t WHERE b IN ({value})").in_lists[0].digest
            for value in ("1", "-1", "'1'")
        }
        assert len(digests) == 3

    def test_of_both_says_where_its_placeholders_are(self):
        assert lists("SELECT a FROM t WHERE b IN (1, %s, %s)") == [(0, 3, 2)]

    def test_of_columns_or_rows_of_a_query_is_none(self):
        assert lists("SELECT a FROM t WHERE b IN (c, d)") == []
        assert lists("SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d = %s)") == []

    def test_under_not_asks_for_no_rows(self):
        assert lists("SELECT a FROM t WHERE b NOT IN (%s, %s)") == []
        assert lists("SELECT a FROM t WHERE NOT (b IN (%s, %s))") == []
        assert lists("SELECT a FROM t WHERE NOT (c = %s AND b IN (%s, %s))") == []

    def test_inside_a_query_counts(self):
        assert lists("SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d IN (%s, %s))") == [
            (0, 2, 2)
        ]

    def test_an_array_under_any_is_one(self):
        sql = "SELECT a FROM t WHERE b = %s AND c = ANY(ARRAY[%s, %s])"
        assert lists(sql, "postgresql") == [(1, 2, 2)]
        assert lists("SELECT ARRAY[%s, %s]", "postgresql") == []

    def test_an_or_chain_of_equal_keys_is_one(self):
        assert lists("SELECT a FROM t WHERE x = %s AND (b = %s OR b = %s)") == [(1, 2, 2)]
        assert lists("SELECT a FROM t WHERE b = 1 OR b = 2 ORDER BY c") == [(None, 2, 0)]

    def test_an_or_chain_of_rows_is_one(self):
        sql = "SELECT a FROM t WHERE ((b = %s AND c = %s) OR (b = %s AND c = %s))"
        assert lists(sql) == [(0, 2, 4)]

    @pytest.mark.parametrize(
        "condition",
        [
            "b = %s",
            "b = %s OR c = %s",
            "b LIKE %s OR b LIKE %s",
            "b > %s OR b > %s",
            "NOT (b = %s OR b = %s)",
            "b = c OR b = c",
        ],
    )
    def test_other_chains_are_not(self, condition: str):
        assert lists(f"SELECT a FROM t WHERE ({condition})") == []

    def test_ten_thousand_entries(self):
        sql = f"SELECT a FROM t WHERE b IN ({','.join('?' * 10_000)})"
        assert lists(sql) == [(0, 10_000, 10_000)]
        assert fingerprint(sql).text == "SELECT a FROM t WHERE b IN (?)"


BATCHES = [
    ("SELECT a FROM t", 0),
    ("INSERT INTO t DEFAULT VALUES", 0),
    ("INSERT INTO t (a) VALUES (%s)", 1),
    ("INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s), (%s, f(%s))", 3),
    ("INSERT INTO t (a, b) VALUES (1, 2), (3, 4)", 2),
    ("INSERT INTO t (a) SELECT a FROM u", 0),
    ("INSERT INTO t (a) SELECT * FROM UNNEST((%s)::integer[])", 2),
    ("UPDATE t SET a = CASE WHEN id = 1 THEN 2 WHEN id = 3 THEN 4 WHEN id = 5 THEN 6 END", 3),
    ("SELECT CASE WHEN id = 1 THEN 2 WHEN id = 3 THEN 4 END FROM t", 0),
    ("UPDATE t SET a = v.a FROM (VALUES (1, 2), (3, 4)) AS v (id, a)", 2),
]


@pytest.mark.parametrize(("sql", "rows"), BATCHES)
def test_batch_rows(sql: str, rows: int):
    assert fingerprint(sql, "postgresql").batch_rows == rows


def test_batch_rows_that_oracle_inserts():
    sql = (
        'INSERT INTO "T" ("A") SELECT * FROM '
        "(SELECT %s col_0 FROM DUAL UNION ALL SELECT %s FROM DUAL UNION ALL SELECT %s FROM DUAL)"
    )
    assert fingerprint(sql, "oracle").batch_rows == 3


def test_values_of_on_duplicate_key_are_no_rows():
    sql = "INSERT INTO t (a) VALUES (1), (2) ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b)"
    assert fingerprint(sql, "mysql").batch_rows == 2


PAGES = [
    ("SELECT a FROM t LIMIT 21", Number(21, None), None),
    ("SELECT a FROM t LIMIT %s", Number(None, 0), None),
    ("SELECT a FROM t WHERE b = %s LIMIT %s OFFSET %s", Number(None, 1), Number(None, 2)),
    ("SELECT a FROM t LIMIT 20 OFFSET 40", Number(20, None), Number(40, None)),
    ("SELECT a FROM t LIMIT 40, 20", Number(20, None), Number(40, None)),
    ("SELECT a FROM t WHERE b = %s LIMIT %s, %s", Number(None, 2), Number(None, 1)),
    ("SELECT a FROM t LIMIT -1 OFFSET 5", Number(-1, None), Number(5, None)),
    ("SELECT a FROM t OFFSET 5", None, Number(5, None)),
    ("SELECT a FROM t OFFSET 5 ROWS FETCH NEXT 7 ROWS ONLY", Number(7, None), Number(5, None)),
    ("SELECT a FROM t FETCH FIRST 7 ROWS ONLY", Number(7, None), None),
    ("SELECT a FROM (SELECT a FROM t LIMIT 3) u LIMIT 5", Number(5, None), None),
    ("SELECT a FROM t WHERE b IN (SELECT c FROM u LIMIT 3) OFFSET 2", None, Number(2, None)),
    ("SELECT COUNT(*) FROM (SELECT a FROM t LIMIT 3 OFFSET 6) u", Number(3, None), Number(6, None)),
    ("SELECT a FROM t LIMIT ALL", None, None),
    ("SELECT limit_, offset_ FROM t", None, None),
]


@pytest.mark.parametrize(("sql", "limit", "offset"), PAGES)
def test_limit_and_offset(sql: str, limit: Number | None, offset: Number | None):
    found = fingerprint(sql)
    assert (found.limit, found.offset) == (limit, offset)


KEYSETS = [
    ("SELECT a FROM t WHERE id > %s ORDER BY id LIMIT 10", (0,)),
    ("SELECT a FROM t WHERE b = %s AND t.id >= %s ORDER BY id DESC LIMIT 10", (1,)),
    ('SELECT "t"."a" FROM "t" WHERE "t"."id" < %s ORDER BY "t"."id" ASC LIMIT 10', (0,)),
    ("SELECT a FROM t WHERE %s < id ORDER BY id LIMIT 10", (0,)),
    ("SELECT a FROM t WHERE id > %s ORDER BY b, id FETCH FIRST 5 ROWS ONLY", (0,)),
    ("SELECT a FROM t WHERE c = %s AND (b, id) > (%s, %s) ORDER BY b, id LIMIT 10", (1, 2)),
    (
        'SELECT "t"."a" FROM "t" WHERE ("t"."b", "t"."id") > (%s, %s) ORDER BY "t"."b", "t"."id" LIMIT 1',
        (0, 1),
    ),
    ("SELECT a FROM t WHERE (b > %s OR (b = %s AND id > %s)) ORDER BY b, id LIMIT 10", (0, 2)),
    ("SELECT a FROM t WHERE c IN (%s, %s) AND id > %s ORDER BY id LIMIT 10", (2,)),
    ("SELECT a FROM t WHERE b > %s ORDER BY id LIMIT 10", ()),
    ("SELECT a FROM t WHERE u.id > %s ORDER BY t.id LIMIT 10", ()),
    ("SELECT a FROM t WHERE id > %s ORDER BY id", ()),
    ("SELECT a FROM t WHERE id > %s LIMIT 10", ()),
    ("SELECT a FROM t WHERE id = %s ORDER BY id LIMIT 10", ()),
    ("SELECT a FROM t WHERE id > 5 ORDER BY id LIMIT 10", ()),
    ("SELECT ROW_NUMBER() OVER (ORDER BY id) FROM t WHERE id > %s ORDER BY a LIMIT 10", ()),
]


@pytest.mark.parametrize(("sql", "params"), KEYSETS)
def test_keyset(sql: str, params: tuple[int, ...]):
    assert fingerprint(sql).keyset == params


def test_is_a_value():
    sql = "SELECT a FROM t WHERE b IN (1, 2) LIMIT 5"
    assert fingerprint(sql) == fingerprint(sql)
    assert hash(fingerprint(sql)) == hash(fingerprint(sql))
    assert isinstance(fingerprint(sql), Fingerprint)
    assert isinstance(fingerprint(sql).in_lists[0], InList)
    with pytest.raises(AttributeError):
        fingerprint(sql).text = "x"  # type: ignore[misc]


class TestLongText:
    def test_is_cut_and_marked(self):
        found = fingerprint(f"SELECT a FROM t WHERE b IN ({', '.join(['%s'] * 20_000)})")
        assert found.truncated
        assert found.tables == ("t",)
        assert found.text == "SELECT a FROM t WHERE b IN (?"
        assert found.in_lists[0].length > 5_000

    def test_up_to_32_kib_is_whole(self):
        sql = "SELECT a FROM t WHERE b = '%s'"
        padded = sql % ("x" * (32 * 1024 - len(sql) + 2))
        assert not fingerprint(padded).truncated
        assert fingerprint(padded + " ").truncated

    def test_a_hundred_levels_are_read(self):
        deep, deeper = ("SELECT " + "f(" * depth + "1" + ")" * depth for depth in (100, 101))
        assert fingerprint(deep).text == deep.replace("1", "?")
        assert not fingerprint(deep).truncated
        assert fingerprint(deeper).truncated

    @pytest.mark.parametrize(
        "unit", ["a=1,", "(", "a b,c;", "CASE ", "x::y", '"a"."b", ', "[", "a "]
    )
    def test_the_shape_of_its_shape_is_that_shape(self, unit: str):
        text = fingerprint(unit * (40_000 // len(unit)), "postgresql").text
        assert len(text) <= 32 * 1024
        assert fingerprint(text, "postgresql").text == text
