"""Of which type the source shows a value to be, and where Python compares it as databases do."""

from __future__ import annotations

import ast
import uuid
from types import SimpleNamespace

import pytest

from nplusone_guard.analysis.advice.field_kinds import kind_of_field
from nplusone_guard.analysis.advice.kinds import kind_of, kind_of_items
from nplusone_guard.analysis.advice.matching import is_exact
from nplusone_guard.analysis.advice.trees import Spot, tree_of
from tests.advice.following import load
from tests.corpus.models import Author, Book, Category, Entry

MODULE = """
import csv, sys, uuid
from tests.corpus.models import Author, Entry

LIST = ["1", "2"]


def count(rows):
    return object()


def title(row):
    return object()


def upper(text):
    return text.upper()


def split(text):
    return object()


class Parser:
    def count(self): ...
    def strip(self): ...
    def split(self, text): ...


class Reader(Parser):
    pass


PARSER = Parser()


def work(request, ids, number: int, many: list[int], reader: Reader, format, **options):
    import os.path
    from os import getenv
    from tests.advice.following import shown as slugify

    parser = Parser()
    keys = []
    keys.append(request.GET["key"])
    empty = set()
    for row in csv.reader(open("x")):
        for pk, amount in [(1, "x"), (2, "y")]:
            for named in csv.DictReader(open("x")):
                for author in Author.objects.all():
                    with open("y") as lines:
                        for line in lines:
                            head, tail = line.partition(":")[::2]
                            HERE
"""

KINDS = {
    "'7'": str,
    "f'{pk}'": str,
    "pk": int,
    "amount": str,
    "int(amount)": int,
    "str(pk)": str,
    "uuid.UUID(amount)": "UUID",
    "request.GET['x']": str,
    "request.query_params.get('x', '')": str,
    "request.data['x']": None,
    "options['ids']": None,
    "row[0]": str,
    "named['x']": str,
    "named.get('x')": str,
    "line": str,
    "line.strip()": str,
    "line.split(',')[0]": str,
    "head": str,
    "sys.argv[1]": str,
    "input()": str,
    "author.pk": int,
    "author.slug": str,
    "author.country_id": str,
    "author.mentor_id": int,
    "ids": None,
    "number": int,
    "number + 1": int,
    "unknown()": None,
    "pk if number else amount": None,
    "amount or ''": str,
    "Entry.objects.count()": int,
    "ids.count(7)": int,
    "getenv('x')": str,
    "os.getenv('x')": str,
    "os.path.join('x', 'y')": str,
    "uuid.uuid4()": "UUID",
    "'-'.join(keys)": str,
    "str.lower(amount)": str,
    # The user's own, by names that others have as well.
    "count(ids)": None,
    "title(author)": None,
    "upper('a')": str,
    "split(amount)[0]": None,
    "format(number)": None,
    "slugify(amount)": None,
    "author.title()": None,
    "author.count()": None,
    "PARSER.count()": None,
    "parser.strip()": None,
    "parser.split(amount)[0]": None,
    "Parser().strip()": None,
    "reader.count()": None,
    "ids.hash()": None,
    "nobody.knows.strip()": str,
}

ITEMS = {
    "LIST": str,
    "keys": str,
    "empty": None,
    "ids": None,
    "many": int,
    "range(3)": int,
    "split(amount)": None,
    "parser.split(amount)": None,
    "map(str, ids)": str,
    "map(uuid.UUID, ids)": uuid.UUID,
    "map(str.strip, ids)": str,
    "map(title, ids)": None,
    "map(count, ids)": None,
    "request.GET.getlist('x')": str,
    "amount.split(',')": str,
    "map(int, keys)": int,
    "sorted(set(keys))": str,
    "[1, 2]": int,
    "[1, '2']": None,
    "{'1': 2}": str,
    "{'1': 2}.values()": int,
    "[str(x) for x in many]": str,
    "keys + LIST": str,
    "keys[1:]": str,
    "keys or []": str,
    "Author.objects.values_list('slug', flat=True)": str,
    "Author.objects.values_list('mentor', flat=True)": int,
    "Author.objects.all()": None,
    "Entry.Status": None,
}


@pytest.fixture
def kind(tmp_path, monkeypatch, request):
    """What a reader says of an expression in the innermost block of ``MODULE``."""

    def read(reader, text):
        name = f"kinds_{abs(hash((text, request.node.name)))}"
        module = load(tmp_path, name, MODULE.replace("HERE", text), monkeypatch)
        tree = tree_of(module.__file__)
        (statement,) = (
            one
            for one in ast.walk(tree.module)
            if isinstance(one, ast.Expr) and isinstance(tree.parents[one], ast.For | ast.With)
        )
        return reader(Spot(tree, statement), statement.value)

    return read


@pytest.mark.parametrize("text", KINDS)
def test_kind_of_a_value(text, kind) -> None:
    found = kind(kind_of, text).type
    assert found is KINDS[text] or getattr(found, "__name__", "") == KINDS[text]


@pytest.mark.parametrize("text", ITEMS)
def test_kind_of_the_entries(text, kind) -> None:
    assert kind(kind_of_items, text).type is ITEMS[text]


def test_kind_of_what_may_be_none(kind) -> None:
    assert kind(kind_of, "author.mentor_id").optional
    assert not kind(kind_of, "author.country_id").optional
    assert kind(kind_of, "named.get('x')").optional


def test_kind_of_a_key_is_that_of_what_it_leads_to() -> None:
    assert kind_of_field(Book._meta.get_field("writer")).type is str
    assert kind_of_field(Entry._meta.get_field("author")).type is int
    assert kind_of_field(Entry._meta.get_field("category")).optional
    assert kind_of_field(Category._meta.get_field("parent")).type.__name__ == "UUID"


@pytest.mark.parametrize(
    ("collation", "vendor", "exact"),
    [
        (None, "sqlite", True),
        (None, "postgresql", True),
        (None, "mysql", False),
        ("utf8mb4_bin", "mysql", True),
        ("nocase", "sqlite", False),
        ("C", "postgresql", True),
        ("und-x-icu", "postgresql", False),
    ],
)
def test_texts_that_a_collation_finds_equal(collation, vendor, exact) -> None:
    field = Author._meta.get_field("slug").clone()
    field.db_collation = collation
    assert is_exact(SimpleNamespace(vendor=vendor), field) is exact
