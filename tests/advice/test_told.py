"""What the sentence says of reads that the source shows only in part; below each, what is healthy."""

from __future__ import annotations

import asyncio
import operator

import pytest
from asgiref.sync import async_to_sync

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Blog, Chapter, Country, Entry, Note, Stay

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rows():
    populate(4)


def told(function):
    """The advice of the one finding; ``None`` where there is none."""
    with watch() as recording:
        function()
    report = recording.report
    assert report.internal_errors == ()
    assert len(report.findings) <= 1
    return report.findings[0].advice.text if report.findings else None


def name_of(entry):
    return entry.author.name


def test_a_row_that_is_new_comes_from_no_queryset():
    keys = list(Author.objects.values_list("pk", flat=True))
    assert told(lambda: [name_of(Entry(author_id=key)) for key in keys]) == (
        'give each new Entry its "author" as an object, all loaded by one query before the loop '
        "(in_bulk), and not its key alone"
    )


def test_a_row_that_is_new_may_have_the_object():
    assert told(lambda: [name_of(Entry(author=one)) for one in Author.objects.all()]) is None


def names_by_attrgetter(entries):
    return list(map(operator.attrgetter("author.name"), entries))


def profiles_by_getattr(blogs):
    told = []
    for blog in blogs:
        for entry in blog.entry_set.all():
            told.append(getattr(entry.author, "profile", None))
    return told


def names_by_pattern(entries):
    found = []
    for entry in entries:
        match entry:
            case Entry(author=Author(name=name)):
                found.append(name)
    return found


@pytest.mark.parametrize("names", [names_by_attrgetter, names_by_pattern])
def test_what_reads_by_name_stays_as_it_is(names):
    text = told(lambda: names(Entry.objects.all()))
    assert text.startswith('add .select_related("author") to the queryset at ')
    assert "read" not in text


@pytest.mark.parametrize("names", [names_by_attrgetter, names_by_pattern])
def test_what_reads_by_name_of_joined_rows_is_healthy(names):
    assert told(lambda: names(Entry.objects.select_related("author"))) is None


def test_no_relation_is_read_on_the_loop_variable_for_want_of_another():
    blogs = Blog.objects.prefetch_related("entry_set__author")
    text = told(lambda: profiles_by_getattr(blogs))
    assert '"entry_set__author__profile"' in text
    assert "read" not in text


def test_a_chain_that_is_prefetched_is_healthy():
    blogs = Blog.objects.prefetch_related("entry_set__author__profile")
    assert told(lambda: profiles_by_getattr(blogs)) is None


def author_by_key(entry):
    return Author.objects.get(pk=entry.author_id)


def test_what_the_read_becomes_is_told_where_its_key_stands_already():
    text = told(lambda: [author_by_key(entry).name for entry in Entry.objects.all()])
    assert text.startswith('add .select_related("author") to the queryset at ')
    assert text.endswith(", and read entry.author")


def test_two_calls_on_two_lines_are_healthy():
    first, second = Entry.objects.all()[:2]

    def work():
        author_by_key(first)
        author_by_key(second)

    assert told(work) is None


def others_of(blog, entries):
    blog.delete()  # reads its own entries
    return [name_of(entry) for entry in entries]


def test_what_a_deletion_took_along_is_not_what_a_later_loop_runs_over():
    last = Blog.objects.order_by("pk").last()
    others = Entry.objects.exclude(blog=last)
    text = told(lambda: others_of(last, list(others.all())))
    assert text.startswith('add .select_related("author") to the queryset at ')


def test_rows_that_are_joined_before_a_deletion_are_healthy():
    last = Blog.objects.order_by("pk").last()
    others = Entry.objects.exclude(blog=last).select_related("author")
    assert told(lambda: others_of(last, list(others.all()))) is None


async def entries_one_by_one():
    async for entry in Entry.objects.all():
        yield entry


async def name_by_key(key):
    return (await Author.objects.aget(pk=key)).name


@async_to_sync
async def by_an_async_generator():
    async for entry in entries_one_by_one():
        await Author.objects.aget(pk=entry.author_id)


@async_to_sync
async def by_tasks():
    keys = [key async for key in Author.objects.values_list("pk", flat=True)]
    tasks = [asyncio.create_task(name_by_key(key)) for key in keys]
    return [await task for task in tasks]


@async_to_sync
async def at_once():
    async for entry in Entry.objects.select_related("author"):
        assert entry.author.name
    await Author.objects.ain_bulk()


@pytest.mark.parametrize("work", [by_an_async_generator, by_tasks])
def test_a_coroutine_awaits_what_it_asks(work):
    """No list takes the place of what ``async for`` runs over."""
    assert told(work) == (
        "fetch them before the loop with await Author.objects.ain_bulk(keys), and look them up "
        "by keys of the field's type (a missing row raises KeyError, no longer Author.DoesNotExist)"
    )


def test_a_coroutine_that_asks_once_is_healthy():
    assert told(at_once) is None


@async_to_sync
async def by_an_async_comprehension():
    return [await name_by_key(entry.author_id) async for entry in Entry.objects.all()]


@async_to_sync
async def by_a_comprehension_of_what_is_awaited():
    keys = [key async for key in Author.objects.values_list("pk", flat=True)]
    return {key: await name_by_key(key) for key in keys}


@pytest.mark.parametrize("work", [by_an_async_comprehension, by_a_comprehension_of_what_is_awaited])
def test_a_comprehension_of_a_coroutine_awaits_what_it_asks(work):
    assert told(work) == (
        "fetch them before the loop with await Author.objects.ain_bulk(keys), and look them up "
        "by keys of the field's type (a missing row raises KeyError, no longer Author.DoesNotExist)"
    )


@async_to_sync
async def by_an_async_comprehension_of_joined_rows():
    return [entry.author.name async for entry in Entry.objects.select_related("author")]


def test_an_async_comprehension_that_asks_once_is_healthy():
    assert told(by_an_async_comprehension_of_joined_rows) is None


def name_by_any(key):
    conditions = {"pk": key}  # which the source does not show to be a key
    return Author.objects.get(**conditions).name


def test_a_comprehension_of_a_function_awaits_nothing():
    keys = list(Author.objects.values_list("pk", flat=True))
    assert told(lambda: [name_by_any(key) for key in keys]) == (
        "fetch them before the loop with Author.objects.in_bulk(keys), and look them up by keys "
        "of the field's type (a missing row raises KeyError, no longer Author.DoesNotExist)"
    )


# --- relations without a way back: related_name="+" -----------------------------------------


def stays_of(guest):
    conditions = {"guest": guest}
    return list(Stay.objects.filter(**conditions))


def nights_of(guest):
    conditions = {"guest": guest}
    return Stay.objects.filter(**conditions).count()


@pytest.mark.parametrize(
    ("ask", "advice"),
    [
        (stays_of, "fetch all Stay rows of the loop in one query before it, and look them up"),
        (
            nights_of,
            "ask Stay once before the loop, grouped by the values that change, and look them up",
        ),
    ],
)
def test_a_hidden_accessor_is_in_no_advice(ask, advice):
    assert told(lambda: [ask(author) for author in Author.objects.all()]) == advice


def test_rows_behind_a_hidden_accessor_that_are_asked_for_once_are_healthy():
    assert told(lambda: list(Stay.objects.filter(guest__in=Author.objects.all()))) is None


def test_an_accessor_that_is_not_hidden_is_advised():
    def entries_of(author):
        conditions = {"author": author}
        return list(Entry.objects.filter(**conditions))

    text = told(lambda: [entries_of(author) for author in Author.objects.all()])
    assert text.startswith('add .prefetch_related("entries") to the queryset at ')


def waiting():
    """Somebody else is going to make the entry that this waits for."""
    turns = 0
    while not Entry.objects.filter(headline="made").exists():
        turns += 1
        if turns == 3:
            Entry.objects.filter(pk__in=Entry.objects.values("pk")[:1]).update(headline="made")


def asking():
    turns = 0
    while turns < 3:
        turns += Entry.objects.filter(headline="made").exists() + 1


def test_what_ends_a_loop_is_not_asked_before_it():
    assert told(waiting) == (
        "the loop waits for another answer: pause between its turns, or have whoever brings it "
        "about tell; where it has to ask, ignore it with that reason"
    )


def test_what_ends_no_loop_is_asked_before_it():
    assert "before the loop" in (told(asking) or "")


def countries_of(box):
    return [author.country.name for author in box.authors]


class Box:
    """Keeps rows where no source shows them."""

    def __init__(self, **rows):
        self.__dict__.update(rows)


@pytest.mark.parametrize("read", ["get", "first", "last"])
def test_one_row_that_was_read_alone_is_not_what_a_loop_runs_over(read):
    box = Box(authors=[blog.owner for blog in Blog.objects.select_related("owner")])
    authors = Author.objects.filter(pk=box.authors[0].pk)

    def work():
        getattr(authors, read)()  # as the user of a request is
        countries_of(box)

    assert told(work) == (
        'add .select_related("country") to the queryset that loads the Author rows'
    )


def test_rows_that_were_read_together_are_what_a_loop_runs_over():
    authors = Author.objects.order_by("pk")

    def work():
        box = Box(authors=list(authors))
        countries_of(box)

    assert told(work).startswith('add .select_related("country") to the queryset at test_told.py')


def test_rows_that_are_joined_are_healthy():
    box = Box(authors=[b.owner for b in Blog.objects.select_related("owner__country")])
    assert told(lambda: countries_of(box)) is None


def chapters_by_blog(blogs):
    return [list(Chapter.objects.filter(entry__blog=blog)) for blog in blogs]


def entries_by_blog(blogs):
    return [list(Entry.objects.filter(blog=blog)) for blog in blogs]


@pytest.mark.parametrize(
    ("function", "rule"),
    [(chapters_by_blog, "query-in-loop"), (entries_by_blog, "bypassed-prefetch")],
)
def test_rows_of_another_table_are_not_those_that_were_prefetched(function, rule):
    with watch() as recording:
        function(Blog.objects.prefetch_related("entry_set"))
    assert [finding.rule for finding in recording.report.findings] == [rule]


def test_chapters_that_were_prefetched_with_the_entries_are_healthy():
    blogs = Blog.objects.prefetch_related("entry_set__chapter_set")

    def work():
        for blog in blogs:
            [list(entry.chapter_set.all()) for entry in blog.entry_set.all()]

    assert told(work) is None


def of_another_owner(countries, blogs):
    """Loops over rows of another kind than those whose relation is prefetched."""
    return [list(blogs[0].owner.entries.exclude(status=one.name)[1:]) for one in countries]


def test_a_prefetch_is_told_with_the_model_that_has_it():
    def work():
        blogs = list(Blog.objects.prefetch_related("owner__entries"))
        of_another_owner(Country.objects.all(), blogs)

    assert told(work) == (
        "read .entries.all() of the Author, or use Prefetch(queryset=…): entries is prefetched, "
        "then bypassed"
    )


def of_two_kinds(entries):
    for entry in entries:
        list(Note.objects.exclude(slug=entry.slug)[1:])
        entry.author.name


def in_the_other_order(entries):
    for entry in entries:
        entry.author.name
        list(Note.objects.exclude(slug=entry.slug)[1:])


def test_a_fix_for_another_statement_than_the_first_says_for_which():
    text = told(lambda: of_two_kinds(Entry.objects.all()))
    assert text.startswith(
        'for SELECT corpus_author: add .select_related("author") to the queryset'
    )


def test_a_fix_for_the_first_statement_says_none():
    text = told(lambda: in_the_other_order(Entry.objects.all()))
    assert text.startswith('add .select_related("author") to the queryset')


REGISTRY = {}


def blogs_of(author, key):
    return [key, list(author.blogs.all())]


def blogs_in_a_loop_over_keys(keys):
    for key in keys:
        blogs_of(REGISTRY[key], key)


def blogs_in_a_loop_over_rows(authors):
    for author in authors:
        blogs_of(author, author.slug)


def test_keys_that_a_helper_is_given_beside_its_row_are_no_rows():
    REGISTRY.update((one.slug, one) for one in Author.objects.all())
    text = told(lambda: blogs_in_a_loop_over_keys(list(REGISTRY)))
    assert "prefetch_related_objects(keys" not in text


def test_rows_that_a_helper_is_given_are_rows():
    REGISTRY.update((one.slug, one) for one in Author.objects.all())
    assert 'prefetch_related_objects(authors, "blogs")' in told(
        lambda: blogs_in_a_loop_over_rows(sorted(REGISTRY.values(), key=str))
    )


def entries_by_slug(slug):
    return list(REGISTRY[slug].entries.order_by("pk"))


def entries_by_notes():
    return [entries_by_slug(note.slug) for note in Note.objects.order_by("pk")]


def test_a_relation_of_rows_that_the_loop_does_not_run_over_is_not_looked_for_in_its_own():
    Note.objects.all().delete()
    REGISTRY.update((one.slug, one) for one in Author.objects.all())
    Note.objects.bulk_create([Note(slug=slug) for slug in sorted(REGISTRY)])
    text = told(entries_by_notes)
    assert "the queryset that loads the Author rows" in text
