"""SQL for people: headlines, and statements laid out in lines."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from nplusone_guard.report import sql


@pytest.mark.parametrize(
    ("fingerprint", "headline"),
    [
        ('SELECT "people"."id" FROM "people" WHERE "id" = ?', "SELECT people"),
        ("SELECT (`a`) FROM `shop`.`t`", "SELECT shop.t"),
        ('SELECT DISTINCT a FROM ONLY public."x y"', "SELECT public.x y"),
        ("SELECT EXTRACT(YEAR FROM d), SUBSTRING(a FROM ?) FROM x", "SELECT x"),
        ('SELECT ? AS "FROM" FROM "from"', "SELECT from"),
        ('SELECT COUNT(*) FROM (SELECT DISTINCT (x) FROM "y" "z") sub', "SELECT y"),
        ("SELECT EXISTS(SELECT ? FROM x WHERE ?)", "SELECT"),
        ("(SELECT a FROM b) UNION (SELECT c FROM d)", "SELECT b"),
        ("WITH RECURSIVE t AS (SELECT a FROM b) SELECT * FROM t", "SELECT t"),
        ("WITH t AS (SELECT a FROM b) DELETE FROM c", "DELETE c"),
        ("WITH t AS (SELECT ?)", "WITH t"),
        ('INSERT INTO "a" ("b") VALUES (?) RETURNING "a"."id"', "INSERT a"),
        ("INSERT OR IGNORE INTO x VALUES (?)", "INSERT x"),
        ('UPDATE "a" SET "b" = ?', "UPDATE a"),
        ("update only a set b = ?", "UPDATE a"),
        ("DELETE FROM [dbo].[x] WHERE id = ?", "DELETE dbo.x"),
        ("CALL refresh(?)", "CALL refresh"),
        ("SAVEPOINT #", "SAVEPOINT #"),
        ("PRAGMA foreign_keys", "PRAGMA foreign_keys"),
        ("EXPLAIN SELECT ?", "EXPLAIN SELECT"),
        ("BEGIN", "BEGIN"),
        ("SELECT ?", "SELECT"),
        ("SELECT a FROM", "SELECT"),
        ("", ""),
        ("()", ""),
        ('SELECT a FROM "x\x1b[31m"', "SELECT x\\x1b[31m"),
    ],
)
def test_a_headline_is_the_verb_and_the_main_table(fingerprint, headline):
    assert sql.headline(fingerprint) == headline


PEOPLE = (
    'SELECT "people"."id", "people"."name", "people"."email" FROM "people" INNER JOIN "tenant" ON'
    ' ("people"."tenant_id" = "tenant"."id") WHERE ("people"."tenant_id" = ? AND NOT "people".'
    '"left" IN (?)) ORDER BY "people"."name" ASC LIMIT ?'
)


def test_a_statement_is_laid_out_in_lines():
    assert sql.pretty(PEOPLE).splitlines() == [
        'SELECT "people"."id", "people"."name", "people"."email"',
        'FROM "people"',
        'INNER JOIN "tenant" ON ("people"."tenant_id" = "tenant"."id")',
        'WHERE ("people"."tenant_id" = ?',
        '       AND NOT "people"."left" IN (?))',
        'ORDER BY "people"."name" ASC',
        "LIMIT ?",
    ]


def test_a_long_list_of_columns_goes_on_in_the_next_line():
    names = ", ".join(f'"people"."column_{number}"' for number in range(40))
    assert max(map(len, sql.pretty(f"SELECT {names} FROM people").splitlines())) <= 110


def test_control_characters_are_escaped():
    assert (
        sql.pretty('SELECT "\x1b]0;owned\x07" FROM\n\tx') == 'SELECT "\\x1b]0;owned\\x07"\nFROM x'
    )


def test_a_long_text_is_cut_and_never_given_to_sqlparse(monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlparse", None)
    text = "SELECT " + "a, " * 10_000
    assert sql.pretty(text) == text[: sql.MAX_LENGTH] + "…"


def test_what_sqlparse_gives_up_on_stays_on_one_line():
    text = "SELECT " + "(" * 500 + "?" + ")" * 500
    assert sql.pretty(text) == text


def test_the_longest_text_takes_seconds_at_most():
    text = f"SELECT a FROM b WHERE c IN ({', '.join('?' * 2_700)})"
    started = time.perf_counter()
    assert len(text) < sql.MAX_LENGTH < len(text) + 100
    sql.pretty(text)
    sql.headline(text)
    assert time.perf_counter() - started < 10


def test_sqlparse_is_imported_at_first_use():
    code = "import sys, nplusone_guard.report.sql; assert 'sqlparse' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
