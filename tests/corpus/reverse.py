"""Reverse relations read in a loop: foreign keys, one-to-one, generic relations."""

from django.db.models import Avg, Count, Exists, F, Max, OuterRef, Prefetch, Subquery, Window
from django.db.models.functions import RowNumber

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Badge, Blog, Category, Entry, Remark, Ticket


@loop("lazy-relation", relation="corpus.Author.entries")
def reverse_fk(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(author.entries.all())  # site


@healthy(twin=reverse_fk)
def reverse_fk_prefetched(n):
    for author in Author.objects.prefetch_related("entries"):
        list(author.entries.all())


@loop("lazy-relation", relation="corpus.Blog.entry_set")
def reverse_fk_iterated(n):
    for blog in Blog.objects.order_by("pk"):  # loop origin
        for entry in blog.entry_set.all():  # site
            entry.headline.upper()


@healthy(twin=reverse_fk_iterated)
def reverse_fk_iterated_prefetched(n):
    for blog in Blog.objects.prefetch_related("entry_set"):
        for entry in blog.entry_set.all():
            entry.headline.upper()


@loop("lazy-relation", relation="corpus.Author.entries")
def reverse_fk_length(n):
    return [len(author.entries.all()) for author in Author.objects.all()]  # loop site origin


@healthy(twin=reverse_fk_length)
def reverse_fk_length_prefetched(n):
    return [len(author.entries.all()) for author in Author.objects.prefetch_related("entries")]


@loop("lazy-relation", relation="corpus.Author.entries")
def reverse_fk_truth(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        if author.entries.all():  # site
            author.name.upper()


@healthy(twin=reverse_fk_truth)
def reverse_fk_truth_prefetched(n):
    for author in Author.objects.prefetch_related("entries"):
        if author.entries.all():
            author.name.upper()


@loop("lazy-relation", relation="corpus.Author.entries")
def reverse_fk_prefetched_another(n):
    for author in Author.objects.prefetch_related("edited"):  # loop origin
        list(author.entries.all())  # site


@healthy(twin=reverse_fk_prefetched_another)
def reverse_fk_prefetched_both(n):
    for author in Author.objects.prefetch_related("edited", "entries"):
        list(author.entries.all()) + list(author.edited.all())


@loop("lazy-relation", relation="corpus.Author.pupils")
def reverse_self_fk(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(author.pupils.all())  # site


@healthy(twin=reverse_self_fk)
def reverse_self_fk_prefetched(n):
    for author in Author.objects.prefetch_related("pupils"):
        list(author.pupils.all())


@loop("lazy-relation", relation="corpus.Author.books")
def reverse_fk_by_to_field(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(author.books.all())  # site


@healthy(twin=reverse_fk_by_to_field)
def reverse_fk_by_to_field_prefetched(n):
    for author in Author.objects.prefetch_related("books"):
        list(author.books.all())


@loop("lazy-relation", relation="corpus.Ticket.message_set")
def reverse_fk_of_uuid_key(n):
    for ticket in Ticket.objects.order_by("subject"):  # loop origin
        list(ticket.message_set.all())  # site


@healthy(twin=reverse_fk_of_uuid_key)
def reverse_fk_of_uuid_key_prefetched(n):
    for ticket in Ticket.objects.prefetch_related("message_set"):
        list(ticket.message_set.all())


@loop("lazy-relation", relation="corpus.Category.children")
def reverse_fk_of_one_level(n):
    for category in Category.objects.filter(slug__startswith="tree-"):  # loop origin
        list(category.children.all())  # site


@healthy(twin=reverse_fk_of_one_level)
def reverse_fk_of_one_level_prefetched(n):
    for category in Category.objects.filter(slug__startswith="tree-").prefetch_related("children"):
        list(category.children.all())


@loop("query-in-loop")
def reverse_fk_count(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.entries.count()  # site


@healthy(twin=reverse_fk_count)
def reverse_fk_count_annotated(n):
    for author in Author.objects.annotate(entry_total=Count("entries")):
        author.entry_total + 1


@healthy(twin=reverse_fk_count)
def reverse_fk_count_prefetched(n):
    # `count()` and `exists()` of a prefetched relation ask the cache.
    for author in Author.objects.prefetch_related("entries"):
        author.entries.count() + author.entries.all().count()


@loop("query-in-loop")
def reverse_fk_exists(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.entries.exists()  # site


@healthy(twin=reverse_fk_exists)
def reverse_fk_exists_annotated(n):
    entries = Entry.objects.filter(author=OuterRef("pk"))
    for author in Author.objects.annotate(writes=Exists(entries)):
        str(author.writes)


@healthy(twin=reverse_fk_exists)
def reverse_fk_exists_prefetched(n):
    for author in Author.objects.prefetch_related("entries"):
        author.entries.exists()


@loop("query-in-loop")
def reverse_fk_filter(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(author.entries.filter(status="live"))  # site


@healthy(twin=reverse_fk_filter)
def reverse_fk_filter_prefetched(n):
    live = Prefetch("entries", Entry.objects.filter(status="live"), to_attr="live_entries")
    for author in Author.objects.prefetch_related(live):
        list(author.live_entries)


@loop("query-in-loop")
def reverse_fk_order_by(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(author.entries.order_by("-created"))  # site


@healthy(twin=reverse_fk_order_by)
def reverse_fk_order_by_prefetched(n):
    newest_first = Prefetch("entries", Entry.objects.order_by("-created"))
    for author in Author.objects.prefetch_related(newest_first):
        list(author.entries.all())


@loop("query-in-loop")
def reverse_fk_first(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.entries.order_by("-created").first()  # site


@healthy(twin=reverse_fk_first)
def reverse_fk_first_by_subquery(n):
    newest = Entry.objects.filter(author=OuterRef("pk")).order_by("-created")
    for author in Author.objects.annotate(newest=Subquery(newest.values("headline")[:1])):
        author.name.upper()


@healthy(twin=reverse_fk_first)
def reverse_fk_first_by_window(n):
    place = Window(RowNumber(), partition_by=F("author"), order_by=F("created").desc())
    for entry in Entry.objects.annotate(place=place).select_related("author"):
        entry.author.name.upper()


@loop("query-in-loop")
def reverse_fk_get(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.entries.get(rating=author.rating - 1)  # site


@healthy(twin=reverse_fk_get)
def reverse_fk_get_from_prefetched(n):
    for author in Author.objects.prefetch_related("entries"):
        next(entry for entry in author.entries.all() if entry.rating == author.rating - 1)


@loop("query-in-loop")
def reverse_fk_values_list(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        list(author.entries.values_list("headline", flat=True))  # site


@healthy(twin=reverse_fk_values_list)
def reverse_fk_values_list_grouped(n):
    headlines = {}
    for slug, headline in Entry.objects.values_list("author__slug", "headline"):
        headlines.setdefault(slug, []).append(headline)
    return headlines


@loop("query-in-loop")
def reverse_fk_aggregate(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.entries.aggregate(Avg("rating"))  # site


@healthy(twin=reverse_fk_aggregate)
def reverse_fk_aggregate_annotated(n):
    for author in Author.objects.annotate(mean=Avg("entries__rating"), best=Max("entries__rating")):
        str(author.mean)


@loop("query-in-loop")
def reverse_fk_latest(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.entries.latest("created")  # site


@healthy(twin=reverse_fk_latest)
def reverse_fk_latest_annotated(n):
    for author in Author.objects.annotate(latest=Max("entries__created")):
        str(author.latest)


@loop("query-in-loop")
def reverse_fk_iterator(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        for entry in author.entries.iterator():  # site
            entry.headline.upper()


@healthy(twin=reverse_fk_iterator)
def reverse_fk_iterator_over_all(n):
    for entry in Entry.objects.select_related("author").iterator():
        entry.author.name.upper()


@loop("lazy-relation", relation="corpus.Author.profile")
def reverse_o2o(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.profile.bio  # site


@healthy(twin=reverse_o2o)
def reverse_o2o_joined(n):
    for author in Author.objects.select_related("profile"):
        author.profile.bio


@healthy(twin=reverse_o2o)
def reverse_o2o_prefetched(n):
    for author in Author.objects.prefetch_related("profile"):
        author.profile.bio


@loop("lazy-relation", relation="corpus.Author.medal")
def reverse_o2o_missing(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        hasattr(author, "medal")  # site


@healthy(twin=reverse_o2o_missing)
def reverse_o2o_missing_joined(n):
    for author in Author.objects.select_related("medal"):
        hasattr(author, "medal")


@loop("lazy-relation", relation="corpus.Author.badge")
def reverse_o2o_sometimes_missing(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        try:
            author.badge.pk  # site
        except Badge.DoesNotExist:
            continue


@healthy(twin=reverse_o2o_sometimes_missing)
def reverse_o2o_sometimes_missing_joined(n):
    for author in Author.objects.select_related("badge"):
        try:
            author.badge.pk
        except Badge.DoesNotExist:
            continue


@loop("lazy-relation", relation="corpus.Entry.remarks")
def generic_relation(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        list(entry.remarks.all())  # site


@healthy(twin=generic_relation)
def generic_relation_prefetched(n):
    for entry in Entry.objects.prefetch_related("remarks"):
        list(entry.remarks.all())


@loop("query-in-loop")
def generic_relation_count(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.remarks.count()  # site


@healthy(twin=generic_relation_count)
def generic_relation_count_annotated(n):
    for entry in Entry.objects.annotate(remark_total=Count("remarks")):
        entry.remark_total + 1


@loop("query-in-loop")
def generic_relation_filter(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        list(entry.remarks.filter(topic="entries"))  # site


@healthy(twin=generic_relation_filter)
def generic_relation_filter_prefetched(n):
    remarks = Prefetch("remarks", Remark.objects.filter(topic="entries"))
    for entry in Entry.objects.prefetch_related(remarks):
        list(entry.remarks.all())
