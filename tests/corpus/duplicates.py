"""One and the same query, parameters included, sent again."""

from functools import cached_property, lru_cache

from django.db import connection

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Author, Entry, Note, Option


@loop("duplicate-query", origin="optional")
def option_per_turn(n):
    for entry in Entry.objects.order_by("pk"):  # loop origin
        colour = Option.objects.get(name="colour").value  # site
        colour + entry.headline


@healthy(twin=option_per_turn)
def option_before_the_loop(n):
    colour = Option.objects.get(name="colour").value
    for entry in Entry.objects.order_by("pk"):
        colour + entry.headline


def option(name):
    # site:option_helper_per_turn site:option_helper_in_three_places
    return Option.objects.get(name=name).value


@loop("duplicate-query", origin="optional")
def option_helper_per_turn(n):
    return [e.headline + option("size") for e in Entry.objects.order_by("pk")]  # loop origin


@healthy(twin=option_helper_per_turn)
def option_helper_cached(n):
    cached = lru_cache(option)
    return [entry.headline + cached("size") for entry in Entry.objects.order_by("pk")]


@loop("duplicate-query", turns=lambda n: 3, grows=False, origin=False)
def option_helper_in_three_places(n):
    first = option("size")
    second = option("size")
    third = option("size")
    return first + second + third


@healthy(twin=option_helper_in_three_places)
def option_helper_with_other_arguments(n):
    first = option("size")
    second = option("colour")
    third = option("font")
    return first + second + third


@loop("duplicate-query", turns=None, total=lambda n: 3, grows=False, origin=False, statements=None)
def same_query_on_three_lines(n):
    total = Entry.objects.filter(status="live").count()  # site
    share = Entry.objects.filter(status="live").count() / (n or 1)  # site
    if Entry.objects.filter(status="live").count() > 0:  # site
        return share
    return total


@healthy(twin=same_query_on_three_lines)
def same_query_on_two_lines(n):
    total = Entry.objects.filter(status="live").count()
    share = Entry.objects.filter(status="live").count() / (n or 1)
    return total, share


@healthy(twin=same_query_on_three_lines)
def same_query_on_three_lines_with_writes_between(n):
    before = Note.objects.count()
    Note.objects.create(slug="new-1")
    between = Note.objects.count()
    Note.objects.create(slug="new-2")
    return before, between, Note.objects.count()


@loop("duplicate-query", origin="optional")
def queryset_cloned_per_turn(n):
    live = Entry.objects.filter(status="live")
    for author in Author.objects.order_by("pk"):  # loop origin
        author.pk in [entry.author_id for entry in live.all()]  # site


@healthy(twin=queryset_cloned_per_turn)
def queryset_evaluated_once(n):
    live = Entry.objects.filter(status="live")
    for author in Author.objects.order_by("pk"):
        author.pk in [entry.author_id for entry in live]


@loop("duplicate-query", tag="author_newest", origin="optional")
def property_of_one_object(n):
    author = Author.objects.get(slug="a0")  # origin
    for _i in range(n):  # loop
        author.newest_uncached.headline.upper()


@healthy(twin=property_of_one_object)
def cached_property_of_one_object(n):
    author = Author.objects.get(slug="a0")
    for _i in range(n):
        author.newest.headline.upper()


@loop("duplicate-query", origin=False)
def cursor_with_the_same_parameters(n):
    with connection.cursor() as cursor:
        for _i in range(n):  # loop
            cursor.execute("SELECT value FROM corpus_option WHERE name = %s", ["font"])  # site
            cursor.fetchone()


@healthy(twin=cursor_with_the_same_parameters)
def cursor_asked_once(n):
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM corpus_option WHERE name = %s", ["font"])
        font = cursor.fetchone()[0]
    return [f"{font}-{i}" for i in range(n)]


@loop("duplicate-query", origin="optional")
def membership_test_per_turn(n):
    # `in` on a queryset that is made anew reads all its rows, each time.
    for author in Author.objects.order_by("pk"):  # loop origin
        author in Author.objects.filter(rating__gt=1)  # site


@healthy(twin=membership_test_per_turn)
def membership_test_in_a_set(n):
    rated = set(Author.objects.filter(rating__gt=1))
    for author in Author.objects.order_by("pk"):
        author in rated


class Dashboard:
    @cached_property
    def total(self):
        return Entry.objects.count()

    def uncached_total(self):
        return Entry.objects.count()  # site:total_per_turn


@loop("duplicate-query", origin=False)
def total_per_turn(n):
    dashboard = Dashboard()
    return [i / dashboard.uncached_total() for i in range(n)]  # loop


@healthy(twin=total_per_turn)
def total_cached(n):
    dashboard = Dashboard()
    return [i / dashboard.total for i in range(n)]


@healthy()
def relation_of_one_object_read_twice(n):
    entry = Entry.objects.get(slug="e0")
    return entry.author.name + entry.author.slug + entry.author.name
