"""What the frames of a path tell is looked up once, where it is always the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection

from nplusone_guard.capture import landmarks, sightings
from nplusone_guard.capture.scope import Group
from nplusone_guard.guard import watch
from nplusone_guard.report.model import Report
from tests.corpus import models as m
from tests.corpus.data import populate

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def groups_of(work: Callable[[], object]) -> list[Group]:
    with watch() as recording:
        work()
        return recording.scope.all_groups()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """One entry for each time that frames are read: whether deeply."""
    made: list[bool] = []
    read = landmarks.read

    def counted(*args: object, deep: bool) -> landmarks.Facts:
        made.append(deep)
        return read(*args, deep=deep)

    monkeypatch.setattr(landmarks, "read", counted)
    return made


def told(group: Group) -> tuple[object, ...]:
    facts = group.first.facts
    return facts.operation, facts.model, group.second is None or group.second.facts.by_key


def test_what_a_path_told_is_told_again_in_later_scopes(reads: list[bool]) -> None:
    populate(3)

    def work() -> None:
        for pk in m.Blog.objects.values_list("pk", flat=True):
            m.Blog.objects.get(pk=pk)

    def measured() -> list[tuple[object, ...]]:
        return [told(group) for group in groups_of(work)]

    first = measured()
    assert reads == [False, False, True]
    assert first[1] == ("get", "corpus.Blog", True)
    del reads[:]
    assert measured() == first
    assert reads == [False]  # the list of keys, whose QuerySet may hold parents


def test_rows_of_a_parent_are_looked_at_in_each_scope(reads: list[bool]) -> None:
    populate(3)
    authors = list(m.Author.objects.all())

    def work() -> None:
        for author in authors:
            author.blogs.count()

    for _ in range(3):
        (group,) = groups_of(work)
        assert group.second.facts.relation == "corpus.Author.blogs"
    # The second scope has looked ahead, which told that it must be looked at each time.
    assert reads == [False, True, False, True, True, False, True]


def test_what_a_scope_sends_once_is_told_from_the_third_on(reads: list[bool]) -> None:
    populate(1)
    pk = m.Blog.objects.get().pk

    def work() -> None:
        m.Blog.objects.get(pk=pk)

    for already in ([False], [False, True], [], []):
        (group,) = groups_of(work)
        assert told(group) == ("get", "corpus.Blog", True)
        assert reads == already
        del reads[:]


def test_rows_of_a_parent_that_are_read_once_are_looked_at_in_each_scope(reads: list[bool]) -> None:
    populate(1)
    author = m.Author.objects.get()

    for already in ([False], [False, True], [False], [False]):
        (group,) = groups_of(lambda: author.blogs.count())
        assert told(group) == ("count", "corpus.Blog", True)
        assert reads == already
        del reads[:]


def test_models_that_share_a_table_are_told_apart(reads: list[bool]) -> None:
    def work(model: type) -> None:
        for _ in range(2):
            model.objects.count()

    for model in (m.Author, m.PenName, m.Author):
        (group,) = groups_of(lambda model=model: work(model))
        assert group.first.facts.model == f"corpus.{model.__name__}"


def test_a_drained_table_is_seen_to_be_one_in_later_scopes() -> None:
    """LIMIT with writes in between: whether two reads asked for the same matters there."""

    def work() -> None:
        while tags := list(m.Tag.objects.order_by("pk")[:2]):
            m.Tag.objects.filter(pk__in=[tag.pk for tag in tags]).delete()

    for _ in range(3):
        m.Tag.objects.bulk_create(m.Tag(name=str(number)) for number in range(6))
        with watch() as report:
            work()
        assert not report.findings


def test_what_paths_remember_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightings, "MAX_TOLD", 2)

    def ask(name: str) -> None:
        for _ in range(2):
            m.Blog.objects.filter(**{name: 1}).count()

    def work() -> None:
        for name in ("pk", "pk__gt", "pk__lt", "pk__gte"):
            ask(name)

    assert [group.second is not None for group in groups_of(work)] == [True] * 4
    found = groups_of(work)
    assert len(found[0].path.told) == 2
    assert [group.count for group in found] == [2] * 4


def test_a_fault_in_what_was_told_is_contained(monkeypatch: pytest.MonkeyPatch) -> None:
    def count() -> tuple[str, ...]:
        with watch() as report:
            assert [m.Blog.objects.count() for _ in range(2)] == [0, 0]
        assert report.query_count == 2
        return report.internal_errors

    def broken(*args: object) -> None:
        raise RuntimeError("a fault of the guard")

    assert count() == ()
    monkeypatch.setattr(sightings, "_make_known_group", broken)
    assert count() == ("capture.hook: RuntimeError: a fault of the guard",)


COPIED = """
def run(authors, Entry):
    for author in authors:
        list(Entry.objects.filter(author=author, status__in=["draft", "live"]))
"""


def test_equal_code_in_another_file_is_found_there_and_whole() -> None:
    populate(30)
    authors = list(m.Author.objects.all())
    for file in ("/app/one.py", "/app/two.py"):
        names: dict[str, Callable[..., None]] = {}
        exec(compile(COPIED, file, "exec"), names)
        with watch() as report:
            names["run"](authors, m.Entry)
        (finding,) = report.findings
        assert (finding.site.file, finding.count) == (file, 30)


def ancestors(pk: object) -> list[str]:
    category = m.Category.objects.get(pk=pk)
    above = ancestors(category.parent_id) if category.parent_id else []
    return [*above, category.slug]


def test_recursion_is_placed_where_earlier_scopes_saw_no_depth() -> None:
    top = m.Category.objects.create(slug="top")
    middle = m.Category.objects.create(slug="middle", parent=top)
    leaf = m.Category.objects.create(slug="leaf", parent=middle)

    def report_of(keys: list[object]) -> Report:
        with watch() as recording:
            for key in keys:
                ancestors(key)
        return recording.report

    (shallow,) = report_of([top.pk, top.pk]).findings
    assert shallow.rule != "recursive-query"
    (deep,) = report_of([leaf.pk]).findings
    assert (deep.rule, deep.count, deep.loop.kind) == ("recursive-query", 3, "recursion")
    assert deep.loop.line == ancestors.__code__.co_firstlineno + 2


def test_a_limit_that_changes_between_scopes_is_no_drained_table() -> None:
    populate(8)
    keys = list(m.Entry.objects.values_list("pk", flat=True))

    def ask(limit: int) -> None:
        with connection.cursor() as cursor:
            for key in keys:
                cursor.execute(f"SELECT id FROM corpus_entry WHERE id = {key} LIMIT {limit}")

    for limit in (1, 5, 1, 5):
        with watch() as report:
            ask(limit)
        (finding,) = report.findings
        assert finding.count == len(keys)
