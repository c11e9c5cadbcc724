"""Look-ups in nested loops: one query before all of the loops, or what is left is told."""

from __future__ import annotations

import re

import pytest

from tests.advice.following import followed, said
from tests.advice.test_followed import source

pytestmark = pytest.mark.django_db

#: One query is left of all look-ups.
BEFORE_ALL = {
    "rows_that_are_prefetched": """
for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):
    for chapter in entry.chapter_set.all():
        told.append(Tag.objects.filter(name=chapter.title).count())
""",
    "rows_that_are_handed_on": """
seen = []
for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):
    for chapter in entry.chapter_set.all():
        told.append((str(entry.pk), Tag.objects.filter(name=chapter.title).count()))
    seen.append(entry)
""",
    "rows_by_a_name": """
entries = Entry.objects.prefetch_related("chapter_set").order_by("pk")
for entry in entries:
    chapters = entry.chapter_set.all()
    for chapter in chapters:
        told.append((len(chapters), Tag.objects.filter(name=chapter.title).exists()))
""",
    "an_attribute_of_the_prefetch": """
chapters = models.Prefetch("chapter_set", to_attr="chapters")
for entry in Entry.objects.prefetch_related(chapters).order_by("pk"):
    for chapter in entry.chapters:
        told.append(list(Tag.objects.filter(name=chapter.title)))
""",
    "texts_of_a_text": """
for line in [GET["ids"], GET["ids"]]:
    for pk in line.split(","):
        told.append(Author.objects.get(pk=pk).name)
""",
    "keys_that_may_be_none": """
for line in [GET["ids"], GET["bad"], *GET.getlist("none")]:
    for pk in line.split(","):
        try:
            told.append(Author.objects.get(pk=pk).name)
        except (Author.DoesNotExist, ValueError):
            told.append("?")
""",
    "a_key_of_each_loop": """
for author in Author.objects.order_by("pk"):
    for slug in GET.getlist("slug"):
        told.append(Entry.objects.filter(author_id=author.pk, slug=slug).exists())
""",
    "a_literal_inside": """
for author in Author.objects.order_by("pk"):
    for number in (1, 2, 3):
        told.append(Entry.objects.filter(author_id=author.pk, rating=number).count())
""",
    "a_key_of_the_outer_loop": """
for author in Author.objects.order_by("pk"):
    for slug in GET.getlist("slug"):
        told.append((slug, Country.objects.get(code=author.country_id).name))
""",
    "three_loops": """
blogs = Blog.objects.prefetch_related("entry_set__chapter_set").order_by("pk")
for blog in blogs:
    for entry in blog.entry_set.all():
        for chapter in entry.chapter_set.all():
            told.append(Tag.objects.filter(name=chapter.title).count())
""",
    "a_comprehension_in_a_loop": """
for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):
    told.append([Tag.objects.filter(name=c.title).count() for c in entry.chapter_set.all()])
""",
    "a_comprehension_of_two_loops": """
entries = Entry.objects.prefetch_related("chapter_set").order_by("pk")
told.extend(Tag.objects.filter(name=c.title).count() for e in entries for c in e.chapter_set.all())
""",
    "a_value_of_the_outer_turn": """
for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):
    factor = entry.rating + 1
    for chapter in entry.chapter_set.all():
        told.append(Author.objects.filter(rating=factor * chapter.number).count())
""",
    "rows_that_are_sorted": """
for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):
    for number, chapter in enumerate(sorted(entry.chapter_set.all(), key=lambda c: -c.number)):
        told.append((number, Tag.objects.filter(name=chapter.title).count()))
""",
    "lines_that_are_used_up": """
for line in iter([GET["ids"], GET["ids"]]):
    for pk in line.split(","):
        told.append(Author.objects.get(pk=pk).name)
""",
    "a_loop_that_ends_early": """
for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):
    for chapter in entry.chapter_set.all():
        if not Tag.objects.filter(name=chapter.title).exists():
            told.append(chapter.title)
            break
""",
    "turns_that_are_left_out": """
for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):
    if entry.rating == 1:
        continue
    for chapter in entry.chapter_set.all():
        told.append(Author.objects.filter(slug=f"a{chapter.number}").count())
""",
    "the_same_in_every_turn": """
for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):
    for chapter in entry.chapter_set.all():
        told.append((chapter.title, Tag.objects.count()))
""",
    "sql_of_ones_own": """
with connection.cursor() as cursor:
    for entry in Entry.objects.prefetch_related("chapter_set").order_by("pk"):
        for chapter in entry.chapter_set.all():
            cursor.execute("SELECT slug FROM corpus_author WHERE id = %s", [chapter.entry_id])
            told.append(cursor.fetchall())
""",
}

#: One query is left for each turn of the loop around.
IN_EACH_TURN = {
    "rows_that_are_asked_for": """
for entry in Entry.objects.order_by("pk"):
    for chapter in Chapter.objects.filter(entry__slug=entry.slug).order_by("pk"):
        told.append(Tag.objects.filter(name=chapter.title).count())
""",
    "a_condition_of_the_outer_row": """
for author in Author.objects.order_by("pk"):
    for slug in GET.getlist("slug"):
        told.append(Entry.objects.filter(rating__gte=author.rating, slug=slug).count())
""",
    "a_literal_around": """
for number in (0, 1):
    for slug in GET.getlist("slug"):
        told.append(Entry.objects.filter(rating__gt=number, slug=slug).count())
""",
    "rows_that_are_used_up": """
for author in Author.objects.order_by("pk"):
    lines = iter(GET["ids"].split(","))
    for pk in lines:
        told.append(Author.objects.filter(pk=pk).count())
""",
    "rows_that_the_outer_loop_adds": """
pending = []
for author in Author.objects.order_by("pk"):
    pending.append(author.slug)
    for slug in pending:
        told.append(Entry.objects.filter(author__slug="a0", slug=slug.replace("a", "e")).count())
""",
    "rows_that_are_handed_to_a_function": """
def fill(rows, number):
    rows.append(number)


def work():
    numbers = list(range(2))
    for author in Author.objects.order_by("pk"):
        fill(numbers, author.rating)
        for number in numbers:
            told.append(Entry.objects.filter(rating=number).count())
""",
    "rows_that_an_outer_loop_asks_for": """
for entry in Entry.objects.order_by("pk"):
    chapters = Chapter.objects.filter(entry__slug=entry.slug).order_by("pk")
    for number in GET.getlist("slug"):
        for chapter in chapters:
            told.append((number, Tag.objects.filter(name=chapter.title).count()))
""",
    "rows_that_may_fail": """
for text in [GET["ids"], None, GET["ids"]]:
    try:
        for pk in text.split(","):
            told.append(Author.objects.get(pk=pk).name)
    except AttributeError:
        told.append("none")
""",
    "a_loop_that_counts": """
number = 0
while number < 3:
    for slug in GET.getlist("slug"):
        told.append(Author.objects.filter(slug=slug, rating__gt=number).count())
    number += 1
""",
    "a_table_that_is_written_meanwhile": """
for author in Author.objects.order_by("pk"):
    for slug in GET.getlist("slug"):
        told.append(Note.objects.filter(slug=slug).exists())
    Note.objects.create(slug=author.slug)
""",
    "a_helper_that_is_called_in_a_loop": """
def names(keys):
    for pk in keys:
        told.append(Author.objects.get(pk=pk).name)


def work():
    for number in (1, 2):
        names(KEYS)
""",
}


@pytest.mark.parametrize("name", BEFORE_ALL)
def test_one_query_before_all_loops(name, tmp_path, monkeypatch) -> None:
    text = source(BEFORE_ALL[name])
    before, after = followed(tmp_path, monkeypatch, f"nested_{name}", text)
    (found,) = before.findings
    assert after is not None, found.advice.text
    assert (after.result, after.stored) == (before.result, before.stored)
    assert not after.findings
    assert found.advice.saves == found.count - 1
    assert before.queries - after.queries == found.advice.saves
    assert "once for each turn" not in found.advice.text


@pytest.mark.parametrize("name", BEFORE_ALL)
def test_followed_they_are_no_loop_of_any_size(name, tmp_path, monkeypatch) -> None:
    few = followed(tmp_path, monkeypatch, f"few_{name}", source(BEFORE_ALL[name]), size=3)[1]
    more = followed(tmp_path, monkeypatch, f"more_{name}", source(BEFORE_ALL[name]), size=9)[1]
    assert few is not None
    assert more is not None
    assert few.queries == more.queries


@pytest.mark.parametrize("name", [*BEFORE_ALL, *IN_EACH_TURN])
def test_the_sentence_alone_leads_to_the_same(name, tmp_path, monkeypatch) -> None:
    text = source((BEFORE_ALL | IN_EACH_TURN)[name])
    before, after = said(tmp_path, monkeypatch, f"said_{name}", text)
    if after is None:
        pytest.skip("nothing goes before the loop")
    assert (after.result, after.stored) == (before.result, before.stored)


@pytest.mark.parametrize("name", IN_EACH_TURN)
def test_what_is_left_in_each_turn_is_not_claimed(name, tmp_path, monkeypatch) -> None:
    text = source(IN_EACH_TURN[name])
    before, after = followed(tmp_path, monkeypatch, f"left_{name}", text, rounds=1)
    (found,) = [one.advice for one in before.findings if "once for" in one.advice.text]
    assert after is not None
    assert (after.result, after.stored) == (before.result, before.stored)
    assert before.queries - after.queries >= found.saves
    assert re.search(r" \(once for each turn of the loop at left_\w+\.py:\d+\)$", found.text)


ADDED = """
tags = list(Tag.objects.order_by("pk"))
for {}
    for tag in {}:
        {}entry.tags.{}(tag)
"""
ENTRIES = 'entry in Entry.objects.order_by("pk"):'


@pytest.mark.parametrize("method", ["add", "remove"])
def test_of_rows_that_all_turns_share_at_least_half_is_saved(method, tmp_path, monkeypatch) -> None:
    """The first two rows were of one parent; each other parent has as many of them."""
    text = source(ADDED.format(ENTRIES, "tags", "", method))
    before, after = followed(tmp_path, monkeypatch, f"shared_{method}", text, rounds=1)
    advice = next(one.advice for one in before.findings if "once for" in one.advice.text)
    assert after is not None
    assert (after.result, after.stored) == (before.result, before.stored)
    assert before.queries - after.queries >= advice.saves >= advice.of // 2


@pytest.mark.parametrize(
    ("outer", "rows", "condition"),
    [
        ('number, entry in enumerate(Entry.objects.order_by("pk")):', "tags[number:]", ""),
        (ENTRIES, "tags", "if tag.pk % 2 or entry.pk % 2: "),
        (ENTRIES, "tags[:1]", ""),
    ],
    ids=["fewer each time", "some of them", "one"],
)
def test_of_others_nothing_is_claimed(
    outer, rows, condition, tmp_path, monkeypatch, request
) -> None:
    name = request.node.callspec.id.replace(" ", "_")
    text = source(ADDED.format(outer, rows, condition, "add"))
    before, after = followed(tmp_path, monkeypatch, name, text, rounds=1)
    advice = next(one.advice for one in before.findings if "once for" in one.advice.text)
    assert advice.saves == 0
    assert after is not None
    assert (after.result, after.stored) == (before.result, before.stored)


def test_through_rows_that_are_made_at_once_are_no_loop(tmp_path, monkeypatch) -> None:
    text = source("""
tags, through = list(Tag.objects.order_by("pk")), Entry.tags.through
entries = Entry.objects.order_by("pk")
rows = [through(entry=entry, tag=tag) for entry in entries for tag in tags]
through.objects.bulk_create(rows, ignore_conflicts=True)
""")
    before, _ = followed(tmp_path, monkeypatch, "at_once", text, rounds=0)
    assert not before.findings


def test_a_loop_around_the_scope_turns_no_query(tmp_path, monkeypatch) -> None:
    text = """
from nplusone_guard.guard import watch
from tests.corpus.models import Author


def run():
    told = []
    for _ in range(2):
        with watch("inner") as recording:
            for number in range(3):
                Author.objects.filter(rating=number).exists()
        advice = recording.report[0].advice
        told.append([advice.saves, advice.text.endswith("read number in known_ratings")])
    return told
"""
    before, _ = followed(tmp_path, monkeypatch, "around_the_scope", text)
    assert before.result == [[2, True], [2, True]]
