"""Walks from row to parent: the tree in one query, for as often as the walk is begun."""

from __future__ import annotations

import pytest

from tests.advice.following import followed
from tests.advice.test_followed import source

pytestmark = pytest.mark.django_db

SIZE = 6

WALK = """
def trail(category):
    told.append(len(titles(category)))
    if category.parent is not None:
        trail(category.parent)


def titles(category):
    if not hasattr(category, "titles"):
        category.titles = list(Note.objects.filter(slug=category.slug))
    return category.titles


"""

ONCE = """
def work():
    leaf = Category.objects.get(slug="leaf")
    titles(leaf)
    trail(leaf)
    told.append(hasattr(leaf, "titles"))
"""

OF_A_NEW_ROW = """
def work():
    trail(Category.objects.get(slug="leaf"))
"""

AGAIN = """
def begun(category):
    titles(category)
    trail(category)


def work():
    leaf = Category.objects.get(slug="leaf")
    for _ in range(3):
        begun(leaf)
"""

OF_EACH = """
def begun(category):
    trail(category)


def work():
    for slug in ("leaf", "chain-2"):
        begun(Category.objects.get(slug=slug))
"""

FROM_TWO_PLACES = """
def work():
    trail(Category.objects.get(slug="leaf"))
    trail(Category.objects.get(slug="chain-2"))
"""


INSIDE = """
def trail(category):
    def up(one):
        told.append(one.slug)
        if one.parent is not None:
            up(one.parent)

    up(category)


def work():
    trail(Category.objects.get(slug="leaf"))
    trail(Category.objects.get(slug="chain-2"))
"""

WHILE_OF_EACH = """
def work():
    for slug in ("leaf", "chain-2"):
        one = Category.objects.get(slug=slug)
        while one.parent is not None:
            one = one.parent
            told.append(one.slug)
"""

PERHAPS_NONE = """
def work():
    leaf = Category.objects.filter(slug="leaf").first()
    none = Category.objects.filter(slug="none").first()
    told.append(leaf and trail(leaf))
    told.append(none and trail(none))
"""


#: The queries before and after, and what is claimed: one query is left of each walk.
FOLLOWED = {
    "once": (ONCE, 16, 10),
    "of_a_new_row": (OF_A_NEW_ROW, 16, 10),
    "again_from_one_row": (AGAIN, 16, 10),
    "of_each_row": (OF_EACH, 22, 15),
    "from_two_places": (FROM_TWO_PLACES, 22, 15),
    "inside_of_a_function": (INSIDE, 11, 4),
    "while_of_each_row": (WHILE_OF_EACH, 11, 4),
}


def run(folder, monkeypatch, name, body, rounds=1):
    return followed(folder, monkeypatch, f"walk_{name}", source(WALK + body), SIZE, rounds)


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_tree_read_at_once_saves_what_is_claimed(name, tmp_path, monkeypatch) -> None:
    """What the first row holds is kept, and a walk that is begun again reads no tree again."""
    body, queries, left = FOLLOWED[name]
    before, after = run(tmp_path, monkeypatch, name, body)
    (found,) = before.findings
    assert after is not None
    assert (before.queries, after.queries) == (queries, left)
    assert found.advice.saves == queries - left
    assert (after.result, after.stored) == (before.result, before.stored)


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_walk_from_the_root_is_healthy(name, tmp_path, monkeypatch) -> None:
    body = FOLLOWED[name][0].replace('"leaf"', '"chain"').replace('"chain-2"', '"tree"')
    before, _ = run(tmp_path, monkeypatch, f"{name}_root", body, rounds=0)
    assert before.findings == ()


def test_a_row_that_may_be_missing_is_not_asked_for_its_parent(tmp_path, monkeypatch) -> None:
    before, after = run(tmp_path, monkeypatch, "perhaps_none", PERHAPS_NONE)
    assert after is None
    assert before.findings[0].advice.text.startswith("load all ")
