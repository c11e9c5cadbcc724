"""Loops over what the source spells out, which do not grow, and loops that only look like it."""

import asyncio
import enum

from tests.corpus import constants
from tests.corpus.constants import REGIONS, STATUS_NAMES, Shelf
from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Entry, PenName, Tag

KINDS = ("draft", "live")

MONTHS = [(1, "January"), (2, "February"), (3, "March")]

QUEUE = []


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


@loop("query-in-loop", turns=lambda n: 2 * n)
def literal_inside_data(n):
    # The inner loop is bounded, and runs as often as there are authors.
    for author in Author.objects.order_by("pk"):  # loop origin
        for status in ("draft", "live"):
            Entry.objects.filter(author=author, status=status).count()  # site


@healthy(twin=literal_inside_data, cleared="bounded")
def literal_alone(n):
    author = Author.objects.get(slug="a0")
    for status in ("draft", "live"):
        Entry.objects.filter(author=author, status=status).count()


@loop("query-in-loop", turns=lambda n: 2 * n)
def data_inside_literal(n):
    authors = list(Author.objects.order_by("pk"))  # origin assigned
    for status in ("draft", "live"):
        for author in authors:  # loop
            Entry.objects.filter(author=author, status=status).count()  # site


@healthy(twin=data_inside_literal, cleared="bounded")
def literal_inside_literal(n):
    for status in ("draft", "live"):
        for rating in [0, 1]:
            Entry.objects.filter(rating=rating, status=status).count()


@loop("query-in-loop", turns=lambda n: 2 * n, tag="per_status")
def literal_in_a_helper_inside_data(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        count_per_status(author)


def count_per_status(author):
    entries = Entry.objects.filter(author=author)
    return {status: entries.filter(status=status).count() for status in KINDS}  # site:per_status


@healthy(twin=literal_in_a_helper_inside_data, cleared="bounded")
def literal_in_a_helper(n):
    count_per_status(Author.objects.get(slug="a0"))


@loop("query-in-loop", origin=False)
def range_of_n(n):
    for i in range(n):  # loop
        Author.objects.filter(rating=i).exists()  # site


@healthy(twin=range_of_n)
def range_without_queries(n):
    ratings = set(Author.objects.values_list("rating", flat=True))
    for i in range(n):
        i in ratings


@loop("query-in-loop", origin=False, turns=lambda n: 10, grows=False)
def range_of_ten(n):
    # The first thing people try; and ten is what a hundred was last year.
    for i in range(10):  # loop
        Author.objects.filter(rating=i).exists()  # site


@healthy(twin=range_of_ten, cleared="bounded")
def twelve_time_buckets(n):
    for month in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]:
        Entry.objects.filter(created__month=month).count()


@loop("query-in-loop", origin=False)
def unpacked_literal(n):
    slugs = (f"a{i}" for i in range(n))
    for slug in [*slugs]:  # loop
        Author.objects.get(slug=slug)  # site


@healthy(twin=unpacked_literal, cleared="bounded")
def literal_of_objects(n):
    first, last = Entry.objects.order_by("pk").first(), Entry.objects.order_by("-pk").first()
    for entry in (first, last):
        entry.author.name


@loop("query-in-loop", origin=False)
def literal_that_was_extended(n):
    slugs = ["a0"]
    slugs.extend(f"a{i}" for i in range(1, n))
    for slug in slugs:  # loop
        Author.objects.get(slug=slug)  # site


@healthy(twin=literal_that_was_extended, cleared="bounded")
def literal_with_a_name(n):
    slugs = ["a0", "a1"]
    for slug in slugs:
        Author.objects.get(slug=slug)


@loop("query-in-loop", origin=False)
def literal_that_was_added_to(n):
    slugs = ["a0"]
    slugs += [f"a{i}" for i in range(1, n)]
    for slug in slugs:  # loop
        Author.objects.get(slug=slug)  # site


@healthy(twin=literal_that_was_added_to, cleared="bounded")
def literal_dict(n):
    for status, name in {"draft": "Draft", "live": "Live"}.items():
        Entry.objects.filter(status=status, headline=name).count()


@loop("query-in-loop", origin=False)
def dict_that_was_filled(n):
    ratings = {}
    for i in range(n):
        ratings[f"a{i}"] = i
    for slug, rating in ratings.items():  # loop
        Author.objects.filter(slug=slug, rating=rating).exists()  # site


@healthy(twin=dict_that_was_filled, cleared="bounded")
def literal_set(n):
    for status in {"draft", "live"}:
        Entry.objects.filter(status=status).count()


@loop("query-in-loop", origin=False)
def module_list_that_is_filled(n):
    QUEUE[:] = [f"a{i}" for i in range(n)]
    for slug in QUEUE:  # loop
        Author.objects.get(slug=slug)  # site


@healthy(twin=module_list_that_is_filled, cleared="bounded")
def module_constant(n):
    for status in KINDS:
        Entry.objects.filter(status=status).count()


@loop("query-in-loop", origin=False)
def parameter_named_like_a_constant(n):
    def look_up(KINDS):  # noqa: N803 - hides the constant of the module
        for slug in KINDS:  # loop
            Author.objects.get(slug=slug)  # site

    look_up([f"a{i}" for i in range(n)])


@healthy(twin=parameter_named_like_a_constant, cleared="bounded")
def imported_constant(n):
    for region in REGIONS:
        Author.objects.filter(name=region).exists()


@loop("query-in-loop", origin=False)
def literal_or_data(n):
    slugs = ("a0", "a1")
    if n:
        slugs = tuple(f"a{i}" for i in range(n))
    for slug in slugs:  # loop
        Author.objects.get(slug=slug)  # site


@healthy(twin=literal_or_data, cleared="bounded")
def constant_of_an_imported_module(n):
    for region in constants.REGIONS:
        Author.objects.filter(name=region).exists()


@loop("query-in-loop", loop_kind="comprehension", turns=lambda n: 2 * n)
def literal_and_data_in_a_comprehension(n):
    # loop site origin
    return [a.entries.filter(status=s).count() for a in Author.objects.all() for s in KINDS]


@healthy(twin=literal_and_data_in_a_comprehension, cleared="bounded")
def literal_in_a_comprehension(n):
    return {status: Entry.objects.filter(status=status).count() for status in ("draft", "live")}


@loop("query-in-loop", origin=False)
def zip_of_literal_and_data(n):
    # As long as the shorter one: but the source does not tell how long that is.
    for slug, i in zip([f"a{i}" for i in range(n)], range(1000), strict=False):  # loop
        Author.objects.filter(slug=slug, rating=i).exists()  # site


@healthy(twin=zip_of_literal_and_data, cleared="bounded")
def zip_of_literals(n):
    for status, rating in zip(("draft", "live"), (1, 2), strict=True):
        Entry.objects.filter(status=status, rating=rating).count()


@healthy(cleared="bounded")
def enumerated_literal(n):
    for rating, status in enumerate(["draft", "live"]):
        Entry.objects.filter(status=status, rating=rating).count()


@healthy(cleared="bounded")
def reversed_and_sorted_literals(n):
    for status in reversed(("draft", "live")):
        Entry.objects.filter(status=status).count()
    for status in sorted({"draft", "live"}):
        Entry.objects.filter(headline=status).count()


@healthy(cleared="bounded")
def imported_dict(n):
    for status in STATUS_NAMES:
        Entry.objects.filter(status=status).count()
    for status, _name in STATUS_NAMES.items():
        Entry.objects.filter(status=status).exists()


@healthy(cleared="bounded")
def pairs_of_a_module_constant(n):
    for month, _name in MONTHS:
        Entry.objects.filter(created__month=month).count()


@healthy(cleared="bounded")
def choices_class(n):
    for status in Entry.Status:
        Entry.objects.filter(status=status).count()


@healthy(cleared="bounded")
def choices_and_values_of_a_choices_class(n):
    for value, _label in Entry.Status.choices:
        Entry.objects.filter(status=value).count()
    for value in Entry.Status.values:
        Entry.objects.filter(status=value).exists()


@healthy(cleared="bounded")
def constants_of_a_class(n):
    for kind in Entry.KINDS:
        Entry.objects.filter(status=kind).count()
    for value, _label in Entry.STATUSES:
        Entry.objects.filter(status=value).exists()


@healthy(cleared="bounded")
def enum_classes(n):
    for size in Size:
        Author.objects.filter(rating=size).exists()
    for shelf in Shelf:
        Entry.objects.filter(rating=shelf.value).exists()


@healthy(cleared="bounded")
def mapped_literal(n):
    def count(status):
        return Entry.objects.filter(status=status).count()

    return list(map(count, ("draft", "live")))


@healthy(cleared="bounded")
async def gathered_literal(n):
    async def count(status):
        return await Entry.objects.filter(status=status).acount()

    await asyncio.gather(*(count(status) for status in ("draft", "live")))


@healthy(cleared="bounded")
def registry_of_models(n):
    # A proxy asks the table of its model again.
    for model in (Author, Entry, Tag, PenName):
        model.objects.count()


@healthy(cleared="bounded")
def literal_of_querysets(n):
    for entries in (Entry.objects.filter(status="draft"), Entry.objects.filter(status="live")):
        len(entries)


def entries_of(author):
    return author.entries.count()  # site:functions_inside_data


def books_of(author):
    return author.books.count()  # site:functions_inside_data


@loop("query-in-loop", statements=2, total=lambda n: 2 * n)
def functions_inside_data(n):
    """Each turn calls each of the functions once."""
    for author in Author.objects.order_by("pk"):  # loop origin
        for count in (entries_of, books_of):
            count(author)


@healthy(twin=functions_inside_data)
def functions_alone(n):
    author = Author.objects.get(slug="a0")
    for count in (entries_of, books_of):
        count(author)


also_entries_of = entries_of


@healthy(twin=functions_inside_data, cleared="bounded")
def functions_of_two_names(n):
    author = Author.objects.get(slug="a0")
    for count in (entries_of, also_entries_of):
        count(author)
