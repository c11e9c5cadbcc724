"""What a SELECT asks by, in each dialect: words in literals, comments and names are none."""

from __future__ import annotations

import pytest

from nplusone_guard.analysis.advice.selects import select_of, without_comments

ALONE = "SELECT id FROM t WHERE a = %s"


def keys(sql: str, vendor: str) -> list[tuple[str, int]] | None:
    select = select_of(sql, vendor)
    return [(one.column, one.number) for one in select.equalities()] if select else None


@pytest.mark.parametrize(
    ("vendor", "sql", "found"),
    [
        ("sqlite", ALONE, [("a", 0)]),
        ("sqlite", f"{ALONE};", [("a", 0)]),
        ("sqlite", f"{ALONE} AND b > %s AND t.c = %s", [("a", 0), ("t.c", 2)]),
        ("sqlite", f"{ALONE} AND ' AND b = %s' = c", [("a", 0)]),
        ("sqlite", f"{ALONE} AND [x OR y] = 1", [("a", 0)]),
        ("sqlite", 'SELECT "%s" FROM "WHERE" WHERE "a" = %s', [('"a"', 0)]),
        ("sqlite", f"{ALONE} AND NOT b = %s", [("a", 0)]),
        ("sqlite", f"{ALONE} AND c BETWEEN 1 AND b = %s", [("a", 0)]),
        ("sqlite", f"{ALONE} AND c BETWEEN 1 AND 2 AND b = %s", [("a", 0), ("b", 1)]),
        ("sqlite", f"{ALONE} OR b = %s", None),
        ("sqlite", f"{ALONE} AND EXISTS (SELECT 1 FROM u WHERE b = %s LIMIT 1)", [("a", 0)]),
        ("sqlite", f"WITH u AS ({ALONE}) SELECT id FROM u", None),
        ("sqlite", f"{ALONE} UNION {ALONE}", None),
        ("sqlite", f"{ALONE}; {ALONE}", None),
        ("sqlite", "SELECT id FROM t WHERE a = ?", []),
        ("sqlite", "DELETE FROM t WHERE a = %s", None),
        ("sqlite", "", None),
        ("postgresql", f"{ALONE} AND b = $x$ OR c = %s $x$", [("a", 0)]),
        ("postgresql", f"{ALONE} /* one /* two */ OR b */ AND b = %s", [("a", 0), ("b", 1)]),
        ("postgresql", f"{ALONE} AND b = E'it\\'s OR c'", [("a", 0)]),
        ("postgresql", f"WITH u AS (DELETE FROM v RETURNING id) {ALONE}", None),
        ("mysql", f'{ALONE} AND b = "x OR c"', [("a", 0)]),
        ("mysql", f"{ALONE} AND b = 'it\\'s OR c' # OR d", [("a", 0)]),
        ("mysql", f"{ALONE} AND b || c", None),
    ],
)
def test_keys_are_the_conditions_of_the_statement_itself(vendor, sql, found) -> None:
    assert keys(sql, vendor) == found


@pytest.mark.parametrize(
    ("listed", "missing"),
    [
        ("id", []),
        ("UPPER(name), (SELECT COUNT(*) FROM u)", []),
        ("COUNT(*)", ["0"]),
        ("count(DISTINCT b) AS n, SUM(c) total, MIN(d)", ["0", "None", "None"]),
        ("COALESCE(SUM(c), 0)", None),
        ("SUM(c) + 1", None),
        ("MAX(b, c)", None),
        ("name, COUNT(*)", None),
        ("STRING_AGG(name, ',')", None),
        ("COUNT(*) FILTER (WHERE c > 0)", None),
    ],
)
def test_a_key_without_rows_has_the_row_of_its_summaries(listed, missing) -> None:
    select = select_of(f"SELECT {listed} FROM t WHERE a = %s", "postgresql")
    assert select is not None
    assert select.missing() == missing


@pytest.mark.parametrize(
    ("vendor", "sql", "told"),
    [
        ("sqlite", "SELECT 1 -- one\n, 2 /* two */", "SELECT 1 , 2"),
        ("sqlite", "SELECT '-- one' || '/* two */'", "SELECT '-- one' || '/* two */'"),
        ("postgresql", "SELECT /* a /* b */ c */ 1", "SELECT 1"),
        ("postgresql", "SELECT $$ -- one $$", "SELECT $$ -- one $$"),
        ("mysql", "SELECT 1 # one", "SELECT 1"),
        ("mysql", "SELECT /*!40001 SQL_NO_CACHE */ 1", None),
    ],
)
def test_comments_go_and_literals_stay(vendor, sql, told) -> None:
    assert without_comments(sql, vendor) == told


@pytest.mark.parametrize(
    ("sql", "takes"),
    [
        (ALONE, True),
        (f"{ALONE} ORDER BY b", True),
        (f"{ALONE} ORDER BY 1", False),
        ("SELECT DISTINCT id FROM t WHERE a = %s", False),
        ("SELECT SQL_NO_CACHE id FROM t WHERE a = %s", False),
    ],
)
def test_a_column_in_front_must_change_nothing(sql, takes) -> None:
    select = select_of(sql, "mysql")
    assert select is not None
    assert select.takes_a_column == takes


@pytest.mark.parametrize(
    ("listed", "gives"), [("*", True), ("t.*", True), ("id, t.a", True), ("id, b", False)]
)
def test_rows_are_found_by_a_column_that_they_have(listed, gives) -> None:
    select = select_of(f"SELECT {listed} FROM t WHERE a = %s", "sqlite")
    assert select is not None
    assert select.gives("a") == gives
