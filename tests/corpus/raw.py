"""SQL written by hand, in a loop."""

from django.db import connection, transaction
from django.db.models.expressions import RawSQL

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Entry, Note


@loop("query-in-loop", origin="optional")
def raw_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        # site
        list(Entry.objects.raw("SELECT * FROM corpus_entry WHERE author_id = %s", [author.pk]))


@healthy(twin=raw_per_row)
def raw_once(n):
    joined = "corpus_entry e JOIN corpus_author a ON a.id = e.author_id"
    for entry in Entry.objects.raw(f"SELECT e.*, a.name AS written_by FROM {joined}"):
        entry.written_by.upper()


@loop("query-in-loop", origin="optional")
def raw_with_literals_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Entry.objects.raw(f"SELECT * FROM corpus_entry WHERE author_id = {author.pk}"))  # site


@healthy(twin=raw_with_literals_per_row)
def raw_with_many_literals(n):
    pks = ", ".join(str(author.pk) for author in Author.objects.order_by("pk"))
    list(Entry.objects.raw(f"SELECT * FROM corpus_entry WHERE author_id IN ({pks})"))


@loop("raw-sql-in-loop", origin="optional")
def cursor_with_parameters(n):
    with connection.cursor() as cursor:
        for author in Author.objects.order_by("pk"):  # loop origin
            # site
            cursor.execute("SELECT COUNT(*) FROM corpus_entry WHERE author_id = %s", [author.pk])
            cursor.fetchone()


@healthy(twin=cursor_with_parameters)
def cursor_grouped(n):
    with connection.cursor() as cursor:
        cursor.execute("SELECT author_id, COUNT(*) FROM corpus_entry GROUP BY author_id")
        for author, count in cursor.fetchall():
            str(author) + str(count)


@loop("raw-sql-in-loop", origin="optional")
def cursor_with_literals(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        with connection.cursor() as cursor:
            # site
            cursor.execute(f"SELECT headline FROM corpus_entry WHERE author_id = {author.pk}")
            cursor.fetchall()


@healthy(twin=cursor_with_literals)
def cursor_with_many_literals(n):
    pks = ", ".join(str(author.pk) for author in Author.objects.order_by("pk"))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT headline FROM corpus_entry WHERE author_id IN ({pks})")
        for _row in cursor:
            pass


@loop("raw-sql-in-loop", origin=False)
def cursor_with_string_literals(n):
    with connection.cursor() as cursor:
        for i in range(n):  # loop
            # site
            cursor.execute(f"SELECT id FROM corpus_author WHERE slug = 'it''s a{i}' -- turn {i}")
            cursor.fetchall()


@healthy(twin=cursor_with_string_literals)
def cursor_with_string_list(n):
    slugs = ", ".join(f"'it''s a{i}'" for i in range(n))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM corpus_author WHERE slug IN ({slugs})")


@loop("raw-sql-in-loop", origin=False)
def cursor_update_per_row(n):
    with connection.cursor() as cursor:
        for i in range(n):  # loop
            # site
            cursor.execute("UPDATE corpus_note SET text = %s WHERE slug = %s", [f"t{i}", f"n{i}"])


@healthy(twin=cursor_update_per_row)
def cursor_update_with_executemany(n):
    rows = [(f"t{i}", f"n{i}") for i in range(n)]
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE corpus_note SET text = %s WHERE slug = %s", rows)


@loop("raw-sql-in-loop", origin=False)
def executemany_of_one_row(n):
    with connection.cursor() as cursor:
        for i in range(n):  # loop
            # site
            cursor.executemany("UPDATE corpus_note SET text = %s WHERE slug = %s", [("x", f"n{i}")])


@healthy(twin=executemany_of_one_row, cleared="batched", grows=True)
def executemany_of_batches(n):
    rows = [("x", f"n{i}") for i in range(n)]
    with connection.cursor() as cursor:
        for start in range(0, n, 2):
            cursor.executemany(
                "UPDATE corpus_note SET text = %s WHERE slug = %s", rows[start : start + 2]
            )


@loop("raw-sql-in-loop", origin=False)
def cursor_insert_per_row(n):
    with connection.cursor() as cursor:
        for i in range(n):  # loop
            cursor.execute("INSERT INTO corpus_tag (name) VALUES (%s)", [f"New {i}"])  # site


@healthy(twin=cursor_insert_per_row, cleared="batched", grows=True)
def cursor_insert_of_many_rows(n):
    with connection.cursor() as cursor:
        for start in range(0, n, 2):
            names = [f"New {i}" for i in range(start, min(start + 2, n))]
            values = ", ".join(["(%s)"] * len(names))
            cursor.execute(f"INSERT INTO corpus_tag (name) VALUES {values}", names)


@loop("query-in-loop")
def raw_expression_per_row(n):
    longer = RawSQL("LENGTH(body) > %s", [3])
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Entry.objects.filter(author=author).annotate(longer=longer))  # site


@healthy(twin=raw_expression_per_row)
def raw_expression_once(n):
    list(Entry.objects.annotate(longer=RawSQL("LENGTH(body) > %s", [3])))


@loop("raw-sql-in-loop", origin=False)
def cursor_helper_per_row(n):
    for i in range(n):  # loop
        scalar("SELECT MAX(rating) FROM corpus_author WHERE slug <> %s", f"a{i}")


def scalar(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)  # site:cursor_helper_per_row
        return cursor.fetchone()[0]


@healthy(twin=cursor_helper_per_row)
def cursor_helper_from_three_places(n):
    scalar("SELECT MAX(rating) FROM corpus_author WHERE slug <> %s", "a0")
    scalar("SELECT MAX(rating) FROM corpus_author WHERE slug <> %s", "a1")
    scalar("SELECT MAX(rating) FROM corpus_author WHERE slug <> %s", "a2")


@loop("raw-sql-in-loop", origin=False)
def cursor_in_savepoint_per_row(n):
    for i in range(n):  # loop
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM corpus_note WHERE slug = %s", [f"n{i}"])  # site


@healthy(twin=cursor_in_savepoint_per_row)
def cursor_in_one_savepoint(n):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM corpus_note WHERE slug LIKE %s", ["n%"])


@healthy(cleared="paged", grows=True)
def cursor_paged_by_key(n):
    last = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT id FROM corpus_note WHERE id > %s ORDER BY id LIMIT 2", [last])
            rows = cursor.fetchall()
            if len(rows) < 2:
                break
            last = rows[-1][0]


@healthy()
def cursor_read_in_pieces(n):
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM corpus_note")
        while cursor.fetchmany(2):
            pass


@healthy()
def one_raw_query_for_two_models(n):
    list(Note.objects.raw("SELECT * FROM corpus_note"))
    list(Author.objects.raw("SELECT * FROM corpus_author"))
