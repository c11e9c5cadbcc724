"""Snippets whose advice is followed to the letter, and those that have none to follow.

The first lead to the same result, the same rows and fewer queries: keys of another type than the
field's, look-ups that fail, writes of an inner loop. The others read what they write, change what
they are given, or ask by what nobody knows.
"""

from __future__ import annotations

import pytest
from django.db import connection

from nplusone_guard.report.text import render_finding
from tests.advice.following import followed, said

pytestmark = pytest.mark.django_db

START = """
import csv, enum, json, re, uuid
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction
from django.http import QueryDict
from django.shortcuts import get_list_or_404, get_object_or_404
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
    "object_or_404_of_a_parameter": """
def view(request):
    for pk in request["ids"].split(","):
        told.append(get_object_or_404(Author, pk=pk).name)


def work():
    view(GET)
""",
    "a_prefetch_of_an_object_or_404": """
Author.objects.update(country=Country.objects.order_by("pk").first())
country = get_object_or_404(Country, pk=Country.objects.order_by("pk").first().pk)
for author in country.authors.prefetch_related("blogs").order_by("pk"):
    named = author.blogs.filter(name="")
    told.append(sorted(blog.pk for blog in named))
""",
    "rows_below_an_object_or_404": """
Author.objects.update(country=Country.objects.order_by("pk").first())
country = get_object_or_404(Country.objects.order_by("pk"), name=Country.objects.first().name)
for author in country.authors.order_by("pk"):
    told.append([blog.owner_id for blog in author.blogs.order_by("pk")])
""",
    "rows_two_relations_away": """
for author in Author.objects.order_by("pk"):
    told.append(sum(chapter.pk for chapter in Chapter.objects.filter(entry__author=author)))
""",
    "rows_of_a_list_or_404": """
for entry in get_list_or_404(Entry.objects.order_by("pk"), author__isnull=False):
    told.append(entry.author.name)
""",
    "rows_of_a_list_that_is_unpacked": """
def view(request, more):
    for pk in [*request["ids"].split(","), *more]:
        told.append(Entry.objects.filter(author_id=pk).count())


def work():
    view(GET, (str(key) for key in KEYS))
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
    "two_look_ups_of_one_model": """
for slug in GET.getlist("slug"):
    told.append(Author.objects.get(slug=slug).name)
    told.append(Author.objects.filter(rating__gt=1, slug=slug).first())
""",
    "a_function_of_ones_own_by_a_known_name": """
def date(number):
    return f"2024-01-0{number}"


def work():
    for number in range(1, 4):
        told.append(Entry.objects.filter(created=date(number)).count())
""",
    "a_generator_of_ones_own_by_a_known_name": """
def split(text):
    for part in text.split(","):
        yield part


def work():
    keys = split(GET["ids"])
    for pk in keys:
        told.append(Author.objects.get(pk=pk).name)
""",
    "members_of_an_enum_that_are_text": """
class Slug(str, enum.Enum):
    FIRST = "a0"
    SECOND = "a1"


def load(slugs):
    for slug in slugs:
        told.append(Author.objects.get(slug=slug).name)
        told.append(Entry.objects.filter(author__slug="a0", slug=slug.replace("a", "e")).count())


def work():
    load(**{"slugs": [Slug.FIRST, Slug.SECOND]})
""",
    "members_of_an_enum_of_numbers": """
class Rating(enum.IntEnum):
    LOW = 1
    HIGH = 2


def load(ratings):
    return [Author.objects.filter(rating=rating).count() for rating in ratings]


def work():
    told.extend(load(**{"ratings": list(Rating)}))
""",
    "text_of_nobody_knows_what": """
def load(slugs):
    for slug in slugs:
        told.append(Author.objects.filter(slug=slug).first())


def work():
    load(**{"slugs": ["a0", 7, None, KEYS[0], "a2"]})
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
    "keys_that_are_checked_before": """
for pk in GET["bad"].split(","):
    if not pk.isdecimal():
        continue
    told.append(Author.objects.get(pk=pk).name)
""",
    "keys_that_are_checked_in_the_expression": """
for pk in GET["bad"].split(","):
    told.append(Author.objects.get(pk=pk).name if pk.isdecimal() else "?")
""",
    "keys_behind_the_end": """
for pk in [*GET["ids"].split(","), "end", "x"]:
    if pk == "end":
        break
    told.append(Author.objects.get(pk=pk).name)
""",
    "keys_that_not_all_lines_have": """
for line in "x;".join(["", GET["ids"].replace(",", ",x;") + ",none"]).split(","):
    parts = line.split(";")
    if len(parts) > 1:
        told.append(Author.objects.get(pk=parts[1]).name)
""",
    "lines_that_are_read_once": """
lines = iter(GET["ids"].split(","))
for line in lines:
    told.append(Author.objects.get(pk=line).name)
""",
    "a_generator_of_a_caller": """
def load(ids):
    for pk in ids:
        told.append(Author.objects.get(pk=pk).name)


def work():
    load(str(key) for key in KEYS)
""",
    "a_part_of_the_key_of_a_caller": """
def load(ids, prefix):
    for pk in ids:
        told.append(Author.objects.get(slug=prefix + pk).name)


def work():
    settings = {"prefix": "a"}
    load(["0", "1", "2"] + GET.getlist("none"), settings["prefix"])
""",
    "a_key_that_counts_on": """
pk = KEYS[0]
for author in Author.objects.order_by("pk"):
    told.append((author.slug, Entry.objects.get(pk=pk).slug))
    pk += 1
""",
    "a_missing_row_whose_error_is_told": """
for pk in GET["ids"].split(",") + ["7"]:
    try:
        told.append(Author.objects.get(pk=pk).name)
    except Author.DoesNotExist as error:
        told.append(str(error))
""",
    "a_row_and_what_it_leads_to": """
for pk in GET["ids"].split(","):
    entry = Entry.objects.get(pk=pk)
    told.append((entry.author.name, [tag.name for tag in entry.tags.all()]))
""",
    "two_lists_of_rows": """
rows = list(Entry.objects.filter(rating=0)) + list(Entry.objects.exclude(rating=0))
for entry in rows:
    told.append(entry.author.name)
""",
    "a_prefetched_row_that_may_be_missing": """
for author in Author.objects.prefetch_related("entries").order_by("pk"):
    try:
        told.append(author.entries.get(rating=1).slug)
    except Entry.DoesNotExist:
        told.append("")
""",
    "aggregates_of_a_module": """
for entry in Entry.objects.order_by("pk"):
    told.append(entry.chapter_set.aggregate(models.Max("number"), low=models.Min("number")))
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

#: One row is missing, for which the query stays.
ASKING_STILL = {"a_missing_row_whose_error_is_told"}

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
    "get_or_create_in_some_turns": """
for author in Author.objects.order_by("pk"):
    if author.rating > 1:
        note, _ = Note.objects.get_or_create(slug=author.slug)
        told.append(note.slug)
""",
    "delete_of_what_is_got": """
for pk in GET["ids"].split(","):
    Note.objects.get(pk=pk).delete()
""",
    "raw_sql_in_some_turns": """
with connection.cursor() as cursor:
    for author in [None, *Author.objects.order_by("pk")]:
        if author is None:
            continue
        cursor.execute("SELECT COUNT(*) FROM corpus_entry WHERE author_id = %s", [author.pk])
        told.append(cursor.fetchone())
""",
    "a_name_that_is_used_behind_a_comprehension": """
def load(pk, keys):
    told.extend(Author.objects.get(pk=pk).name if pk.isdecimal() else "?" for pk in keys)
    told.append(pk)


def work():
    load("none", GET["bad"].split(","))
""",
    "rows_by_one_of_several": """
for pk in GET["ids"].split(","):
    told.append(list(Entry.objects.filter(tags=pk)))
""",
    "a_list_that_each_turn_adds_to": """
for entry in Entry.objects.order_by("pk"):
    names = list(Tag.objects.order_by("pk").values_list("name", flat=True))
    names.append(entry.slug)
    told.append(names)
""",
    "an_object_that_each_turn_changes": """
for entry in Entry.objects.order_by("pk"):
    tag = Tag.objects.order_by("pk").first()
    tag.name += entry.slug
    told.append(tag.name)
""",
    "a_missing_row_that_is_caught": """
for entry in Entry.objects.order_by("pk"):
    try:
        told.append(Author.objects.get(slug="nobody").name)
    except Author.DoesNotExist:
        told.append("")
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
    claimed = sum(one.advice.saves for one in before.findings)
    assert before.queries - after.queries >= claimed - (name in ASKING_STILL)
    assert claimed > 0
    assert not after.findings


@pytest.mark.parametrize("name", WORDS)
def test_words_where_one_query_is_not_the_same(name, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, f"words_{name}", source(WORDS[name]))
    assert before.findings
    assert before.findings[0].advice.text
    assert after is None


@pytest.mark.parametrize("name", FOLLOWED)
def test_the_sentence_alone_leads_to_the_same(name, tmp_path, monkeypatch) -> None:
    before, after = said(tmp_path, monkeypatch, f"said_{name}", source(FOLLOWED[name]))
    if after is None:
        pytest.skip("nothing goes before the loop")
    assert (after.result, after.stored) == (before.result, before.stored)
    claimed = before.findings[0].advice.saves
    assert before.queries - after.queries >= claimed - (name in ASKING_STILL)


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
        'put authors = Author.objects.in_bulk(GET["ids"].split(",")) before the loop'
    )
    wanted = "and read authors[int(pk)] (a missing row raises KeyError, no longer "
    assert told.endswith(f"{wanted}Author.DoesNotExist)")


def test_words_say_again_what_a_method_gives_anew(tmp_path, monkeypatch) -> None:
    text = source(FOLLOWED["object_or_404_of_a_parameter"])
    line = 1 + text.split("\n").index('    for pk in request["ids"].split(","):')
    before, _ = followed(tmp_path, monkeypatch, "told_again", text)
    (found,) = before.findings
    wanted = (
        'put authors = Author.objects.in_bulk(request["ids"].split(",")) before the loop at '
        f"told_again_0.py:{line}, and read (authors[int(pk)] if int(pk) in authors else "
        "get_object_or_404(Author, pk=pk))"
    )
    assert found.advice.text == wanted
    lines = render_finding(found, width=80).split("\n")
    fix = [line[11:] for line in lines[1 : next(n for n, x in enumerate(lines) if "query  " in x)]]
    assert " ".join(fix) == wanted


def test_words_name_rows_that_may_be_used_up(tmp_path, monkeypatch) -> None:
    told = advice(tmp_path, monkeypatch, "told_once", FOLLOWED["a_generator_of_a_caller"])
    assert told.startswith("put rows = list(ids); authors = Author.objects.in_bulk(")
    assert ", loop over rows, and read authors[" in told


def test_words_name_what_a_handler_has_to_take(tmp_path, monkeypatch) -> None:
    body = FOLLOWED["get_of_a_bad_key_that_is_passed_over"]
    told = advice(tmp_path, monkeypatch, "told_caught", body)
    assert told.endswith(", read authors[int(pk)], and catch KeyError")


def test_words_name_rows_of_a_query_before_they_use_the_name(tmp_path, monkeypatch) -> None:
    body = "for e in Entry.objects.all():\n    Note.objects.filter(slug=e.slug).exists()"
    told = advice(tmp_path, monkeypatch, "told_rows", body)
    assert told.startswith("put entries = Entry.objects.all(); known_slugs = set(")
    assert "[e.slug for e in entries]" in told
    assert ", loop over entries, and read e.slug in known_slugs" in told
