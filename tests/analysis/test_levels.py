"""Walks level by level are healthy, whatever the size of the tree; walks node by node are not."""

from __future__ import annotations

import pytest

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Category

pytestmark = pytest.mark.django_db


def by_list():
    level = list(Category.objects.filter(parent=None))
    while level:
        level = list(Category.objects.filter(parent__in=level))


def by_two_names():
    level, found = [Category.objects.get(slug="tree")], []
    while level:
        children = Category.objects.filter(parent__in=level)
        found.extend(children)
        level = [child for child in children]  # noqa: C416


def by_keys():
    seen, keys = set(), {Category.objects.get(slug="tree").pk}
    while keys:
        seen |= keys
        rows = Category.objects.filter(parent_id__in=list(keys)).values_list("pk", flat=True)
        keys = set(rows) - seen


def by_rows_of_a_loop():
    level = [Category.objects.get(slug="tree")]
    while level:
        below = []
        for child in Category.objects.filter(parent__in=level):
            below.append(child)
        level = below


def upwards():
    keys = list(Category.objects.exclude(parent=None).values_list("parent_id", flat=True))
    while keys:
        rows = Category.objects.filter(pk__in=keys).exclude(parent=None)
        keys = list({row.parent_id for row in rows})


def to_a_depth():
    level = [Category.objects.get(slug="chain")]
    for _depth in range(3):
        level = list(Category.objects.filter(parent__in=level))


def without_end():
    level = [Category.objects.get(slug="tree")]
    while True:
        level = list(Category.objects.filter(parent__in=level))
        if not level:
            break


def by_itself(level):
    below = list(Category.objects.filter(parent__in=level))
    if below:
        by_itself(below)


def recursion():
    by_itself([Category.objects.get(slug="tree")])


LEVELS = [
    by_list,
    by_two_names,
    by_keys,
    by_rows_of_a_loop,
    upwards,
    to_a_depth,
    without_end,
    recursion,
]


def node_by_node():
    stack = [Category.objects.get(slug="tree")]
    while stack:
        node = stack.pop()
        stack.extend(Category.objects.filter(parent__in=[node]))


def nodes_of_a_list():
    queue = [Category.objects.get(slug="tree")]
    while queue:
        some, queue = queue[:1], queue[1:]
        queue += list(Category.objects.filter(parent__in=some))


def level_of_each_root():
    for root in Category.objects.filter(parent__slug="tree"):
        level = [root]
        while level:
            level = list(Category.objects.filter(parent__in=level))


def below(root):
    level = [root]
    while level:
        level = list(Category.objects.filter(parent__in=level))


def level_of_each_root_by_a_function():
    for root in Category.objects.filter(parent__slug="tree"):
        below(root)


def children_of(nodes):
    for node in Category.objects.filter(parent__in=nodes):
        children_of([node])


def child_by_child():
    children_of([Category.objects.get(slug="tree")])


def other_lists():
    keys = [[one.pk] for one in Category.objects.order_by("slug")]
    while keys:
        wanted = keys.pop()
        list(Category.objects.filter(parent__in=wanted))


def some_of_each_row():
    for root in Category.objects.filter(parent__slug="tree"):
        keys = [root.pk]
        rows = Category.objects.filter(parent__in=keys)
        keys = [row.pk for row in rows]


def two_of_each_row():
    roots = list(Category.objects.filter(parent__slug="tree"))
    while roots:
        keys = [roots.pop().pk]
        keys = keys + [row.pk for row in Category.objects.filter(parent__in=keys)]


LOOPS = [
    some_of_each_row,
    two_of_each_row,
    node_by_node,
    nodes_of_a_list,
    level_of_each_root,
    level_of_each_root_by_a_function,
    child_by_child,
    other_lists,
]


def report_of(walk, size):
    populate(size)
    with watch() as recording:
        walk()
    assert recording.report.internal_errors == ()
    return recording.report


@pytest.mark.parametrize("size", [3, 9])
@pytest.mark.parametrize("walk", LEVELS)
def test_a_walk_level_by_level_is_healthy(walk, size):
    report = report_of(walk, size)
    assert report.findings == ()
    assert {one.reason for one in report.cleared} <= {"batched"}


@pytest.mark.parametrize("walk", LEVELS)
def test_the_reason_is_told(walk):
    assert "one query a level" in {one.detail for one in report_of(walk, 5).cleared}


@pytest.mark.parametrize("walk", LOOPS)
def test_a_walk_node_by_node_is_a_loop(walk):
    (finding,) = report_of(walk, 5).findings
    assert finding.severity == "error"


@pytest.mark.parametrize("walk", [by_list, recursion])
def test_a_loop_around_the_scope_begins_no_walk_again(walk):
    populate(5)
    for _ in range(2):
        with watch() as recording:
            walk()
        assert recording.report.findings == ()
