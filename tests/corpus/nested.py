"""Look-ups in a loop inside another, where one query before both does for all of them."""

from django.db import connection
from django.db.models import Count

from tests.corpus.data import FIRST_KEY
from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Chapter, Entry, Tag


def twice(n):
    return n * 2


@loop("query-in-loop", turns=twice, origin="optional", assigned="optional")
def count_per_row_of_each_row(n):
    counts = []
    for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):  # origin
        for chapter in entry.chapter_set.all():  # loop
            counts.append(Tag.objects.filter(name=chapter.title).count())  # site
    return counts


@healthy(twin=count_per_row_of_each_row)
def counts_before_both_loops(n):
    entries = Entry.objects.prefetch_related("chapter_set").order_by("pk")
    titles = [chapter.title for entry in entries for chapter in entry.chapter_set.all()]
    named = Tag.objects.filter(name__in=titles).order_by().values_list("name")
    counts = dict(named.annotate(Count("pk")))
    return [
        counts.get(chapter.title, 0) for entry in entries for chapter in entry.chapter_set.all()
    ]


@loop("query-in-loop", turns=twice, origin=False)
def get_per_key_of_each_line(n):
    names = []
    for line in [f"{FIRST_KEY + i},{FIRST_KEY}" for i in range(n)]:
        for pk in line.split(","):  # loop
            names.append(Author.objects.get(pk=pk).name)  # site
    return names


@healthy(twin=get_per_key_of_each_line)
def keys_of_all_lines_at_once(n):
    lines = [f"{FIRST_KEY + i},{FIRST_KEY}" for i in range(n)]
    authors = Author.objects.in_bulk(pk for line in lines for pk in line.split(","))
    return [authors[int(pk)].name for line in lines for pk in line.split(",")]


@loop("query-in-loop", turns=twice, origin="optional", assigned="optional")
def exists_per_pair_of_two_loops(n):
    found = []
    for entry in Entry.objects.order_by("pk"):  # loop origin
        for number in (1, 2):
            found.append(Chapter.objects.filter(entry_id=entry.pk, number=number).exists())  # site
    return found


@healthy(twin=exists_per_pair_of_two_loops)
def pairs_of_two_loops_at_once(n):
    entries = list(Entry.objects.order_by("pk"))
    wanted = Chapter.objects.filter(entry_id__in=[entry.pk for entry in entries])
    known = set(wanted.values_list("entry_id", "number"))
    return [(entry.pk, number) in known for entry in entries for number in (1, 2)]


@loop("raw-sql-in-loop", turns=twice, origin=False)
def cursor_per_row_of_each_row(n):
    found = []
    with connection.cursor() as cursor:
        for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):
            for chapter in entry.chapter_set.all():  # loop
                sql = "SELECT slug FROM corpus_entry WHERE id = %s"
                cursor.execute(sql, [chapter.entry_id])  # site
                found.append((chapter.title, cursor.fetchone()[0]))
    return found


@healthy(twin=cursor_per_row_of_each_row)
def cursor_before_both_loops(n):
    entries = Entry.objects.prefetch_related("chapter_set").order_by("pk")
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, slug FROM corpus_entry")
        slugs = dict(cursor.fetchall())
    return [
        (chapter.title, slugs[entry.pk]) for entry in entries for chapter in entry.chapter_set.all()
    ]


def author_column(entry):
    return entry.author.name  # site:columns_of_each_row site:fields_of_each_row


def cells(entry, columns):
    return [column(entry) for column in columns]


class Sheet:
    fields = (str, author_column)

    def get_fields(self):
        return {field.__name__: field for field in self.fields}

    def row(self, entry):
        told = {}
        for name, field in self.get_fields().items():
            told[name] = field(entry)
        return told


@loop("lazy-relation", relation="corpus.Entry.author")
def columns_of_each_row(n):
    told = []
    for entry in Entry.objects.order_by("pk"):  # loop origin
        told.append(cells(entry, Sheet.fields))
    return told


@healthy(twin=columns_of_each_row)
def columns_of_each_row_joined(n):
    return [cells(entry, Sheet.fields) for entry in Entry.objects.select_related("author")]


@loop("lazy-relation", relation="corpus.Entry.author")
def fields_of_each_row(n):
    sheet = Sheet()
    return [sheet.row(entry) for entry in Entry.objects.order_by("pk")]  # loop origin


@healthy(twin=fields_of_each_row)
def fields_of_each_row_joined(n):
    sheet = Sheet()
    return [sheet.row(entry) for entry in Entry.objects.select_related("author")]


def related_rows(entry):
    told = {}
    for one in entry._meta.many_to_many:
        told[one.name] = list(getattr(entry, one.name).all())  # site:relations_of_each_row
    return told


@loop("lazy-relation", relation="corpus.Entry.tags")
def relations_of_each_row(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        related_rows(entry)


@healthy(twin=relations_of_each_row)
def relations_of_each_row_prefetched(n):
    for entry in Entry.objects.prefetch_related("tags"):
        related_rows(entry)


@loop("query-in-loop", origin=False)
def query_for_each_field(n):
    fields = [f"a{i}" for i in range(n)]
    for field in fields:  # loop
        Author.objects.filter(slug=field).exists()  # site


@healthy(twin=query_for_each_field)
def query_for_all_fields(n):
    fields = [f"a{i}" for i in range(n)]
    Author.objects.filter(slug__in=fields).count()
