"""The marker ``max_queries``: where it counts, which one holds, how it fails."""

from __future__ import annotations

import pytest

from pytest_nplusone_guard.budgets import budgets_key, read_markers
from tests.pytest_plugin.conftest import section

BOOKS = """
    import pytest
    from django.test import TestCase
    from shelf.data import make_books
    from shelf.models import Author, Book

    def names():
        return [book.author.name for book in Book.objects.all()]

    @pytest.fixture
    def three(db):
        make_books(3)
"""


def test_a_test_fails_without_a_traceback(sample):
    result = sample.run(
        f"""{BOOKS}
    @pytest.mark.max_queries(2, info="the names")
    def test_names(three):
        names()
        """
    )
    result.assert_outcomes(failed=1)
    assert section(result, "test_names") == (
        "4 queries, at most 2 allowed: the names\n"
        " 3 × SELECT shelf_author  lazy-relation\n"
        '   fix     add .select_related("author") to the queryset at test_shelf.py:7\n'
        "   query   test_shelf.py:7  return [book.author.name for book in Book.objects.all()]\n"
        "   loop    same line, comprehension\n"
        "   loaded  test_shelf.py:7  3 shelf.Book\n"
        " 1 × SELECT shelf_book\n"
        "   query   test_shelf.py:7  return [book.author.name for book in Book.objects.all()]"
    )
    result.stdout.fnmatch_lines(
        ["FAILED test_shelf.py::test_names - Failed: 4 queries, at most 2 allowed: the names"]
    )


def test_shapes_are_told_of_requests_of_a_suite_that_is_watched_as_well(sample):
    result = sample.run(
        f"""{BOOKS}
    @pytest.mark.max_queries(2)
    def test_page(client, three):
        client.get("/books/")
        """,
        "--nplusone=report",
    )
    result.assert_outcomes(failed=1)
    lines = section(result, "test_page").splitlines()
    assert lines[0] == "4 queries, at most 2 allowed"
    assert lines[1] == " 3 × SELECT shelf_author  lazy-relation"
    assert " 1 × SELECT shelf_book" in lines


def test_the_closest_marker_holds(sample):
    result = sample.run(
        f"""{BOOKS}
    pytestmark = pytest.mark.max_queries(1)

    def test_module(three):
        names()

    @pytest.mark.max_queries(4)
    def test_function(three):
        names()

    @pytest.mark.max_queries(9)
    @pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.max_queries(2))])
    def test_parameter(three, n):
        names()

    @pytest.mark.max_queries(3)
    class TestBase:
        def test_class(self, three):
            names()

    @pytest.mark.max_queries(4)
    class TestDerived(TestBase):
        pass
        """
    )
    result.assert_outcomes(failed=3, passed=3)
    result.stdout.fnmatch_lines(
        [
            "FAILED test_shelf.py::test_module - Failed: 4 queries, at most 1 allowed",
            "FAILED test_shelf.py::test_parameter[[]2] - Failed: 4 queries, at most 2 allowed",
            "FAILED test_shelf.py::TestBase::test_class - Failed: 4 queries, at most 3 allowed",
        ]
    )


def test_a_hook_may_add_markers_however_late(sample):
    """And a test that the hook leaves alone has none."""
    sample.write(
        **{
            "conftest.py": """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            for item in items:
                if "late" in item.name:
                    item.add_marker(pytest.mark.max_queries(2))
        """
        }
    )
    result = sample.run(
        f"""{BOOKS}
    def test_late(three):
        names()

    def test_left_alone(three):
        names()
        """
    )
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["FAILED test_shelf.py::test_late - *4 queries, at most 2 allowed"])


def test_each_choice_of_databases_has_its_budget(sample):
    result = sample.run(
        f"""{BOOKS}
    pytestmark = [
        pytest.mark.django_db(databases=["default", "replica"]),
        pytest.mark.max_queries(1, using="replica"),
    ]

    def ask(default, replica):
        for _ in range(default):
            Book.objects.count()
        for _ in range(replica):
            Book.objects.using("replica").count()

    @pytest.mark.max_queries(3)
    def test_within():
        ask(2, 1)

    @pytest.mark.max_queries(3)
    def test_replica():
        ask(1, 2)

    @pytest.mark.max_queries(3)
    def test_all():
        ask(3, 1)
        """
    )
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "FAILED test_shelf.py::test_replica - Failed: 2 queries to replica, at most 1 allowed",
            "FAILED test_shelf.py::test_all - Failed: 4 queries, at most 3 allowed",
        ]
    )


def test_django_test_cases(sample):
    """``setUp`` is set-up, and methods may be async."""
    result = sample.run(
        f"""{BOOKS}
    @pytest.mark.max_queries(1)
    class TestBooks(TestCase):
        def setUp(self):
            make_books(3)

        def tearDown(self):
            assert Book.objects.count() == 3
            assert Author.objects.count() == 3

        def test_kept(self):
            Book.objects.count()

        def test_exceeded(self):
            names()

        async def test_async_kept(self):
            await Book.objects.acount()

        async def test_async_exceeded(self):
            await Book.objects.acount()
            await Author.objects.acount()
        """
    )
    result.assert_outcomes(failed=2, passed=2)
    assert section(result, "TestBooks.test_async_exceeded") == (
        "2 queries, at most 1 allowed\n"
        " 1 × SELECT shelf_book\n"
        "   query   test_shelf.py:32  await Book.objects.acount()\n"
        " 1 × SELECT shelf_author\n"
        "   query   test_shelf.py:33  await Author.objects.acount()"
    )
    assert section(result, "TestBooks.test_exceeded").startswith("4 queries, at most 1 allowed\n")


def test_errors_of_the_test_stand_alone(sample):
    result = sample.run(
        f"""{BOOKS}
    pytestmark = pytest.mark.max_queries(1)

    def test_error(three):
        names()
        raise KeyError("mine")

    def test_budget_inside(three, assert_max_queries):
        with assert_max_queries(3):
            names()

    def test_skipped(three):
        names()
        pytest.skip("after its queries")

    @pytest.mark.xfail
    def test_expected(three):
        names()
        """
    )
    result.assert_outcomes(failed=2, skipped=1, xfailed=1)
    assert "at most 1 allowed" not in result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "E       KeyError: 'mine'",
            ">       with assert_max_queries(3):",
            "E       nplusone_guard.MaxQueriesExceeded: 4 queries, at most 3 allowed",
        ]
    )


def test_the_marker_is_declared(sample):
    result = sample.run("", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.max_queries(n, [*], using=None, exact=False, *"])


def test_the_number_has_the_name_that_is_shown(request):
    request.node.add_marker(pytest.mark.max_queries(n=3, exact=True))
    assert read_markers([request.node])
    (budget,) = request.node.stash[budgets_key]
    assert (budget.allowed, budget.exact) == (3, True)


def test_a_wrong_marker_is_a_usage_error(sample):
    result = sample.run(
        """
        import pytest

        @pytest.mark.max_queries(-1)
        def test_wrong():
            pass
        """
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.stderr.lines if line] == [
        (
            "ERROR: test_shelf.py::test_wrong: max_queries(): the number of queries is -1. "
            "Allowed: a whole number of 0 or more."
        )
    ]


USAGE = "Allowed: max_queries(n), with using, exact, info, transactions by name."


@pytest.mark.parametrize(
    ("arguments", "options", "problem"),
    [
        ([], {}, f"max_queries(). {USAGE}"),
        ([5, 6], {}, f"max_queries(5, 6). {USAGE}"),
        ([5], {"n": 6}, f"max_queries(5, n=6). {USAGE}"),
        ([], {"exact": True}, f"max_queries(exact=True). {USAGE}"),
        ([5], {"exakt": True}, f"max_queries(5, exakt=True). {USAGE}"),
        ([5], {"verbose": True}, f"max_queries(5, verbose=True). {USAGE}"),
        (
            ["5"],
            {},
            "max_queries(): the number of queries is '5'. Allowed: a whole number of 0 or more.",
        ),
        ([5], {"exact": 1}, "max_queries(): exact is 1. Allowed: True or False."),
        (
            [5],
            {"using": "othre"},
            (
                "max_queries(): using names 'othre', which is not in DATABASES. "
                'Did you mean "other"?'
            ),
        ),
    ],
)
def test_wrong_arguments(request, arguments, options, problem):
    request.node.add_marker(pytest.mark.max_queries(*arguments, **options))
    with pytest.raises(pytest.UsageError) as error:
        read_markers([request.node])
    assert str(error.value) == f"{request.node.nodeid}: {problem}"
    assert budgets_key not in request.node.stash


class Text(pytest.Item):
    """A test that is no function."""

    def runtest(self):
        raise NotImplementedError


def test_only_functions_have_budgets(request):
    item = Text.from_parent(request.node.parent, name="text")
    item.add_marker(pytest.mark.max_queries(5))
    with pytest.raises(pytest.UsageError, match="::text: max_queries works for test functions"):
        read_markers([item])
