"""One and the same relation, read by every construct of Python that repeats something."""

import csv
import heapq
import io
import itertools
import json
import re
from collections import defaultdict, deque
from contextlib import contextmanager, suppress
from functools import lru_cache, partial, reduce, wraps
from operator import attrgetter

from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.utils.functional import SimpleLazyObject

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Blog, Category, Chapter, City, Entry


@loop("lazy-relation", relation="corpus.Author.country", tag="author_property")
def property_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.country_label.lower()


@healthy(twin=property_per_row)
def property_per_row_joined(n):
    for author in Author.objects.select_related("country"):
        author.country_label.lower()


@loop("query-in-loop", tag="author_count")
def counting_property_per_row(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.entry_count + 1


@healthy(twin=counting_property_per_row)
def counting_property_prefetched(n):
    for author in Author.objects.prefetch_related("entries"):
        author.entry_count + 1


@loop("lazy-relation", relation="corpus.City.country", tag="city_str")
def str_per_row(n):
    for city in City.objects.order_by("pk"):  # loop origin
        str(city)


@healthy(twin=str_per_row)
def str_per_row_joined(n):
    for city in City.objects.select_related("country"):
        str(city)


@loop("lazy-relation", relation="corpus.City.country", tag="city_str")
def str_in_f_string(n):
    return [f"* {city}" for city in City.objects.order_by("pk")]  # loop origin


@healthy(twin=str_in_f_string)
def str_in_f_string_joined(n):
    return [f"* {city}" for city in City.objects.select_related("country")]


@loop("lazy-relation", relation="corpus.City.country", tag="city_str", loop_kind="call")
def str_joined_by_map(n):
    return ", ".join(map(str, City.objects.order_by("pk")))  # loop origin


@healthy(twin=str_joined_by_map)
def str_joined_by_map_joined(n):
    return ", ".join(map(str, City.objects.select_related("country")))


@loop("lazy-relation", relation="corpus.City.country", tag="city_str", loop_kind="call")
def repr_of_a_list(n):
    cities = list(City.objects.order_by("pk"))  # origin
    return repr(cities)  # loop


@healthy(twin=repr_of_a_list)
def repr_of_a_list_joined(n):
    return repr(list(City.objects.select_related("country")))


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="call")
def sorted_by_lambda(n):
    entries = Entry.objects.order_by("pk")  # assigned
    return sorted(entries, key=lambda entry: entry.author.name)  # loop site origin


@healthy(twin=sorted_by_lambda)
def sorted_by_lambda_joined(n):
    return sorted(Entry.objects.select_related("author"), key=lambda entry: entry.author.name)


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="call")
def sorted_by_function(n):
    def name(entry):
        return entry.author.name  # site

    return sorted(Entry.objects.order_by("pk"), key=name)  # loop origin


@healthy(twin=sorted_by_function)
def sorted_by_the_database(n):
    return list(Entry.objects.order_by("author__name"))


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="call")
def list_sorted_in_place(n):
    entries = list(Entry.objects.order_by("pk"))  # origin assigned
    entries.sort(key=attrgetter("author.name"))  # loop site
    return entries


@healthy(twin=list_sorted_in_place)
def list_sorted_in_place_joined(n):
    entries = list(Entry.objects.select_related("author"))
    entries.sort(key=attrgetter("author.name"))


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="call")
def maximum_by_key(n):
    # loop site origin
    return max(Entry.objects.order_by("pk"), key=lambda entry: entry.author.rating)


@healthy(twin=maximum_by_key)
def maximum_by_the_database(n):
    return Entry.objects.order_by("-author__rating").first()


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="call")
def minimum_with_heapq(n):
    entries = list(Entry.objects.order_by("pk"))  # origin
    return heapq.nsmallest(n, entries, key=lambda entry: entry.author.name)  # loop site


@healthy(twin=minimum_with_heapq)
def minimum_with_heapq_joined(n):
    entries = list(Entry.objects.select_related("author"))
    return heapq.nsmallest(n, entries, key=lambda entry: entry.author.name)


def author_name(entry):
    # site:mapped_function site:map_as_header site:helper_from_two_loops
    # site:helper_twice_a_turn site:partial_of_helper
    return entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="call")
def mapped_function(n):
    return list(map(author_name, Entry.objects.order_by("pk")))  # loop origin


@healthy(twin=mapped_function)
def mapped_function_joined(n):
    return list(map(author_name, Entry.objects.select_related("author")))


@loop("lazy-relation", relation="corpus.Entry.author")
def map_as_header(n):
    # The query goes out while the header of the loop asks for the next item.
    for name in map(author_name, Entry.objects.order_by("pk")):  # loop origin
        name.upper()


@healthy(twin=map_as_header)
def map_as_header_joined(n):
    for name in map(author_name, Entry.objects.select_related("author")):
        name.upper()


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="call")
def mapped_attrgetter(n):
    return set(map(attrgetter("author.name"), Entry.objects.order_by("pk")))  # loop site origin


@healthy(twin=mapped_attrgetter)
def mapped_attrgetter_joined(n):
    return set(map(attrgetter("author.name"), Entry.objects.select_related("author")))


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="call")
def filter_function(n):
    # loop site origin
    return list(filter(lambda entry: entry.author.rating > 1, Entry.objects.order_by("pk")))


@healthy(twin=filter_function)
def filter_by_the_database(n):
    return list(Entry.objects.filter(author__rating__gt=1))


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="call")
def reduce_function(n):
    # loop site origin
    return reduce(lambda total, entry: total + entry.author.rating, Entry.objects.order_by("pk"), 0)


@healthy(twin=reduce_function)
def reduce_function_joined(n):
    entries = Entry.objects.select_related("author")
    return reduce(lambda total, entry: total + entry.author.rating, entries, 0)


@loop(
    "lazy-relation",
    relation="corpus.Entry.author",
    turns=None,
    total=lambda n: n,
    any_line=True,
)
def grouped_by_key(n):
    entries = Entry.objects.order_by("author")  # assigned
    # loop site origin
    for name, _group in itertools.groupby(entries, key=lambda entry: entry.author.name):
        name.upper()


@healthy(twin=grouped_by_key)
def grouped_by_key_joined(n):
    entries = Entry.objects.order_by("author").select_related("author")
    for _name, _group in itertools.groupby(entries, key=lambda entry: entry.author.name):
        pass


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="call")
def json_default(n):
    entries = list(Entry.objects.order_by("pk"))  # origin
    return json.dumps(entries, default=lambda entry: entry.author.name)  # loop site


@healthy(twin=json_default)
def json_default_joined(n):
    entries = list(Entry.objects.select_related("author"))
    return json.dumps(entries, default=lambda entry: entry.author.name)


@loop("query-in-loop", origin=False, loop_kind="call")
def regex_callback(n):
    def expand(match):
        return Author.objects.get(slug=match[0]).name  # site

    return re.sub(r"a\d+", expand, " ".join(f"a{i}" for i in range(n)))  # loop


@healthy(twin=regex_callback)
def regex_callback_from_dict(n):
    authors = Author.objects.in_bulk(field_name="slug")
    return re.sub(r"a\d+", lambda match: authors[match[0]].name, "a0 a1")


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="comprehension")
def list_comprehension(n):
    return [entry.author.name for entry in Entry.objects.order_by("pk")]  # loop site origin


@healthy(twin=list_comprehension)
def list_comprehension_joined(n):
    return [entry.author.name for entry in Entry.objects.select_related("author")]


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="comprehension")
def set_comprehension(n):
    entries = Entry.objects.order_by("pk")  # assigned
    return {entry.author.name for entry in entries}  # loop site origin


@healthy(twin=set_comprehension)
def set_comprehension_joined(n):
    entries = Entry.objects.select_related("author")
    return {entry.author.name for entry in entries}


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="comprehension")
def dict_comprehension(n):
    # loop site origin
    return {entry.pk: entry.author.name for entry in Entry.objects.order_by("pk")}


@healthy(twin=dict_comprehension)
def dict_comprehension_joined(n):
    return {entry.pk: entry.author.name for entry in Entry.objects.select_related("author")}


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="comprehension")
def condition_of_comprehension(n):
    # loop site origin
    return [entry for entry in Entry.objects.order_by("pk") if entry.author.rating > 1]


@healthy(twin=condition_of_comprehension)
def condition_of_comprehension_joined(n):
    entries = Entry.objects.select_related("author")
    return [entry for entry in entries if entry.author.rating > 1]


@loop("lazy-relation", relation="corpus.Entry.tags", loop_kind="comprehension")
def nested_comprehension(n):
    # loop site origin
    return [tag.name for entry in Entry.objects.order_by("pk") for tag in entry.tags.all()]


@healthy(twin=nested_comprehension)
def nested_comprehension_prefetched(n):
    entries = Entry.objects.prefetch_related("tags")
    return [tag.name for entry in entries for tag in entry.tags.all()]


@loop("lazy-relation", relation="corpus.Entry.author", any_line=True)
def comprehension_over_several_lines(n):
    return [  # loop origin
        (
            entry.headline,
            entry.author.name,  # site
        )
        for entry in Entry.objects.order_by("pk")  # loop origin
    ]


@healthy(twin=comprehension_over_several_lines)
def comprehension_over_several_lines_joined(n):
    return [
        (
            entry.headline,
            entry.author.name,
        )
        for entry in Entry.objects.select_related("author")
    ]


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="generator")
def generator_expression(n):
    return sum(entry.author.rating for entry in Entry.objects.order_by("pk"))  # loop site origin


@healthy(twin=generator_expression)
def generator_expression_joined(n):
    return sum(entry.author.rating for entry in Entry.objects.select_related("author"))


@loop("lazy-relation", relation="corpus.City.country", loop_kind="generator")
def rows_of_a_csv(n):
    text = io.StringIO()
    cities = City.objects.order_by("pk")  # assigned
    csv.writer(text).writerows([c.name, c.country.name] for c in cities)  # loop site origin
    return text.getvalue()


@healthy(twin=rows_of_a_csv)
def rows_of_a_csv_joined(n):
    cities = City.objects.select_related("country")
    csv.writer(io.StringIO()).writerows([c.name, c.country.name] for c in cities)


def names_of(entries):
    for entry in entries:  # loop:generator_function origin:generator_function
        yield entry.author.name  # site:generator_function


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="for")
def generator_function(n):
    for name in names_of(Entry.objects.order_by("pk")):
        name.upper()


@healthy(twin=generator_function)
def generator_function_joined(n):
    for name in names_of(Entry.objects.select_related("author")):
        name.upper()


def live_entries():
    yield from Entry.objects.order_by("pk")  # origin:loop_over_generator


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="for")
def loop_over_generator(n):
    for entry in live_entries():  # loop
        entry.author.name  # site


@healthy(twin=loop_over_generator)
def loop_over_generator_in_bulk(n):
    entries = list(live_entries())
    authors = Author.objects.in_bulk([entry.author_id for entry in entries])
    for entry in entries:
        authors[entry.author_id].name


@loop("lazy-relation", relation="corpus.Entry.author", loop_kind="while")
def while_loop(n):
    entries = deque(Entry.objects.order_by("pk"))  # origin
    while entries:  # loop
        entry = entries.popleft()
        entry.author.name  # site


@healthy(twin=while_loop)
def while_loop_joined(n):
    entries = deque(Entry.objects.select_related("author"))
    while entries:
        entry = entries.popleft()
        entry.author.name


@loop("query-in-loop", loop_kind="while", turns=lambda n: n + 1, origin=False)
def while_condition(n):
    i = 0
    while Entry.objects.filter(slug=f"e{i}").exists():  # loop site
        i += 1
    return f"e{i}"


@healthy(twin=while_condition)
def while_condition_in_memory(n):
    taken = set(Entry.objects.values_list("slug", flat=True))
    i = 0
    while f"e{i}" in taken:
        i += 1
    return f"e{i}"


@loop("query-in-loop", loop_kind="while", turns=lambda n: n + 1, origin="optional")
def row_by_row_to_the_end(n):
    # LIMIT 1 behind the last key: as many queries as rows.
    last = 0
    while entry := Entry.objects.filter(pk__gt=last).order_by("pk").first():  # loop site
        last = entry.pk
        entry.headline.upper()


@healthy(twin=row_by_row_to_the_end)
def row_by_row_with_iterator(n):
    for entry in Entry.objects.order_by("pk").iterator():
        entry.headline.upper()


@loop("lazy-relation", relation="corpus.Entry.author", tag="first")
@loop("lazy-relation", relation="corpus.Entry.author", tag="second")
def helper_from_two_loops(n):
    for entry in Entry.objects.order_by("pk"):  # loop:first origin:first
        author_name(entry)
    for entry in Entry.objects.order_by("-pk"):  # loop:second origin:second
        author_name(entry)


@healthy(twin=helper_from_two_loops)
def helper_from_two_loops_joined(n):
    for entry in Entry.objects.select_related("author").order_by("pk"):
        author_name(entry)
    for entry in Entry.objects.select_related("author").order_by("-pk"):
        author_name(entry)


@loop("lazy-relation", turns=None, statements=None, total=lambda n: 2 * n)
def helper_twice_a_turn(n):
    # Two entries of different authors a turn.
    others = list(Entry.objects.order_by("-pk"))
    for entry, other in zip(Entry.objects.order_by("pk"), others, strict=True):  # loop origin
        author_name(entry)
        author_name(Entry(author_id=other.editor_id))


@healthy(twin=helper_twice_a_turn)
def helper_twice(n):
    first, second = Entry.objects.order_by("pk")[:2]
    author_name(first)
    author_name(second)


@loop("lazy-relation", relation="corpus.Entry.author")
def partial_of_helper(n):
    # origin assigned
    jobs = [partial(author_name, entry) for entry in Entry.objects.order_by("pk")]
    for job in jobs:  # loop
        job()


@healthy(twin=partial_of_helper)
def partial_of_helper_joined(n):
    jobs = [partial(author_name, entry) for entry in Entry.objects.select_related("author")]
    for job in jobs:
        job()


@loop("lazy-relation", relation="corpus.Entry.author")
def lambdas_called_later(n):
    # The lambda stands in one loop and runs in another.
    jobs = []
    for entry in Entry.objects.order_by("pk"):  # origin
        jobs.append(lambda entry=entry: entry.author.name)  # site
    for job in jobs:  # loop
        job()


@healthy(twin=lambdas_called_later)
def lambdas_called_later_joined(n):
    jobs = []
    for entry in Entry.objects.select_related("author"):
        jobs.append(lambda entry=entry: entry.author.name)
    for job in jobs:
        job()


def logged(function):
    @wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@logged
@logged
def country_name(city):
    return city.country.name  # site:decorated_helper


@loop("lazy-relation", relation="corpus.City.country")
def decorated_helper(n):
    for city in City.objects.order_by("pk"):  # loop origin
        country_name(city)


@healthy(twin=decorated_helper)
def decorated_helper_joined(n):
    for city in City.objects.select_related("country"):
        country_name(city)


@loop("lazy-relation", relation="corpus.Entry.author", turns=None, total=lambda n: n, any_line=True)
def branches_of_one_body(n):
    for i, entry in enumerate(Entry.objects.order_by("pk")):  # loop origin
        if i % 2:
            entry.author.name.upper()  # site
        else:
            entry.author.name.lower()  # site


@healthy(twin=branches_of_one_body)
def branches_of_one_body_joined(n):
    for i, entry in enumerate(Entry.objects.select_related("author")):
        if i % 2:
            entry.author.name.upper()
        else:
            entry.author.name.lower()


@loop("query-in-loop", turns=None, total=lambda n: n, any_line=True)
def branches_of_a_match(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        match entry.status:
            case "live":
                Author.objects.get(pk=entry.author_id)  # site
            case _:
                Author.objects.get(pk=entry.author_id)  # site


@healthy(twin=branches_of_a_match)
def branches_of_a_match_for_one(n):
    entry = Entry.objects.get(slug="e0")
    match entry.status:
        case "live":
            Author.objects.get(pk=entry.author_id)
        case _:
            Author.objects.get(pk=entry.editor_id)


@loop("lazy-relation", relation="corpus.Blog.entry_set", tag="outer")
@loop("lazy-relation", relation="corpus.Entry.author", tag="inner")
def nested_two_level(n):
    for blog in Blog.objects.order_by("pk"):  # loop:outer origin:outer
        for entry in blog.entry_set.all():  # site:outer loop:inner origin:inner
            entry.author.name  # site:inner


@healthy(twin=nested_two_level)
def nested_two_level_prefetched(n):
    for blog in Blog.objects.prefetch_related("entry_set__author"):
        for entry in blog.entry_set.all():
            entry.author.name


@loop("lazy-relation", relation="corpus.Entry.chapter_set", tag="middle")
@loop("lazy-relation", relation="corpus.Blog.entry_set", tag="outmost")
@loop("query-in-loop", tag="inmost", turns=lambda n: 2 * n)
def nested_three_level(n):
    for blog in Blog.objects.order_by("pk"):  # loop:outmost origin:outmost
        for entry in blog.entry_set.all():  # site:outmost loop:middle origin:middle
            for chapter in entry.chapter_set.all():  # site:middle loop:inmost origin:inmost
                # site:inmost
                Chapter.objects.filter(entry=entry, number__lt=chapter.number).count()


@healthy(twin=nested_three_level)
def nested_three_level_prefetched(n):
    for blog in Blog.objects.prefetch_related("entry_set__chapter_set"):
        for entry in blog.entry_set.all():
            for chapter in entry.chapter_set.all():
                len([c for c in entry.chapter_set.all() if c.number < chapter.number])


@loop("query-in-loop", "lazy-relation", statements=3)
def three_queries_per_turn(n):
    for author in Author.objects.order_by("pk"):  # loop origin
        author.entries.count()  # site
        author.country.name  # site
        list(author.books.all())  # site


@healthy(twin=three_queries_per_turn)
def three_queries_for_all(n):
    for author in Author.objects.select_related("country").prefetch_related("entries", "books"):
        author.entries.count()
        author.country.name
        list(author.books.all())


@loop("lazy-relation", relation="corpus.Author.profile")
def two_hops_through_helper(n):
    for entry in Entry.objects.select_related("author"):  # loop origin
        biography(entry.author)


def biography(author):
    with suppress(LookupError):
        return author.profile.bio  # site:two_hops_through_helper


@healthy(twin=two_hops_through_helper)
def two_hops_through_helper_joined(n):
    for entry in Entry.objects.select_related("author__profile"):
        biography(entry.author)


class Report:
    """A class as views are written: the parents are loaded in one method and read in another."""

    def __init__(self, queryset):
        self.queryset = queryset

    def load(self):
        self.entries = list(self.queryset)  # origin:methods_of_a_class

    def lines(self):
        for entry in self.entries:  # loop:methods_of_a_class
            yield self.line(entry)

    def line(self, entry):
        return entry.author.name  # site:methods_of_a_class


@loop("lazy-relation", relation="corpus.Entry.author")
def methods_of_a_class(n):
    report = Report(Entry.objects.order_by("pk"))
    report.load()
    list(report.lines())


@healthy(twin=methods_of_a_class)
def methods_of_a_class_joined(n):
    report = Report(Entry.objects.select_related("author"))
    report.load()
    list(report.lines())


class Names:
    """An iterator and a sequence that read the author by themselves."""

    def __init__(self, entries):
        self.entries = entries
        self.position = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.position == len(self.entries):
            raise StopIteration
        self.position += 1
        return self.entries[self.position - 1].author.name  # site:loop_over_iterator


class Sequence:
    def __init__(self, entries):
        self.entries = entries

    def __getitem__(self, index):
        return self.entries[index].author.name  # site:loop_over_sequence


@loop("lazy-relation", relation="corpus.Entry.author")
def loop_over_iterator(n):
    names = Names(list(Entry.objects.order_by("pk")))  # origin assigned
    for name in names:  # loop
        name.upper()


@healthy(twin=loop_over_iterator)
def loop_over_iterator_joined(n):
    for name in Names(list(Entry.objects.select_related("author"))):
        name.upper()


@loop("lazy-relation", relation="corpus.Entry.author")
def loop_over_sequence(n):
    for name in Sequence(list(Entry.objects.order_by("pk"))):  # loop origin
        name.upper()


@healthy(twin=loop_over_sequence)
def loop_over_sequence_joined(n):
    for name in Sequence(list(Entry.objects.select_related("author"))):
        name.upper()


@loop("lazy-relation", relation="corpus.Entry.author")
def enumerated(n):
    entries = Entry.objects.order_by("pk")  # assigned
    for _i, entry in enumerate(entries, start=1):  # loop origin
        entry.author.name  # site


@healthy(twin=enumerated)
def enumerated_joined(n):
    entries = Entry.objects.select_related("author")
    for _i, entry in enumerate(entries, start=1):
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def chained(n):
    drafts, live = Entry.objects.filter(status="draft"), Entry.objects.filter(status="live")
    for entry in itertools.chain(drafts, live):  # loop origin
        entry.author.name  # site


@healthy(twin=chained)
def chained_joined(n):
    entries = Entry.objects.select_related("author")
    for entry in itertools.chain(entries.filter(status="draft"), entries.filter(status="live")):
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def values_of_in_bulk(n):
    for entry in Entry.objects.in_bulk().values():  # loop origin
        entry.author.name  # site


@healthy(twin=values_of_in_bulk)
def values_of_in_bulk_joined(n):
    for entry in Entry.objects.select_related("author").in_bulk().values():
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def grouped_in_a_dict(n):
    by_status = defaultdict(list)
    for entry in Entry.objects.order_by("pk"):  # origin
        by_status["all"].append(entry)
    for entry in by_status["all"]:  # loop
        entry.author.name  # site


@healthy(twin=grouped_in_a_dict)
def grouped_in_a_dict_joined(n):
    by_status = defaultdict(list)
    for entry in Entry.objects.select_related("author"):
        by_status["all"].append(entry)
    for entry in by_status["all"]:
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def page_of_a_paginator(n):
    page = Paginator(Entry.objects.order_by("pk"), 50).page(1)  # assigned
    for entry in page:  # loop origin
        entry.author.name  # site


@healthy(twin=page_of_a_paginator)
def page_of_a_paginator_joined(n):
    page = Paginator(Entry.objects.order_by("pk").select_related("author"), 50).page(1)
    for entry in page:
        entry.author.name


@loop("query-in-loop", origin="optional")
def cached_function_with_new_arguments(n):
    @lru_cache
    def name(pk):
        return Author.objects.get(pk=pk).name  # site

    for pk in Entry.objects.values_list("author", flat=True):  # loop origin
        name(pk)


@healthy(twin=cached_function_with_new_arguments)
def cached_function_with_old_arguments(n):
    @lru_cache
    def name(slug):
        return Author.objects.get(slug=slug).name

    for _i in range(n):
        name("a0")


@loop("lazy-relation", relation="corpus.Entry.author")
def loop_in_try_and_with(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        try:
            with suppress(ValueError):
                entry.author.name  # site
        finally:
            entry.headline.upper()


@healthy(twin=loop_in_try_and_with)
def loop_in_try_and_with_joined(n):
    for entry in Entry.objects.select_related("author"):
        try:
            with suppress(ValueError):
                entry.author.name
        finally:
            entry.headline.upper()


@loop("lazy-relation", relation="corpus.Entry.author")
def else_of_a_loop(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        entry.author.name  # site
    else:
        Author.objects.get(slug="a0")


@healthy(twin=else_of_a_loop)
def else_of_a_loop_joined(n):
    for entry in Entry.objects.select_related("author"):
        entry.author.name
    else:
        Author.objects.get(slug="a0")


@loop(
    "lazy-relation",
    relation="corpus.Category.children",
    loop_kind="while",
    turns=lambda n: n + 1,
    origin="optional",
)
def breadth_first(n):
    queue = deque([Category.objects.get(slug="tree")])  # origin
    seen = []
    while queue:  # loop
        seen.append(queue[0].slug)
        queue.extend(queue.popleft().children.all())  # site origin
    return seen


@healthy(twin=breadth_first)
def breadth_first_in_memory(n):
    children = defaultdict(list)
    for category in Category.objects.filter(slug__startswith="tree"):
        children[category.parent_id].append(category)
    queue = deque(children[None])
    while queue:
        queue.extend(children[queue.popleft().pk])


@loop(
    "lazy-relation",
    relation="corpus.Category.parent",
    loop_kind="while",
    turns=lambda n: n + 1,
    origin="optional",
)
def up_the_parents(n):
    category = Category.objects.get(slug="leaf")  # origin
    while category.parent:  # loop site origin
        category = category.parent
    return category


@healthy(twin=up_the_parents)
def up_the_parents_in_memory(n):
    by_key = Category.objects.in_bulk()
    category = next(c for c in by_key.values() if c.slug == "leaf")
    while category.parent_id:
        category = by_key[category.parent_id]


@loop("lazy-relation", relation="corpus.Entry.author")
def rows_of_an_iterator(n):
    for entry in Entry.objects.order_by("pk").iterator(chunk_size=100):  # loop origin
        entry.author.name  # site


@healthy(twin=rows_of_an_iterator)
def rows_of_an_iterator_joined(n):
    for entry in Entry.objects.select_related("author").iterator(chunk_size=100):
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def rows_of_raw_sql(n):
    for entry in Entry.objects.raw("SELECT * FROM corpus_entry"):  # loop origin
        entry.author.name  # site


@healthy(twin=rows_of_raw_sql)
def rows_of_raw_sql_prefetched(n):
    for entry in Entry.objects.raw("SELECT * FROM corpus_entry").prefetch_related("author"):
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def rows_of_a_union(n):
    drafts = Entry.objects.filter(status="draft")  # assigned
    others = Entry.objects.exclude(status="draft")
    for entry in drafts.union(others):  # loop origin
        entry.author.name  # site


@healthy(twin=rows_of_a_union)
def rows_of_a_joined_union(n):
    entries = Entry.objects.select_related("author")
    for entry in entries.filter(status="draft").union(entries.exclude(status="draft")):
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.blog", assigned="optional")
def rows_of_a_to_attr(n):
    loaded = Prefetch("entries", Entry.objects.order_by("pk"), to_attr="loaded")
    for author in Author.objects.prefetch_related(loaded):  # origin
        for entry in author.loaded:  # loop
            entry.blog.name  # site


@healthy(twin=rows_of_a_to_attr)
def rows_of_a_joined_to_attr(n):
    loaded = Prefetch("entries", Entry.objects.select_related("blog"), to_attr="loaded")
    for author in Author.objects.prefetch_related(loaded):
        for entry in author.loaded:
            entry.blog.name


@loop("lazy-relation", relation="corpus.Entry.author")
def slice_of_a_list(n):
    entries = list(Entry.objects.order_by("pk"))  # origin assigned
    for entry in entries[:100]:  # loop
        entry.author.name  # site


@healthy(twin=slice_of_a_list)
def slice_of_a_joined_list(n):
    entries = list(Entry.objects.select_related("author"))
    for entry in entries[:100]:
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author")
def reordered_list(n):
    entries = list(Entry.objects.order_by("pk"))  # origin assigned
    for entry in sorted(entries, key=lambda entry: entry.headline):  # loop
        entry.author.name  # site


@healthy(twin=reordered_list)
def reordered_joined_list(n):
    entries = list(Entry.objects.select_related("author"))
    for entry in sorted(entries, key=lambda entry: entry.headline):
        entry.author.name


@loop("lazy-relation", relation="corpus.Entry.author", assigned="optional", cleared="paged")
def rows_of_each_page(n):
    # The pages are healthy; the loop over the rows of a page is not.
    for page in Paginator(Entry.objects.order_by("pk"), 2):
        for entry in page.object_list:  # loop origin
            entry.author.name  # site


@healthy(twin=rows_of_each_page, cleared="paged", grows=True)
def joined_rows_of_each_page(n):
    for page in Paginator(Entry.objects.order_by("pk").select_related("author"), 2):
        for entry in page.object_list:
            entry.author.name


@loop("lazy-relation", relation="corpus.Author.entries")
def rows_of_each_chunk(n):
    authors = list(Author.objects.order_by("pk"))  # origin assigned
    for start in range(0, n, 2):
        for author in authors[start : start + 2]:  # loop
            list(author.entries.all())  # site


@healthy(twin=rows_of_each_chunk, cleared="batched", grows=True)
def rows_of_each_chunk_at_once(n):
    authors = list(Author.objects.order_by("pk"))
    for start in range(0, n, 2):
        list(Entry.objects.filter(author__in=authors[start : start + 2]))


@contextmanager
def introduced(entry):
    name = entry.author.name  # site:context_manager_per_turn
    yield name


@loop("lazy-relation", relation="corpus.Entry.author")
def context_manager_per_turn(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        with introduced(entry) as name:
            name.upper()


@healthy(twin=context_manager_per_turn)
def context_manager_per_joined_turn(n):
    for entry in Entry.objects.select_related("author"):
        with introduced(entry) as name:
            name.upper()


@loop("lazy-relation", relation="corpus.Entry.author")
def lazy_object_per_turn(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        author = SimpleLazyObject(lambda entry=entry: entry.author)  # site
        str(author.name)


@healthy(twin=lazy_object_per_turn)
def lazy_object_never_used(n):
    return [SimpleLazyObject(lambda e=entry: e.author) for entry in Entry.objects.order_by("pk")]


@loop("query-in-loop")
def memo_of_distinct_keys(n):
    # A memo that never hits.
    memo = {}
    for entry in Entry.objects.order_by("pk"):  # loop origin
        if entry.author_id not in memo:
            memo[entry.author_id] = Author.objects.get(pk=entry.author_id)  # site
    return memo


@healthy(twin=memo_of_distinct_keys)
def memo_of_one_key(n):
    memo = {}
    for entry in Entry.objects.order_by("pk"):
        if entry.status not in memo and "author" not in memo:
            memo["author"] = Author.objects.get(pk=entry.author_id)


@loop("query-in-loop", origin="optional")
def keys_of_value_rows(n):
    for row in Entry.objects.values("author_id", "headline"):  # loop origin
        Author.objects.get(pk=row["author_id"])  # site


@healthy(twin=keys_of_value_rows)
def value_rows_with_a_join(n):
    for row in Entry.objects.values("author__name", "headline"):
        row["author__name"].upper()
