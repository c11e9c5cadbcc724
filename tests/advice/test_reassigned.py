"""Relations that the loop assigns before it reads them: what came with the rows does not help."""

from __future__ import annotations

import pytest

from tests.advice.following import followed
from tests.advice.test_followed import source

pytestmark = pytest.mark.django_db

#: One query for the objects whose keys are assigned; rows, values and errors stay as they were.
BY_KEYS = {
    "a_key_of_the_row": """
for entry in Entry.objects.order_by("pk"):
    entry.author_id = entry.editor_id
    told.append((entry.author_id, entry.author.name))
""",
    "a_key_that_is_saved": """
for entry, number in zip(Entry.objects.order_by("pk"), range(3)):
    entry.author_id = FIRST_KEY + number // 2
    told.append(entry.author.name)
    entry.save()
""",
    "a_key_that_may_be_none": """
for author in Author.objects.order_by("pk"):
    author.mentor_id = None if author.rating == 1 else FIRST_KEY
    told.append(author.mentor and author.mentor.name)
""",
    "a_row_that_is_missing": """
for entry in Entry.objects.order_by("pk"):
    entry.author_id = FIRST_KEY + entry.rating * 2
    try:
        told.append(entry.author.name)
    except Author.DoesNotExist:
        told.append(entry.author_id)
""",
    "a_key_that_is_no_primary_key": """
for book, number in zip(Book.objects.order_by("pk"), range(3)):
    book.writer_id = f"a{number // 2}"
    told.append((book.title, book.writer.name))
""",
    "what_the_object_leads_to": """
for entry in Entry.objects.order_by("pk"):
    entry.blog_id = FIRST_KEY + entry.rating % 2
    told.append((entry.blog.name, entry.blog.owner.name))
""",
    "two_relations_to_one_model": """
for entry in Entry.objects.order_by("pk"):
    entry.author_id = entry.editor_id
    entry.editor_id = FIRST_KEY
    told.append((entry.author.name, entry.editor.name))
""",
    "in_a_list_of_ones_own": """
for entry in list(Entry.objects.order_by("pk")):
    entry.author_id = entry.editor_id
    told.append(entry.author.country_id)
    entry.save()
""",
    "on_the_way_to_it": """
for entry in Entry.objects.select_related("blog").order_by("pk"):
    entry.blog.owner_id = FIRST_KEY
    told.append(entry.blog.owner.name)
""",
    "a_new_object": """
for key in range(FIRST_KEY, FIRST_KEY + 3):
    entry = Entry(author_id=key)
    told.append(entry.author.name)
""",
    "in_turns_that_go_on": """
for entry in Entry.objects.order_by("pk"):
    if entry.rating == 1:
        continue
    entry.author_id = entry.editor_id
    told.append(entry.author.name)
""",
}

#: The sentence, where there is more to be done than one edit.
WORDS = {
    "some_turns": (
        """
for entry in Entry.objects.order_by("pk"):
    if entry.rating:
        entry.author_id = entry.editor_id  # assigned
    told.append(entry.author.name)
""",
        (
            "entry.author_id is assigned at {place}, which drops what was loaded: read the Author "
            "rows by these keys before the loop, with one in_bulk(), and assign entry.author from it, "
            "and the others with the rows"
        ),
    ),
    "text_for_a_number": (
        """
for entry in Entry.objects.order_by("pk"):
    entry.author_id = GET["ids"].split(",")[0]  # assigned
    told.append((entry.author_id, entry.author.name))
""",
        (
            "entry.author_id is assigned at {place}, which drops what was loaded: read the Author "
            "rows by these keys before the loop, with one in_bulk(), and assign entry.author from it"
        ),
    ),
    "by_name": (
        """
for entry in Entry.objects.order_by("pk"):
    setattr(entry, "author_id", entry.editor_id)  # assigned
    told.append(entry.author.name)
""",
        (
            "entry.author_id is assigned at {place}, which drops what was loaded: read the Author "
            "rows by these keys before the loop, with one in_bulk(), and assign entry.author from it"
        ),
    ),
    "what_an_object_leads_to": (
        """
authors = Author.objects.in_bulk()
for entry in Entry.objects.order_by("pk"):
    entry.author = authors[entry.editor_id]  # assigned
    told.append(entry.author.country.name)
""",
        (
            'entry.author is assigned at {place}: load "country" with what is assigned there, not '
            "with the rows of the loop"
        ),
    ),
}

#: What is loaded with rows is still there when it is read.
WITH_ROWS = {
    "read_before": """
for entry in Entry.objects.order_by("pk"):
    told.append(entry.author.name)
    entry.author_id = entry.editor_id
""",
    "another_object": """
other = Entry.objects.get(slug="e0")
for entry in Entry.objects.order_by("pk"):
    other.author_id = entry.editor_id
    told.append(entry.author.name)
""",
    "another_relation": """
for entry in Entry.objects.order_by("pk"):
    entry.editor_id = entry.author_id
    told.append(entry.author.name)
""",
    "objects_of_a_queryset": """
for author in Author.objects.order_by("pk"):
    entry = Entry()
    entry.author = author
    told.append(entry.author.country.name)
""",
}


@pytest.mark.parametrize("name", BY_KEYS)
def test_objects_by_the_keys_that_are_assigned(name, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, f"assigned_{name}", source(BY_KEYS[name]))
    (found,) = before.findings
    assert found.rule == "lazy-relation"
    assert after is not None, found.advice.text
    assert (after.result, after.stored) == (before.result, before.stored)
    assert before.queries - after.queries >= found.advice.saves - ("missing" in name)
    assert not after.findings or "missing" in name


@pytest.mark.parametrize("name", WORDS)
def test_words_say_what_becomes_of_rows_that_were_loaded(name, tmp_path, monkeypatch) -> None:
    body, told = WORDS[name]
    text = source(body)
    place = f"told_{name}_0.py:{text[: text.index('# assigned')].count(chr(10)) + 1}"
    before, after = followed(tmp_path, monkeypatch, f"told_{name}", text)
    assert after is None
    assert before.findings[0].advice.text == told.format(place=place)


@pytest.mark.parametrize("name", WITH_ROWS)
def test_what_is_not_assigned_before_comes_with_the_rows(name, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, f"kept_{name}", source(WITH_ROWS[name]))
    (found,) = before.findings
    assert ".select_related(" in found.advice.text
    assert after is not None
    assert after.result == before.result
    assert not after.findings
