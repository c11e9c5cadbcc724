"""Fields that were not loaded, read in a loop."""

from django.db.models import Prefetch

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Entry


@loop("deferred-field", relation="corpus.Entry.body")
def deferred_by_only(n):
    for entry in Entry.objects.only("headline"):  # loop origin
        entry.body  # site


@healthy(twin=deferred_by_only)
def loaded_by_only(n):
    for entry in Entry.objects.only("headline", "body"):
        entry.body


@loop("deferred-field", relation="corpus.Entry.body")
def deferred_by_defer(n):
    entries = Entry.objects.defer("body", "rating")  # assigned
    for entry in entries:  # loop origin
        if entry.headline:
            entry.body  # site


@healthy(twin=deferred_by_defer)
def deferred_and_never_read(n):
    for entry in Entry.objects.defer("body"):
        entry.headline


@loop("deferred-field", statements=2)
def two_deferred_fields(n):
    for entry in Entry.objects.only("slug").order_by("pk"):  # loop origin
        entry.headline  # site
        entry.body  # site


@healthy(twin=two_deferred_fields)
def two_fields_as_values(n):
    for row in Entry.objects.values("slug", "headline", "body"):
        row["headline"] + row["body"]


@loop("deferred-field", relation="corpus.Author.name")
def deferred_in_a_join(n):
    entries = Entry.objects.select_related("author").only("headline", "author__slug")  # assigned
    for entry in entries:  # loop origin
        entry.author.name  # site


@healthy(twin=deferred_in_a_join)
def loaded_in_a_join(n):
    for entry in Entry.objects.select_related("author").only("headline", "author__name"):
        entry.author.name


@loop("deferred-field", relation="corpus.Entry.headline")
def deferred_in_a_prefetch(n):
    slim = Prefetch("entries", Entry.objects.only("author", "slug"))
    for author in Author.objects.prefetch_related(slim):  # origin
        for entry in author.entries.all():  # loop
            entry.headline  # site


@healthy(twin=deferred_in_a_prefetch)
def loaded_in_a_prefetch(n):
    slim = Prefetch("entries", Entry.objects.only("author", "headline"))
    for author in Author.objects.prefetch_related(slim):
        for entry in author.entries.all():
            entry.headline


@loop("deferred-field", relation="corpus.Entry.body", tag="entry_teaser")
def deferred_in_a_property(n):
    for entry in Entry.objects.defer("body"):  # loop origin
        entry.teaser


@healthy(twin=deferred_in_a_property)
def loaded_for_a_property(n):
    for entry in Entry.objects.only("body"):
        entry.teaser


@loop("deferred-field", relation="corpus.Entry.body")
def deferred_by_raw(n):
    for entry in Entry.objects.raw("SELECT id, headline FROM corpus_entry"):  # loop origin
        entry.body  # site


@healthy(twin=deferred_by_raw)
def loaded_by_raw(n):
    for entry in Entry.objects.raw("SELECT * FROM corpus_entry"):
        entry.body


@loop("deferred-field", "lazy-relation", statements=2)
def deferred_key_of_a_relation(n):
    # One query for the key, one for the author.
    for entry in Entry.objects.only("headline"):  # loop origin
        entry.author.name  # site


@healthy(twin=deferred_key_of_a_relation)
def loaded_key_of_a_relation(n):
    entries = Entry.objects.only("headline", "author__name").select_related("author")
    for entry in entries:
        entry.author.name
