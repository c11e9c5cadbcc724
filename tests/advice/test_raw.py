"""SQL written by hand is read by its tokens: what stands in a literal or a comment is no SQL.

Each of these is followed to the letter: the same result, with one statement in place of the loop.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from django.db import connection

from nplusone_guard.guard import watch
from tests.advice.editing import edited
from tests.corpus.data import populate

pytestmark = pytest.mark.django_db

SIZE = 3

MODULE = """
from django.db import connection
from tests.corpus.models import Author, Entry


def run():
    told = []
    with connection.cursor() as cursor:
        for author in Author.objects.order_by("pk"):
            cursor.execute({sql})
            told.append(cursor.{fetch}())
    return told
"""


def program(folder: Path, name: str, source: str):
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    importlib.invalidate_caches()
    return importlib.import_module(name)


def followed(folder, monkeypatch, name, sql, fetch="fetchall"):
    """The result before and after, and the queries of the loop after; no edits: ``None``."""
    monkeypatch.syspath_prepend(str(folder))
    populate(SIZE)
    source = MODULE.format(sql=sql, fetch=fetch)
    before = program(folder, f"{name}_before", source)
    with watch("before") as recording:
        result = before.run()
    (finding,) = recording.report.findings
    (*options,) = (one for one in finding.advice.options if one.steps)
    if not options:
        return None
    changed = edited(source, options[0].steps, options[0].imports)
    after = program(folder, f"{name}_after", changed)
    with watch("after") as recording:
        again = after.run()
    return result, again, recording.report.query_count


KEYED = {
    "where_in_a_literal": (
        """\"SELECT ' WHERE author_id = ', id FROM corpus_entry WHERE author_id = %s", [author.pk]"""
    ),
    "in_in_a_literal": (
        "\"SELECT id FROM corpus_entry WHERE headline <> ' IN (1) OR 1' AND author_id = %s\","
        " [author.pk]"
    ),
    "question_mark_in_a_literal": (
        "\"SELECT id, 'why?' FROM corpus_entry WHERE author_id = %s\", [author.pk]"
    ),
    "and_in_a_literal": (
        "\"SELECT id FROM corpus_entry WHERE headline <> 'a AND b = c' AND author_id = %s\","
        " [author.pk]"
    ),
    "where_in_a_comment": (
        '"SELECT id /* no WHERE author_id = 1 OR */ FROM corpus_entry WHERE author_id = %s",'
        " [author.pk]"
    ),
    "a_comment_at_the_end": (
        '"SELECT COUNT(*) FROM corpus_entry WHERE author_id = %s -- of this author", [author.pk]'
    ),
    "dashes_in_a_literal": (
        "f\"SELECT id, 'a -- b' FROM corpus_entry WHERE author_id = {author.pk}\""
    ),
    "a_quoted_name": (
        "'SELECT id AS \"a WHERE b OR LIMIT\" FROM corpus_entry WHERE author_id = %s', [author.pk]"
    ),
    "a_literal_at_the_end": (
        "'SELECT \"id\" FROM corpus_entry WHERE author_id = %s AND headline <> \\'x\\'',"
        " [author.pk]"
    ),
    "a_common_table": (
        '"WITH some AS (SELECT * FROM corpus_entry WHERE rating > %s LIMIT 100) '
        'SELECT id FROM some WHERE author_id = %s ORDER BY id", [-1, author.pk]'
    ),
    "a_subquery": (
        '"SELECT id FROM corpus_entry WHERE blog_id IN (SELECT id FROM corpus_blog WHERE id > 0 '
        'OR id < 0) AND author_id = %s ORDER BY id", [author.pk]'
    ),
    "an_or_in_parentheses": (
        '"SELECT id FROM corpus_entry WHERE (rating > 0 OR rating < 0) AND author_id = %s",'
        " [author.pk]"
    ),
    "a_between": (
        '"SELECT id FROM corpus_entry WHERE rating BETWEEN -5 AND 5 AND author_id = %s",'
        " [author.pk]"
    ),
    "two_summaries": (
        '"SELECT COUNT(*), MAX(rating) FROM corpus_entry WHERE rating > 5 AND author_id = %s",'
        " [author.pk]"
    ),
    "names_for_parameters": (
        '"SELECT id FROM corpus_entry WHERE author_id = %(one)s AND rating > %(more)s",'
        ' {"more": -1, "one": author.pk}'
    ),
}

#: One statement for all keys would answer something else, or nobody can tell.
NOT_KEYED = {
    "a_key_in_a_subquery": (
        '"SELECT id FROM corpus_blog WHERE id IN (SELECT blog_id FROM corpus_entry '
        'WHERE author_id = %s)", [author.pk]'
    ),
    "a_key_in_a_common_table": (
        '"WITH some AS (SELECT * FROM corpus_entry WHERE author_id = %s) SELECT id FROM some '
        'WHERE rating > -5", [author.pk]'
    ),
    "a_window": (
        '"SELECT id, ROW_NUMBER() OVER (ORDER BY id) FROM corpus_entry WHERE author_id = %s",'
        " [author.pk]"
    ),
    "an_order_by_number": (
        '"SELECT headline FROM corpus_entry WHERE author_id = %s ORDER BY 1", [author.pk]'
    ),
    "a_limit": (
        '"SELECT id FROM corpus_entry WHERE author_id = %s ORDER BY id LIMIT 1", [author.pk]'
    ),
    "a_summary_within_a_function": (
        '"SELECT COALESCE(SUM(rating), 0) FROM corpus_entry WHERE author_id = %s", [author.pk]'
    ),
    "an_unknown_function": (
        '"SELECT GROUP_CONCAT(id) FROM corpus_entry WHERE author_id = %s", [author.pk]'
    ),
    "a_condition_of_a_case": (
        '"SELECT id FROM corpus_entry WHERE CASE WHEN rating > 0 AND author_id = %s THEN 1 '
        'ELSE 0 END = 0", [author.pk]'
    ),
    "a_literal_that_is_a_number": (
        "f\"SELECT id FROM corpus_entry WHERE author_id = '{author.pk}'\""
    ),
    "a_table_by_name": ('f"SELECT id FROM {Entry._meta.db_table} WHERE author_id = {author.pk}"'),
}

WRITES = """
from django.db import connection


def run():
    told = []
    with connection.cursor() as cursor:
        for n in range(3):
            cursor.execute("INSERT INTO corpus_tag (name) VALUES (%s)", [f"new {{n}}"])
            {then}
    return told
"""


def advised_on_writes(folder, monkeypatch, name, then):
    monkeypatch.syspath_prepend(str(folder))
    written = program(folder, name, WRITES.format(then=then))
    with watch("writes") as recording:
        written.run()
    (finding,) = recording.report.findings
    return [option.kind for option in finding.advice.options if option.steps]


def test_an_insert_is_sent_once_with_all_rows(tmp_path, monkeypatch) -> None:
    found = advised_on_writes(tmp_path, monkeypatch, "raw_write", "told.append(n)")
    assert found == ["executemany"]


def test_an_insert_whose_answer_is_read_stays(tmp_path, monkeypatch) -> None:
    then = "told.append(cursor.rowcount)"
    assert advised_on_writes(tmp_path, monkeypatch, "raw_answer", then) == []


@pytest.mark.parametrize("name", KEYED)
def test_one_statement_answers_for_all_keys(name, tmp_path, monkeypatch) -> None:
    fetch = "fetchone" if "COUNT" in KEYED[name] else "fetchall"
    found = followed(tmp_path, monkeypatch, f"raw_{name}", KEYED[name], fetch)
    assert found is not None, "no edits"
    result, again, queries = found
    assert again == result
    assert any(result)
    assert queries == 2


@pytest.mark.parametrize("name", NOT_KEYED)
def test_what_one_statement_cannot_say_has_no_edits(name, tmp_path, monkeypatch) -> None:
    if name == "an_unknown_function" and connection.vendor == "postgresql":
        pytest.skip("has no GROUP_CONCAT")
    assert followed(tmp_path, monkeypatch, f"raw_{name}", NOT_KEYED[name]) is None
