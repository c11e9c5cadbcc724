"""``assert_constant_queries``: what it runs, what it undoes, what counts as growth."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import async_to_sync
from django.db import connections

from nplusone_guard import (
    ConfigError,
    MaxQueriesExceeded,
    aassert_constant_queries,
    assert_constant_queries,
)
from nplusone_guard.growth import effect, population
from nplusone_guard.report.growth import Growth, _signed
from tests.corpus.data import populate
from tests.corpus.models import Author, Club, Country, Entry, Tag
from tests.growth.growing import growth, headline, joined, loop, nothing

pytestmark = [
    pytest.mark.django_db(databases=["default", "other"]),
    pytest.mark.usefixtures("usual_failures"),
]


# --- growth -----------------------------------------------------------------------------


def test_what_does_not_grow_passes():
    result = assert_constant_queries(populate, joined)
    assert isinstance(result, Growth)
    assert (result.sizes, result.counts, result.per_row) == ((2, 4), (1, 1), 0)
    assert [report.query_count for report in result.reports] == [1, 1]
    assert result.shapes == ()


def test_a_loop_fails_with_its_growth():
    with pytest.raises(MaxQueriesExceeded) as error:
        assert_constant_queries(populate, loop)
    source = "return [entry.author.name for entry in Entry.objects.all()]"
    assert growth(error) == (
        "3 queries at 2, 5 at 4\n"
        " +1.0 SELECT corpus_author per entry, growing.py:N\n"
        '   fix     add .select_related("author") to the queryset at growing.py:N\n'
        f"   query   tests/growth/growing.py:N  {source}\n"
        "   loop    same line, comprehension\n"
        "   loaded  tests/growth/growing.py:N  4 corpus.Entry"
    )


def test_the_report_of_the_largest_size_is_carried():
    with pytest.raises(AssertionError) as error:
        assert_constant_queries(populate, loop, sizes=[2, 3, 7])
    assert error.value.report.query_count == 8
    assert [finding.rule for finding in error.value.report] == ["lazy-relation"]
    assert headline(error) == "3 queries at 2, 4 at 3, 8 at 7"


def test_each_statement_has_its_own_growth():
    def run():
        for entry in Entry.objects.all():
            entry.author.name
            entry.author.country.name
            Author.objects.filter(pk=1).exists()
            Author.objects.filter(pk=2).exists()

    with pytest.raises(MaxQueriesExceeded) as error:
        assert_constant_queries(populate, run)
    lines = growth(error).splitlines()
    assert [line for line in lines if line.startswith(" +")] == [
        " +1.0 SELECT corpus_author per entry, test_growth.py:N",
        " +1.0 SELECT corpus_country per entry, test_growth.py:N",
        " +1.0 SELECT corpus_author per entry, test_growth.py:N",
        " +1.0 SELECT corpus_author per entry, test_growth.py:N",
    ]
    assert headline(error) == "9 queries at 2, 17 at 4"


# --- what a row is ----------------------------------------------------------------------


def countries(size: int, first: int = 0) -> None:
    numbers = range(first, first + size)
    Country.objects.bulk_create(Country(code=f"c{n}", name="name") for n in numbers)


def countries_and_clubs(size: int) -> None:
    countries(size)
    Club.objects.bulk_create(Club(name=f"club {n}") for n in range(size))


def shapes(fill, run) -> list[str]:
    with pytest.raises(MaxQueriesExceeded) as error:
        assert_constant_queries(fill, run)
    return [line for line in growth(error).splitlines() if line.startswith((" +", " -"))]


def no_loop() -> None:
    """Rows make the difference, and no line is run twice."""
    if Country.objects.count() > 3:
        Author.objects.first()


def per_author() -> None:
    for author in Author.objects.all():
        author.country.name


def per_country() -> None:
    for country in Country.objects.all():
        country.authors.count()


def test_the_model_that_is_populated_is_the_row():
    assert shapes(countries, no_loop) == [
        " +0.5 SELECT corpus_author per country, test_growth.py:N"
    ]


def test_of_several_models_the_row_is_the_one_of_the_loop():
    """Each of them has one row more for each of the size."""
    assert shapes(populate, per_author) == [
        " +1.0 SELECT corpus_country per author, test_growth.py:N"
    ]


def test_of_several_models_and_no_loop_none_is_the_row():
    assert shapes(countries_and_clubs, no_loop) == [
        " +0.5 SELECT corpus_author per row, test_growth.py:N"
    ]


def test_children_of_what_is_populated_are_not_the_row():
    """Two authors a country: the loop runs over authors, and the size counts countries."""

    def fill(size):
        countries(size)
        Author.objects.bulk_create(
            Author(name="name", slug=f"a{country.pk}-{n}", country=country)
            for country in Country.objects.all()
            for n in range(2)
        )

    assert shapes(fill, per_author) == [" +2.0 SELECT corpus_country per country, test_growth.py:N"]


def test_where_no_model_keeps_to_the_size_none_is_the_row():
    assert shapes(lambda size: countries(2 * size), per_country) == [
        " +2.0 SELECT corpus_author per row, test_growth.py:N"
    ]


def test_a_fault_in_looking_at_what_is_populated_costs_its_name_alone(monkeypatch):
    def broken(vendor):
        raise RuntimeError(vendor)

    monkeypatch.setattr(population, "cached_fingerprint", broken)
    assert shapes(countries, per_country) == [
        " +1.0 SELECT corpus_author per row, test_growth.py:N"
    ]


def test_rows_that_are_there_before_do_not_hide_the_row():
    countries(1)
    assert shapes(lambda size: countries(size, 1), no_loop) == [
        " +0.5 SELECT corpus_author per country, test_growth.py:N"
    ]


@pytest.mark.parametrize(
    ("label", "words"),
    [("app.UserProfile", "user profile"), ("app.SMSMessage", "sms message"), ("app.Book", "book")],
)
def test_the_row_is_told_in_words(label, words):
    assert Growth((2, 4), (), units=(label,)).unit == words


# --- the text -----------------------------------------------------------------------------


def test_growth_without_a_loop_that_is_seen():
    """Rows make the difference, and no line is run twice."""

    def run():
        if Entry.objects.count() > 3:
            Country.objects.first()

    with pytest.raises(MaxQueriesExceeded) as error:
        assert_constant_queries(populate, run)
    assert growth(error) == (
        "1 query at 2, 2 at 4\n"
        " +0.5 SELECT corpus_country per row, test_growth.py:N\n"
        "   query   tests/growth/test_growth.py:N  Country.objects.first()"
    )


def test_fewer_queries_are_a_difference():
    def run():
        if Entry.objects.count() < 3:
            Country.objects.first()

    with pytest.raises(MaxQueriesExceeded) as error:
        assert_constant_queries(populate, run)
    assert growth(error).splitlines() == [
        "2 queries at 2, 1 at 4",
        " -0.5 SELECT corpus_country per row, test_growth.py:N",
        "   query   tests/growth/test_growth.py:N  Country.objects.first()",
        " fewer queries with more rows: is a cache filled while it is counted?",
    ]


def test_a_stated_slope():
    assert assert_constant_queries(populate, loop, linear=1).per_row == 1
    with pytest.raises(MaxQueriesExceeded) as error:
        assert_constant_queries(populate, lambda: [loop(), loop()], linear=1)
    assert headline(error) == "6 queries at 2, 10 at 4: +2.0 per entry, at most +1.0 allowed"


def test_a_stated_slope_that_is_too_long_for_its_line_is_told_below_the_counts():
    with pytest.raises(MaxQueriesExceeded) as error:
        assert_constant_queries(
            populate, lambda: [loop(), loop()], linear=1, info="the entries", width=72
        )
    assert growth(error).splitlines()[:3] == [
        "6 queries at 2, 10 at 4:",
        "   +2.0 per entry, at most +1.0 allowed:",
        "   the entries",
    ]


def test_no_size_may_be_above_the_slope():
    def run():
        rows = Entry.objects.count()
        for _ in range(3 if rows == 3 else 0):
            Country.objects.first()

    assert_constant_queries(populate, run, sizes=(2, 4))
    with pytest.raises(MaxQueriesExceeded, match=r"^1 query at 2, 4 at 3, 1 at 4: \+3.0 per row"):
        assert_constant_queries(populate, run, sizes=(2, 3, 4), linear=2)


def test_info_and_statements():
    with pytest.raises(MaxQueriesExceeded) as error:
        assert_constant_queries(populate, loop, info="the entries", verbose=True)
    lines = growth(error).splitlines()
    assert lines[0] == "3 queries at 2, 5 at 4: the entries"
    assert lines[2].startswith('   sql     SELECT "corpus_author"."id", ')


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2.0, "+2.0"),
        (0.5, "+0.5"),
        (0.04, "+0.04"),
        (1 / 300, "+0.0033"),
        (-1, "-1.0"),
        (0, "+0.0"),
    ],
)
def test_small_slopes_are_still_to_be_seen(number, text):
    assert _signed(number) == text


def test_twenty_statements_are_shown():
    def run():
        for _ in Country.objects.all():
            with connections["default"].cursor() as cursor:
                for index in range(25):
                    cursor.execute(f"SELECT {'1, ' * index} 1")

    for verbose, shown, more in [(False, 20, [" 5 more statements: -v shows all"]), (True, 25, [])]:
        with pytest.raises(MaxQueriesExceeded) as error:
            assert_constant_queries(populate, run, verbose=verbose)
        lines = str(error.value).splitlines()
        assert sum(line.startswith(" +1.0 SELECT per row, ") for line in lines) == shown
        assert [line for line in lines if line.startswith(" 5 more")] == more


def test_a_database_that_counts():
    def run():
        list(Country.objects.using("other"))
        loop()

    assert_constant_queries(populate, run, using="other")
    with pytest.raises(MaxQueriesExceeded, match=r"^3 queries at 2, 5 at 4"):
        assert_constant_queries(populate, run, using=("default",))


# --- async ------------------------------------------------------------------------------------


async def apopulate(size: int) -> None:
    for index in range(size):
        await Country.objects.acreate(code=f"c{index}", name="name")


async def aloop() -> None:
    async for country in Country.objects.all():
        await country.authors.acount()


async def ajoined() -> None:
    [country async for country in Country.objects.all()]


@pytest.mark.database
def test_async_functions_are_run():
    assert_constant_queries(apopulate, ajoined)
    with pytest.raises(MaxQueriesExceeded) as error:
        assert_constant_queries(apopulate, aloop)
    assert growth(error).splitlines()[:2] == [
        "3 queries at 2, 5 at 4",
        " +1.0 SELECT corpus_author per country, test_growth.py:N",
    ]
    assert Country.objects.count() == 0


@pytest.mark.parametrize("fill", [apopulate, populate, lambda size: apopulate(size)])
def test_in_an_event_loop(fill):
    async def prove(run):
        return await aassert_constant_queries(fill, run)

    assert async_to_sync(prove)(ajoined).counts == (1, 1)
    assert async_to_sync(prove)(lambda: ajoined()).counts == (1, 1)
    assert async_to_sync(prove)(lambda: Country.objects.count()).counts == (1, 1)
    with pytest.raises(MaxQueriesExceeded, match=r"^3 queries at 2, 5 at 4"):
        async_to_sync(prove)(aloop)
    assert Country.objects.count() == 0


def test_the_sync_one_does_not_block_an_event_loop():
    async def prove():
        assert_constant_queries(apopulate, ajoined)

    with pytest.raises(ConfigError) as error:
        asyncio.run(prove())
    assert str(error.value) == (
        "assert_constant_queries() runs in an event loop. "
        "Allowed there: await aassert_constant_queries(...)."
    )


# --- a populate without effect ----------------------------------------------------------------


def forgotten(size: int) -> object:
    """The factory is named, and not called."""
    return populate


def unsaved(size: int) -> list[Author]:
    return [Author(name=f"author {number}") for number in range(size)]


def only_reading(size: int) -> list[Author]:
    return list(Author.objects.filter(name="nobody"))


@pytest.mark.database
@pytest.mark.parametrize("fill", [nothing, forgotten, unsaved, only_reading])
@pytest.mark.parametrize("run", [joined, list], ids=["reads", "sends nothing"])
def test_no_rows_prove_nothing(fill, run):
    problem = (
        "populate made no rows, which proves nothing\n"
        " neither populate(2) nor populate(4) sent an INSERT or another write,\n"
        " and run saw the same data each time: have populate(n) save n rows, by\n"
        " objects.create() or create_batch(), and not Model() or build_batch() alone;\n"
        " if what it makes is in no database, add in_database=False"
    )
    with pytest.raises(ConfigError) as error:
        assert_constant_queries(fill, run)
    assert str(error.value) == problem
    assert len(assert_constant_queries(fill, run, in_database=False).reports) == 2


async def anothing(size: int) -> None:
    """Populate with nothing, in time."""


@pytest.mark.database
def test_no_rows_prove_nothing_in_an_event_loop():
    async def prove(fill):
        return await aassert_constant_queries(fill, ajoined)

    assert async_to_sync(prove)(apopulate).counts == (1, 1)
    with pytest.raises(ConfigError, match="populate made no rows"):
        async_to_sync(prove)(anothing)


def by_raw_sql(size: int) -> None:
    with connections["default"].cursor() as cursor:
        for number in range(size):
            cursor.execute("INSERT INTO corpus_tag (name) VALUES (%s)", [f"tag {number}"])


def past_django(size: int) -> None:
    """As COPY and stored procedures do: no query that Django knows of."""
    connection = connections["default"]
    connection.ensure_connection()
    cursor = connection.connection.cursor()
    cursor.executemany("INSERT INTO corpus_tag (name) VALUES ('one')", [()] * size)
    cursor.close()


def other_database(size: int) -> None:
    Tag.objects.using("other").bulk_create(Tag(name=f"tag {number}") for number in range(size))


def an_update(size: int) -> None:
    Tag.objects.update(name=f"tag {size}")


def a_relation(size: int) -> None:
    first = Author.objects.first()
    first.friends.add(*Author.objects.exclude(pk=first.pk)[:size])


def a_deletion(size: int) -> None:
    Tag.objects.filter(pk__in=[*Tag.objects.values_list("pk", flat=True)[:size]]).delete()


def tags() -> None:
    list(Tag.objects.all())


@pytest.mark.database
@pytest.mark.parametrize(
    "fill", [by_raw_sql, past_django, other_database, an_update, a_relation, a_deletion]
)
def test_other_ways_to_make_or_change_rows_do(fill):
    populate(5)
    assert assert_constant_queries(fill, tags).counts == (1, 1)


def test_rows_in_memory_do_where_run_asks_for_them():
    populate(5)
    keys: list[int] = []

    def fill(size: int) -> None:
        keys[:] = range(size)

    def asked() -> None:
        list(Author.objects.filter(pk__in=keys))

    def in_order() -> None:
        for key in keys:
            Author.objects.filter(pk=key).exists()

    assert assert_constant_queries(fill, asked).counts == (1, 1)
    with pytest.raises(MaxQueriesExceeded, match=r"^2 queries at 2, 4 at 4"):
        assert_constant_queries(fill, in_order)


def test_where_nobody_can_tell_the_rows_are_taken_for_granted(monkeypatch):
    """A table of no model may have been filled by what Django does not see."""

    def ask() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM django_migrations_of_old")

    def make(size: int) -> None:
        connection = connections["default"]
        connection.ensure_connection()
        connection.connection.cursor().execute("CREATE TABLE django_migrations_of_old (one int)")

    assert assert_constant_queries(make, ask).counts == (1, 1)

    def broken(vendor: str) -> None:
        raise RuntimeError("injected")

    monkeypatch.setattr(effect, "cached_fingerprint", broken)
    assert assert_constant_queries(nothing, joined).counts == (1, 1)


def test_in_database_is_true_or_false():
    with pytest.raises(ConfigError) as error:
        assert_constant_queries(populate, joined, in_database="no")
    assert str(error.value) == (
        "assert_constant_queries(): in_database is 'no'. Allowed: True or False."
    )
