"""Look-ups of rows that the loop itself makes save nothing before it; look-ups of others do."""

from __future__ import annotations

import pytest

from nplusone_guard.guard import watch
from tests.corpus.data import populate
from tests.corpus.models import Author, Category, Entry

pytestmark = pytest.mark.django_db

TREE = ("a", [("b", [("c", []), ("d", [])]), ("e", []), ("f", [])])


@pytest.fixture(autouse=True)
def _rows():
    populate(4)


def advice_of(function, *arguments):
    with watch() as recording:
        function(*arguments)
    assert recording.report.internal_errors == ()
    (finding,) = recording.report.findings
    return finding, finding.advice


def add_child(parent, slug):
    node = Category.objects.get(pk=parent.pk)
    return Category.objects.create(slug=slug, parent=node)


def count_and_add(parent, slug):
    Category.objects.filter(parent=parent).count()
    return Category.objects.create(slug=slug, parent=parent)


def load_bulk(add):
    stack = [(None, TREE)]
    while stack:
        parent, (slug, children) = stack.pop()
        node = add(parent, slug) if parent else Category.objects.create(slug=slug)
        stack.extend([(node, child) for child in children])


def add_chain(add):
    node = Category.objects.create(slug="first")
    for number in range(4):
        node = add(node, f"next-{number}")


@pytest.mark.parametrize("load", [load_bulk, add_chain])
@pytest.mark.parametrize("add", [add_child, count_and_add])
def test_rows_that_the_loop_makes_are_not_known_before_it(load, add):
    finding, advice = advice_of(load, add)
    assert finding.statements[0].rule == "query-in-loop"
    assert (advice.saves, advice.of) == (0, finding.count)
    assert advice.text.startswith("keep in the loop what is asked about the rows")
    assert all(option.steps == () for option in advice.options)


def add_to_each(add):
    for number, parent in enumerate(Category.objects.order_by("pk")):
        add(parent, f"new-{number}")


@pytest.mark.parametrize("add", [add_child, count_and_add])
def test_rows_that_were_there_before_the_loop_are(add):
    Category.objects.bulk_create([Category(slug=f"old-{number}") for number in range(4)])
    finding, advice = advice_of(add_to_each, add)
    looked_up = next(one for one in finding.statements if one.rule == "query-in-loop")
    assert advice.saves == looked_up.count - 1


def find_or_make(slug):
    return Category.objects.get_or_create(slug=slug)[0]


def count_below_what_may_be_there(slugs):
    found = None
    for slug in slugs:
        if found is not None:
            Category.objects.filter(parent=found).count()
        found = find_or_make(slug)


def test_rows_that_may_have_been_there_are_no_rows_of_the_loop():
    """They were made this time, all of them."""
    finding, advice = advice_of(count_below_what_may_be_there, list("vwxyz"))
    assert any(one.rule == "query-in-loop" for one in finding.statements)
    assert "keep in the loop" not in advice.text
    assert advice.saves > 0


def add_chain_with_an_author():
    node = Category.objects.create(slug="first")
    for number in range(4):
        node = add_child(node, f"next-{number}")
        Author.objects.get(slug="a0")


def test_what_else_such_a_loop_asks_is_told_to_be_asked_once():
    finding, advice = advice_of(add_chain_with_an_author)
    assert len(finding.statements) == 3
    assert 'ask once: author = Author.objects.get(slug="a0") before the loop' in advice.text
    assert "keep in the loop" not in advice.text
    assert advice.saves == 3


def equal_names():
    one, two = Entry.objects.get(slug="e0"), Entry.objects.defer("body").get(slug="e0")
    three = Entry.objects.defer("status").get(slug="e0")
    names = [one.author.name]
    names.append(two.author.name)
    names.append(three.author.name)
    return names


def test_a_relation_that_is_read_again_is_asked_for_once():
    finding, advice = advice_of(equal_names)
    assert (finding.rule, finding.count) == ("duplicate-query", 3)
    assert (advice.saves, advice.of) == (2, 3)
    assert advice.options == ()
