"""SQL written by hand is read by its tokens: what stands in a literal or a comment is no SQL.

Each of these is followed to the letter: the same result, with one statement in place of the loop.
"""

from __future__ import annotations

import pytest
from django.db import connection

from nplusone_guard.guard import watch
from tests.advice.following import followed, load

pytestmark = pytest.mark.django_db

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
    written = load(folder, name, WRITES.format(then=then), monkeypatch)
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
    source = MODULE.format(sql=KEYED[name], fetch=fetch)
    before, after = followed(tmp_path, monkeypatch, f"raw_{name}", source)
    assert after is not None, "no edits"
    assert after.result == before.result
    assert any(before.result)
    assert after.queries == 2


@pytest.mark.parametrize("name", NOT_KEYED)
def test_what_one_statement_cannot_say_has_no_edits(name, tmp_path, monkeypatch) -> None:
    if name == "an_unknown_function" and connection.vendor == "postgresql":
        pytest.skip("has no GROUP_CONCAT")
    source = MODULE.format(sql=NOT_KEYED[name], fetch="fetchall")
    before, after = followed(tmp_path, monkeypatch, f"raw_{name}", source)
    assert before.findings
    assert after is None


GIVEN_KEYS = """
from django.db import connection
from tests.corpus.models import Author


def run():
    told = []
    with connection.cursor() as cursor:
        for pk in {keys}:
            cursor.execute("SELECT id FROM corpus_entry WHERE {column} = %s", [{key}])
            told.append(cursor.fetchall())
    return told
"""


@pytest.mark.parametrize(
    ("column", "keys", "key", "listed", "queries"),
    [
        ("rating", "range(5)", "pk", "keys = list(range(5))\n", 1),
        (
            "author_id",
            "Author.objects.order_by('pk').values_list('pk', flat=True)",
            "pk",
            "keys = list(authors)\n",
            2,
        ),
        ("rating", "range(5)", "pk + 1", "keys = [pk + 1 for pk in range(5)]\n", 1),
    ],
    ids=["given", "asked for", "made of what is given"],
)
def test_rows_that_are_keys_are_listed_as_they_are(
    column, keys, key, listed, queries, tmp_path, monkeypatch
) -> None:
    source = GIVEN_KEYS.format(column=column, keys=keys, key=key)
    before, after = followed(tmp_path, monkeypatch, f"raw_keys_{len(keys + key)}", source)
    (option,) = before.findings[0].advice.options
    assert [step.new.startswith(listed) for step in option.steps].count(True) == 1
    assert after.result == before.result
    assert any(before.result)
    assert after.queries == queries
