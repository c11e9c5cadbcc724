"""Queries written out in a loop: every way of asking a QuerySet."""

from django.db.models import (
    Avg,
    Count,
    Exists,
    F,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    prefetch_related_objects,
)
from django.shortcuts import get_object_or_404

from tests.corpus.data import FIRST_DAY
from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Blog, Chapter, Entry, Profile, Tag


@loop("query-in-loop", origin=False)
def object_or_404_per_key(n):
    for i in range(n):  # loop
        get_object_or_404(Author, slug=f"a{i}")  # site


@healthy(twin=object_or_404_per_key)
def objects_by_slug(n):
    authors = Author.objects.in_bulk([f"a{i}" for i in range(n)], field_name="slug")
    for i in range(n):
        authors[f"a{i}"].name.upper()


@loop("query-in-loop")
def object_or_404_of_a_queryset_per_row(n):
    rated = Author.objects.filter(rating__gte=0)
    for entry in Entry.objects.order_by("pk"):  # loop origin
        author = get_object_or_404(rated.select_related("country"), pk=entry.author_id)  # site
        author.country.name.upper()


@healthy(twin=object_or_404_of_a_queryset_per_row)
def objects_of_a_queryset_by_key(n):
    entries = list(Entry.objects.order_by("pk"))
    rated = Author.objects.filter(rating__gte=0).select_related("country")
    authors = rated.in_bulk({entry.author_id for entry in entries})
    for entry in entries:
        authors[entry.author_id].country.name.upper()


@loop("query-in-loop")
def distinct_values_per_row(n):
    told = []
    for author in Author.objects.order_by("pk"):  # loop origin
        told.append(sorted(author.entries.values_list("status", flat=True).distinct()))  # site
    return told


@healthy(twin=distinct_values_per_row)
def distinct_values_of_loaded_rows(n):
    told = []
    for author in Author.objects.prefetch_related("entries").order_by("pk"):
        told.append(sorted({entry.status for entry in author.entries.all()}))
    return told


@loop("query-in-loop")
def get_per_row(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        Author.objects.get(pk=entry.author_id)  # site


@healthy(twin=get_per_row)
def get_in_bulk(n):
    entries = list(Entry.objects.order_by("pk"))
    authors = Author.objects.in_bulk({entry.author_id for entry in entries})
    for entry in entries:
        authors[entry.author_id].name


@loop("query-in-loop", origin="optional")
def get_per_key(n):
    for pk in Author.objects.order_by("pk").values_list("pk", flat=True):  # loop origin
        Author.objects.get(pk=pk)  # site


@healthy(twin=get_per_key)
def get_all_keys(n):
    pks = list(Author.objects.values_list("pk", flat=True))
    for author in Author.objects.filter(pk__in=pks):
        author.name


@loop("query-in-loop", origin=False)
def get_per_number(n):
    for i in range(n):  # loop
        Author.objects.get(slug=f"a{i}")  # site


@healthy(twin=get_per_number)
def get_all_numbers(n):
    authors = Author.objects.in_bulk([f"a{i}" for i in range(n)], field_name="slug")
    for i in range(n):
        authors[f"a{i}"].name


@loop("query-in-loop", origin=False)
def get_that_often_fails(n):
    unknown = []
    for i in range(n):  # loop
        try:
            Author.objects.get(slug=f"nobody-{i}")  # site
        except Author.DoesNotExist:
            unknown.append(i)
    return unknown


@healthy(twin=get_that_often_fails)
def get_that_often_fails_in_bulk(n):
    slugs = [f"nobody-{i}" for i in range(n)]
    known = Author.objects.in_bulk(slugs, field_name="slug")
    return [slug for slug in slugs if slug not in known]


@loop("query-in-loop")
def filter_by_parent(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Entry.objects.filter(author=author))  # site


@healthy(twin=filter_by_parent)
def filter_by_parent_prefetched(n):
    for author in Author.objects.prefetch_related("entries"):
        list(author.entries.all())


@loop("query-in-loop")
def filter_by_key_of_parent(n):
    authors = Author.objects.rated()  # assigned
    for author in authors:  # loop origin
        list(Entry.objects.filter(author_id=author.pk, rating__gte=0))  # site


@healthy(twin=filter_by_key_of_parent)
def filter_by_key_of_all_parents(n):
    by_author = {}
    for entry in Entry.objects.filter(author__in=Author.objects.rated(), rating__gte=0):
        by_author.setdefault(entry.author_id, []).append(entry)
    return by_author


@loop("query-in-loop")
def filter_across_a_relation(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Chapter.objects.filter(entry__author=author))  # site


@healthy(twin=filter_across_a_relation)
def filter_across_a_relation_prefetched(n):
    for author in Author.objects.prefetch_related("entries__chapter_set"):
        [chapter for entry in author.entries.all() for chapter in entry.chapter_set.all()]


@loop("query-in-loop")
def filter_with_constant_list(n):
    # The IN list is the same in every turn: two statuses are no batch.
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Entry.objects.filter(author=author, status__in=["draft", "live"]))  # site


@healthy(twin=filter_with_constant_list)
def filter_with_constant_list_prefetched(n):
    visible = Prefetch("entries", Entry.objects.filter(status__in=["draft", "live"]))
    for author in Author.objects.prefetch_related(visible):
        list(author.entries.all())


@loop("query-in-loop")
def newest_since_per_parent(n):
    # A lower bound, an order and a limit, and yet no paging: the bound never moves.
    for author in Author.objects.order_by("pk"):  # loop origin
        entries = Entry.objects.filter(author=author, created__gt=FIRST_DAY)
        list(entries.order_by("created")[:3])  # site


@healthy(twin=newest_since_per_parent)
def newest_since_for_all(n):
    recent = Prefetch("entries", Entry.objects.filter(created__gt=FIRST_DAY).order_by("created"))
    for author in Author.objects.prefetch_related(recent):
        list(author.entries.all())[:3]


@loop("query-in-loop", origin=False)
def one_day_at_a_time(n):
    # The bound moves, but it is an equality: a day a query, not a page.
    for i in range(n):  # loop
        list(Entry.objects.filter(created=FIRST_DAY.replace(day=i + 1)).order_by("pk")[:10])  # site


@healthy(twin=one_day_at_a_time)
def all_days_at_once(n):
    return list(Entry.objects.values("created").annotate(Count("pk")))


@loop("query-in-loop")
def list_of_one(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        list(Author.objects.filter(pk__in=[entry.author_id]))  # site


@healthy(twin=list_of_one)
def list_of_all(n):
    pks = [entry.author_id for entry in Entry.objects.order_by("pk")]
    list(Author.objects.filter(pk__in=pks))


@loop("query-in-loop")
def list_of_changing_length(n):
    tags = list(Tag.objects.values_list("pk", flat=True))
    for entry in Entry.objects.order_by("pk"):  # loop origin
        list(Tag.objects.filter(pk__in=tags[: entry.rating % 4 + 1]))  # site


@healthy(twin=list_of_changing_length)
def list_of_changing_length_in_memory(n):
    tags = list(Tag.objects.all())
    for entry in Entry.objects.order_by("pk"):
        tags[: entry.rating % 4 + 1]


@loop("query-in-loop")
def changing_limit(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Entry.objects.filter(author=author).order_by("pk")[: author.rating])  # site


@healthy(twin=changing_limit)
def changing_limit_in_memory(n):
    for author in Author.objects.prefetch_related("entries"):
        list(author.entries.all())[: author.rating]


@loop("query-in-loop", origin=False)
def index_per_number(n):
    # LIMIT 1 OFFSET i: a page of one row is a query a row.
    entries = Entry.objects.order_by("pk")
    for i in range(n):  # loop
        entries[i]  # site


@healthy(twin=index_per_number)
def index_of_evaluated_queryset(n):
    entries = Entry.objects.order_by("pk")
    len(entries)
    for i in range(n):
        entries[i]


@loop("query-in-loop")
def first_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        Entry.objects.filter(author=author).order_by("-created").first()  # site


@healthy(twin=first_per_row)
def first_by_subquery(n):
    newest = Entry.objects.filter(author=OuterRef("pk")).order_by("-created")
    list(Author.objects.annotate(newest=Subquery(newest.values("headline")[:1])))


@loop("query-in-loop")
def last_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        Entry.objects.filter(author=author).order_by("created").last()  # site


@healthy(twin=last_per_row)
def last_by_subquery(n):
    newest = Entry.objects.filter(author=OuterRef("pk")).order_by("-created")
    list(Author.objects.annotate(newest=Subquery(newest.values("pk")[:1])).values("newest"))


@loop("query-in-loop")
def latest_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        Entry.objects.filter(author=author).latest("created")  # site


@healthy(twin=latest_per_row)
def latest_of_one(n):
    author = Author.objects.get(slug="a0")
    Entry.objects.filter(author=author).latest("created")
    Entry.objects.filter(author=author).earliest("created")


@loop("query-in-loop")
def count_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        Entry.objects.filter(author=author).count()  # site


@healthy(twin=count_per_row)
def count_grouped(n):
    return dict(Entry.objects.values_list("author").annotate(Count("pk")))


@loop("query-in-loop")
def exists_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        if Entry.objects.filter(author=author, status="live").exists():  # site
            author.name.upper()


@healthy(twin=exists_per_row)
def exists_annotated(n):
    live = Entry.objects.filter(author=OuterRef("pk"), status="live")
    for author in Author.objects.annotate(live=Exists(live)):
        if author.live:
            author.name.upper()


@loop("query-in-loop")
def contains_per_row(n):
    live = Entry.objects.filter(status="live")
    for entry in Entry.objects.order_by("pk"):  # loop origin
        live.contains(entry)  # site


@healthy(twin=contains_per_row)
def contains_of_evaluated_queryset(n):
    live = Entry.objects.filter(status="live")
    len(live)
    for entry in Entry.objects.order_by("pk"):
        live.contains(entry)


@loop("query-in-loop")
def aggregate_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        Entry.objects.filter(author=author).aggregate(Avg("rating"), Count("pk"))  # site


@healthy(twin=aggregate_per_row)
def aggregate_grouped(n):
    return list(Entry.objects.values("author").annotate(Avg("rating"), Count("pk")))


@loop("query-in-loop")
def values_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Entry.objects.filter(author=author).values("headline", "rating"))  # site


@healthy(twin=values_per_row)
def values_at_once(n):
    return list(Entry.objects.values("author", "headline", "rating"))


@loop("query-in-loop")
def values_list_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        set(Entry.objects.filter(author=author).values_list("pk", flat=True))  # site


@healthy(twin=values_list_per_row)
def values_list_at_once(n):
    return set(Entry.objects.values_list("author", "pk"))


@loop("query-in-loop")
def in_bulk_of_one(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        Author.objects.in_bulk([entry.author_id])  # site


@healthy(twin=in_bulk_of_one)
def in_bulk_of_all(n):
    Author.objects.in_bulk([entry.author_id for entry in Entry.objects.order_by("pk")])


@loop("query-in-loop")
def iterator_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        for entry in Entry.objects.filter(author=author).iterator(chunk_size=100):  # site
            entry.headline.upper()


@healthy(twin=iterator_per_row)
def iterator_of_all(n):
    for entry in Entry.objects.order_by("author").iterator(chunk_size=100):
        entry.headline.upper()


@loop("query-in-loop")
def dates_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Entry.objects.filter(author=author).dates("created", "month"))  # site


@healthy(twin=dates_per_row)
def dates_at_once(n):
    return list(Entry.objects.dates("created", "month"))


@loop("query-in-loop")
def complex_condition_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        owned = Q(author=author) | Q(editor=author)
        Entry.objects.filter(owned).exclude(status="gone").distinct().count()  # site


@healthy(twin=complex_condition_per_row)
def complex_condition_built_in_a_loop(n):
    # Conditions are put together in a loop, and sent once.
    condition = Q(pk__in=[])
    for i in range(n):
        condition |= Q(author__slug=f"a{i}")
    return list(Entry.objects.filter(condition))


@loop("query-in-loop")
def annotation_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Entry.objects.filter(author=author).annotate(double=F("rating") * 2))  # site


@healthy(twin=annotation_per_row)
def annotation_at_once(n):
    return list(Entry.objects.annotate(double=F("rating") * 2))


@loop("query-in-loop")
def union_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Entry.objects.filter(author=author).union(Entry.objects.filter(editor=author)))  # site


@healthy(twin=union_per_row)
def union_of_all_rows(n):
    return list(Entry.objects.filter(author__rating=1).union(Entry.objects.filter(rating=1)))


@loop("query-in-loop")
def base_queryset_narrowed_per_row(n):
    live = Entry.objects.filter(status="live").select_related("blog")
    for author in Author.objects.order_by("pk"):  # loop origin
        list(live.filter(author=author))  # site


@healthy(twin=base_queryset_narrowed_per_row)
def base_queryset_narrowed_in_memory(n):
    live = list(Entry.objects.filter(status="live").select_related("blog"))
    for author in Author.objects.order_by("pk"):
        [entry for entry in live if entry.author_id == author.pk]


@loop("query-in-loop")
def queryset_made_before_it_is_read(n):
    # Two lines a turn, one of them harmless: the query goes out where the rows are read.
    for author in Author.objects.order_by("pk"):  # loop origin
        entries = Entry.objects.filter(author=author)
        for entry in entries:  # site
            entry.headline.upper()


@healthy(twin=queryset_made_before_it_is_read)
def queryset_made_and_never_read(n):
    return [Entry.objects.filter(author=author) for author in Author.objects.order_by("pk")]


@loop("query-in-loop", tag="manager")
def manager_method_per_row(n):
    for blog in Blog.objects.select_related("owner"):  # loop origin
        Author.objects.slugs_of_country(blog.owner.country_id)


@healthy(twin=manager_method_per_row)
def manager_method_once(n):
    Author.objects.slugs_of_country("c00")


@loop("query-in-loop")
def refresh_of_every_row(n):
    entries = list(Entry.objects.order_by("pk"))  # origin assigned
    Entry.objects.update(rating=F("rating") + 1)
    for entry in entries:  # loop
        entry.refresh_from_db()  # site
    return [entry.rating for entry in entries]


@healthy(twin=refresh_of_every_row)
def refresh_of_all_rows(n):
    entries = list(Entry.objects.order_by("pk"))
    fresh = Entry.objects.in_bulk([entry.pk for entry in entries])
    return [fresh[entry.pk] for entry in entries]


@loop("query-in-loop")
def refresh_of_one_field(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.rating = 0
        entry.refresh_from_db(fields=["rating"])  # site
        entry.rating.bit_length()


@healthy(twin=refresh_of_one_field)
def refresh_of_one_field_of_one_row(n):
    entry = Entry.objects.order_by("pk").first()
    entry.refresh_from_db(fields=["rating"])


@loop("query-in-loop")
def prefetch_per_object(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        prefetch_related_objects([author], "entries")  # site
        list(author.entries.all())


@healthy(twin=prefetch_per_object)
def prefetch_for_all_objects(n):
    authors = list(Author.objects.order_by("pk"))
    prefetch_related_objects(authors, "entries")
    for author in authors:
        list(author.entries.all())


@loop("query-in-loop", statements=2)
def prefetching_query_per_object(n):
    # The inner query prefetches, and goes out for every author all the same.
    for author in Author.objects.order_by("pk"):  # loop origin
        list(Entry.objects.filter(author=author).prefetch_related("chapter_set"))  # site


@healthy(twin=prefetching_query_per_object)
def prefetching_query_for_all_objects(n):
    list(Author.objects.prefetch_related("entries__chapter_set"))


@loop("query-in-loop")
def reverse_look_up_of_o2o(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        Profile.objects.get(author=author)  # site


@healthy(twin=reverse_look_up_of_o2o)
def reverse_look_up_of_all_o2o(n):
    return {profile.author_id: profile for profile in Profile.objects.all()}
