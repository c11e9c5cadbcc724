"""Query loops as services are written: helpers, handlers, aggregates, prefetches that get lost."""

from django.db import connection
from django.db.models import Count, F, Prefetch, Q, Sum

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Blog, Category, Chapter, Entry, Note, Place, Stay

# --- aggregates beside joins --------------------------------------------------------------


@loop("query-in-loop")
def count_beside_an_annotation(n):
    # A second join would multiply what the first one counts.
    entries = Entry.objects.annotate(chapters=Count("chapter"))  # assigned
    return [(entry.chapters, entry.tags.count()) for entry in entries]  # loop origin site


@healthy(twin=count_beside_an_annotation)
def two_counts_of_one_query(n):
    chapters, tags = Count("chapter", distinct=True), Count("tags", distinct=True)
    entries = Entry.objects.annotate(chapters=chapters, tag_count=tags)
    return [(entry.chapters, entry.tag_count) for entry in entries]


@loop("query-in-loop", statements=2)
def count_and_sum_per_row(n):
    numbers = []
    for entry in Entry.objects.order_by("pk"):  # loop origin
        total = entry.chapter_set.aggregate(total=Sum("number"))["total"]  # site
        numbers.append((entry.tags.count(), total))  # site
    return numbers


@healthy(twin=count_and_sum_per_row)
def count_and_sum_in_memory(n):
    entries = Entry.objects.prefetch_related("tags", "chapter_set")
    return [
        (len(entry.tags.all()), sum(chapter.number for chapter in entry.chapter_set.all()))
        for entry in entries
    ]


@loop("query-in-loop")
def count_of_either_per_row(n):
    counts = {}
    for author in Author.objects.order_by("pk"):  # loop origin
        live = author.entries.filter(Q(status="live") | Q(rating__gt=3))
        counts[author.slug] = live.count()  # site
    return counts


@healthy(twin=count_of_either_per_row)
def count_of_either_annotated(n):
    live = Q(entries__status="live") | Q(entries__rating__gt=3)
    authors = Author.objects.annotate(live=Count("entries", filter=live))
    return {author.slug: author.live for author in authors}


@loop("query-in-loop")
def count_by_another_column_per_row(n):
    counts = []
    for author in Author.objects.order_by("pk"):  # loop origin
        counts.append(author.entries.filter(rating__lt=F("pk")).count())  # site
    return counts


@healthy(twin=count_by_another_column_per_row)
def count_by_another_column_annotated(n):
    smaller = Q(entries__rating__lt=F("entries__pk"))
    authors = Author.objects.annotate(smaller=Count("entries", filter=smaller))
    return [author.smaller for author in authors]


@loop("query-in-loop")
def sum_over_two_relations_per_row(n):
    sums = []
    for author in Author.objects.order_by("pk"):  # loop origin
        chapters = Chapter.objects.filter(entry__author=author)
        sums.append(chapters.aggregate(total=Sum("number"))["total"])  # site
    return sums


@healthy(twin=sum_over_two_relations_per_row)
def sum_over_two_relations_annotated(n):
    authors = Author.objects.annotate(total=Sum("entries__chapter__number"))
    return [author.total for author in authors]


# --- rows, missing rows, NULL -------------------------------------------------------------


@loop("query-in-loop")
def best_by_index_per_row(n):
    best = {}
    for author in Author.objects.order_by("pk"):  # loop origin
        best[author.slug] = author.entries.order_by("-rating")[0].headline  # site
    return best


@healthy(twin=best_by_index_per_row)
def best_by_index_of_a_prefetch(n):
    best = Prefetch("entries", Entry.objects.order_by("-rating"))
    authors = Author.objects.prefetch_related(best)
    return {author.slug: author.entries.all()[0].headline for author in authors}


@loop("query-in-loop")
def missing_rows_per_row(n):
    drafts = []
    for author in Author.objects.order_by("pk"):  # loop origin
        try:
            entry = author.entries.get(status="draft")  # site
        except Entry.DoesNotExist:
            continue
        drafts.append(entry.headline)
    return drafts


@healthy(twin=missing_rows_per_row)
def missing_rows_of_a_prefetch(n):
    drafts = []
    for author in Author.objects.prefetch_related("entries"):
        drafts += [entry.headline for entry in author.entries.all() if entry.status == "draft"]
    return drafts


@loop("query-in-loop", origin=False)
def missing_rows_of_a_helper(n):
    def headline(slug):
        return Entry.objects.get(slug=slug, status="live").headline  # site

    headlines = []
    for number in range(n):  # loop
        try:
            headlines.append(headline(f"e{number}"))
        except Entry.DoesNotExist:
            headlines.append("-")
    return headlines


@healthy(twin=missing_rows_of_a_helper)
def missing_rows_of_a_dictionary(n):
    live = Entry.objects.filter(status="live").in_bulk(field_name="slug")
    return [live[f"e{number}"].headline if f"e{number}" in live else "-" for number in range(n)]


@loop("query-in-loop")
def unknown_values_per_row(n):
    nights = []
    for number, place in enumerate(Place.objects.order_by("pk")):  # loop origin
        nights.append([stay.pk for stay in place.stays.filter(nights__gt=number)])  # site
    return nights


@healthy(twin=unknown_values_per_row)
def unknown_values_in_memory(n):
    return [
        [stay.pk for stay in place.stays.all() if stay.nights is not None and stay.nights > number]
        for number, place in enumerate(Place.objects.prefetch_related("stays"))
    ]


@loop("query-in-loop")
def rows_without_a_way_back(n):
    stays = {}
    for author in Author.objects.order_by("pk"):  # loop origin
        stays[author.slug] = list(Stay.objects.filter(guest=author).order_by("pk"))  # site
    return stays


@healthy(twin=rows_without_a_way_back)
def rows_without_a_way_back_grouped(n):
    stays = {}
    for stay in Stay.objects.select_related("guest").order_by("pk"):
        stays.setdefault(stay.guest.slug, []).append(stay)
    return stays


@loop("query-in-loop")
def counts_without_a_way_back(n):
    authors = Author.objects.order_by("pk")  # assigned
    return [Stay.objects.filter(guest=author).count() for author in authors]  # loop origin site


@healthy(twin=counts_without_a_way_back)
def counts_without_a_way_back_grouped(n):
    counts = dict(Stay.objects.values_list("guest").annotate(Count("pk")))
    return [counts.get(author.pk, 0) for author in Author.objects.order_by("pk")]


@loop("query-in-loop")
def rows_of_another_manager_per_row(n):
    # Reading `place.stays` would give more: it goes by the default manager.
    stays = {}
    for place in Place.objects.order_by("pk"):  # loop origin
        stays[place.name] = list(Stay.ended.filter(place=place))  # site
    return stays


@healthy(twin=rows_of_another_manager_per_row)
def rows_of_another_manager_prefetched(n):
    ended = Prefetch("stays", Stay.ended.all())
    return {place.name: list(place.stays.all()) for place in Place.objects.prefetch_related(ended)}


# --- querysets from elsewhere ---------------------------------------------------------------


def live_entries():
    return Entry.objects.filter(rating__gte=0).order_by("pk")


def newest_entries(limit=None):
    entries = Entry.objects.order_by("-pk")
    if limit is not None:
        entries = entries[:limit]
    return entries


@loop("lazy-relation", relation="corpus.Entry.author")
def rows_of_a_function(n):
    return [entry.author.name for entry in live_entries()]  # loop origin site


@healthy(twin=rows_of_a_function)
def rows_of_a_function_joined(n):
    return [entry.author.name for entry in live_entries().select_related("author")]


@loop("lazy-relation", relation="corpus.Entry.author")
def rows_of_a_slicing_function(n):
    return [entry.author.name for entry in newest_entries(limit=n)]  # loop origin site


@healthy(twin=rows_of_a_slicing_function)
def rows_of_a_slicing_function_without_relation(n):
    return [entry.headline for entry in newest_entries(limit=n)]


@loop("lazy-relation", relation="corpus.Entry.author", assigned="optional")
def rows_narrowed_in_a_branch(n):
    entries = Entry.objects.order_by("pk")
    if n < 0:
        entries = entries.filter(status="draft")  # assigned
    return [entry.author.name for entry in entries]  # loop origin site


@healthy(twin=rows_narrowed_in_a_branch)
def joined_rows_narrowed_in_a_branch(n):
    entries = Entry.objects.select_related("author").order_by("pk")
    if n < 0:
        entries = entries.filter(status="draft")
    return [entry.author.name for entry in entries]


@loop("lazy-relation", relation="corpus.Entry.author", assigned="optional")
def rows_of_either_branch(n):
    if n < 0:
        entries = Entry.objects.filter(status="draft")
    else:
        entries = Entry.objects.order_by("pk")  # assigned
    return [entry.author.name for entry in entries]  # loop origin site


@healthy(twin=rows_of_either_branch)
def joined_rows_of_either_branch(n):
    if n < 0:
        entries = Entry.objects.filter(status="draft").select_related("author")
    else:
        entries = Entry.objects.select_related("author").order_by("pk")
    return [entry.author.name for entry in entries]


@loop("lazy-relation", relation="corpus.Author.country")
def parents_of_either_branch(n):
    countries = []
    for entry in Entry.objects.select_related("author", "editor"):  # loop origin
        person = entry.author
        if entry.rating % 2:
            person = entry.editor
        countries.append(person.country.name)  # site
    return countries


@healthy(twin=parents_of_either_branch)
def joined_parents_of_either_branch(n):
    entries = Entry.objects.select_related("author__country", "editor__country")
    return [(entry.editor if entry.rating % 2 else entry.author).country.name for entry in entries]


@loop("query-in-loop", tag="filtered")
@loop("query-in-loop", tag="inner", origin="optional")
def filters_inside_filters(n):
    titles = []
    for author in Author.objects.order_by("pk"):  # loop:filtered origin:filtered
        # site:filtered loop:inner origin:inner
        for entry in author.entries.filter(rating__gte=0):
            # site:inner
            titles += [chapter.title for chapter in entry.chapter_set.filter(number=1)]
    return titles


@healthy(twin=filters_inside_filters)
def filters_inside_a_prefetch(n):
    first = Prefetch("chapter_set", Chapter.objects.filter(number=1), to_attr="first_chapters")
    entries = Entry.objects.filter(rating__gte=0).prefetch_related(first)
    authors = Author.objects.prefetch_related(Prefetch("entries", entries, to_attr="rated"))
    return [
        chapter.title
        for author in authors
        for entry in author.rated
        for chapter in entry.first_chapters
    ]


@loop("query-in-loop")
def filters_by_names_per_row(n):
    counts, wanted = [], {"status": "live"}
    for author in Author.objects.order_by("pk"):  # loop origin
        counts.append(author.entries.filter(**wanted).count())  # site
    return counts


@healthy(twin=filters_by_names_per_row)
def filters_by_names_at_once(n):
    wanted = {"status": "live"}
    return Entry.objects.filter(**wanted).count()


class Listing:
    def get_queryset(self):
        return Entry.objects.order_by("pk")

    def authors(self):
        return [entry.author.name for entry in self.get_queryset()]  # site:own loop:own origin:own

    def headlines(self):
        return [entry.headline for entry in self.get_queryset()]


@loop("lazy-relation", relation="corpus.Entry.author", tag="own", origin=True)
def rows_of_a_method(n):
    return Listing().authors()


@healthy(twin=rows_of_a_method)
def rows_of_a_method_without_relation(n):
    return Listing().headlines()


# --- prefetches that get lost ---------------------------------------------------------------


@loop("query-in-loop", statements=2)
def prefetch_lost_by_a_fresh_instance(n):
    headlines = []
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        fresh = Author.objects.get(pk=author.pk)  # site
        headlines += [entry.headline for entry in fresh.entries.all()]  # site
    return headlines


@healthy(twin=prefetch_lost_by_a_fresh_instance)
def prefetch_kept_by_the_instance(n):
    headlines = []
    for author in Author.objects.prefetch_related("entries"):
        headlines += [entry.headline for entry in author.entries.all()]
    return headlines


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def prefetch_onto_other_instances(n):
    authors = list(Author.objects.prefetch_related("entries"))
    headlines = []
    for blog in Blog.objects.select_related("owner"):  # loop origin
        headlines += [entry.headline for entry in blog.owner.entries.all()]  # site
    return authors, headlines


@healthy(twin=prefetch_onto_other_instances)
def prefetch_onto_the_instances_that_are_read(n):
    authors = list(Author.objects.prefetch_related("entries"))
    blogs = Blog.objects.prefetch_related("owner__entries")
    return authors, [entry.headline for blog in blogs for entry in blog.owner.entries.all()]


@loop("query-in-loop", statements=2)
def prefetch_dropped_by_a_refresh(n):
    headlines = []
    for author in Author.objects.prefetch_related("entries"):  # loop origin
        author.refresh_from_db()  # site
        headlines += [entry.headline for entry in author.entries.all()]  # site
    return headlines


@healthy(twin=prefetch_dropped_by_a_refresh)
def prefetch_of_rows_read_again(n):
    keys = [author.pk for author in Author.objects.prefetch_related("entries")]
    fresh = Author.objects.prefetch_related("entries").in_bulk(keys)
    return [entry.headline for author in fresh.values() for entry in author.entries.all()]


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def prefetch_to_an_attribute_of_other_rows(n):
    drafts = Prefetch("entries", Entry.objects.filter(status="draft"), to_attr="drafts")
    headlines = []
    for author in Author.objects.prefetch_related(drafts):  # loop origin
        headlines += [entry.headline for entry in author.entries.all()]  # site
    return headlines


@healthy(twin=prefetch_to_an_attribute_of_other_rows)
def prefetch_to_an_attribute_and_whole(n):
    drafts = Prefetch("entries", Entry.objects.filter(status="draft"), to_attr="drafts")
    counts = []
    for author in Author.objects.prefetch_related(drafts, "entries"):
        counts.append((len(author.drafts), len(author.entries.all())))
    return counts


@loop("bypassed-prefetch", relation="corpus.Author.entries")
def prefetch_to_an_attribute_never_read(n):
    drafts = Prefetch("entries", Entry.objects.filter(status="draft"), to_attr="drafts")
    headlines = []
    for author in Author.objects.prefetch_related(drafts):  # loop origin
        headlines += [entry.headline for entry in author.entries.filter(status="draft")]  # site
    return headlines


@healthy(twin=prefetch_to_an_attribute_never_read)
def prefetch_to_an_attribute_that_is_read(n):
    drafts = Prefetch("entries", Entry.objects.filter(status="draft"), to_attr="drafts")
    authors = Author.objects.prefetch_related(drafts)
    return [entry.headline for author in authors for entry in author.drafts]


# --- rows that share what they ask for ------------------------------------------------------


@loop("deferred-field", relation="corpus.Author.rating", turns=lambda n: 2 * n)
def deferred_field_of_one_author_twice(n):
    # The first two rows ask for the same: nothing is written in between, and so nothing drained.
    chapters = Chapter.objects.select_related("entry__author")
    chapters = chapters.only("number", "entry__author__name")  # assigned
    return [one.entry.author.rating for one in chapters.order_by("pk")]  # loop origin site


@healthy(twin=deferred_field_of_one_author_twice)
def loaded_field_of_one_author_twice(n):
    names = ["number", "entry__author__name", "entry__author__rating"]
    chapters = Chapter.objects.select_related("entry__author").only(*names)
    return [one.entry.author.rating for one in chapters.order_by("pk")]


@loop("query-in-loop", turns=lambda n: 2 * n)
def slice_of_one_entry_twice(n):
    titles = []
    for chapter in Chapter.objects.order_by("pk"):  # loop origin
        peers = Chapter.objects.filter(entry=chapter.entry_id).order_by("number")[:3]
        titles.append([peer.title for peer in peers])  # site
    return titles


@healthy(twin=slice_of_one_entry_twice)
def slice_of_one_entry_in_memory(n):
    chapters = Chapter.objects.prefetch_related("entry__chapter_set").order_by("pk")
    return [[peer.title for peer in one.entry.chapter_set.all()[:3]] for one in chapters]


# --- SQL of one's own -----------------------------------------------------------------------


@loop("raw-sql-in-loop", origin="optional")
def cursor_with_order_per_row(n):
    headlines = []
    with connection.cursor() as cursor:
        for author in Author.objects.order_by("pk"):  # loop origin
            sql = "SELECT headline FROM corpus_entry WHERE author_id = %s ORDER BY id DESC"
            cursor.execute(sql, [author.pk])  # site
            headlines.append([row[0] for row in cursor.fetchall()])
    return headlines


@healthy(twin=cursor_with_order_per_row)
def cursor_with_order_once(n):
    with connection.cursor() as cursor:
        cursor.execute("SELECT author_id, headline FROM corpus_entry ORDER BY author_id, id DESC")
        return cursor.fetchall()


@loop("raw-sql-in-loop", origin="optional")
def cursor_with_a_fixed_parameter_per_row(n):
    counts = []
    with connection.cursor() as cursor:
        for author in Author.objects.order_by("pk"):  # loop origin
            # site
            cursor.execute(
                "SELECT COUNT(*) FROM corpus_entry WHERE status = %s AND author_id = %s",
                ["draft", author.pk],
            )
            counts.append(cursor.fetchone()[0])
    return counts


@healthy(twin=cursor_with_a_fixed_parameter_per_row)
def cursor_with_a_fixed_parameter_once(n):
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM corpus_entry WHERE status = %s", ["draft"])
        return cursor.fetchone()


@loop("raw-sql-in-loop", origin="optional")
def cursor_with_named_parameters_per_row(n):
    ratings = []
    for author in Author.objects.order_by("pk"):  # loop origin
        with connection.cursor() as cursor:
            # site
            cursor.execute(
                "SELECT rating FROM corpus_entry WHERE author_id = %(author)s AND rating < 9",
                {"author": author.pk},
            )
            ratings += cursor.fetchall()
    return ratings


@healthy(twin=cursor_with_named_parameters_per_row)
def cursor_with_named_parameters_once(n):
    with connection.cursor() as cursor:
        cursor.execute("SELECT rating FROM corpus_entry WHERE rating < %(most)s", {"most": 9})
        return cursor.fetchall()


@loop("raw-sql-in-loop", origin="optional")
def cursor_closure_per_row(n):
    def highest(key):
        with connection.cursor() as cursor:
            # site
            cursor.execute("SELECT MAX(rating) FROM corpus_entry WHERE editor_id = %s", [key])
            return cursor.fetchone()[0]

    authors = Author.objects.order_by("pk")  # assigned
    return [highest(author.pk) for author in authors]  # loop origin


@healthy(twin=cursor_closure_per_row)
def cursor_closure_once(n):
    def highest():
        with connection.cursor() as cursor:
            cursor.execute("SELECT MAX(rating) FROM corpus_entry")
            return cursor.fetchone()[0]

    return [highest(), *[author.rating for author in Author.objects.order_by("pk")]]


# --- writes -----------------------------------------------------------------------------------


@loop("write-in-loop", origin=False)
def created_into_a_list(n):
    notes = []
    for number in range(n):  # loop
        notes.append(Note.objects.create(slug=f"new-{number}", text="x"))  # site
    return [note.slug for note in notes]


@healthy(twin=created_into_a_list)
def created_from_a_list(n):
    notes = [Note(slug=f"new-{number}", text="x") for number in range(n)]
    Note.objects.bulk_create(notes)
    return [note.slug for note in notes]


@loop("write-in-loop", statements=None, origin=False)
def known_or_created_with_defaults(n):
    texts = []
    for number in range(n):  # loop
        # site
        note, _created = Note.objects.get_or_create(
            slug=f"n{number}", defaults={"text": f"Text {number}"}
        )
        texts.append(note.text)
    return texts


@healthy(twin=known_or_created_with_defaults)
def known_or_created_at_once(n):
    notes = [Note(slug=f"n{number}", text=f"Text {number}") for number in range(n)]
    Note.objects.bulk_create(notes, ignore_conflicts=True)
    known = Note.objects.in_bulk([note.slug for note in notes], field_name="slug")
    return [known[note.slug].text for note in notes]


# --- recursion --------------------------------------------------------------------------------


def level_of(category):
    parent = category.parent  # site:recursion_of_a_function
    return 1 if parent is None else 1 + level_of(parent)  # loop:recursion_of_a_function


@loop(
    "recursive-query",
    loop_kind="recursion",
    turns=lambda n: {n, n + 1},
    origin="optional",
    tag="recursion_of_a_function",
)
def recursion_of_a_function(n):
    return level_of(Category.objects.get(slug="leaf"))  # origin


@healthy(twin=recursion_of_a_function)
def recursion_of_a_function_at_the_root(n):
    return level_of(Category.objects.get(slug="chain"))
