"""Who reads what was loaded eagerly is noticed, and nothing else changes."""

from __future__ import annotations

import copy
import pickle

import pytest
from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from nplusone_guard.capture import eager, hook
from nplusone_guard.guard import watch
from nplusone_guard.policy import RULES, Policy
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.settling import settled
from tests.corpus.data import populate
from tests.corpus.models import Author, Badge, Blog, Entry, Medal, Place, Remark, Tag

pytestmark = pytest.mark.django_db

ON = Policy(select=frozenset(RULES))


@pytest.fixture(autouse=True)
def _data():
    populate(5)
    eager.forget()
    yield
    eager.forget()


def read_by(use, policy=ON):
    """The lookups that ``use`` loads, and whether each is read."""
    with watch("use", policy=policy) as recording:
        use()
    assert recording.report.internal_errors == ()
    return {load.lookup: load.read for load in recording.report.eager_loads}


def joined_to_everything():
    """``select_related()`` without names, which newer versions of Django warn of."""
    entries = Entry.objects.all()
    entries.query.select_related = True
    return entries


def unused_in(*uses):
    """The lookups that none of these scopes reads."""
    reports = []
    for use in uses:
        with watch(f"scope {len(reports)}", policy=ON) as recording:
            use()
        reports.append(recording.report)
    return [entry.finding.relation for entry in settled(session_of(*reports))]


@pytest.mark.parametrize(
    ("load", "read"),
    [
        (lambda: Entry.objects.select_related("author"), lambda e: e.author.name),
        (lambda: Entry.objects.prefetch_related("author"), lambda e: e.author.name),
        (lambda: Author.objects.select_related("profile"), lambda a: a.profile.bio),
        (lambda: Author.objects.prefetch_related("profile"), lambda a: a.profile.bio),
        (lambda: Author.objects.prefetch_related("entries"), lambda a: list(a.entries.all())),
        (lambda: Author.objects.prefetch_related("entries"), lambda a: a.entries.count()),
        (lambda: Author.objects.prefetch_related("entries"), lambda a: a.entries.exists()),
        (lambda: Blog.objects.prefetch_related("entry_set"), lambda b: len(b.entry_set.all())),
        (lambda: Entry.objects.prefetch_related("tags"), lambda e: list(e.tags.all())),
        (lambda: Tag.objects.prefetch_related("entries"), lambda t: list(t.entries.all())),
        (lambda: Author.objects.prefetch_related("clubs"), lambda a: list(a.clubs.all())),
        (lambda: Author.objects.prefetch_related("friends"), lambda a: list(a.friends.all())),
        (lambda: Entry.objects.prefetch_related("remarks"), lambda e: list(e.remarks.all())),
        (lambda: Remark.objects.prefetch_related("target"), lambda r: r.target.pk),
        (lambda: Place.objects.select_related("restaurant"), lambda p: p.restaurant.serves),
        (lambda: Entry.objects.select_related("author").iterator(), lambda e: e.author.name),
        (
            lambda: Author.objects.prefetch_related("entries").iterator(chunk_size=2),
            lambda a: list(a.entries.all()),
        ),
        (
            lambda: Author.objects.prefetch_related(Prefetch("entries", Entry.objects.all())),
            lambda a: list(a.entries.all()),
        ),
    ],
)
def test_a_relation_is_read_or_not(load, read) -> None:
    assert list(read_by(lambda: [row.pk for row in load()]).values()) == [False]
    assert list(read_by(lambda: [read(row) for row in load()]).values()) == [True]


def test_a_bypassed_prefetch_is_no_unused_one() -> None:
    """The rule that is about it says what to do."""
    authors = Author.objects.prefetch_related("entries")
    assert read_by(lambda: [list(a.entries.filter(status="live")) for a in authors]) == {
        "entries": True
    }


def test_relations_behind_relations() -> None:
    def use():
        for entry in Entry.objects.select_related("author__country", "author__mentor"):
            entry.author.country.name

    assert read_by(use) == {"author": True, "author__country": True, "author__mentor": False}


def test_prefetches_behind_prefetches() -> None:
    def use():
        authors = Author.objects.prefetch_related("entries__tags", "entries__chapter_set")
        for author in authors:
            for entry in author.entries.all():
                list(entry.tags.all())

    assert read_by(use) == {
        "entries": True,
        "entries__tags": True,
        "entries__chapter_set": False,
    }


def test_joins_inside_of_a_prefetch() -> None:
    def use(read):
        joined = Prefetch("entries", Entry.objects.select_related("blog"))
        for author in Author.objects.prefetch_related(joined):
            for entry in author.entries.all():
                read(entry)

    assert read_by(lambda: use(lambda entry: entry.blog.name)) == {"entries": True, "blog": True}
    eager.forget()
    assert read_by(lambda: use(lambda entry: entry.pk)) == {"entries": True, "blog": False}


def test_a_prefetch_behind_a_join() -> None:
    def use():
        for entry in Entry.objects.select_related("author").prefetch_related("author__books"):
            list(entry.author.books.all())

    assert read_by(use) == {"author": True, "author__books": True}


def test_one_reader_of_many_scopes_is_enough() -> None:
    def entries():
        return list(Entry.objects.select_related("author"))

    assert unused_in(entries, entries) == ["corpus.Entry.author"]
    assert unused_in(entries, lambda: entries()[0].author.name, entries) == []


def test_a_read_after_the_scope_counts_with_the_next_report() -> None:
    kept = []
    assert (
        unused_in(
            lambda: kept.extend(Entry.objects.select_related("author")), lambda: kept[0].author.name
        )
        == []
    )


def test_what_lies_behind_an_unread_relation_is_not_told_twice() -> None:
    entries = Entry.objects.select_related("author__country").prefetch_related("tags")
    assert {*unused_in(lambda: list(entries))} == {"corpus.Entry.author", "corpus.Entry.tags"}


@pytest.mark.parametrize(
    "authors",
    [
        lambda: Author.objects.select_related("medal"),
        lambda: Author.objects.prefetch_related("medal"),
        lambda: Author.objects.filter(slug="a4").prefetch_related("pupils__medal"),
        lambda: Author.objects.filter(slug="nobody").select_related("country"),
    ],
)
def test_a_relation_without_rows_is_no_evidence(authors) -> None:
    Author.objects.update(mentor=None)
    assert Medal.objects.count() == 0
    assert unused_in(lambda: list(authors())) == []


def test_rows_that_some_have_are_evidence() -> None:
    assert Badge.objects.count() == 3
    assert unused_in(lambda: list(Author.objects.select_related("badge"))) == [
        "corpus.Author.badge"
    ]


@pytest.mark.parametrize(
    "load",
    [
        # Nobody can tell who reads an attribute.
        lambda: Author.objects.prefetch_related(Prefetch("entries", to_attr="loaded")),
        lambda: Entry.objects.select_related("author").values("headline"),
        lambda: joined_to_everything(),
        lambda: Entry.objects.select_related("author").select_for_update(),
        lambda: Entry.objects.all(),
    ],
)
def test_what_is_not_looked_at(load) -> None:
    assert read_by(lambda: list(load())) == {}


def test_a_copy_and_a_pickle_have_plain_dictionaries() -> None:
    """And whoever gets them may read everything."""

    def use():
        [author] = (
            Author.objects.filter(slug="a0").select_related("country").prefetch_related("entries")
        )
        for other in (copy.copy(author), pickle.loads(pickle.dumps(author))):
            assert other._state.fields_cache.__class__ is dict
            assert other.country.name == "Country 0"
        again = pickle.loads(pickle.dumps(author))
        assert again._prefetched_objects_cache.__class__ is dict
        assert [entry.slug for entry in again.entries.all()] == ["e0"]

    assert read_by(use) == {"country": True, "entries": True}


@pytest.mark.parametrize(
    "hand_on",
    [dict, lambda cache: {**cache}, lambda cache: list(cache.values()), lambda c: list(c.items())],
)
def test_whatever_hands_on_everything_reads_everything(hand_on) -> None:
    def use():
        [entry] = Entry.objects.filter(slug="e0").select_related("author")
        assert hand_on(entry._state.fields_cache)

    assert read_by(use) == {"author": True}


def test_the_dictionary_is_one_in_every_other_way() -> None:
    def use():
        [author] = Author.objects.filter(slug="a0").prefetch_related("entries")
        cache = author._prefetched_objects_cache
        assert "entries" in cache
        assert cache.get("nothing", 1) == 1
        assert cache.setdefault("other", [2]) == [2]
        assert cache.pop("other") == [2]
        assert cache.pop("other", None) is None
        with pytest.raises(KeyError):
            cache["other"]
        author.entries.update(status="draft")
        prefetch_related_objects([author], "books")
        author.refresh_from_db()

    read_by(use)


def test_nothing_is_touched_while_the_rule_is_off() -> None:
    hook.uninstall()
    assert read_by(lambda: list(Entry.objects.select_related("author")), Policy()) == {}
    assert "FunctionWrapper" not in type(QuerySet.__dict__["_fetch_all"]).__name__
    [entry] = Entry.objects.filter(slug="e0").select_related("author")
    assert entry._state.fields_cache.__class__ is dict


def test_only_scopes_that_ask_for_it_look_at_it() -> None:
    read_by(lambda: list(Entry.objects.select_related("author")))
    assert read_by(lambda: list(Entry.objects.select_related("author")), Policy()) == {}
    [entry] = Entry.objects.filter(slug="e0").select_related("author")
    assert entry._state.fields_cache.__class__ is dict


def test_a_place_that_was_read_is_not_looked_at_again() -> None:
    def entries():
        return list(Entry.objects.select_related("author"))

    read_by(lambda: entries()[0].author.name)
    with watch("again", policy=ON):
        assert entries()[0]._state.fields_cache.__class__ is dict


@pytest.mark.parametrize("broken", ["watch_objects", "_unread", "_any_rows"])
def test_a_fault_costs_the_verdict_and_nothing_else(monkeypatch, broken, caplog) -> None:
    def fail(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(eager, broken, fail)
    with watch("use", policy=ON):
        entries = list(Entry.objects.select_related("author"))
        rows = list(Entry.objects.select_related("author").iterator())
    assert [entry.author.slug for entry in entries] == [f"a{i}" for i in range(5)]
    assert len(rows) == 5


def test_a_fault_while_reading(monkeypatch) -> None:
    def fail(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(eager.Node, "note_read", fail)
    with watch("use", policy=ON):
        entries = list(Entry.objects.select_related("author"))
        assert entries[0].author.slug == "a0"


def test_an_ignore_covers_it() -> None:
    def use():
        list(Entry.objects.select_related("author"))  # nplusone: ignore[unused-eager-load] why

    assert unused_in(use) == []


def test_the_finding() -> None:
    def use():
        list(Entry.objects.prefetch_related("tags"))

    with watch("one", policy=ON) as recording:
        use()
    [entry] = settled(session_of(recording.report))
    finding = entry.finding
    assert (finding.rule, finding.severity) == ("unused-eager-load", "warning")
    assert finding.summary == 'prefetch_related("tags") of corpus.Entry is never read'
    assert finding.site.source == 'list(Entry.objects.prefetch_related("tags"))'
    assert finding.advice.text.startswith('drop prefetch_related("tags") at test_eager.py:')
    assert entry.scopes == ("one",)


async def _async_use():
    return [entry async for entry in Entry.objects.select_related("author")]


@pytest.mark.django_db(transaction=True)
def test_async_code_is_told_by_its_line() -> None:
    from asgiref.sync import async_to_sync

    with watch("async", policy=ON) as recording:
        async_to_sync(_async_use)()
    [load] = recording.report.eager_loads
    assert (load.site.function, load.read) == ("_async_use", False)
