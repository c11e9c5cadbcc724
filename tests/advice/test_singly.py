"""Rows that are got one by one: what a look-up at the ``get()`` saves, and what it does not."""

from __future__ import annotations

import pytest

from tests.advice.following import followed
from tests.advice.test_followed import source

pytestmark = pytest.mark.django_db

SIZE = 6

PAIRS = """
    for key in KEYS:
        Entry.objects.filter(author_id=key + 3).update(author=key)
"""

VIEW = """
def view(pk):
    BODY


def work():PAIRS
    for pk in GET["ids"].split(","):
        view(pk)
"""

TAGS = """GOT
    for entry in author.entries.all():
        told.append(sorted(tag.name for tag in entry.tags.all()))"""

LENGTH_AND_ROWS = """GOT
    told.append(len(author.entries.all()))
    told.append(sorted(entry.slug for entry in author.entries.all()))"""

FORWARD = """entry = get_object_or_404(Entry, pk=pk)
    told.append(entry.author.name)"""

GOT = "author = get_object_or_404(Author, pk=pk)"


def view(body: str, *, pairs: bool = False, got: str = GOT) -> str:
    """A view that is called for each key; with ``pairs`` each author has two entries."""
    text = VIEW.replace("BODY", body).replace("GOT", got)
    return source(text.replace("PAIRS", PAIRS if pairs else ""))


def queries(folder, monkeypatch, name, text):
    shown, _ = followed(folder, monkeypatch, name, text, SIZE, rounds=0)
    return shown


@pytest.mark.parametrize("got", [GOT, "author = Author.objects.get(pk=pk)"])
def test_a_prefetch_for_one_row_that_has_one_row_saves_nothing(got, tmp_path, monkeypatch) -> None:
    shown = queries(tmp_path, monkeypatch, "one_each", view(TAGS, got=got))
    loaded = got.replace("(Author,", '(Author.objects.prefetch_related("entries__tags"),')
    loaded = loaded.replace("objects.get", 'objects.prefetch_related("entries__tags").get')
    after = queries(tmp_path, monkeypatch, "one_each_loaded", view(TAGS, got=loaded))
    assert shown.queries == after.queries == 9
    (found,) = (one for one in shown.findings if one.rule == "lazy-relation")
    assert found.advice.options == ()
    assert found.advice.text.startswith(
        'read the Entry rows of all turns by one query before the loop, with .prefetch_related("tags")'
    )


def test_a_prefetch_for_one_row_that_has_two_saves_one_of_them(tmp_path, monkeypatch) -> None:
    shown = queries(tmp_path, monkeypatch, "two_each", view(TAGS, pairs=True))
    got = GOT.replace("Author,", 'Author.objects.prefetch_related("entries__tags"),')
    after = queries(tmp_path, monkeypatch, "two_each_loaded", view(TAGS, pairs=True, got=got))
    (found,) = (one for one in shown.findings if one.rule == "lazy-relation")
    assert 'add .prefetch_related("entries__tags") to the queryset at' in found.advice.text
    assert found.advice.saves == shown.queries - after.queries == 3
    assert after.result == shown.result


def test_a_prefetch_for_one_row_that_is_read_twice_saves_one_of_them(tmp_path, monkeypatch) -> None:
    shown = queries(tmp_path, monkeypatch, "read_twice", view(LENGTH_AND_ROWS))
    got = GOT.replace("Author,", 'Author.objects.prefetch_related("entries"),')
    after = queries(tmp_path, monkeypatch, "read_twice_loaded", view(LENGTH_AND_ROWS, got=got))
    (found,) = shown.findings
    assert 'add .prefetch_related("entries") to the queryset at' in found.advice.text
    assert found.advice.saves == shown.queries - after.queries == 3


def test_a_join_for_one_row_saves_each_query(tmp_path, monkeypatch) -> None:
    shown = queries(tmp_path, monkeypatch, "joined", view(FORWARD))
    joined = FORWARD.replace("(Entry,", '(Entry.objects.select_related("author"),')
    after = queries(tmp_path, monkeypatch, "joined_loaded", view(joined))
    (found,) = shown.findings
    assert 'add .select_related("author") to the queryset at' in found.advice.text
    assert found.advice.saves == shown.queries - after.queries == 3


def test_a_prefetch_for_a_row_that_is_got_once_saves_all_but_one(tmp_path, monkeypatch) -> None:
    body = TAGS.replace("GOT", GOT)
    text = source(f"def view(pk):\n    {body}\n\n\ndef work():{PAIRS}    view(KEYS[0])")
    before, after = followed(tmp_path, monkeypatch, "got_once", text, SIZE)
    assert after is not None
    assert before.queries - after.queries == before.findings[0].advice.saves == 1
    assert after.findings == ()
