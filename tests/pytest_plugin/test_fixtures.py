"""The fixtures: budgets, growth and reports in tests of a small project."""

from __future__ import annotations

import re

import pytest

from tests.pytest_plugin.conftest import ROOT, section
from tests.pytest_plugin.workers import alone_and_with, needs_xdist

#: The page that shows the failures of these tests.
GUIDE = (ROOT / "docs" / "testing.md").read_text()


def failure(text: str) -> str:
    """The lines of a failure that pytest marks with ``E``."""
    return "\n".join(line for line in text.splitlines() if line.startswith("E "))


def test_a_budget_names_loop_and_fix(sample):
    result = sample.run(
        """
        import pytest
        from shelf.data import make_books

        pytestmark = pytest.mark.django_db

        def test_books(client, assert_max_queries):
            make_books(3)
            with assert_max_queries(2):
                client.get("/books/")

        def test_joined(client, assert_max_queries):
            make_books(3)
            with assert_max_queries(1, exact=True, using="default"):
                client.get("/joined/")
        """
    )
    result.assert_outcomes(failed=1, passed=1)
    text = section(result, "test_books")
    assert ">       with assert_max_queries(2):\n" in text
    assert text.endswith("\n\ntest_shelf.py:8: MaxQueriesExceeded")
    assert failure(text) in GUIDE
    assert failure(text) == (
        "E       nplusone_guard.MaxQueriesExceeded: 4 queries, at most 2 allowed\n"
        "E        3 × SELECT shelf_author  lazy-relation\n"
        'E          fix     add .select_related("author") to the queryset at views.py:6\n'
        "E          query   shelf/views.py:7  names.append(book.author.name)\n"
        "E          loop    shelf/views.py:6  for book in Book.objects.all():\n"
        "E          loaded  shelf/views.py:6  3 shelf.Book\n"
        "E        1 × SELECT shelf_book\n"
        "E          query   shelf/views.py:6  for book in Book.objects.all():"
    )


NARROW = """
    import pytest
    from shelf.data import make_books

    pytestmark = pytest.mark.django_db

    @pytest.fixture
    def three():
        make_books(3)

    def test_block(client, three, assert_max_queries):
        with assert_max_queries(2):
            client.get("/books/")

    @pytest.mark.max_queries(2)
    def test_marker(client, three):
        client.get("/books/")

    def test_growth(client, assert_constant_queries):
        assert_constant_queries(make_books, lambda: client.get("/books/"))
    """
NARROW_VIEW = """
    from django.http import JsonResponse
    from shelf.models import Author, Book

    def books(request):
        names = []
        for author in Author.objects.filter(name__startswith="author").order_by("name"):
            names.append(f"{author.name}: {Book.objects.filter(author=author).count()} books")
        return JsonResponse({"names": names})

    joined = books
    """


@alone_and_with("-n1")
def test_failures_are_as_wide_as_the_terminal(sample, monkeypatch, workers):
    monkeypatch.setenv("COLUMNS", "80")
    sample.write(**{"shelf/views.py": NARROW_VIEW})
    result = sample.run(NARROW, *workers)
    result.assert_outcomes(failed=3)
    assert failure(section(result, "test_block")) == (
        "E       nplusone_guard.MaxQueriesExceeded: 4 queries, at most 2 allowed\n"
        "E        3 × SELECT shelf_book  query-in-loop\n"
        'E          fix     add .annotate(book_count=Count("book", distinct=True)) to the\n'
        "E                  queryset at views.py:6, and read author.book_count\n"
        'E          query   shelf/views.py:7  names.append(f"{author.name}: {Book.object…\n'
        "E          loop    shelf/views.py:6  for author in Author.objects.filter(name__…\n"
        "E          loaded  shelf/views.py:6  3 shelf.Author\n"
        "E        1 × SELECT shelf_author\n"
        "E          query   shelf/views.py:6  for author in Author.objects.filter(name__…"
    )
    assert failure(section(result, "test_growth")) == (
        "E       nplusone_guard.MaxQueriesExceeded: 3 queries at 2, 5 at 4\n"
        "E        +1.0 SELECT shelf_book per author, views.py:7\n"
        'E          fix     add .annotate(book_count=Count("book", distinct=True)) to the\n'
        "E                  queryset at views.py:6, and read author.book_count\n"
        'E          query   shelf/views.py:7  names.append(f"{author.name}: {Book.object…\n'
        "E          loop    shelf/views.py:6  for author in Author.objects.filter(name__…\n"
        "E          loaded  shelf/views.py:6  4 shelf.Author"
    )
    # pytest indents nothing here; a worker names itself first.
    assert section(result, "test_marker").endswith(
        "4 queries, at most 2 allowed\n"
        " 3 × SELECT shelf_book  query-in-loop\n"
        '   fix     add .annotate(book_count=Count("book", distinct=True)) to the\n'
        "           queryset at views.py:6, and read author.book_count\n"
        '   query   shelf/views.py:7  names.append(f"{author.name}: {Book.objects.filter…\n'
        "   loop    shelf/views.py:6  for author in Author.objects.filter(name__startswi…\n"
        "   loaded  shelf/views.py:6  3 shelf.Author\n"
        " 1 × SELECT shelf_author\n"
        "   query   shelf/views.py:6  for author in Author.objects.filter(name__startswi…"
    )


MIXIN = """
    from django.test import TestCase
    from nplusone_guard import assert_max_queries
    from nplusone_guard.testing import QueryAssertions
    from shelf.data import make_books

    class TestOfDjango(QueryAssertions, TestCase):
        def test_block(self):
            make_books(3)
            with self.assertMaxQueries(2):
                self.client.get("/books/")

        def test_growth(self):
            self.assertConstantQueries(make_books, lambda: self.client.get("/books/"))

        @assert_max_queries(14)
        def test_function(self):
            make_books(6)
            self.client.get("/books/")

        def test_own_width(self):
            make_books(3)
            with self.assertMaxQueries(2, width=60):
                self.client.get("/books/")
    """


@alone_and_with("-n1")
def test_failures_without_a_fixture_are_as_wide_as_the_terminal(sample, monkeypatch, workers):
    monkeypatch.setenv("COLUMNS", "80")
    sample.write(**{"shelf/views.py": NARROW_VIEW})
    result = sample.run(MIXIN, *workers)
    result.assert_outcomes(failed=4)
    rest = (
        'E          fix     add .annotate(book_count=Count("book", distinct=True)) to the\n'
        "E                  queryset at views.py:6, and read author.book_count\n"
        'E          query   shelf/views.py:7  names.append(f"{author.name}: {Book.object…\n'
        "E          loop    shelf/views.py:6  for author in Author.objects.filter(name__…\n"
    )
    block = failure(section(result, "TestOfDjango.test_block"))
    assert block.startswith(
        "E       nplusone_guard.MaxQueriesExceeded: 4 queries, at most 2 allowed\n"
        "E        3 × SELECT shelf_book  query-in-loop\n" + rest
    )
    growth = failure(section(result, "TestOfDjango.test_growth"))
    assert growth.startswith(
        "E       nplusone_guard.MaxQueriesExceeded: 3 queries at 2, 5 at 4\n"
        "E        +1.0 SELECT shelf_book per author, views.py:7\n" + rest
    )
    assert rest in failure(section(result, "TestOfDjango.test_function"))
    own = failure(section(result, "TestOfDjango.test_own_width"))
    assert "loop    shelf/views.py:6  for author in Author.objects.f…\n" in own


IN_ITS_BODY = """
    import sys

    import pytest
    from shelf.data import make_books

    @pytest.mark.django_db
    def test_block(client):
        assert {loaded} is ("nplusone_guard" in sys.modules)
        from nplusone_guard import assert_max_queries

        make_books(3)
        with assert_max_queries(2, info="what the list of all the books has to send"):
            client.get("/books/")
    """


@pytest.mark.parametrize(
    ("installed", "workers"),
    [
        pytest.param(True, (), id="app"),
        pytest.param(False, (), id="no app"),
        pytest.param(False, ("-n1",), id="no app, worker", marks=needs_xdist),
    ],
)
def test_what_a_test_imports_in_its_body_fits_as_well(sample, monkeypatch, installed, workers):
    monkeypatch.setenv("COLUMNS", "80")
    if installed:
        with (sample.pytester.path / "settings.py").open("a") as settings:
            settings.write("\nINSTALLED_APPS += ['nplusone_guard']\n")
    sample.write(**{"shelf/views.py": NARROW_VIEW})
    result = sample.run(IN_ITS_BODY.format(loaded=installed), *workers)
    assert failure(section(result, "test_block")).startswith(
        "E       nplusone_guard.MaxQueriesExceeded: 4 queries, at most 2 allowed:\n"
        "E          what the list of all the books has to send\n"
        "E        3 × SELECT shelf_book  query-in-loop\n"
        'E          fix     add .annotate(book_count=Count("book", distinct=True)) to the\n'
        "E                  queryset at views.py:6, and read author.book_count\n"
        'E          query   shelf/views.py:7  names.append(f"{author.name}: {Book.object…\n'
    )


def test_v_shows_all_of_a_failure_that_a_test_imports_in_its_body(sample):
    result = sample.run(IN_ITS_BODY.format(loaded=False), "-v")
    assert "E          sql     SELECT" in failure(section(result, "test_block"))


def test_v_shows_all_of_a_failure_without_a_fixture(sample):
    result = sample.run(MIXIN, "-v", "-k", "block")
    text = failure(section(result, "TestOfDjango.test_block"))
    assert "E          sql     SELECT" in text


def test_failures_show_the_fixtures_by_name(sample):
    result = sample.run(
        """
        import pytest
        from shelf.data import make_books

        pytestmark = pytest.mark.django_db

        def test_all(
            assert_max_queries, assert_constant_queries, aassert_constant_queries, nplusone_watch
        ):
            with assert_max_queries(0):
                make_books(1)
        """
    )
    shown = re.sub(" at 0x[0-9a-f]+>", ">", section(result, "test_all"))
    names = "assert_max_queries", "assert_constant_queries", "aassert_constant_queries"
    expected = "\n".join(f"{name} = <function {name}>" for name in names)
    assert shown.startswith(f"{expected}\nnplusone_watch = <function watch>\n\n    def test_all(")


def test_there_need_be_no_terminal(sample):
    result = sample.run(NARROW, "-pno:terminal", "--nplusone=fail")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


MANY = """
    import pytest
    from django.db import connection

    pytestmark = pytest.mark.django_db

    def test_many(assert_max_queries):
        with assert_max_queries(5), connection.cursor() as cursor:
            for index in range(25):
                cursor.execute(f"SELECT {'1, ' * index} 1")
    """


def test_twenty_statements_are_shown(sample):
    text = section(sample.run(MANY), "test_many")
    assert text.count(" 1 × SELECT") == 20
    assert "E        5 more statements with 5 queries: -v shows all\n" in text
    assert " sql " not in text


def test_verbose_shows_them_all_with_their_sql(sample):
    text = section(sample.run(MANY, "-v"), "test_many")
    assert text.count(" 1 × SELECT") == 25
    assert text.count("E          sql     SELECT ?") == 25


def test_the_error_of_the_block_stands_alone(sample):
    result = sample.run(
        """
        import pytest
        from shelf.models import Book

        @pytest.mark.django_db
        def test_mine(assert_max_queries):
            with assert_max_queries(0):
                Book.objects.count()
                raise KeyError("mine")
        """
    )
    result.assert_outcomes(failed=1)
    assert "MaxQueriesExceeded" not in result.stdout.str()
    result.stdout.fnmatch_lines(["E           KeyError: 'mine'"])


def test_growth(sample):
    result = sample.run(
        """
        import pytest
        from shelf.data import make_books
        from shelf.models import Book

        pytestmark = pytest.mark.django_db

        @pytest.fixture
        def populate():
            return make_books

        def test_books(client, assert_constant_queries, populate):
            assert_constant_queries(populate, lambda: client.get("/books/"))

        def test_joined(client, assert_constant_queries, populate):
            growth = assert_constant_queries(populate, run=lambda: client.get("/joined/"))
            assert growth.counts == (1, 1)
            assert Book.objects.count() == 0

        def test_linear(client, assert_constant_queries, populate):
            assert_constant_queries(populate, lambda: client.get("/books/"), linear=1)
        """
    )
    result.assert_outcomes(failed=1, passed=2)
    text = section(result, "test_books")
    assert '>       assert_constant_queries(populate, lambda: client.get("/books/"))\n' in text
    assert text.endswith("\n\ntest_shelf.py:12: MaxQueriesExceeded")
    assert failure(text) in GUIDE
    assert failure(text) == (
        "E       nplusone_guard.MaxQueriesExceeded: 3 queries at 2, 5 at 4\n"
        "E        +1.0 SELECT shelf_author per book, views.py:7\n"
        'E          fix     add .select_related("author") to the queryset at views.py:6\n'
        "E          query   shelf/views.py:7  names.append(book.author.name)\n"
        "E          loop    shelf/views.py:6  for book in Book.objects.all():\n"
        "E          loaded  shelf/views.py:6  4 shelf.Book"
    )


def test_growth_of_factories(sample):
    """A factory of factory_boy's as it is, and what a function makes of one."""
    pytest.importorskip("factory")
    result = sample.run(
        """
        import factory
        import pytest
        from factory.django import DjangoModelFactory
        from shelf.models import Author, Book

        pytestmark = pytest.mark.django_db

        class AuthorFactory(DjangoModelFactory):
            name = factory.Sequence("author {}".format)

            class Meta:
                model = Author

        class BookFactory(DjangoModelFactory):
            author = factory.SubFactory(AuthorFactory)

            class Meta:
                model = Book

        def test_books(client, assert_constant_queries):
            assert_constant_queries(BookFactory, lambda: client.get("/books/"))

        def test_joined(client, assert_constant_queries):
            growth = assert_constant_queries(BookFactory, run=lambda: client.get("/joined/"))
            assert growth.counts == (1, 1)

        def test_one_author(client, assert_constant_queries):
            author = AuthorFactory()
            growth = assert_constant_queries(
                lambda size: BookFactory.create_batch(size, author=author),
                lambda: client.get("/joined/"),
            )
            assert growth.counts == (1, 1)
            assert list(Author.objects.all()) == [author]
        """,
        "--nplusone=fail",  # the loops of a factory are nobody's
    )
    result.assert_outcomes(failed=1, passed=2)
    assert (
        "E       nplusone_guard.MaxQueriesExceeded: 3 queries at 2, 5 at 4\n"
        "E        +1.0 SELECT shelf_author per book, views.py:7\n"
    ) in section(result, "test_books")


def test_a_report(sample):
    result = sample.run(
        """
        import pytest
        from shelf.data import make_books

        @pytest.mark.django_db
        def test_books(client, nplusone_watch):
            make_books(3)
            with nplusone_watch("books") as report:
                client.get("/books/")
            assert report.query_count == 4
            assert [finding.rule for finding in report] == ["lazy-relation"]
        """
    )
    result.assert_outcomes(passed=1)


def test_async_tests(sample):
    """Each runs in an event loop, on a thread and in a context of its own."""
    result = sample.run(
        """
        import pytest
        from shelf.models import Author, Book

        pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anyio]

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def make(count):
            for _ in range(count):
                await Book.objects.acreate(author=await Author.objects.acreate())

        async def authors():
            return [await Author.objects.aget(pk=book.author_id) async for book in Book.objects.all()]

        async def test_budget(assert_max_queries):
            await make(3)
            async with assert_max_queries(2):
                await authors()

        @pytest.mark.max_queries(2)
        async def test_marker():
            await make(1)
            await authors()

        @pytest.mark.max_queries(4, exact=True)
        async def test_marker_kept():
            await make(1)
            await authors()

        async def test_growth(aassert_constant_queries):
            await aassert_constant_queries(make, authors)
        """,
        needed=("anyio",),
    )
    result.assert_outcomes(failed=3, passed=1)
    assert "E       nplusone_guard.MaxQueriesExceeded: 4 queries, at most 2 allowed\n" in (
        section(result, "test_budget")
    )
    assert section(result, "test_marker").startswith("4 queries, at most 2 allowed\n")
    assert "E       nplusone_guard.MaxQueriesExceeded: 3 queries at 2, 5 at 4\n" in (
        section(result, "test_growth")
    )
