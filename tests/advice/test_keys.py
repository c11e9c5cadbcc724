"""Keys of another type than the field's, and loops that read what they write.

Each advice is followed to the letter, and has to lead to the same result, the same rows and fewer
queries; the snippets below them have none that could be followed.
"""

from __future__ import annotations

import ast
from types import SimpleNamespace

import pytest
from django.db import connection

from nplusone_guard.analysis.advice.kinds import kind_of, kind_of_field, kind_of_items
from nplusone_guard.analysis.advice.matching import is_exact
from nplusone_guard.analysis.advice.trees import Spot, tree_of
from tests.advice.following import followed, load
from tests.corpus.models import Author, Book, Category, Entry

pytestmark = pytest.mark.django_db

START = """
import csv, json, re, uuid
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.http import QueryDict
from django.shortcuts import get_object_or_404
from tests.corpus.data import FIRST_KEY
from tests.corpus.models import *
from tests.corpus.models import Category, Note, Stay

KEYS = [FIRST_KEY, FIRST_KEY + 1, FIRST_KEY + 2]
GET = QueryDict(f"ids={KEYS[0]},{KEYS[1]},{KEYS[2]}&bad={KEYS[0]},x,{KEYS[2]}&slug=a0&slug=a1")
told = []


def run():
    told.clear()
    work()
    return list(told)


"""


def source(body: str) -> str:
    """A module whose ``work()`` is ``body``, where that does not define it."""
    if "def work" not in body:
        lines = body.strip().split("\n")
        body = "def work():\n" + "\n".join(f"    {line}" for line in lines)
    return f"{START}{body}\n"


FOLLOWED = {
    "get": """
for pk in GET["ids"].split(","):
    told.append(Author.objects.get(pk=pk).name)
""",
    "get_of_a_bad_key_that_is_passed_over": """
for pk in GET["bad"].split(","):
    try:
        told.append(Author.objects.get(pk=pk).name)
    except (Author.DoesNotExist, ValueError):
        told.append("?")
""",
    "a_bad_key_that_ends_the_loop": """
try:
    for pk in [*GET["ids"].split(","), *GET["bad"].split(",")]:
        told.append(Author.objects.get(pk=pk).name)
except ValueError:
    told.append("stopped")
""",
    "object_or_404": """
for pk in GET["ids"].split(","):
    told.append(get_object_or_404(Author, pk=pk).name)
""",
    "keys_twice": """
for pk in GET["ids"].split(",") * 2:
    told.append(Author.objects.filter(pk=pk).first())
""",
    "of_a_caller": """
def load(ids):
    return [Author.objects.get(pk=pk).name for pk in ids]


def work():
    told.extend(load(re.findall("[0-9]+", GET["ids"])))
""",
    "of_an_unknown_caller": """
def load(ids):
    return [Author.objects.get(pk=pk).name for pk in ids]


def work():
    told.extend(load(**{"ids": [str(KEYS[0]), KEYS[1]]}))
""",
    "uuids": """
for key in [str(category.pk) for category in Category.objects.order_by("slug")]:
    told.append(Category.objects.get(pk=key).slug)
""",
    "decimals_for_numbers": """
def work():
    for row in csv.reader(f"{key},x" for key in KEYS):
        told.append(Entry.objects.filter(author_id=row[0]).count())
""",
    "several_keys_twice": """
for line in [GET["ids"], GET["ids"], ",".join([GET["ids"], GET["ids"]])] + GET.getlist("none"):
    told.append(sorted(a.name for a in Author.objects.filter(pk__in=line.split(","))))
""",
    "conditions_beside_it": """
for slug in GET.getlist("slug"):
    told.append(Author.objects.get(slug=slug, rating__gt="0").name)
""",
    "of_a_parameter_with_a_type": """
def load(ids: list[int]):
    return [Author.objects.get(pk=pk).name for pk in ids]


def work():
    told.extend(load(**{"ids": KEYS}))
""",
    "inner_loop": """
for author in Author.objects.prefetch_related("entries").order_by("pk"):
    for entry in author.entries.all():
        entry.rating += author.rating
        entry.save()
""",
    "create_whose_conflicts_are_passed_over": """
for note in [*Author.objects.order_by("pk"), *Note.objects.order_by("pk")]:
    try:
        with transaction.atomic():
            Note.objects.create(slug=note.slug)
    except IntegrityError:
        continue
""",
    "update_or_create_twice": """
for author in list(Author.objects.order_by("pk")) * 2:
    Note.objects.update_or_create(slug=author.slug, defaults={"text": author.name})
""",
}

#: A result that one statement would change, or a key that nobody can be sure of.
WORDS = {
    "a_key_that_may_be_null": """
for stay in Stay.objects.order_by("pk"):
    told.append(Stay.objects.filter(nights=stay.nights).count())
""",
    "delete_by_a_key_that_may_be_null": """
for stay in list(Stay.objects.order_by("pk")):
    Stay.objects.filter(nights=stay.nights).delete()
""",
    "rows_without_models": """
for pk in GET["ids"].split(","):
    told.append(Author.objects.values_list("name", flat=True).get(pk=pk))
""",
    "raw_sql_by_text_for_a_number": """
with connection.cursor() as cursor:
    for pk in GET["ids"].split(","):
        cursor.execute("SELECT name FROM corpus_author WHERE id = %s", [int(pk) and pk])
        told.append(cursor.fetchone())
""",
    "raw_sql_by_an_unknown_key": """
def load(ids):
    with connection.cursor() as cursor:
        for pk in ids:
            cursor.execute("SELECT name FROM corpus_author WHERE id = %s", [pk])
            told.append(cursor.fetchone())


def work():
    load(**{"ids": KEYS})
""",
    "raw_sql_that_is_fetched_twice": """
with connection.cursor() as cursor:
    for author in Author.objects.order_by("pk"):
        cursor.execute("SELECT id FROM corpus_entry WHERE author_id = %s", [author.pk])
        told.append((cursor.fetchone(), cursor.fetchall()))
""",
    "raw_writes_by_one_list": """
params = [None, None]
with connection.cursor() as cursor:
    for note in list(Note.objects.order_by("pk")):
        params[:] = note.slug, note.pk
        cursor.execute("UPDATE corpus_note SET text = %s WHERE id = %s", params)
""",
    "raw_writes_that_are_read": """
with connection.cursor() as cursor:
    for note in list(Note.objects.order_by("pk")):
        cursor.execute("UPDATE corpus_note SET text = 'x' WHERE id = %s", [note.pk])
        told.append(Note.objects.filter(text="x").count())
""",
    "writes_that_the_loop_leaves": """
for note in Note.objects.order_by("pk"):
    Note.objects.filter(pk=note.pk).update(text="x")
    if note.slug == "n1":
        return
""",
    "rows_that_the_loop_makes": """
for author in list(Author.objects.order_by("pk")) * 2:
    if not Note.objects.filter(slug=author.slug).exists():
        Note.objects.create(slug=author.slug)
""",
    "saved_and_counted": """
for note in Note.objects.order_by("pk"):
    note.text = "x"
    note.save()
    told.append(Note.objects.filter(text="x").count())
""",
    "create_whose_conflicts_are_told": """
for note in [*Author.objects.order_by("pk"), *Note.objects.order_by("pk")]:
    try:
        with transaction.atomic():
            Note.objects.create(slug=note.slug)
    except IntegrityError:
        told.append(note.slug)
""",
    "copies": """
for note in list(Note.objects.order_by("pk")):
    note.pk, note.slug = None, f"copy-{note.slug}"
    note.save()
""",
    "one_object_for_all": """
note = Note(text="x")
for author in Author.objects.order_by("pk"):
    note.pk, note.slug = None, author.slug
    note.save()
""",
    "unique_values_handed_on": """
for note in Note.objects.order_by("-pk"):
    note.slug = f"n{int(note.slug[1:]) + 1}"
    note.save()
""",
    "create_for_a_many_to_many": """
entry = Entry.objects.get(slug="e0")
for author in Author.objects.order_by("pk"):
    entry.tags.create(name=author.name)
""",
    "get_or_create_for_a_many_to_many": """
entry = Entry.objects.get(slug="e0")
for author in Author.objects.order_by("pk"):
    entry.tags.get_or_create(name=author.name)
""",
    "get_or_create_of_each_parent": """
for author in Author.objects.order_by("pk"):
    author.blogs.get_or_create(name="Diary")
""",
    "get_or_create_by_a_look_up": """
for author in Author.objects.order_by("pk"):
    Note.objects.get_or_create(slug__iexact=f"N{author.rating}", defaults={"slug": author.slug})
""",
    "get_or_create_with_a_default_that_is_called": """
for author in Author.objects.order_by("pk"):
    Note.objects.get_or_create(slug=author.slug, defaults={"text": lambda: "made"})
""",
    "get_or_create_by_text_for_a_number": """
for pk in GET["ids"].split(","):
    Blog.objects.get_or_create(owner_id=pk, defaults={"name": "new"})
""",
    "symmetrical_relations": """
first = list(Author.objects.filter(slug="a0"))
for author in Author.objects.exclude(slug="a0").order_by("pk"):
    author.friends.set(first)
""",
    "compared_with_what_nobody_knows": """
wanted = dict(zip(["a0", "a1", "a2"], ["0", "1", "5"]))
for author in Author.objects.order_by("pk"):
    told.append(list(author.entries.filter(rating=wanted[author.slug])))
""",
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_advice_for_keys_of_another_type(name, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, f"keys_{name}", source(FOLLOWED[name]))
    assert before.findings
    assert after is not None, before.findings[0].advice.text
    assert (after.result, after.stored) == (before.result, before.stored)
    assert after.queries < before.queries
    assert not after.findings


@pytest.mark.parametrize("name", WORDS)
def test_words_where_one_query_is_not_the_same(name, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, f"words_{name}", source(WORDS[name]))
    assert before.findings
    assert before.findings[0].advice.text
    assert after is None


# --- collations ---------------------------------------------------------------------------

#: MariaDB finds "A0" equal to "a0", and "b" before "C" as PostgreSQL may.
COLLATED = {
    "get": """
for slug in ["a0", "a1", *GET.getlist("slug"), *GET.getlist("slug")]:
    told.append(Author.objects.get(slug=slug).pk)
""",
    "first": """
for slug in ["A0", "a1", "A1", "a2"] + GET.getlist("slug"):
    told.append(Author.objects.filter(slug=slug).first())
""",
    "exists": """
for slug in ["A0", "a1", "A1", "a2"] + GET.getlist("slug"):
    told.append(Author.objects.filter(slug=slug).exists())
""",
    "count": """
for status in ["live", "LIVE", "Draft"] + GET.getlist("slug"):
    told.append(Entry.objects.filter(status=status).count())
""",
    "get_or_create": """
for author in Author.objects.order_by("pk"):
    note, _ = Note.objects.get_or_create(slug=author.slug.replace("a", "N"))
    told.append(note.slug)
""",
    "picked": """
for author in Author.objects.order_by("pk"):
    wanted = "LIVE" if author.rating > 1 else "live"
    told.append([entry.slug for entry in author.entries.filter(status=wanted)])
""",
    "update_or_create": FOLLOWED["update_or_create_twice"],
}


@pytest.mark.database
@pytest.mark.parametrize("name", COLLATED)
def test_advice_holds_on_every_database(name, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, f"collated_{name}", source(COLLATED[name]))
    assert before.findings
    if after is not None:
        assert (after.result, after.stored) == (before.result, before.stored)
        assert after.queries < before.queries
    exact = connection.vendor != "mysql"
    assert (after is not None) is (exact or name in {"get", "first", "update_or_create"})


# --- the words ----------------------------------------------------------------------------


def advice(tmp_path, monkeypatch, name, body):
    before, _ = followed(tmp_path, monkeypatch, name, source(body))
    return before.findings[0].advice.text


def test_words_name_the_keys_as_the_user_wrote_them(tmp_path, monkeypatch) -> None:
    told = advice(tmp_path, monkeypatch, "told_keys", FOLLOWED["get"])
    assert told.startswith(
        'put authors = Author.objects.in_bulk([pk for pk in GET["ids"].split(",")]) before the loop'
    )
    assert told.endswith("and read authors[int(pk)]")


def test_words_name_rows_of_a_query_before_they_use_the_name(tmp_path, monkeypatch) -> None:
    body = "for e in Entry.objects.all():\n    Note.objects.filter(slug=e.slug).exists()"
    told = advice(tmp_path, monkeypatch, "told_rows", body)
    assert told.startswith("put entries = Entry.objects.all(); known_slugs = set(")
    assert "[e.slug for e in entries]" in told
    assert ", loop over entries, and read e.slug in known_slugs" in told


# --- kinds --------------------------------------------------------------------------------

MODULE = """
import csv, sys, uuid
from tests.corpus.models import Author, Entry

LIST = ["1", "2"]


def work(request, ids, number: int, many: list[int], **options):
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
}

ITEMS = {
    "LIST": str,
    "keys": str,
    "empty": None,
    "ids": None,
    "many": int,
    "range(3)": int,
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
