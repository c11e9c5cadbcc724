"""Relations that were prefetched, and then asked of the database again."""

from django.db.models import Count, Prefetch

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Chapter, Entry, Membership, Remark, Tag


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_filter(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        list(author.entries.filter(status="live"))  # site


@healthy(twin=bypassed_by_filter)
def filtered_in_memory(n):
    for author in Author.objects.prefetch_related("entries"):
        [entry for entry in author.entries.all() if entry.status == "live"]


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_order_by(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        list(author.entries.order_by("-created"))  # site


@healthy(twin=bypassed_by_order_by)
def ordered_by_the_prefetch(n):
    ordered = Prefetch("entries", Entry.objects.order_by("-created"))
    for author in Author.objects.prefetch_related(ordered):
        list(author.entries.all())


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_first(n):
    # Unordered, so that `first()` orders by itself, and asks again.
    authors = Author.objects.prefetch_related("entries")  # assigned
    for author in authors:  # loop origin
        author.entries.first()  # site


@healthy(twin=bypassed_by_first)
def first_of_an_ordered_prefetch(n):
    ordered = Prefetch("entries", Entry.objects.order_by("pk"))
    for author in Author.objects.prefetch_related(ordered):
        author.entries.first()


@healthy(twin=bypassed_by_first)
def slice_of_a_prefetch(n):
    for author in Author.objects.prefetch_related("entries"):
        author.entries.all()[:1]


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_last(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        author.entries.all().last()  # site


@healthy(twin=bypassed_by_last)
def last_of_a_list(n):
    for author in Author.objects.prefetch_related("entries"):
        list(author.entries.all())[-1]


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_get(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        author.entries.get(rating=author.rating - 1)  # site


@healthy(twin=bypassed_by_get)
def next_of_a_prefetch(n):
    for author in Author.objects.prefetch_related("entries"):
        next(entry for entry in author.entries.all() if entry.rating == author.rating - 1)


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_exclude_and_count(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        author.entries.exclude(status="gone").count()  # site


@healthy(twin=bypassed_by_exclude_and_count)
def count_of_a_prefetch(n):
    for author in Author.objects.prefetch_related("entries"):
        author.entries.count() + len(author.entries.all())


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_filter_and_exists(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        if author.entries.filter(rating__gt=10).exists():  # site
            author.name.upper()


@healthy(twin=bypassed_by_filter_and_exists)
def exists_and_contains_of_a_prefetch(n):
    entry = Entry.objects.get(slug="e0")
    for author in Author.objects.prefetch_related("entries"):
        author.entries.exists()
        author.entries.contains(entry)


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_values_list(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        list(author.entries.values_list("headline", flat=True))  # site


@healthy(twin=bypassed_by_values_list)
def values_of_a_prefetch(n):
    for author in Author.objects.prefetch_related("entries"):
        [entry.headline for entry in author.entries.all()]


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_aggregate(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        author.entries.aggregate(Count("pk"))  # site


@healthy(twin=bypassed_by_aggregate)
def sum_of_a_prefetch(n):
    for author in Author.objects.prefetch_related("entries"):
        sum(entry.rating for entry in author.entries.all())


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_iterator(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        for entry in author.entries.iterator():  # site
            entry.headline.upper()


@healthy(twin=bypassed_by_iterator)
def iteration_of_a_prefetch(n):
    for author in Author.objects.prefetch_related("entries"):
        for entry in author.entries.all():
            entry.headline.upper()


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_select_related(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        list(author.entries.select_related("blog"))  # site


@healthy(twin=bypassed_by_select_related)
def joined_by_the_prefetch(n):
    joined = Prefetch("entries", Entry.objects.select_related("blog"))
    for author in Author.objects.prefetch_related(joined):
        [entry.blog.name for entry in author.entries.all()]


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_model_manager(n):
    # The mistake that makes things worse: one query more than without the prefetch.
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        list(Entry.objects.filter(author=author))  # site


@healthy(twin=bypassed_by_model_manager)
def read_from_the_prefetch(n):
    for author in Author.objects.prefetch_related("entries"):
        list(author.entries.all())


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_by_key(n):
    authors = list(Author.objects.prefetch_related("entries"))  # origin assigned
    for author in authors:  # loop
        Entry.objects.filter(author_id=author.pk, status="live").count()  # site


@healthy(twin=bypassed_by_key)
def counted_in_the_prefetch(n):
    authors = list(Author.objects.prefetch_related("entries"))
    for author in authors:
        sum(entry.status == "live" for entry in author.entries.all())


@loop("bypassed-prefetch", relation="corpus.Author.books")
def bypassed_with_to_field(n):
    for author in Author.objects.prefetch_related("books"):  # loop origin
        list(author.books.filter(title__startswith="Book"))  # site


@healthy(twin=bypassed_with_to_field)
def prefetched_with_to_field(n):
    for author in Author.objects.prefetch_related("books"):
        [book for book in author.books.all() if book.title.startswith("Book")]


@loop("bypassed-prefetch", relation="corpus.Entry.tags")
def bypassed_m2m(n):
    for entry in Entry.objects.prefetch_related("tags"):  # loop origin
        list(entry.tags.filter(name__startswith="Tag"))  # site


@healthy(twin=bypassed_m2m)
def prefetched_m2m(n):
    for entry in Entry.objects.prefetch_related("tags"):
        [tag for tag in entry.tags.all() if tag.name.startswith("Tag")]


@loop("bypassed-prefetch", relation="corpus.Entry.tags")
def bypassed_m2m_by_model_manager(n):
    for entry in Entry.objects.prefetch_related("tags"):  # loop origin
        list(Tag.objects.filter(entries=entry))  # site


@healthy(twin=bypassed_m2m_by_model_manager)
def prefetched_m2m_from_both_ends(n):
    for entry in Entry.objects.prefetch_related("tags__entries"):
        for tag in entry.tags.all():
            list(tag.entries.all())


@loop("bypassed-prefetch", relation="corpus.Tag.entries")
def bypassed_m2m_from_the_other_end(n):
    for tag in Tag.objects.prefetch_related("entries"):  # loop origin
        list(tag.entries.order_by("headline"))  # site


@healthy(twin=bypassed_m2m_from_the_other_end)
def sorted_m2m_from_the_other_end(n):
    for tag in Tag.objects.prefetch_related("entries"):
        sorted(tag.entries.all(), key=lambda entry: entry.headline)


@loop("bypassed-prefetch", relation="corpus.Entry.remarks")
def bypassed_generic_relation(n):
    for entry in Entry.objects.prefetch_related("remarks"):  # loop origin
        list(entry.remarks.filter(topic="entries"))  # site


@healthy(twin=bypassed_generic_relation)
def prefetched_generic_relation(n):
    for entry in Entry.objects.prefetch_related("remarks"):
        [remark for remark in entry.remarks.all() if remark.topic == "entries"]


@loop("bypassed-prefetch", relation="corpus.Entry.chapter_set")
def bypassed_second_level(n):
    # The rows of the inner loop came with the query of the outer one.
    for author in Author.objects.prefetch_related("entries__chapter_set"):  # origin
        for entry in author.entries.all():  # loop
            entry.chapter_set.filter(number=1).first()  # site


@healthy(twin=bypassed_second_level)
def prefetched_second_level(n):
    for author in Author.objects.prefetch_related("entries__chapter_set"):
        for entry in author.entries.all():
            next(chapter for chapter in entry.chapter_set.all() if chapter.number == 1)


@loop("bypassed-prefetch", "lazy-relation")
def bypassed_to_attr(n):
    loaded = Prefetch("entries", Entry.objects.all(), to_attr="loaded_entries")
    for author in Author.objects.prefetch_related(loaded):  # loop origin
        list(author.entries.all())  # site


@healthy(twin=bypassed_to_attr)
def read_from_to_attr(n):
    loaded = Prefetch("entries", Entry.objects.all(), to_attr="loaded_entries")
    for author in Author.objects.prefetch_related(loaded):
        list(author.loaded_entries)


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def bypassed_in_a_helper(n):
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        live_headlines(author)


def live_headlines(author):
    live = author.entries.filter(status="live")
    return [entry.headline for entry in live]  # site:bypassed_in_a_helper


@healthy(twin=bypassed_in_a_helper)
def bypassed_for_one_object(n):
    author = Author.objects.prefetch_related("entries").get(slug="a0")
    live_headlines(author)


@loop("bypassed-prefetch", relation="corpus.Author.entries", tag="author_newest")
def bypassed_in_a_property(n):
    authors = Author.objects.prefetch_related("entries")  # assigned
    return [author.newest_uncached for author in authors]  # loop origin


@healthy(twin=bypassed_in_a_property)
def newest_of_a_prefetch(n):
    authors = Author.objects.prefetch_related("entries")
    return [max(author.entries.all(), key=lambda entry: entry.pk) for author in authors]


@loop("query-in-loop")
def prefetched_but_another_model_asked(n):
    # No bypass: what is asked for in the loop was never prefetched.
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        list(author.entries.all())
        Membership.objects.filter(member=author).count()  # site


@healthy(twin=prefetched_but_another_model_asked)
def prefetched_and_nothing_else_asked(n):
    for author in Author.objects.prefetch_related("entries", "clubs"):
        list(author.entries.all())
        len(author.clubs.all())


@healthy()
def several_relations_to_one_model(n):
    for entry in Entry.objects.prefetch_related("author", "editor", "author__mentor"):
        entry.author.name + entry.editor.name + entry.author.mentor.name


@healthy()
def several_to_attr_of_one_relation(n):
    drafts = Prefetch("entries", Entry.objects.filter(status="draft"), to_attr="drafts")
    live = Prefetch("entries", Entry.objects.filter(status="live"), to_attr="live")
    edited = Prefetch("edited", Entry.objects.filter(status="live"), to_attr="edited_live")
    for author in Author.objects.prefetch_related(drafts, live, edited):
        len(author.drafts) + len(author.live) + len(author.edited_live)


@healthy()
def prefetch_to_the_same_rows_twice(n):
    for entry in Entry.objects.prefetch_related("author__entries", "editor__entries"):
        list(entry.author.entries.all()) + list(entry.editor.entries.all())


@healthy()
def prefetch_three_levels_deep(n):
    chapters = Prefetch("chapter_set", Chapter.objects.order_by("number"))
    entries = Prefetch("entries", Entry.objects.prefetch_related(chapters, "tags", "remarks"))
    for author in Author.objects.prefetch_related(entries, "profile"):
        for entry in author.entries.all():
            list(entry.chapter_set.all()) + list(entry.tags.all()) + list(entry.remarks.all())


@healthy()
def prefetch_of_generic_targets(n):
    for remark in Remark.objects.filter(topic="mixed").prefetch_related("target"):
        remark.target.pk


@healthy(cleared="batched", grows=True)
def prefetch_of_a_chunked_iterator(n):
    for author in Author.objects.prefetch_related("entries").iterator(chunk_size=2):
        list(author.entries.all())


@loop("bypassed-prefetch", relation="corpus.Entry.tags", turns=None, statements=None)
def read_behind_what_drops_the_prefetch(n):
    tag = Tag.objects.create(name="added")
    for entry in Entry.objects.prefetch_related("tags").order_by("pk"):  # loop origin
        entry.tags.add(tag)  # site
        list(entry.tags.all())  # site


@healthy(twin=read_behind_what_drops_the_prefetch)
def read_before_what_drops_the_prefetch(n):
    tag, entries = Tag.objects.create(name="added"), []
    for entry in Entry.objects.prefetch_related("tags").order_by("pk"):
        list(entry.tags.all())
        entries.append(entry)
    tag.entries.add(*entries)
