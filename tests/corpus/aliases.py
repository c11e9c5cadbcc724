"""Loops over a second database."""

from django.db import connections

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Entry, Note

BOTH = ("default", "other")


@loop("lazy-relation", relation="corpus.Entry.author", databases=BOTH)
def lazy_on_the_second_database(n):
    for entry in Entry.objects.using("other").order_by("pk"):  # loop origin
        entry.author.name  # site


@healthy(twin=lazy_on_the_second_database, databases=BOTH)
def joined_on_the_second_database(n):
    for entry in Entry.objects.using("other").select_related("author"):
        entry.author.name


@loop("query-in-loop", databases=BOTH)
def asked_of_the_second_database(n):
    # The parents come from the first database.
    for author in Author.objects.order_by("pk"):  # loop origin
        Author.objects.using("other").get(slug=author.slug)  # site


@healthy(twin=asked_of_the_second_database, databases=BOTH)
def asked_of_the_second_database_in_bulk(n):
    slugs = [author.slug for author in Author.objects.order_by("pk")]
    Author.objects.using("other").in_bulk(slugs, field_name="slug")


@loop("query-in-loop", statements=2, databases=BOTH, origin=False)
def asked_of_both_databases(n):
    for i in range(n):  # loop
        Author.objects.using("default").get(slug=f"a{i}")  # site
        Author.objects.using("other").get(slug=f"a{i}")  # site


@healthy(twin=asked_of_both_databases, databases=BOTH)
def asked_of_both_databases_once(n):
    Author.objects.using("default").get(slug="a0")
    Author.objects.using("other").get(slug="a0")


@loop("raw-sql-in-loop", databases=BOTH, origin=False)
def cursor_of_the_second_database(n):
    for i in range(n):  # loop
        with connections["other"].cursor() as cursor:
            cursor.execute("SELECT name FROM corpus_author WHERE slug = %s", [f"a{i}"])  # site
            cursor.fetchall()


@healthy(twin=cursor_of_the_second_database, databases=BOTH)
def cursor_of_every_database(n):
    # One query for each database: the same text, and yet nothing repeated.
    for alias in connections:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT name FROM corpus_author WHERE slug = %s", ["a0"])


@loop("write-in-loop", databases=BOTH)
def copied_row_by_row(n):
    for note in Note.objects.order_by("pk"):  # loop origin
        Note.objects.using("other").filter(slug=note.slug).update(text=note.slug)  # site


@healthy(twin=copied_row_by_row, databases=BOTH)
def copied_at_once(n):
    notes = [Note(slug=f"copy-{note.slug}", text=note.text) for note in Note.objects.all()]
    Note.objects.using("other").bulk_create(notes)


@healthy(databases=BOTH)
def same_query_to_both_databases(n):
    for alias in ("default", "other"):
        Author.objects.using(alias).count()
