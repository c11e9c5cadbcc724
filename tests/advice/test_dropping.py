"""What a prefetch saves where a related manager drops it: the claim is what following saves."""

from __future__ import annotations

import re

import pytest

from tests.advice.following import load, shown

pytestmark = pytest.mark.django_db

SIZE = 4
MODULE = """
from tests.corpus.models import Author, Blog, Entry, Tag


def run():
    tag, blog = Tag.objects.create(name="added"), Blog.objects.order_by("pk").first()
    copy, *rest = Entry.objects.order_by("pk")
    told = []
    for {name} in {rows}.order_by("pk"):
        {body}
    return told
"""
READ, ADD = "told.append(len(entry.tags.all()))", "entry.tags.add(tag)"
FILTERED = "told.append(len(entry.tags.filter(name='added')))"
OWN, OWNED = "author.blogs.add(blog)", "told.append(len(author.blogs.all()))"
PLAIN, LOADED = "Entry.objects", 'Entry.objects.prefetch_related("tags")'
OTHER_SIDE, OTHER_ROWS = "tag.entries.add(entry)", "tag.entries.add(*rest)"
THROUGH = "Entry.tags.through.objects.create(entry=entry, tag=tag)"
COPIED, REST = "copy.tags.add(*entry.tags.all())", "Entry.objects.exclude(pk=copy.pk)"
MADE, TAG_MADE = "author.blogs.create(name='made')", "entry.tags.create(name='made')"
MADE_FOR = "Blog.objects.create(name='made', owner={})"
FRIEND, FRIENDS = "blog.owner.friends.add(author)", "told.append(len(author.friends.all()))"
OTHERS = "Author.objects.exclude(pk=blog.owner_id)"
AUTHORS = 'Author.objects.prefetch_related("blogs")'


def ran(folder, monkeypatch, name, rows, *lines):
    turn = "author" if rows.startswith("Author") else "entry"
    source = MODULE.format(name=turn, rows=rows, body="\n        ".join(lines))
    return shown(load(folder, name, source, monkeypatch), SIZE)


@pytest.mark.parametrize(
    ("given", "lines", "text", "then", "instead"),
    [
        (
            LOADED,
            (ADD, READ),
            (
                '"tags" is prefetched at given_{id}.py:9: '
                "read entry.tags.all() before add() at :10 drops it"
            ),
            LOADED,
            (READ, ADD),
        ),
        (
            PLAIN,
            (ADD, READ),
            (
                'add .prefetch_related("tags") to the queryset at given_{id}.py:9, and '
                "read entry.tags.all() before add() at :10 drops it"
            ),
            LOADED,
            (READ, ADD),
        ),
        (
            LOADED,
            (ADD, FILTERED),
            (
                '"tags" is prefetched at given_{id}.py:9: '
                "read entry.tags.all() before add() at :10 drops it"
            ),
            LOADED,
            (READ, ADD),
        ),
        (
            AUTHORS,
            (OWN, OWNED),
            (
                '"blogs" is prefetched at given_{id}.py:9: '
                "read author.blogs.all() before add() at :10 drops it"
            ),
            AUTHORS,
            (OWNED, OWN),
        ),
        (
            PLAIN,
            (READ, ADD, READ),
            'add .prefetch_related("tags") to the queryset at given_{id}.py:9',
            LOADED,
            (READ, ADD, READ),
        ),
        (
            PLAIN,
            (OTHER_SIDE, READ),
            (
                'add .prefetch_related("tags") to the queryset at given_{id}.py:9, and '
                "read entry.tags.all() before add() at :10 makes it outdated"
            ),
            LOADED,
            (READ, OTHER_SIDE),
        ),
        (
            LOADED,
            (OTHER_SIDE, FILTERED),
            (
                '"tags" is prefetched at given_{id}.py:9: '
                "read entry.tags.all() before add() at :10 makes it outdated"
            ),
            LOADED,
            (READ, OTHER_SIDE),
        ),
        (
            "Author.objects",
            (FRIEND, FRIENDS),
            (
                'add .prefetch_related("friends") to the queryset at given_{id}.py:9, and '
                "read author.friends.all() before add() at :10 makes it outdated"
            ),
            'Author.objects.prefetch_related("friends")',
            (FRIENDS, FRIEND),
        ),
        (
            "Author.objects",
            (MADE, OWNED),
            (
                'add .prefetch_related("blogs") to the queryset at given_{id}.py:9, and '
                "read author.blogs.all() before create() at :10 makes it outdated"
            ),
            AUTHORS,
            (OWNED, MADE),
        ),
        (
            AUTHORS,
            (MADE, "told.append(len(author.blogs.filter(name='made')))"),
            (
                '"blogs" is prefetched at given_{id}.py:9: '
                "read author.blogs.all() before create() at :10 makes it outdated"
            ),
            AUTHORS,
            (OWNED, MADE),
        ),
        (
            "Author.objects",
            (MADE_FOR.format("author"), OWNED),
            (
                'add .prefetch_related("blogs") to the queryset at given_{id}.py:9, and '
                "read author.blogs.all() before create() at :10 makes it outdated"
            ),
            AUTHORS,
            (OWNED, MADE_FOR.format("author")),
        ),
        (
            OTHERS,
            (MADE_FOR.format("blog.owner"), OWNED),
            'add .prefetch_related("blogs") to the queryset at given_{id}.py:9',
            f'{OTHERS}.prefetch_related("blogs")',
            (MADE_FOR.format("blog.owner"), OWNED),
        ),
        (
            PLAIN,
            (READ, TAG_MADE),
            'add .prefetch_related("tags") to the queryset at given_{id}.py:9',
            LOADED,
            (READ, TAG_MADE),
        ),
        (
            PLAIN,
            (READ, OTHER_SIDE),
            'add .prefetch_related("tags") to the queryset at given_{id}.py:9',
            LOADED,
            (READ, OTHER_SIDE),
        ),
        (
            REST,
            (COPIED,),
            'add .prefetch_related("tags") to the queryset at given_{id}.py:9',
            f'{REST}.prefetch_related("tags")',
            (COPIED,),
        ),
    ],
    ids=[
        "prefetched",
        "to be prefetched",
        "filtered",
        "of a foreign key",
        "before and behind",
        "from the other side",
        "filtered from the other side",
        "of one's own kind",
        "made",
        "filtered when made",
        "made by its manager",
        "made for another",
        "made behind",
        "behind from the other side",
        "copied to another",
    ],
)
def test_what_is_claimed_is_what_following_saves(
    given, lines, text, then, instead, tmp_path, monkeypatch, request
) -> None:
    name = re.sub(r"\W", "_", request.node.callspec.id)
    before = ran(tmp_path, monkeypatch, f"given_{name}", given, *lines)
    advice = before.findings[0].advice
    after = ran(tmp_path, monkeypatch, f"then_{name}", then, *instead)
    assert advice.text == text.replace("{id}", name)
    assert advice.saves == before.queries - after.queries > 0
    assert lines != instead or after.result == before.result


def test_what_is_read_first_is_served_by_the_prefetch(tmp_path, monkeypatch) -> None:
    """The twin: what is left of the finding is the write."""
    (finding,) = ran(tmp_path, monkeypatch, "twin", LOADED, READ, ADD).findings
    assert finding.rule == "write-in-loop"


@pytest.mark.parametrize(
    ("lines", "written"), [((READ, OTHER_ROWS), 11), ((THROUGH, READ), 10)], ids=["rows", "through"]
)
def test_where_later_turns_read_what_is_written_nothing_is_claimed(
    lines, written, tmp_path, monkeypatch, request
) -> None:
    found, *_ = ran(
        tmp_path, monkeypatch, f"later_{request.node.callspec.id}", PLAIN, *lines
    ).findings
    assert found.rule == "lazy-relation"
    assert found.advice.text == (
        f"no prefetch before the loop shows what is written at :{written}: read "
        "entry.tags.all() once for all rows behind the loop, or write there"
    )
    assert found.advice.saves == 0


def test_what_is_written_behind_the_loop_is_no_matter_of_it(tmp_path, monkeypatch) -> None:
    """The twin: all rows are added at once."""
    twin = load(
        tmp_path,
        "written_behind",
        MODULE.format(name="entry", rows=LOADED, body=f"{READ}\n    {OTHER_ROWS}"),
        monkeypatch,
    )
    assert not shown(twin, SIZE).findings
