"""Proofs of growth: whoever makes the rows, and in whatever kind of test."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.conftest import INI, section

BAKERY = """
    from functools import partial

    import pytest
    from model_bakery import baker
    from model_bakery.recipe import Recipe, foreign_key
    from shelf.models import Author, Book

    pytestmark = pytest.mark.django_db

    SOURCES = {
        "recipe": Recipe(Book, author=foreign_key(Recipe(Author))),
        "recipe of a name": Recipe("shelf.Book"),
        "partial": partial(baker.make, Book),
        "function": lambda size: baker.make("shelf.Book", _quantity=size, _bulk_create=True),
    }

    @pytest.fixture(params=SOURCES, ids=str.split)
    def populate(request):
        return SOURCES[request.param]

    def test_books(client, assert_constant_queries, populate):
        assert_constant_queries(populate, lambda: client.get("/books/"))

    def test_joined(client, assert_constant_queries, populate):
        growth = assert_constant_queries(populate, run=lambda: client.get("/joined/"))
        assert growth.counts == (1, 1)
        assert not Book.objects.exists()
    """


TOLD = """\
E       nplusone_guard.MaxQueriesExceeded: 3 queries at 2, 5 at 4
E        +1.0 SELECT shelf_author per book, views.py:7
"""


def test_model_bakery(sample):
    pytest.importorskip("model_bakery")
    result = sample.run(BAKERY)
    result.assert_outcomes(failed=4, passed=4)
    for source in ("recipe", "recipe of a name", "partial", "function"):
        assert TOLD in section(result, f"test_books[{source}]")


ASYNC = """
    import pytest
    from asgiref.sync import sync_to_async
    from shelf.data import make_books
    from shelf.models import Author, Book

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    async def make(size):
        for _ in range(size):
            await Book.objects.acreate(author=await Author.objects.acreate())

    @pytest.fixture(params=["async", "sync"])
    def populate(request):
        return make if request.param == "async" else make_books

    async def names():
        async for book in Book.objects.all():
            await Author.objects.aget(pk=book.author_id)

    async def joined():
        return [book.author.name async for book in Book.objects.select_related("author")]

    class Base:
        async def test_budget(self, assert_max_queries):
            await make(3)
            async with assert_max_queries(2):
                await names()

        async def test_budget_kept(self, assert_max_queries):
            await make(3)
            async with assert_max_queries(4, exact=True):
                await names()

        async def test_decorated(self, assert_max_queries):
            await make(3)
            await assert_max_queries(2)(names)()

        @pytest.mark.max_queries(8)
        async def test_marker(self):
            await make(3)
            await names()

        @pytest.mark.max_queries(10, exact=True)
        async def test_marker_kept(self):
            await make(3)
            await names()

        async def test_growth(self, aassert_constant_queries, populate):
            await aassert_constant_queries(populate, names)

        async def test_growth_kept(self, aassert_constant_queries, populate):
            growth = await aassert_constant_queries(populate, joined)
            assert growth.counts == (1, 1)
            assert not await Book.objects.aexists()

    @pytest.mark.asyncio
    class TestAsyncio(Base):
        pass

    @pytest.mark.anyio
    class TestAnyio(Base):
        pass
    """


ASYNC_FAILED = """\
test_budget - nplusone_guard.MaxQueriesExceeded: 4 queries, at most 2 allowed
test_decorated - nplusone_guard.MaxQueriesExceeded: 4 queries, at most 2 allowed
test_marker - Failed: 10 queries, at most 8 allowed
test_growth[async] - nplusone_guard.MaxQueriesExceeded: 3 queries at 2, 5 at 4
test_growth[sync] - nplusone_guard.MaxQueriesExceeded: 3 queries at 2, 5 at 4""".splitlines()


def test_async_tests(sample):
    pytest.importorskip("pytest_asyncio")
    sample.pytester.makeini(f"{INI.rstrip()}\n    asyncio_default_fixture_loop_scope = function\n")
    sample.write(**{"test_shelf.py": ASYNC})
    result = sample.start(needed=("anyio", "asyncio"))
    result.assert_outcomes(failed=10, passed=8)
    failed = [line for line in result.outlines if line.startswith("FAILED ")]
    assert [line.partition("::")[2] for line in failed] == [
        f"{name}::{each}" for name in ("TestAsyncio", "TestAnyio") for each in ASYNC_FAILED
    ]
