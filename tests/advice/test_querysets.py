"""Rows of several querysets: each of them is changed, and named."""

from __future__ import annotations

import pytest

from tests.advice.following import followed
from tests.advice.test_followed import source

pytestmark = pytest.mark.django_db

ALL = """
for author in [*first, *second]:
    told.append({read})
"""
NAME, COUNTRY, BLOGS = "author.name", "author.country.name", "sorted(map(str, author.blogs.all()))"

#: Two querysets, what is read of their rows, and how the advice names both.
TWO = {
    "only": (
        'first = Author.objects.only("slug")',
        'second = Author.objects.only("rating").order_by("pk")',
        NAME,
        'write .only("slug", "name") at {file}:23 and write .only("rating", "name") at :24',
    ),
    "defer": (
        'first = Author.objects.defer("name")',
        'second = Author.objects.defer("name", "rating").order_by("pk")',
        NAME,
        'drop the .defer() at {file}:23 and write .defer("rating") at :24',
    ),
    "only_and_defer": (
        'first = Author.objects.only("slug")',
        'second = Author.objects.defer("name").order_by("pk")',
        NAME,
        'write .only("slug", "name") at {file}:23 and drop the .defer() at :24',
    ),
    "select_related": (
        "first = Author.objects.filter(rating__gt=0)",
        'second = Author.objects.order_by("pk")',
        COUNTRY,
        'add .select_related("country") to the querysets at {file}:23 and :24',
    ),
    "prefetch_related": (
        "first = Author.objects.filter(rating__gt=0)",
        'second = Author.objects.order_by("pk")',
        BLOGS,
        'add .prefetch_related("blogs") to the querysets at {file}:23 and :24',
    ),
}
#: One of the two has the field already.
ONE = {
    "only": (
        'first = Author.objects.only("slug")',
        'second = Author.objects.only("name").order_by("pk")',
        NAME,
        'write .only("slug", "name") at {file}:23',
    ),
    "defer": (
        'first = Author.objects.defer("name")',
        'second = Author.objects.defer("rating").order_by("pk")',
        NAME,
        "drop the .defer() at {file}:23",
    ),
}


def looped(first, second, read, there=""):
    if there:
        first, second = (one.replace("objects.", f"objects.{there}.") for one in (first, second))
    return source("\n".join((first, second, ALL.format(read=read))))


@pytest.mark.parametrize(
    ("name", "given"), [*TWO.items(), *((f"one_{name}", given) for name, given in ONE.items())]
)
def test_every_queryset_is_named_and_changed(name, given, tmp_path, monkeypatch) -> None:
    *loop, words = given
    before, after = followed(tmp_path, monkeypatch, f"two_{name}", looped(*loop), rounds=1)
    (found,) = before.findings
    assert words.format(file=f"two_{name}_0.py") in found.advice.text
    assert after is not None
    assert (after.result, after.findings) == (before.result, ())
    assert after.queries == before.queries - found.advice.saves


#: What each of the querysets would have to begin with.
LOADED = {
    "select_related": 'select_related("country")',
    "prefetch_related": 'prefetch_related("blogs")',
}


@pytest.mark.parametrize("name", LOADED)
def test_querysets_that_have_it_are_healthy(name, tmp_path, monkeypatch) -> None:
    *loop, _ = TWO[name]
    text = looped(*loop, there=LOADED[name])
    before, _ = followed(tmp_path, monkeypatch, f"loaded_{name}", text, rounds=0)
    assert before.findings == ()


def test_whole_rows_are_healthy(tmp_path, monkeypatch) -> None:
    rows = ("first = Author.objects.all()", 'second = Author.objects.order_by("pk")')
    text = looped(*rows, NAME)
    before, _ = followed(tmp_path, monkeypatch, "whole_rows", text, rounds=0)
    assert before.findings == ()


#: Rows of a union, and of two sets: the first has to select the same columns from both.
UNION = """
def run():
    first = getattr(Author, "objects").filter(rating__gt=2)
    told = []
    for author in sorted({rows}, key=str):
        told.append(author.country.name)
    return told
"""


def test_a_part_of_a_union_selects_no_more_than_the_other(tmp_path, monkeypatch) -> None:
    text = source("pass") + UNION.format(rows="first.union(Author.objects.filter(rating__lte=2))")
    before, after = followed(tmp_path, monkeypatch, "union", text, rounds=1)
    assert len(before.findings) == 1
    assert after is None or after.result == before.result


def test_both_of_two_sets_are_changed(tmp_path, monkeypatch) -> None:
    rows = "set(Author.objects.filter(rating__gt=2)) | set(Author.objects.filter(rating__lte=2))"
    text = source("pass") + UNION.format(rows=rows)
    before, after = followed(tmp_path, monkeypatch, "sets", text, rounds=1)
    assert after is not None
    assert (after.result, after.findings) == (before.result, ())


#: A method of a manager whose class does not show.
OWN = """
class Named:
    def called(self, *names):
        return Author.objects.filter(slug__in=names)


class Model:
    objects = Named()


def run():
    model, told = getattr(Model, "mro")()[0], []
    for author in model.objects.called("a0", "a1", "a2"):
        told.append(author.country.name)
    return told
"""


def test_nothing_goes_between_a_manager_and_a_method_of_its_own(tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, "own", source("pass") + OWN, rounds=1)
    assert len(before.findings) == 1
    assert after is None or after.result == before.result


#: Two counts of one relation in each turn; the second pair asks for the same.
COUNTS = """
for author in Author.objects.order_by("pk"):
    told.append(author.entries.filter(rating__gt=1).count())
    told.append(author.entries.filter({second}).count())
"""


@pytest.mark.parametrize(("second", "names"), [("status='live'", 2), ("rating__gt=1", 1)])
def test_each_count_has_a_name_of_its_own(second, names, tmp_path, monkeypatch) -> None:
    text = source(COUNTS.format(second=second))
    before, after = followed(tmp_path, monkeypatch, f"counts_{names}", text, rounds=1)
    (found,) = before.findings
    assert ("entries_count_2=" in found.advice.options[0].expression) is (names == 2)
    assert after is not None
    assert (after.result, after.findings) == (before.result, ())
    assert after.queries == before.queries - found.advice.saves


#: Rows that a helper gives, whose querysets no source shows, or else those that do show.
CHOSEN = """
def chosen(given):
    for author in {rows}:
        told.append(author.entries.filter(rating__gt=1).count())


def work():
    chosen({given})
"""


@pytest.mark.parametrize(
    "rows",
    [
        'vars()["given"] if given else Author.objects.order_by("pk")',
        'vars()["given"] or Author.objects.order_by("pk")',
    ],
)
def test_rows_from_elsewhere_are_not_annotated_by_an_edit(rows, tmp_path, monkeypatch):
    given = 'Author.objects.order_by("pk")'
    text = source(CHOSEN.format(rows=rows, given=given))
    before, after = followed(tmp_path, monkeypatch, f"perhaps_{len(rows)}", text, rounds=1)
    (found,) = before.findings
    assert "entries_count=" in found.advice.text
    assert after is None


@pytest.mark.parametrize(
    "rows",
    [
        '[] or Author.objects.order_by("pk")',
        'Author.objects.order_by("pk") if not given else []',
    ],
)
def test_rows_from_nowhere_else_are_annotated(rows, tmp_path, monkeypatch):
    text = source(CHOSEN.format(rows=rows, given="[]"))
    before, after = followed(tmp_path, monkeypatch, f"only_{len(rows)}", text, rounds=1)
    assert len(before.findings) == 1
    assert after is not None
    assert (after.result, after.findings) == (before.result, ())


#: Rows that are gone through one by one, further down than their queryset is made.
ITERATED = """
entries = Entry.objects.all()
entries = entries.order_by("pk")
for entry in entries.iterator({size}):
    told.append(sorted(map(str, entry.tags.all())))
"""


@pytest.mark.parametrize("size", ["", "chunk_size=50"])
def test_an_iterator_further_down_has_a_chunk_size_too(size, tmp_path, monkeypatch) -> None:
    text = source(ITERATED.format(size=size))
    before, after = followed(tmp_path, monkeypatch, f"further_down{size[:5]}", text, rounds=1)
    assert after is not None
    assert (after.result, after.findings) == (before.result, ())
    assert after.queries == before.queries - before.findings[0].advice.saves


#: Rows of a queryset that does not show, and a condition with one of the same model, which does.
COMPARED = """
from django.db.models import Exists, OuterRef


def run():
    told = []
    authors = getattr(Author, "objects").order_by("pk")
    authors = authors.annotate(known=Exists(Author.objects.filter(pk=OuterRef("pk"))))
    for author in authors:
        told.append(author.country.name)
    return told
"""

#: The same condition, of a queryset that shows.
SHOWN = COMPARED.replace('getattr(Author, "objects")', "Author.objects")


@pytest.mark.parametrize(("name", "text"), [("compared", COMPARED), ("compared_shown", SHOWN)])
def test_a_queryset_in_a_condition_gives_no_rows(name, text, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, name, source("pass") + text, rounds=1)
    assert len(before.findings) == 1
    assert (after is None) == (text is COMPARED)
    assert after is None or (after.result, after.findings) == (before.result, ())
