"""Loops of asynchronous code."""

import asyncio
import sys

import django
from asgiref.sync import async_to_sync, sync_to_async
from django.db.models import Count

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Category, Entry, Note, Tag

HAS_TASK_GROUP = sys.version_info >= (3, 11)
HAS_APREFETCH = django.VERSION >= (5, 0)


@loop("query-in-loop", loop_kind="async for")
async def aget_per_row(n):
    async for entry in Entry.objects.order_by("pk"):  # loop origin
        await Author.objects.aget(pk=entry.author_id)  # site


@healthy(twin=aget_per_row)
async def async_for_joined(n):
    async for entry in Entry.objects.select_related("author"):
        entry.author.name


@loop("query-in-loop", loop_kind="async for")
async def afirst_per_row(n):
    authors = Author.objects.order_by("pk")  # assigned
    async for author in authors:  # loop origin
        await author.entries.order_by("-created").afirst()  # site


@healthy(twin=afirst_per_row)
async def afirst_of_one(n):
    author = await Author.objects.aget(slug="a0")
    await author.entries.order_by("-created").afirst()


@loop("query-in-loop", loop_kind="for")
async def acount_per_row(n):
    authors = [author async for author in Author.objects.order_by("pk")]  # origin assigned
    for author in authors:  # loop
        await author.entries.acount()  # site


@healthy(twin=acount_per_row)
async def acount_annotated(n):
    async for author in Author.objects.annotate(total=Count("entries")):
        author.total + 1


@loop("query-in-loop")
async def aexists_per_row(n):
    async for author in Author.objects.order_by("pk"):  # loop origin
        if await Entry.objects.filter(author=author, status="live").aexists():  # site
            author.name.upper()


@healthy(twin=aexists_per_row)
async def aexists_once(n):
    return await Entry.objects.filter(status="live").aexists()


@loop("lazy-relation", relation="corpus.Author.entries")
async def async_for_in_async_for(n):
    async for author in Author.objects.order_by("pk"):  # loop origin
        async for entry in author.entries.all():  # site
            entry.headline.upper()


@healthy(twin=async_for_in_async_for)
async def async_for_in_async_for_prefetched(n):
    async for author in Author.objects.prefetch_related("entries"):
        async for entry in author.entries.all():
            entry.headline.upper()


@loop("query-in-loop", loop_kind="comprehension")
async def async_comprehension(n):
    # loop site origin
    return [await author.entries.acount() async for author in Author.objects.order_by("pk")]


@healthy(twin=async_comprehension)
async def async_comprehension_annotated(n):
    authors = Author.objects.annotate(total=Count("entries"))
    return [author.total async for author in authors]


async def counts_of_authors():
    # loop:async_generator origin:async_generator
    async for author in Author.objects.order_by("pk"):
        yield await author.entries.acount()  # site:async_generator


@loop("query-in-loop", loop_kind="async for")
async def async_generator(n):
    return [count async for count in counts_of_authors()]


@healthy(twin=async_generator)
async def async_generator_of_rows(n):
    async def names():
        async for author in Author.objects.order_by("pk"):
            yield author.name

    return [name async for name in names()]


async def count_of(author):
    # site:helper_awaited_per_row site:gathered_helper site:gathered_list
    # site:awaited_tasks site:task_group site:as_completed site:tasks_waited_for
    # site:gathered_by_chunks site:two_gathered_per_row
    return await author.entries.acount()


async def live_of(author):
    return await author.entries.filter(status="live").aexists()  # site:two_gathered_per_row


@loop("query-in-loop")
async def helper_awaited_per_row(n):
    async for author in Author.objects.order_by("pk"):  # loop origin
        await count_of(author)


@healthy(twin=helper_awaited_per_row)
async def helper_awaited_in_two_places(n):
    first = await Author.objects.aget(slug="a0")
    second = await Author.objects.aget(slug="a1")
    return await count_of(first) + await count_of(second)


@loop("query-in-loop", loop_kind="gather")
async def gathered_helper(n):
    authors = [author async for author in Author.objects.order_by("pk")]  # origin
    await asyncio.gather(*(count_of(author) for author in authors))  # loop


@healthy(twin=gathered_helper)
async def gathered_by_hand(n):
    first = await Author.objects.aget(slug="a0")
    second = await Author.objects.aget(slug="a1")
    await asyncio.gather(count_of(first), count_of(second))


@loop("query-in-loop", loop_kind="gather")
async def gathered_list(n):
    authors = [author async for author in Author.objects.order_by("pk")]  # origin
    jobs = [count_of(author) for author in authors]
    counts = await asyncio.gather(*jobs)  # loop
    return sum(counts)


@healthy(twin=gathered_list)
async def gathered_totals(n):
    return await asyncio.gather(
        Author.objects.acount(), Entry.objects.acount(), Tag.objects.acount()
    )


@loop("query-in-loop", loop_kind="gather")
async def gathered_methods(n):
    # No line of the user's is on the stack of a task.
    authors = [author async for author in Author.objects.order_by("pk")]  # origin
    await asyncio.gather(*(author.entries.acount() for author in authors))  # loop site


@healthy(twin=gathered_methods)
async def gathered_methods_by_hand(n):
    first = await Author.objects.aget(slug="a0")
    second = await Author.objects.aget(slug="a1")
    await asyncio.gather(first.entries.acount(), second.entries.acount())


@loop("query-in-loop", loop_kind="comprehension")
async def awaited_tasks(n):
    authors = [author async for author in Author.objects.order_by("pk")]  # origin assigned
    tasks = [asyncio.create_task(count_of(author)) for author in authors]  # loop
    for task in tasks:
        await task


@healthy(twin=awaited_tasks)
async def awaited_task(n):
    first = asyncio.create_task(count_of(await Author.objects.aget(slug="a0")))
    second = asyncio.create_task(count_of(await Author.objects.aget(slug="a1")))
    for task in (first, second):
        await task


@loop("query-in-loop", assigned="optional")
async def as_completed(n):
    authors = [author async for author in Author.objects.order_by("pk")]  # origin
    for job in asyncio.as_completed([count_of(author) for author in authors]):  # loop
        await job


@healthy(twin=as_completed, cleared="bounded")
async def as_completed_by_hand(n):
    first = await Author.objects.aget(slug="a0")
    second = await Author.objects.aget(slug="a1")
    for job in asyncio.as_completed([count_of(first), count_of(second)]):
        await job


@loop("query-in-loop", loop_kind="for", available=HAS_TASK_GROUP)
async def task_group(n):
    authors = [author async for author in Author.objects.order_by("pk")]  # origin assigned
    tasks = []
    async with asyncio.TaskGroup() as group:
        for author in authors:  # loop
            tasks.append(group.create_task(count_of(author)))
    return [task.result() for task in tasks]


@healthy(twin=task_group, available=HAS_TASK_GROUP)
async def task_group_of_two(n):
    first = await Author.objects.aget(slug="a0")
    second = await Author.objects.aget(slug="a1")
    async with asyncio.TaskGroup() as group:
        group.create_task(count_of(first))
        group.create_task(count_of(second))


@loop("query-in-loop", loop_kind="comprehension")
async def tasks_waited_for(n):
    authors = [author async for author in Author.objects.order_by("pk")]  # origin assigned
    tasks = {asyncio.create_task(count_of(author)) for author in authors}  # loop
    done, _pending = await asyncio.wait(tasks)
    return sorted(task.result() for task in done)


@healthy(twin=tasks_waited_for)
async def two_tasks_waited_for(n):
    first = asyncio.create_task(count_of(await Author.objects.aget(slug="a0")))
    second = asyncio.create_task(count_of(await Author.objects.aget(slug="a1")))
    await asyncio.wait({first, second})


@loop("query-in-loop", loop_kind="gather")
async def gathered_by_chunks(n):
    authors = [author async for author in Author.objects.order_by("pk")]  # origin
    counts = []
    for start in range(0, len(authors), 10):
        chunk = authors[start : start + 10]
        counts += await asyncio.gather(*(count_of(author) for author in chunk))  # loop
    return counts


@healthy(twin=gathered_by_chunks)
async def gathered_totals_of_two_models(n):
    return await asyncio.gather(*(model.objects.acount() for model in (Author, Entry)))


@loop("query-in-loop", loop_kind="for", statements=2, total=lambda n: 2 * n)
async def two_gathered_per_row(n):
    authors = [author async for author in Author.objects.order_by("pk")]  # origin assigned
    for author in authors:  # loop
        await asyncio.gather(count_of(author), live_of(author))


@healthy(twin=two_gathered_per_row)
async def two_gathered_once(n):
    author = await Author.objects.aget(slug="a0")
    await asyncio.gather(count_of(author), live_of(author))


def author_of(entry):
    return entry.author.name  # site:sync_helper_per_row site:sync_loop_in_a_thread


@loop("lazy-relation", relation="corpus.Entry.author")
async def sync_helper_per_row(n):
    async for entry in Entry.objects.order_by("pk"):  # loop origin
        await sync_to_async(author_of)(entry)


@healthy(twin=sync_helper_per_row)
async def sync_helper_per_joined_row(n):
    async for entry in Entry.objects.select_related("author"):
        await sync_to_async(author_of)(entry)


@loop("lazy-relation", relation="corpus.Entry.author")
async def sync_loop_in_a_thread(n):
    def names():
        return [author_of(entry) for entry in Entry.objects.order_by("pk")]  # loop origin

    await sync_to_async(names)()


@healthy(twin=sync_loop_in_a_thread)
async def sync_loop_in_a_thread_joined(n):
    def names():
        return [author_of(entry) for entry in Entry.objects.select_related("author")]

    await sync_to_async(names)()


@loop("query-in-loop")
async def sync_lambda_per_row(n):
    async for author in Author.objects.order_by("pk"):  # loop origin
        entries = Entry.objects.filter(author=author)
        await sync_to_async(lambda entries=entries: list(entries))()  # site


@healthy(twin=sync_lambda_per_row)
async def sync_lambda_once(n):
    await sync_to_async(lambda: list(Entry.objects.filter(author__rating__gt=0)))()


@loop("query-in-loop")
def async_helper_in_a_sync_loop(n):
    async def count(author):
        return await author.entries.acount()  # site

    for author in Author.objects.order_by("pk"):  # loop origin
        async_to_sync(count)(author)


@healthy(twin=async_helper_in_a_sync_loop)
def async_helper_called_once(n):
    async def total():
        return await Entry.objects.acount()

    async_to_sync(total)()


@loop("write-in-loop")
async def asave_per_row(n):
    async for note in Note.objects.order_by("pk"):  # loop origin
        note.done = True
        await note.asave(update_fields=["done"])  # site


@healthy(twin=asave_per_row)
async def aupdate_of_all_rows(n):
    await Note.objects.aupdate(done=True)


@loop("write-in-loop", origin=False)
async def acreate_per_row(n):
    for i in range(n):  # loop
        await Tag.objects.acreate(name=f"New {i}")  # site


@healthy(twin=acreate_per_row)
async def abulk_create_of_all_rows(n):
    await Tag.objects.abulk_create([Tag(name=f"New {i}") for i in range(n)])


@loop("write-in-loop", origin=False)
async def aget_or_create_per_row(n):
    notes = []
    for i in range(n):  # loop
        note, _created = await Note.objects.aget_or_create(slug=f"n{i}")  # site
        notes.append(note)
    return notes


@healthy(twin=aget_or_create_per_row)
async def abulk_create_ignoring_conflicts(n):
    notes = [Note(slug=f"n{i}") for i in range(n)]
    await Note.objects.abulk_create(notes, ignore_conflicts=True)


@loop("query-in-loop")
async def arefresh_of_every_row(n):
    async for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.rating = 0
        await entry.arefresh_from_db()  # site
        entry.rating.bit_length()


@healthy(twin=arefresh_of_every_row, cleared="polled")
async def arefresh_of_one_row(n):
    note = await Note.objects.aget(slug="n0")
    for _attempt in range(3):
        await note.arefresh_from_db()
        if note.done:
            break


@loop("query-in-loop", available=HAS_APREFETCH)
async def aprefetch_per_object(n):
    from django.db.models import aprefetch_related_objects

    async for author in Author.objects.order_by("pk"):  # loop origin
        await aprefetch_related_objects([author], "entries")  # site
        list(author.entries.all())


@healthy(twin=aprefetch_per_object, available=HAS_APREFETCH)
async def aprefetch_for_all_objects(n):
    from django.db.models import aprefetch_related_objects

    authors = [author async for author in Author.objects.order_by("pk")]
    await aprefetch_related_objects(authors, "entries")


@loop("bypassed-prefetch", relation="corpus.Author.entries")
async def async_bypassed_prefetch(n):
    async for author in Author.objects.prefetch_related("entries"):  # loop origin
        async for entry in author.entries.filter(status="live"):  # site
            entry.headline.upper()


@healthy(twin=async_bypassed_prefetch)
async def async_read_prefetch(n):
    async for author in Author.objects.prefetch_related("entries"):
        [entry async for entry in author.entries.all() if entry.status == "live"]


@loop("duplicate-query", origin="optional")
async def async_duplicate(n):
    async for entry in Entry.objects.order_by("pk"):  # loop origin
        total = await Author.objects.acount()  # site
        entry.rating / total


@healthy(twin=async_duplicate)
async def async_counted_once(n):
    total = await Author.objects.acount()
    async for entry in Entry.objects.order_by("pk"):
        entry.rating / total


@healthy(cleared="batched", grows=True)
async def async_chunks(n):
    pks = [pk async for pk in Author.objects.values_list("pk", flat=True)]
    for start in range(0, n, 2):
        await Author.objects.ain_bulk(pks[start : start + 2])


@loop("query-in-loop", any_line=True)
async def waited_for_with_a_timeout(n):
    # Where it runs in a task of its own, no line of the user's is on the stack.
    async for author in Author.objects.order_by("pk"):  # loop origin
        await asyncio.wait_for(author.entries.acount(), timeout=30)  # site


@healthy(twin=waited_for_with_a_timeout)
async def waited_for_once(n):
    await asyncio.wait_for(Entry.objects.acount(), timeout=30)


@loop("query-in-loop")
async def rows_of_aiterator(n):
    async for author in Author.objects.order_by("pk").aiterator(chunk_size=100):  # loop origin
        await author.entries.acount()  # site


@healthy(twin=rows_of_aiterator)
async def rows_of_aiterator_joined(n):
    async for entry in Entry.objects.select_related("author").aiterator(chunk_size=100):
        entry.author.name


@loop(
    "recursive-query",
    loop_kind="recursion",
    turns=lambda n: {n, n + 1},
    origin="optional",
)
async def async_recursion(n):
    async def walk(category):
        slugs.append(category.slug)
        async for child in category.children.all():  # site origin
            await walk(child)  # loop

    slugs = []
    await walk(await Category.objects.aget(slug="tree"))  # origin
    return slugs


@healthy(twin=async_recursion)
async def async_recursion_in_memory(n):
    categories = [c async for c in Category.objects.filter(slug__startswith="tree")]

    async def walk(category):
        for child in categories:
            if child.parent_id == category.pk:
                await walk(child)

    await walk(next(c for c in categories if c.slug == "tree"))


@loop("lazy-relation", relation="corpus.Author.entries", tag="tasks")
@loop("query-in-loop", tag="rows")
async def gathered_helper_with_a_loop(n):
    async def count_chapters(author):
        async for entry in author.entries.all():  # site:tasks loop:rows origin:rows
            await entry.chapter_set.acount()  # site:rows

    authors = [author async for author in Author.objects.order_by("pk")]  # origin:tasks
    await asyncio.gather(*(count_chapters(author) for author in authors))  # loop:tasks


@healthy(twin=gathered_helper_with_a_loop)
async def gathered_helper_with_a_loop_over_prefetched(n):
    async def count_chapters(author):
        return [entry.headline async for entry in author.entries.all()]

    authors = [author async for author in Author.objects.prefetch_related("entries")]
    await asyncio.gather(*(count_chapters(author) for author in authors))
