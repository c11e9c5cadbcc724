"""``assert_max_queries``: what counts, what fails, and what a failure says."""

from __future__ import annotations

import functools
import pickle
import re

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, connection, transaction
from django.test import override_settings

import nplusone_guard
from nplusone_guard import ConfigError, MaxQueriesExceeded, NPlusOneGuardError, assert_max_queries
from nplusone_guard.budgets import QueryBudget
from nplusone_guard.capture.scope import current_scope
from tests.corpus.data import populate
from tests.corpus.models import Author, Country, Entry

pytestmark = [
    pytest.mark.django_db(databases=["default", "other"]),
    pytest.mark.usefixtures("usual_failures"),
]


def ask(times: int, using: str = "default") -> None:
    for _ in range(times):
        Author.objects.using(using).count()


def names() -> list[str]:
    return [entry.author.name for entry in Entry.objects.all()]


def message(error: pytest.ExceptionInfo[BaseException]) -> str:
    """The text of a failure, with the numbers of lines as ``N``, quoted as by SQLite."""
    return re.sub(r"(\.py| at ):\d+", r"\1:N", str(error.value)).replace("`", '"')


def headline(error: pytest.ExceptionInfo[BaseException]) -> str:
    return str(error.value).partition("\n")[0]


# --- the budget -------------------------------------------------------------------------


def test_the_budget_itself_is_allowed():
    with assert_max_queries(3) as recording:
        ask(3)
        assert recording.query_count == 3
    assert recording.report.query_count == 3


def test_fewer_are_allowed():
    with assert_max_queries(3):
        ask(1)


def test_one_more_fails():
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(3):
        ask(4)
    assert headline(error) == "4 queries, at most 3 allowed"


def test_a_budget_of_nothing():
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(0):
        ask(1)
    assert headline(error) == "1 query, none allowed"


def test_a_failure_is_an_assertion_error_with_its_report():
    with pytest.raises(AssertionError) as error, assert_max_queries(0) as recording:
        ask(2)
    assert isinstance(error.value, NPlusOneGuardError)
    assert error.value.report is recording.report
    assert error.value.report.query_count == 2


@pytest.mark.parametrize("times", [2, 4])
def test_an_exact_budget_fails_either_way(times):
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(3, exact=True):
        ask(times)
    assert headline(error) == f"{times} queries, exactly 3 expected"


def test_an_exact_budget_met():
    with assert_max_queries(3, exact=True):
        ask(3)


def test_an_exact_budget_and_nothing_sent():
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(1, exact=True):
        pass
    assert str(error.value) == "no queries, exactly 1 expected"


def test_info_stands_in_the_first_line():
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(1, info="the list page"):
        ask(2)
    assert headline(error) == "2 queries, at most 1 allowed: the list page"


def test_the_error_of_the_block_stands_alone():
    with pytest.raises(KeyError) as error, assert_max_queries(0):
        ask(5)
        raise KeyError("mine")
    assert error.value.__cause__ is error.value.__context__ is None
    assert current_scope.get() is None


def test_failed_queries_count():
    populate(1)
    with pytest.raises(MaxQueriesExceeded, match="2 queries"), assert_max_queries(1):
        for _ in range(2):
            with pytest.raises(IntegrityError), transaction.atomic():
                Country.objects.create(code="c00")


def test_it_counts_where_the_settings_have_the_guard_off():
    with (
        override_settings(NPLUSONE_GUARD={"MODE": "off"}),
        pytest.raises(MaxQueriesExceeded),
        assert_max_queries(1),
    ):
        ask(2)


def test_more_queries_than_django_logs():
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(9_000):
        ask(9_001)
    assert headline(error) == "9,001 queries, at most 9,000 allowed"


def test_queries_that_django_has_no_room_to_log(django_assert_max_num_queries):
    connection.force_debug_cursor = True
    try:
        connection.queries_log.extend({"sql": "", "time": ""} for _ in range(9_000))
        with (
            pytest.warns(UserWarning, match="Limit for query logging"),
            django_assert_max_num_queries(1),
        ):
            ask(5)
        with pytest.raises(MaxQueriesExceeded, match=r"^5 queries"), assert_max_queries(4):
            ask(5)
    finally:
        connection.force_debug_cursor = False
        connection.queries_log.clear()


def test_paths_beyond_the_bound_count():
    with (
        override_settings(NPLUSONE_GUARD={"MAX_GROUPS": 1}),
        pytest.raises(MaxQueriesExceeded) as error,
        assert_max_queries(1),
    ):
        Author.objects.count()
        Entry.objects.count()
        Country.objects.count()
    assert headline(error) == "3 queries, at most 1 allowed"
    assert str(error.value).splitlines()[-1] == " 2 × from code paths beyond MAX_GROUPS"


# --- databases and transactions -----------------------------------------------------------


def test_all_databases_count():
    with pytest.raises(MaxQueriesExceeded, match=r"^3 queries, "), assert_max_queries(2):
        ask(1)
        ask(2, "other")


def test_one_database():
    with assert_max_queries(1, using="default"):
        ask(1)
        ask(2, "other")
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(1, using="other"):
        ask(1)
        Author.objects.using("other").first()
        Author.objects.using("other").exists()
    assert message(error) == (
        "2 queries to other, at most 1 allowed\n"
        " 1 × SELECT corpus_author (other)\n"
        '   query   tests/test_budgets.py:N  Author.objects.using("other").first()\n'
        " 1 × SELECT corpus_author (other)\n"
        '   query   tests/test_budgets.py:N  Author.objects.using("other").exists()'
    )


def test_several_databases():
    with (
        pytest.raises(MaxQueriesExceeded) as error,
        assert_max_queries(2, using=["other", "default"]),
    ):
        ask(1)
        ask(2, "other")
    assert headline(error) == "3 queries to other, default, at most 2 allowed"


@pytest.mark.database
def test_transaction_control_counts_where_asked():
    with assert_max_queries(1, exact=True), transaction.atomic():
        ask(1)
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(2, transactions=True):
        with transaction.atomic():
            ask(1)
    assert headline(error) == "3 queries, at most 2 allowed"
    assert str(error.value).splitlines()[-1] == " 2 × transaction control"


@pytest.mark.database
def test_transaction_control_of_the_databases_that_count():
    with assert_max_queries(3, using="other", transactions=True, exact=True):
        with transaction.atomic(), transaction.atomic("other"):
            ask(1)
            ask(1, "other")


# --- the text -------------------------------------------------------------------------------


def test_a_failure_names_loop_and_fix():
    populate(3)
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(1):
        Author.objects.count()
        names()
    source = "return [entry.author.name for entry in Entry.objects.all()]"
    assert message(error) == (
        "5 queries, at most 1 allowed\n"
        " 3 × SELECT corpus_author  lazy-relation\n"
        '   fix     add .select_related("author") to the queryset at test_budgets.py:N\n'
        f"   query   tests/test_budgets.py:N  {source}\n"
        "   loop    same line, comprehension\n"
        "   loaded  tests/test_budgets.py:N  3 corpus.Entry\n"
        " 1 × SELECT corpus_author\n"
        "   query   tests/test_budgets.py:N  Author.objects.count()\n"
        " 1 × SELECT corpus_entry\n"
        f"   query   tests/test_budgets.py:N  {source}"
    )


def test_the_statement_is_shown_where_everything_is():
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(0, verbose=True):
        Author.objects.count()
    assert message(error).splitlines()[1:] == [
        " 1 × SELECT corpus_author",
        '   sql     SELECT COUNT(*) AS "__count" FROM "corpus_author"',
        "   query   tests/test_budgets.py:N  Author.objects.count()",
    ]


def test_call_sites_beyond_three_take_one_line():
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(0):
        Author.objects.count()
        Author.objects.count()
        Author.objects.filter(pk=1).count()
        Author.objects.count()
        Author.objects.count()
    assert message(error).splitlines()[1:7] == [
        " 4 × SELECT corpus_author  duplicate-query",
        "   fix     ask once: author_count = Author.objects.count() at test_budgets.py:N, and read",
        "           author_count",
        "   query   tests/test_budgets.py:N  Author.objects.count()",
        "           tests/test_budgets.py:N  Author.objects.count()",
        "           tests/test_budgets.py:N  Author.objects.count()",
    ]
    assert message(error).splitlines()[7] == "   also    1 more: tests/test_budgets.py:N"


def test_a_loop_beside_other_call_sites_is_told_by_its_line():
    populate(2)
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(0):
        Author.objects.get(pk=Author.objects.first().pk)
        for author in Author.objects.all():
            Author.objects.get(pk=author.pk)
    assert message(error).splitlines()[1:8] == [
        " 3 × SELECT corpus_author  query-in-loop",
        "   fix     Author.objects.get(pk=author.pk) at :N reads author again: read author in place of",
        "           Author.objects.get(pk=author.pk)",
        "   query   tests/test_budgets.py:N  Author.objects.get(pk=author.pk)",
        "           tests/test_budgets.py:N  Author.objects.get(pk=Author.objects.first().pk)",
        "   loop    tests/test_budgets.py:N  for author in Author.objects.all():",
        "   loaded  tests/test_budgets.py:N  2 corpus.Author",
    ]


def test_a_failure_is_as_wide_as_it_is_asked_to_be():
    populate(3)
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(1, width=64):
        names()
    lines = message(error).splitlines()
    assert lines[2:4] == [
        '   fix     add .select_related("author") to the queryset at',
        "           test_budgets.py:N",
    ]
    assert all(len(line) <= 64 for line in str(error.value).splitlines())


def test_a_long_fix_is_told_in_full():
    populate(2)
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(1, width=60):
        for author in Author.objects.all():
            author.pupils.count()
            author.profile.bio
            Entry.objects.filter(author=author).count()
    fix = re.search(r" fix(.*?)\n   query", message(error), re.DOTALL)
    assert fix is not None
    assert " ".join(fix[1].split()) == (
        'add .annotate(pupils_count=Count("pupils", distinct=True), '
        'entries_count=Count("entries", distinct=True)).select_related("profile") to the queryset '
        "at test_budgets.py:N, and read author.pupils_count and author.entries_count"
    )


def many_shapes(count: int) -> None:
    with connection.cursor() as cursor:
        for index in range(count):
            cursor.execute(f"SELECT {'1, ' * index} 1")


def test_twenty_shapes_are_shown():
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(0):
        many_shapes(25)
        many_shapes(25)
    lines = str(error.value).splitlines()
    assert sum(line.startswith(" 2 ×") for line in lines) == 20
    assert lines[-1] == " 5 more statements with 10 queries: -v shows all"


def test_all_shapes_are_shown_where_asked():
    with pytest.raises(MaxQueriesExceeded) as error, assert_max_queries(0, verbose=True):
        many_shapes(25)
    assert sum(line.startswith(" 1 ×") for line in str(error.value).splitlines()) == 25


# --- decorators -----------------------------------------------------------------------------


def test_each_call_has_the_whole_budget():
    @assert_max_queries(2)
    def two(times=2):
        """Asks."""
        ask(times)
        return times

    assert [two(), two()] == [2, 2]
    with pytest.raises(MaxQueriesExceeded, match="3 queries"):
        two(3)
    assert (two.__name__, two.__doc__) == ("two", "Asks.")


def test_methods_of_every_kind():
    class Asking:
        @assert_max_queries(1)
        def method(self):
            ask(2)

        @assert_max_queries(1)
        @classmethod
        def of_class(cls):
            ask(2)

        @staticmethod
        @assert_max_queries(1)
        def static():
            ask(2)

    for call in (Asking().method, Asking.of_class, Asking.static):
        with pytest.raises(MaxQueriesExceeded, match="2 queries, at most 1"):
            call()


def test_coroutines():
    @assert_max_queries(1)
    async def asking(times):
        for _ in range(times):
            await Author.objects.acount()
        return times

    assert async_to_sync(asking)(1) == 1
    with pytest.raises(MaxQueriesExceeded, match="2 queries, at most 1"):
        async_to_sync(asking)(2)


def test_async_blocks():
    async def asking(times):
        async with assert_max_queries(1):
            for _ in range(times):
                await Author.objects.acount()

    async_to_sync(asking)(1)
    with pytest.raises(MaxQueriesExceeded, match="2 queries, at most 1"):
        async_to_sync(asking)(2)


def test_recursion_counts_in_every_call_around():
    @assert_max_queries(2)
    def nest(depth):
        ask(1)
        if depth:
            nest(depth - 1)

    nest(1)
    with pytest.raises(MaxQueriesExceeded, match="3 queries"):
        nest(2)


def test_a_budget_can_be_used_again_and_inside_itself():
    budget = assert_max_queries(2)
    for _ in range(2):
        with budget:
            ask(1)
            with budget:
                ask(1)


def test_a_partial_is_a_function():
    with pytest.raises(MaxQueriesExceeded):
        assert_max_queries(1)(functools.partial(ask, 2))()


def generator():
    yield


async def agenerator():
    yield


@pytest.mark.parametrize("function", [generator, agenerator, QueryBudget, 5])
def test_what_cannot_be_decorated(function):
    with pytest.raises(ConfigError, match=r"assert_max_queries\(\) decorates .* Allowed: "):
        assert_max_queries(1)(function)


# --- arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "problem"),
    [
        ([-1], {}, "the number of queries is -1. Allowed: a whole number of 0 or more."),
        ([2.5], {}, "the number of queries is 2.5. Allowed: a whole number of 0 or more."),
        ([True], {}, "the number of queries is True. Allowed: a whole number of 0 or more."),
        (["5"], {}, "the number of queries is '5'. Allowed: a whole number of 0 or more."),
        ([5], {"exact": "yes"}, "exact is 'yes'. Allowed: True or False."),
        ([5], {"transactions": 1}, "transactions is 1. Allowed: True or False."),
        ([5], {"width": 59}, "width is 59. Allowed: a whole number of 60 or more."),
        ([5], {"info": None}, "info is None. Allowed: a text."),
        ([5], {"using": []}, "using is []. Allowed: the alias of a database, or a list of them."),
        ([5], {"using": [1]}, "using is [1]. Allowed: the alias of a database, or a list of them."),
        ([5], {"using": 1}, "using is 1. Allowed: the alias of a database, or a list of them."),
    ],
)
def test_wrong_arguments(arguments, options, problem):
    with pytest.raises(ConfigError) as error:
        assert_max_queries(*arguments, **options)
    assert str(error.value) == f"assert_max_queries(): {problem}"


def test_a_database_that_there_is_not():
    with pytest.raises(ConfigError) as error, assert_max_queries(5, using="othre"):
        pass
    assert str(error.value) == (
        "assert_max_queries(): using names 'othre', which is not in DATABASES. "
        'Did you mean "other"?'
    )


def test_forgotten_parentheses():
    with pytest.raises(ConfigError, match="the number of queries is <function"):
        assert_max_queries(ask)


def test_public_names_are_lazy():
    assert nplusone_guard.assert_max_queries is assert_max_queries
    assert "assert_max_queries" in dir(nplusone_guard)


def test_an_exceeded_budget_knows_what_its_text_tells():
    with pytest.raises(MaxQueriesExceeded) as raised, assert_max_queries(0, using="other"):
        list(Author.objects.using("other").all())
        for author in Author.objects.all():
            assert author.country is not None
    assert raised.value.told == frozenset()
    populate(3)
    with pytest.raises(MaxQueriesExceeded) as raised, assert_max_queries(0):
        for author in Author.objects.all():
            assert author.country is not None
    assert raised.value.told == {finding.id for finding in raised.value.report}
    assert len(raised.value.told) == 1
    again = pickle.loads(pickle.dumps(raised.value))
    assert (again.told, str(again)) == (raised.value.told, str(raised.value))
