"""What a prefetch saves where a related manager drops it: the claim is what following saves."""

from __future__ import annotations

import pytest

from tests.advice.following import load, shown

pytestmark = pytest.mark.django_db

SIZE = 4
MODULE = """
from tests.corpus.models import Author, Blog, Entry, Tag


def run():
    tag, blog = Tag.objects.create(name="added"), Blog.objects.order_by("pk").first()
    told = []
    for {name} in {rows}.order_by("pk"):
        {body}
    return told
"""
READ, ADD = "told.append(len(entry.tags.all()))", "entry.tags.add(tag)"
FILTERED = "told.append(len(entry.tags.filter(name='added')))"
OWN, OWNED = "author.blogs.add(blog)", "told.append(len(author.blogs.all()))"
PLAIN, LOADED = "Entry.objects", 'Entry.objects.prefetch_related("tags")'
AUTHORS = 'Author.objects.prefetch_related("blogs")'


def ran(folder, monkeypatch, name, rows, *lines):
    turn = "author" if rows == AUTHORS else "entry"
    source = MODULE.format(name=turn, rows=rows, body="\n        ".join(lines))
    return shown(load(folder, name, source, monkeypatch), SIZE)


@pytest.mark.parametrize(
    ("given", "lines", "text", "then", "instead"),
    [
        (
            LOADED,
            (ADD, READ),
            (
                '"tags" is prefetched at given_{id}.py:8: '
                "read entry.tags.all() before add() at :9 drops it"
            ),
            LOADED,
            (READ, ADD),
        ),
        (
            PLAIN,
            (ADD, READ),
            (
                'add .prefetch_related("tags") to the queryset at given_{id}.py:8, and '
                "read entry.tags.all() before add() at :9 drops it"
            ),
            LOADED,
            (READ, ADD),
        ),
        (
            LOADED,
            (ADD, FILTERED),
            (
                '"tags" is prefetched at given_{id}.py:8: '
                "read entry.tags.all() before add() at :9 drops it"
            ),
            LOADED,
            (READ, ADD),
        ),
        (
            AUTHORS,
            (OWN, OWNED),
            (
                '"blogs" is prefetched at given_{id}.py:8: '
                "read author.blogs.all() before add() at :9 drops it"
            ),
            AUTHORS,
            (OWNED, OWN),
        ),
        (
            PLAIN,
            (READ, ADD, READ),
            'add .prefetch_related("tags") to the queryset at given_{id}.py:8',
            LOADED,
            (READ, ADD, READ),
        ),
    ],
    ids=["prefetched", "to be prefetched", "filtered", "of a foreign key", "before and behind"],
)
def test_what_is_claimed_is_what_following_saves(
    given, lines, text, then, instead, tmp_path, monkeypatch, request
) -> None:
    name = request.node.callspec.id.replace(" ", "_")
    before = ran(tmp_path, monkeypatch, f"given_{name}", given, *lines)
    advice = before.findings[0].advice
    after = ran(tmp_path, monkeypatch, f"then_{name}", then, *instead)
    assert advice.text == text.replace("{id}", name)
    assert advice.saves == before.queries - after.queries > 0


def test_what_is_read_first_is_served_by_the_prefetch(tmp_path, monkeypatch) -> None:
    """The twin: what is left of the finding is the write."""
    (finding,) = ran(tmp_path, monkeypatch, "twin", LOADED, READ, ADD).findings
    assert finding.rule == "write-in-loop"
