"""Repeated or many queries that are no loop over rows, or the best that can be done."""

from itertools import islice
from types import SimpleNamespace

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sites.models import Site
from django.core.cache.backends.db import DatabaseCache
from django.core.paginator import Paginator
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Count, Q, prefetch_related_objects
from django.test import override_settings

from tests.corpus.labels import healthy
from tests.corpus.models import Author, Blog, Category, Entry, Note, PenName, Tag

# --- batches ----------------------------------------------------------------------------


def chunks(items, size):
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


@healthy(cleared="batched", grows=True)
def chunks_of_keys(n):
    pks = list(Author.objects.values_list("pk", flat=True))
    for start in range(0, n, 2):
        list(Author.objects.filter(pk__in=pks[start : start + 2]))


@healthy(cleared="batched", grows=True)
def chunks_from_a_generator(n):
    for authors in chunks(Author.objects.order_by("pk"), 2):
        list(Entry.objects.filter(author__in=authors))


@healthy(cleared="batched", grows=True)
def chunks_of_in_bulk(n):
    pks = list(Author.objects.values_list("pk", flat=True))
    for chunk in chunks(pks, 2):
        Author.objects.in_bulk(chunk)


@healthy(cleared="batched", grows=True)
def chunks_of_prefetched_objects(n):
    for authors in chunks(Author.objects.iterator(), 2):
        prefetch_related_objects(authors, "entries")


@healthy(cleared="batched", grows=True)
def chunks_of_updates(n):
    pks = list(Note.objects.values_list("pk", flat=True))
    for chunk in chunks(pks, 2):
        Note.objects.filter(pk__in=chunk).update(done=True)


@healthy(cleared="batched", grows=True)
def chunks_of_raw_sql(n):
    pks = list(Author.objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        for chunk in chunks(pks, 2):
            marks = ", ".join(["%s"] * len(chunk))
            cursor.execute(f"SELECT name FROM corpus_author WHERE id IN ({marks})", chunk)


@healthy(cleared="batched", grows=True)
def long_lists_of_changing_length(n):
    for i in range(n):
        list(Author.objects.filter(rating__in=range(1000, 1060 + 7 * i)))


@healthy(grows=True)
def drained_in_batches(n):
    # The table shrinks by a batch each turn: the same statement never sees the same rows.
    while pks := list(Note.objects.order_by("pk").values_list("pk", flat=True)[:2]):
        Note.objects.filter(pk__in=pks).delete()


@healthy(cleared="batched", grows=True)
def chunks_of_in_bulk_by_query_sets(n):
    # Each is fetched inside in_bulk(), which asks it whether it is empty.
    for start in range(0, n, 2):
        Author.objects.in_bulk(Author.objects.values_list("pk", flat=True)[start : start + 2])


@healthy()
def one_bulk_operation_of_query_sets(n):
    keys = Author.objects.values_list("pk", flat=True)
    Author.objects.in_bulk(keys)
    Note.objects.bulk_update(Note.objects.all(), ["text"])


@healthy()
def one_bulk_operation_of_each_kind(n):
    notes = Note.objects.bulk_create([Note(slug=f"new-{i}") for i in range(n)])
    Note.objects.filter(slug__startswith="new").update(text="x")
    notes = list(Note.objects.filter(slug__startswith="new"))
    for note in notes:
        note.text = note.slug
    Note.objects.bulk_update(notes, ["text"])
    Note.objects.filter(slug__startswith="new").delete()


# --- pages ------------------------------------------------------------------------------


@healthy(cleared="paged", grows=True)
def paged_by_offset(n):
    entries = Entry.objects.order_by("pk")
    for start in range(0, n, 2):
        list(entries[start : start + 2])


@healthy(cleared="paged", grows=True)
def paged_by_key(n):
    last = 0
    while page := list(Entry.objects.filter(pk__gt=last).order_by("pk")[:2]):
        last = page[-1].pk


@healthy(cleared="paged", grows=True)
def paged_by_key_downwards(n):
    page = list(Entry.objects.order_by("-pk")[:2])
    while page:
        page = list(Entry.objects.filter(pk__lt=page[-1].pk).order_by("-pk")[:2])


@healthy(cleared="paged", grows=True)
def paged_by_two_keys(n):
    behind = Q()
    while page := list(Entry.objects.filter(behind).order_by("created", "pk")[:2]):
        last = page[-1]
        behind = Q(created__gt=last.created) | Q(created=last.created, pk__gt=last.pk)


@healthy(cleared="paged", grows=True)
def paged_by_a_paginator(n):
    paginator = Paginator(Entry.objects.order_by("pk"), 2)
    for page in paginator:
        list(page)


@healthy(cleared="paged", grows=True)
def paged_in_two(n):
    for page in Paginator(Entry.objects.order_by("pk"), max(2, (n + 1) // 2)):
        list(page)


@healthy(cleared="paged", grows=True)
def paged_in_two_with_one_row_left(n):
    for page in Paginator(Entry.objects.order_by("pk"), max(2, n - 1)):
        list(page)


@healthy(cleared="paged")
def paged_in_two_by_offset(n):
    half = (n + 2) // 2
    entries = Entry.objects.order_by("pk")
    for start in range(0, 2 * half, half):
        list(entries[start : start + half])


@healthy(cleared="paged", grows=True)
def paged_with_a_join(n):
    paginator = Paginator(Entry.objects.order_by("pk").select_related("author"), 2)
    for number in paginator.page_range:
        for entry in paginator.page(number):
            entry.author.name


@healthy()
def iterator_in_chunks(n):
    for entry in Entry.objects.select_related("author").iterator(chunk_size=2):
        entry.author.name


# --- again, because it had failed or changed --------------------------------------------


@healthy(cleared="retried")
def retry_of_a_failed_statement(n):
    for attempt in range(3):
        try:
            with transaction.atomic():
                Note.objects.create(slug="n0")
        except IntegrityError:
            if attempt == 1:
                Note.objects.filter(slug="n0").delete()


@healthy(cleared="retried")
def retry_of_a_rolled_back_block(n):
    for attempt in range(3):
        try:
            with transaction.atomic():
                Note.objects.filter(slug="n0").update(text="x")
                if attempt < 2:
                    raise OperationalError("deadlock detected")
        except OperationalError:
            continue


@healthy(cleared="polled")
def polling_of_one_row(n):
    note = Note.objects.get(slug="n0")
    for _attempt in range(4):
        note.refresh_from_db()
        if note.done:
            break


@healthy(cleared="polled")
def polling_of_one_field_while_it_lasts(n):
    note = Note.objects.get(slug="n0")
    attempts = 0
    while not note.done and attempts < 4:
        note.refresh_from_db(fields=["done"])
        attempts += 1


@healthy()
def savepoints_without_queries(n):
    Note.objects.filter(slug="n0").update(text="x")
    for _i in range(n):
        with transaction.atomic():
            pass


# --- caches -----------------------------------------------------------------------------


@healthy(cleared=("cache", "bounded"))
def content_types_of_some_models(n):
    for model in (Author, Blog, Entry, Tag):
        ContentType.objects.get_for_model(model)


@healthy(cleared="cache")
def content_types_of_all_models(n):
    for model in apps.get_app_config("corpus").get_models():
        ContentType.objects.get_for_model(model)


def content_type_keys(n):
    return [ContentType.objects.get_for_model(model).pk for model in (Author, Entry, Tag)]


@healthy(cleared="cache", setup=content_type_keys)
def content_types_by_key(pks):
    ContentType.objects.clear_cache()
    for pk in pks:
        ContentType.objects.get_for_id(pk)


def sites(n):
    return Site.objects.bulk_create([Site(domain=f"host-{i}", name=f"h{i}") for i in range(n)])


@healthy(cleared="cache", grows=True, setup=sites)
def sites_of_many_hosts(hosts):
    with override_settings(SITE_ID=None):
        for site in hosts:
            domain = site.domain
            Site.objects.get_current(SimpleNamespace(get_host=lambda domain=domain: domain))


@healthy(cleared="cache", grows=True)
def database_backed_cache(n):
    cache = DatabaseCache("corpus_cache", {})
    for i in range(n):
        cache.get(f"key-{i}")


@healthy(cleared="cache", grows=True)
def database_backed_cache_filled(n):
    cache = DatabaseCache("corpus_cache", {})
    for i in range(n):
        cache.set(f"key-{i}", i)


def sessions(n):
    keys = []
    for _i in range(n):
        store = SessionStore()
        store.create()
        keys.append(store.session_key)
    return keys


@healthy(cleared="cache", grows=True, setup=sessions)
def database_backed_sessions(keys):
    for key in keys:
        SessionStore(key).get("user")


@healthy(cleared="cache", grows=True)
def database_backed_sessions_saved(n):
    for i in range(n):
        store = SessionStore()
        store["user"] = i
        store.save()


# --- a few queries by hand --------------------------------------------------------------


@healthy()
def one_object_with_many_relations(n):
    author = Author.objects.get(slug="a0")
    author.country.name + author.mentor.name + author.profile.bio
    list(author.entries.all()) + list(author.books.all()) + list(author.blogs.all())
    list(author.clubs.all()) + list(author.friends.all()) + list(author.pupils.all())
    author.entries.filter(status="live").count()


@healthy()
def look_ups_on_different_lines(n):
    first = Author.objects.get(slug="a0")
    second = Author.objects.get(slug="a1")
    third = Author.objects.filter(slug="a1").first()
    return first, second, third


@healthy()
def look_ups_on_one_line(n):
    return Author.objects.get(slug="a0").name + Author.objects.get(slug="a1").name


@healthy()
def look_ups_in_one_list(n):
    return [Author.objects.get(slug="a0"), Author.objects.get(slug="a1")]


@healthy()
def two_fks_to_one_model_on_one_line(n):
    entry = Entry.objects.get(slug="e0")
    return entry.author.name + entry.editor.name


@healthy()
def one_fk_of_two_objects_on_one_line(n):
    first, second = Entry.objects.order_by("pk")[:2]
    return first.author.name + second.author.name


@healthy()
def fk_and_its_own_fk_of_one_model(n):
    author = Author.objects.get(slug="a0")
    return author.mentor.mentor.name


def author_by_slug(slug):
    return Author.objects.filter(slug=slug).first()


@healthy()
def helper_from_three_places(n):
    first = author_by_slug("a0")
    second = author_by_slug("a1")
    third = author_by_slug("a2")
    return first, second, third


@healthy()
def helper_from_two_places_on_one_line(n):
    return author_by_slug("a0"), author_by_slug("a1")


@healthy()
def helper_as_two_arguments(n):
    return compare(author_by_slug("a0"), author_by_slug("a1"))


def compare(first, second):
    return first.country.name == second.country.name


@healthy()
def branches_without_a_loop(n):
    count = Entry.objects.filter(status="live").count()
    if count:
        return Entry.objects.filter(status="draft").count()
    return Entry.objects.filter(status="gone").count()


@healthy()
def constant_list_of_parameters(n):
    for entry in Entry.objects.filter(status__in=["draft", "live"], rating__in=[0, 1]):
        entry.headline.upper()


# --- one query, however it was put together ---------------------------------------------


@healthy()
def union_of_querysets(n):
    live = Entry.objects.filter(status="live").values_list("headline")
    for other in ("draft", "gone"):
        live = live.union(Entry.objects.filter(status=other).values_list("headline"))
    return list(live)


@healthy()
def union_built_from_data(n):
    parts = [Entry.objects.filter(rating=i) for i in range(n)]
    return list(parts[0].union(*parts[1:]))


@healthy()
def annotations_added_in_a_loop(n):
    authors = Author.objects.all()
    for i in range(n):
        counted = Count("entries", filter=Q(entries__rating=i))
        authors = authors.annotate(**{f"rated_{i}": counted})
    return list(authors)


@healthy()
def subqueries_of_data(n):
    rated = Author.objects.rated()
    return list(Entry.objects.filter(author__in=rated, editor__in=rated))


@healthy()
def query_in_the_header_only(n):
    return [entry.headline for entry in Entry.objects.filter(author__slug="a0")]


@healthy()
def aggregates_of_one_table(n):
    return Entry.objects.aggregate(
        live=Count("pk", filter=Q(status="live")), drafts=Count("pk", filter=Q(status="draft"))
    )


# --- deletes, trees, registries ---------------------------------------------------------


@healthy(grows=True)
def cascade_of_one_tree(n):
    # Django goes down level by level.
    Category.objects.get(slug="tree-1").delete()


@healthy()
def cascade_through_two_paths(n):
    blog = Blog.objects.order_by("pk").first()
    blog.delete()


@healthy()
def tables_of_all_models(n):
    # A loop of many queries, each of another shape.
    for model in apps.get_app_config("corpus").get_models():
        if not model._meta.proxy:
            model.objects.count()


@healthy()
def model_and_its_proxy(n):
    return Author.objects.count() + PenName.objects.count()


@healthy()
def missing_relation_of_one_object(n):
    author = Author.objects.get(slug="a1")
    return hasattr(author, "badge"), hasattr(author, "medal")


@healthy()
def nullable_relations_that_are_null(n):
    for category in Category.objects.filter(parent=None):
        category.parent


@healthy()
def loop_left_after_the_first_query(n):
    for author in Author.objects.order_by("pk"):
        if author.entries.exists():
            break


@healthy()
def query_in_one_turn_only(n):
    for i, author in enumerate(Author.objects.order_by("pk")):
        if i == 0:
            list(author.entries.all())


@healthy()
def helper_once_in_a_loop_and_once_outside(n):
    author_by_slug("a0")
    for i in range(n):
        if i == 1:
            author_by_slug("a1")
