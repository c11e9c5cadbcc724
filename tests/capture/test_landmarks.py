"""Every row of the landmark table: it exists on this Django, and says what it should."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
import pytest
from asgiref.sync import async_to_sync
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sites.models import Site
from django.core.cache.backends.db import DatabaseCache
from django.db.models import Avg, prefetch_related_objects
from django.forms import modelformset_factory
from django.utils.functional import SimpleLazyObject

from nplusone_guard.capture import callpath, landmarks
from nplusone_guard.capture.landmarks import Facts, files
from nplusone_guard.guard import watch
from tests.corpus import models as m
from tests.corpus.data import populate

pytestmark = [pytest.mark.django_db, pytest.mark.database]

#: Rows that a Django version spells otherwise, or lacks, as docs/landmarks.md tells.
#: (first version that has it, first version that has it no more)
VERSIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "django.contrib.contenttypes.fields:GenericForeignKey.__get__": ((), (6, 1)),
    "django.contrib.contenttypes.fields:GenericForeignKeyDescriptor.__get__": ((6, 1), (99,)),
    "django.db.models.fields.related_descriptors:create_forward_many_to_many_manager."
    "ManyRelatedManager.count": ((5, 0), (99,)),
    "django.db.models.fields.related_descriptors:create_forward_many_to_many_manager."
    "ManyRelatedManager.exists": ((5, 0), (99,)),
    "django.template.base:PartialTemplate.render": ((6, 0), (99,)),
}


def expected_on(name: str) -> bool:
    first, last = VERSIONS.get(name, ((), (99,)))
    return first <= django.VERSION[:2] < last


@pytest.mark.parametrize(
    "name",
    [*landmarks.LANDMARKS, *landmarks.KEYED, *landmarks.BRIDGES, *landmarks.SPOTS, *files.FORMS],
)
def test_landmark_exists(name: str) -> None:
    assert (landmarks.find_code(name) is not None) == expected_on(name)


@pytest.mark.parametrize("file", [*files.CARRIERS, *files.DUMPERS])
def test_files_known_by_their_path_exist(file: str) -> None:
    package = importlib.import_module(file.partition("/")[0])
    assert package.__file__ is not None
    assert list(Path(package.__file__).parents[1].glob(f"{file.rstrip('/')}*"))


def test_code_is_known_by_its_file_and_by_its_name() -> None:
    query = landmarks.find_code("django.db.models.query:QuerySet.get")
    renderer = landmarks.find_code(files.FORMS[0])
    other = landmarks.find_code("rest_framework.renderers:BrowsableAPIRenderer.get_content")
    mine = test_code_is_known_by_its_file_and_by_its_name.__code__
    assert query is not None
    assert renderer is not None
    assert other is not None
    assert [files.is_of(one, files.ORM) for one in (query, renderer, mine)] == [True, False, False]
    told = [files.runs_one_of(one, files.FORMS) for one in (renderer, other, query, mine)]
    assert told == [True, False, False, False]
    elsewhere = query.replace(co_filename="C:\\venv\\django\\db\\models\\query.py")
    assert files.is_of(elsewhere, files.ORM)


def test_the_documentation_lists_the_rows_that_versions_lack() -> None:
    text = (Path(__file__).parents[2] / "docs/landmarks.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| (before|) ?([\d.]+)", text, re.MULTILINE)
    assert {(name, before or "on", version) for name, before, version in rows} == {
        (name, "on" if first else "before", ".".join(map(str, first or last)))
        for name, (first, last) in VERSIONS.items()
    }


def test_missing_lists_what_this_django_lacks() -> None:
    assert set(landmarks.missing()) == {
        name
        for name in (*landmarks.LANDMARKS, *landmarks.SPOTS)
        if not expected_on(name) and name.partition(":")[0] in sys.modules
    }


def test_unknown_functions_are_none() -> None:
    assert landmarks.find_code("no.such.module:thing") is None
    assert landmarks.find_code("django.db.models.query:QuerySet.no_such_method") is None


@dataclass(frozen=True)
class Row:
    """What one operation must be read as, in at least one of the queries it sends."""

    run: Callable[[], Any]
    facts: dict[str, Any]

    def __str__(self) -> str:
        return "-".join(str(value) for value in self.facts.values())


def entry() -> m.Entry:
    return m.Entry.objects.order_by("pk")[0]


def author() -> m.Author:
    return m.Author.objects.order_by("pk")[0]


def formset() -> Any:
    factory = modelformset_factory(m.Tag, fields=["name"], extra=1)
    data = {
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "0",
        "form-0-name": "new",
    }
    made = factory(data, queryset=m.Tag.objects.none())
    assert made.is_valid()
    return made.save()


def session(name: str) -> Any:
    store = SessionStore("0" * 32)
    return getattr(store, name)()


def cache(method: str, *args: object) -> Any:
    return getattr(DatabaseCache("corpus_cache", {}), method)(*args)


def content_type() -> Any:
    ContentType.objects.clear_cache()
    return ContentType.objects.get_for_model(m.Entry)


def content_type_by_id() -> Any:
    pk = content_type().pk
    ContentType.objects.clear_cache()
    return ContentType.objects.get_for_id(pk)


def site() -> Any:
    Site.objects.clear_cache()
    return Site.objects.get_current()


ENTRY, AUTHOR, NOTE = "corpus.Entry", "corpus.Author", "corpus.Note"
#: From Django 5.0 on these ask the through table, and only the manager's frame tells.
THROUGH = {"accessor": "tags"} if django.VERSION >= (5, 0) else {}
MANAGER = {"model": AUTHOR, "operation": "count"}

ROWS = [
    Row(lambda: list(m.Author.objects.all()), {"operation": "filter", "model": AUTHOR}),
    Row(lambda: list(m.Author.objects.iterator()), {"operation": "iterator", "model": AUTHOR}),
    Row(lambda: m.Author.objects.get(slug="a0"), {"operation": "get", "model": AUTHOR}),
    Row(lambda: m.Author.objects.first(), {"operation": "first", "model": AUTHOR}),
    Row(lambda: m.Author.objects.last(), {"operation": "last", "model": AUTHOR}),
    Row(lambda: m.Author.objects.earliest("pk"), {"operation": "earliest", "model": AUTHOR}),
    Row(lambda: m.Author.objects.latest("pk"), {"operation": "latest", "model": AUTHOR}),
    Row(lambda: m.Author.objects.count(), {"operation": "count", "model": AUTHOR}),
    Row(lambda: m.Author.objects.exists(), {"operation": "exists", "model": AUTHOR}),
    Row(lambda: m.Author.objects.contains(author()), {"operation": "contains"}),
    Row(lambda: m.Author.objects.aggregate(Avg("rating")), {"operation": "aggregate"}),
    Row(lambda: m.Author.objects.explain(), {"operation": "explain", "model": AUTHOR}),
    Row(lambda: m.Author.objects.in_bulk([1, 2, 3]), {"operation": "in_bulk", "batch": 3}),
    Row(lambda: m.Note.objects.update(text="x"), {"operation": "update", "model": NOTE}),
    Row(lambda: m.Note.objects.all().delete(), {"operation": "delete", "model": NOTE}),
    Row(lambda: m.Note.objects.create(slug="y"), {"operation": "create", "model": NOTE}),
    Row(lambda: m.Note(slug="y").save(), {"operation": "save", "model": NOTE}),
    Row(lambda: author().delete(), {"operation": "delete", "cascade": True}),
    Row(lambda: author().delete(), {"model": ENTRY, "collected": True}),
    Row(
        lambda: m.Author.objects.all().delete(),
        {"model": AUTHOR, "cascade": True, "collected": False},
    ),
    Row(
        lambda: m.Note.objects.bulk_create([m.Note(slug="x"), m.Note(slug="y")]),
        {"operation": "bulk_create", "batch": 2},
    ),
    Row(
        lambda: m.Author.objects.bulk_update(list(m.Author.objects.all()), ["name"]),
        {"operation": "bulk_update", "batch": 3},
    ),
    Row(lambda: m.Note.objects.get_or_create(slug="z"), {"operation": "get_or_create"}),
    Row(lambda: m.Note.objects.update_or_create(slug="z"), {"operation": "update_or_create"}),
    Row(lambda: author().refresh_from_db(), {"operation": "refresh_from_db", "model": AUTHOR}),
    Row(
        lambda: list(m.Author.objects.raw("SELECT * FROM corpus_author")),
        {"operation": "raw", "model": AUTHOR},
    ),
    Row(
        lambda: list(m.Author.objects.raw("SELECT * FROM corpus_author").iterator()),
        {"operation": "raw"},
    ),
    Row(
        lambda: entry().author,
        {"operation": "lazy", "relation": f"{ENTRY}.author", "eager": "select_related"},
    ),
    Row(
        lambda: author().profile,
        {"operation": "lazy", "relation": f"{AUTHOR}.profile", "eager": "select_related"},
    ),
    Row(
        lambda: m.Remark.objects.order_by("pk")[0].target,
        {"operation": "lazy", "relation": "corpus.Remark.target", "eager": "prefetch_related"},
    ),
    Row(
        lambda: m.Entry.objects.defer("body").order_by("pk")[0].body,
        {"operation": "deferred", "relation": f"{ENTRY}.body", "deferred": True},
    ),
    Row(
        lambda: prefetch_related_objects(list(m.Author.objects.all()), "entries"),
        {
            "operation": "prefetch",
            "batch": 3,
            "prefetch": (AUTHOR, "entries", f"{ENTRY}.author"),
        },
    ),
    Row(
        lambda: prefetch_related_objects(list(m.Entry.objects.all()), "tags"),
        {"prefetch": (ENTRY, "tags", "corpus.Entry_tags.entry")},
    ),
    Row(
        lambda: prefetch_related_objects(list(m.Entry.objects.all()), "remarks"),
        {"prefetch": (ENTRY, "remarks", "corpus.Remark.target")},
    ),
    Row(
        lambda: prefetch_related_objects(list(m.Entry.objects.all()), "author"),
        {"prefetch": (ENTRY, "author", "")},
    ),
    Row(lambda: entry().tags.add(m.Tag.objects.create(name="t")), {"operation": "add"}),
    Row(lambda: entry().tags.remove(m.Tag.objects.create(name="t")), {"operation": "remove"}),
    Row(lambda: entry().tags.set([m.Tag.objects.create(name="t")]), {"operation": "set"}),
    Row(lambda: entry().tags.clear(), {"operation": "clear", "relation": f"{ENTRY}.tags"}),
    Row(lambda: entry().tags.create(name="t"), {"operation": "create"}),
    Row(lambda: entry().tags.get_or_create(name="t"), {"operation": "get_or_create"}),
    Row(lambda: entry().tags.update_or_create(name="t"), {"operation": "update_or_create"}),
    Row(lambda: entry().tags.count(), {"operation": "count", **THROUGH}),
    Row(lambda: entry().tags.exists(), {"operation": "exists", **THROUGH}),
    Row(lambda: author().entries.add(entry()), {"operation": "add"}),
    Row(lambda: author().pupils.remove(*author().pupils.all()), {"operation": "remove"}),
    Row(lambda: author().pupils.clear(), {"operation": "clear"}),
    Row(lambda: author().pupils.set([]), {"operation": "set"}),
    Row(
        lambda: author().blogs.create(name="b"),
        {"operation": "create", "relation": f"{AUTHOR}.blogs"},
    ),
    Row(lambda: author().blogs.get_or_create(name="b"), {"operation": "get_or_create"}),
    Row(lambda: author().blogs.update_or_create(name="b"), {"operation": "update_or_create"}),
    Row(lambda: m.Note(slug="new", text="x").full_clean(), {"validation": True}),
    Row(lambda: m.Note(slug="new").validate_unique(), {"validation": True}),
    Row(formset, {"validation": True}),
    Row(content_type, {"cached": True}),
    Row(content_type_by_id, {"cached": True}),
    Row(site, {"cached": True}),
    Row(lambda: cache("get_many", ["k"]), {"cached": True}),
    Row(lambda: cache("has_key", "k"), {"cached": True}),
    Row(lambda: cache("set", "k", 1), {"cached": True}),
    Row(lambda: cache("delete", "k"), {"cached": True}),
    Row(lambda: session("load"), {"cached": True}),
    Row(lambda: SessionStore().create(), {"cached": True}),
    Row(lambda: session("delete"), {"cached": True}),
    Row(lambda: SessionStore().exists("0" * 32), {"cached": True}),
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_landmark_is_read(row: Row) -> None:
    populate(3)
    with watch() as recording:
        row.run()
    assert recording.report.internal_errors == ()
    read = [group.first.facts for group in recording.scope.all_groups() if group.first]
    assert any(agrees(facts, row.facts) for facts in read), [shown(facts) for facts in read]


@pytest.mark.parametrize(
    ("run", "queries"),
    [
        (lambda: m.Author.objects.in_bulk(m.Author.objects.values_list("pk", flat=True)), 2),
        (lambda: m.Author.objects.in_bulk(SimpleLazyObject(author_keys)), 2),
        (lambda: m.Author.objects.bulk_update(m.Author.objects.all(), ["name"]), 2),
        (lambda: m.Note.objects.bulk_create(m.Note.objects.filter(slug="none")), 1),
    ],
    ids=["in_bulk", "in_bulk-lazy", "bulk_update", "bulk_create"],
)
def test_a_query_set_that_is_fetched_meanwhile_is_not_asked_again(
    run: Callable[[], Any], queries: int
) -> None:
    populate(3)
    with watch() as recording:
        run()
    assert recording.report.internal_errors == ()
    assert recording.report.query_count == queries


def author_keys() -> list[int]:
    return list(m.Author.objects.values_list("pk", flat=True))


def agrees(facts: Facts, wanted: dict[str, Any]) -> bool:
    return all(getattr(facts, name) == value for name, value in wanted.items())


def shown(facts: Facts) -> dict[str, Any]:
    return vars(facts)


# --- what only the second sighting reads --------------------------------------------------


@dataclass(frozen=True)
class Deep:
    """A query sent twice, and what the second sighting must say."""

    run: Callable[[Any], Any]
    over: Callable[[], Any]
    facts: dict[str, Any]

    def __str__(self) -> str:
        return "-".join(str(value) for value in self.facts.values())


DEEP = [
    Deep(
        lambda one: list(one.entries.all()),
        m.Author.objects.all,
        {"relation": f"{AUTHOR}.entries", "plain": True, "prefetched": False},
    ),
    Deep(
        lambda one: list(one.entries.filter(rating=1)),
        m.Author.objects.all,
        {"relation": f"{AUTHOR}.entries", "plain": False},
    ),
    Deep(
        lambda one: list(one.entries.filter(rating=1)),
        lambda: m.Author.objects.prefetch_related("entries"),
        {"prefetched": True, "plain": False},
    ),
    Deep(
        lambda one: list(one.tags.all()),
        m.Entry.objects.all,
        {"relation": f"{ENTRY}.tags", "plain": True},
    ),
    Deep(
        lambda one: list(one.entries.all()),
        m.Tag.objects.all,
        {"relation": "corpus.Tag.entries", "plain": True},
    ),
    Deep(
        lambda one: list(one.entries.order_by("pk")),
        lambda: m.Tag.objects.prefetch_related("entries"),
        {"prefetched": True, "plain": False},
    ),
    Deep(
        lambda one: list(one.remarks.all()),
        m.Entry.objects.all,
        {"relation": f"{ENTRY}.remarks", "plain": True},
    ),
    Deep(
        lambda one: m.Author.objects.get(pk=one.author_id),
        m.Entry.objects.all,
        {"by_key": True, "model": AUTHOR},
    ),
]


@pytest.mark.parametrize("deep", DEEP, ids=str)
def test_second_sighting_reads_more(deep: Deep) -> None:
    populate(3)
    with watch() as recording:
        for one in deep.over():
            deep.run(one)
    repeated = [group for group in recording.scope.all_groups() if group.count == 3]
    assert [agrees(group.second.facts, deep.facts) for group in repeated] == [True], [
        shown(group.second.facts) for group in repeated
    ]


def test_foreign_key_condition_names_the_reverse_accessor() -> None:
    populate(2)
    with watch() as recording:
        for one in m.Author.objects.all():
            m.Entry.objects.filter(author=one).count()
    (group,) = [group for group in recording.scope.all_groups() if group.count == 2]
    (condition,) = group.second.facts.fks
    assert (condition.field, condition.parent_model) == (f"{ENTRY}.author", AUTHOR)
    assert condition.accessor == "entries"
    assert condition.value is None, "values are let go of"


def test_parents_are_let_go_of() -> None:
    populate(2)
    with watch() as recording:
        for one in m.Entry.objects.all():
            one.author.name
    for group in recording.scope.all_groups():
        for sighting in (group.first, group.second):
            assert sighting is None or sighting.facts.parent is None


# --- keyed landmarks ----------------------------------------------------------------------


def test_two_prefetches_to_one_model_are_two_paths() -> None:
    populate(3)
    with watch() as recording:
        list(m.Author.objects.prefetch_related("entries", "edited"))
    assert not recording.report.findings
    assert all(group.count == 1 for group in recording.scope.all_groups())


def test_two_relations_read_by_one_library_loop_are_two_paths() -> None:
    from operator import attrgetter

    populate(3)
    one = entry()
    with watch() as recording:
        attrgetter("author.name", "editor.name")(one)
    assert [group.count for group in recording.scope.all_groups()] == [1, 1]


def test_async_methods_are_read_like_their_sync_ones() -> None:
    async def run() -> None:
        await m.Author.objects.acount()

    populate(1)
    with watch() as recording:
        async_to_sync(run)()
    (group,) = recording.scope.all_groups()
    assert agrees(group.first.facts, MANAGER)
    names = [place.code.co_name for place in callpath.user_places(group.path)]
    assert names[:2] == ["run", "test_async_methods_are_read_like_their_sync_ones"]
