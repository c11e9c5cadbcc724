"""What ``assert_constant_queries`` is given: who populates, and what is refused."""

from __future__ import annotations

import functools

import pytest
from django.http import StreamingHttpResponse
from django.template.response import SimpleTemplateResponse

from nplusone_guard import (
    ConfigError,
    MaxQueriesExceeded,
    assert_constant_queries,
)
from tests.corpus.data import populate
from tests.corpus.models import Country, Entry
from tests.growth.growing import joined, loop, nothing

pytestmark = [
    pytest.mark.django_db(databases=["default", "other"]),
    pytest.mark.usefixtures("usual_failures"),
]


class Factory:
    """As factory_boy's classes: callable, for one object, and with ``create_batch``."""

    def __new__(cls):
        raise AssertionError("one object is not asked for")

    @classmethod
    def create_batch(cls, size):
        populate(size)


class Recipe:
    """As model_bakery's recipes."""

    def make(self, _quantity=None):
        populate(_quantity)


def make(model, _quantity=None):
    """As model_bakery's ``baker.make``."""
    populate(_quantity)


class Filler:
    def __call__(self, size):
        populate(size)


@pytest.mark.parametrize(
    "source",
    [Factory, Factory.create_batch, Recipe(), functools.partial(make, Country), Filler()],
)
def test_factories(source):
    with pytest.raises(MaxQueriesExceeded, match=r"^3 queries at 2, 5 at 4"):
        assert_constant_queries(source, loop)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"populate": None}, "populate is None. Allowed: a function of the number of rows, "),
        ({"populate": lambda: None}, "populate is <function "),
        ({"populate": [*range(99)]}, "populate is [0, 1, 2, 3, 4, 5, ...]. Allowed: "),
        ({"width": 59}, "width is 59. Allowed: a whole number of 60 or more."),
        ({"run": 5}, "run is 5. Allowed: a function without arguments."),
        ({"run": nothing}, "run is <function nothing at "),
        ({"sizes": (2,)}, "sizes is (2,). Allowed: two or more numbers of rows, growing."),
        ({"sizes": (4, 2)}, "sizes is (4, 2). Allowed: two or more numbers of rows, growing."),
        ({"sizes": (2, 2)}, "sizes is (2, 2). Allowed: two or more numbers of rows, growing."),
        ({"sizes": 4}, "sizes is 4. Allowed: two or more numbers of rows, growing."),
        ({"sizes": (0, 2)}, "one of the sizes is 0. Allowed: a whole number of 1 or more."),
        ({"sizes": (2, "4")}, "one of the sizes is '4'. Allowed: a whole number of 1 or more."),
        ({"linear": -1}, "linear is -1. Allowed: the number of queries that each row may add, 0"),
        ({"linear": "1"}, "linear is '1'. Allowed: "),
        ({"linear": True}, "linear is True. Allowed: "),
        ({"linear": float("nan")}, "linear is nan. Allowed: "),
        ({"using": "zz"}, "using names 'zz', which is not in DATABASES. Known: default, other."),
        ({"using": ()}, "using is (). Allowed: the alias of a database, or a list of them."),
    ],
)
def test_wrong_arguments(options, problem):
    with pytest.raises(ConfigError) as error:
        assert_constant_queries(**{"populate": nothing, "run": joined, **options})
    assert str(error.value).startswith(f"assert_constant_queries(): {problem}")


def rendered_later():
    return SimpleTemplateResponse("nothing.html")


@pytest.mark.parametrize(
    ("run", "kind", "remedy"),
    [
        (Entry.objects.all, "QuerySet", "Put list() around it."),
        (lambda: (entry for entry in ()), "generator", "Put list() around it."),
        (rendered_later, "SimpleTemplateResponse", "Add .render(), or ask the test client."),
    ],
)
def test_a_result_that_nobody_has_read(run, kind, remedy):
    with pytest.raises(ConfigError) as error:
        assert_constant_queries(populate, run)
    assert str(error.value) == (
        f"assert_constant_queries(): run returned a {kind} that nobody has read, so not all of "
        f"its queries were sent. {remedy}"
    )


def test_a_stream_is_read():
    def run():
        return StreamingHttpResponse(entry.author.name for entry in Entry.objects.all())

    with pytest.raises(MaxQueriesExceeded, match=r"^3 queries at 2, 5 at 4"):
        assert_constant_queries(populate, run)


def test_a_function_without_a_signature():
    assert assert_constant_queries(populate, dict).counts == (0, 0)


def test_an_async_stream_has_to_be_read():
    async def names():
        async for entry in Entry.objects.all():
            yield entry.headline

    with pytest.raises(ConfigError, match=r"Read its streaming_content\.$"):
        assert_constant_queries(populate, lambda: StreamingHttpResponse(names()))


def test_rows_that_a_generator_would_make():
    def fill(size):
        yield populate(size)

    with pytest.raises(ConfigError, match="populate returned a generator, which has made no rows"):
        assert_constant_queries(fill, joined)
