"""Walks from row to parent: the tree in one query, for as often as the walk is begun."""

from __future__ import annotations

import pytest
from django.db.models import base

from nplusone_guard.analysis.advice import recursion, trees
from tests.advice.following import followed
from tests.advice.test_followed import source
from tests.corpus.models import Category

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


LOOKED_UP = """
author = Author.objects.get(pk=FIRST_KEY)
while author.mentor_id:
    author = Author.objects.get(pk=author.mentor_id)
    told.append(author.name)
"""

SO_OFTEN = """
author = Author.objects.get(pk=FIRST_KEY)
for _ in range(3):
    author = Author.objects.get(pk=author.mentor_id)
    told.append(author.name)
"""

CAUGHT = """
author = Author.objects.get(pk=FIRST_KEY)
while True:
    try:
        author = Author.objects.get(pk=author.mentor_id)
    except Author.DoesNotExist:
        break
    told.append(author.name)
"""

FOR_EACH = """
for author in Author.objects.filter(mentor__isnull=False).order_by("pk"):
    author = Author.objects.get(pk=author.mentor_id)
    told.append(author.name)
"""


@pytest.fixture
def _pupils(monkeypatch):
    from tests.advice import following
    from tests.corpus.data import FIRST_KEY, populate
    from tests.corpus.models import Author

    def linked(size):
        populate(size)
        Author.objects.update(mentor_id=None)
        for number in range(size - 1):
            mentor = FIRST_KEY + number + 1
            Author.objects.filter(pk=FIRST_KEY + number).update(mentor_id=mentor)

    monkeypatch.setattr(following, "populate", linked)


@pytest.mark.usefixtures("_pupils")
@pytest.mark.parametrize(("walk", "turns"), [(LOOKED_UP, SIZE - 1), (SO_OFTEN, 3)])
def test_a_row_that_leads_to_the_next_one_brings_no_further_ones(
    walk, turns, tmp_path, monkeypatch
) -> None:
    before, after = followed(tmp_path, monkeypatch, f"by_key_{turns}", source(walk), SIZE, rounds=1)
    (found,) = before.findings
    assert "put authors_by_key = Author.objects.in_bulk() before the walk at" in found.advice.text
    assert found.advice.saves == turns - 1
    assert after is not None
    assert (after.result, after.findings) == (before.result, ())
    assert before.queries - after.queries == found.advice.saves


@pytest.mark.usefixtures("_pupils")
def test_a_walk_that_ends_by_an_error_is_told_in_words(tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, "caught", source(CAUGHT), SIZE)
    assert "before the walk at" in before.findings[0].advice.text
    assert after is None


@pytest.mark.usefixtures("_pupils")
def test_the_next_row_of_each_row_of_a_loop_comes_with_it(tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, "for_each", source(FOR_EACH), SIZE, rounds=1)
    assert 'add .select_related("mentor")' in before.findings[0].advice.text
    assert after is not None
    assert (after.queries, after.result) == (1, before.result)


# --- large tables -------------------------------------------------------------------------

ALL_ROWS = "(loads all Category rows: where they are many, use a recursive CTE)"
OR_BY_LEVEL = (
    "(loads all Category rows: where they are many, ask level by level with "
    "filter(parent__in=level), or use a recursive CTE)"
)

DOWN = """
def work():
    def walk(category):
        told.append(category.slug)
        for child in CHILDREN:
            walk(child)

    walk(Category.objects.get(slug="tree"))
"""

#: Walks whose first row shows: what they ask for each row, and what they then ask for a level.
BY_LEVEL = {
    "all": ("category.children.all()", ""),
    "by_the_key": ("Category.objects.filter(parent=category)", ""),
    "some_in_order": (
        'category.children.filter(slug__contains="t").order_by("-slug")',
        '.filter(slug__contains="t").order_by("-slug")',
    ),
}

#: Walks that have no single first row, or are as deep as there are rows.
AT_ONCE = {
    "two_walks": DOWN + '    walk(Category.objects.get(slug="chain-2"))\n',
    "a_walk_of_one_row_behind": DOWN + '    walk(Category.objects.get(slug="leaf"))\n',
    "a_chain": DOWN.replace('"tree"', '"chain"'),
    "each_root": DOWN.replace(
        'walk(Category.objects.get(slug="tree"))',
        "for root in Category.objects.filter(parent=None).order_by('slug'):\n        walk(root)",
    ),
    "perhaps_no_walk": DOWN.replace(
        'walk(Category.objects.get(slug="tree"))',
        'root = Category.objects.get(slug="tree")\n    told.append(root.pk and walk(root))',
    ),
    "a_stack": """
stack = [Category.objects.get(slug="tree")]
while stack:
    category = stack.pop()
    told.append(category.slug)
    stack.extend(CHILDREN)
""",
}


def down(text, children="category.children.all()"):
    return source(text.replace("CHILDREN", children))


@pytest.mark.parametrize("name", BY_LEVEL)
def test_a_walk_from_a_row_that_shows_goes_level_by_level(name, tmp_path, monkeypatch) -> None:
    children, links = BY_LEVEL[name]
    text = down(DOWN, children)
    before, after = followed(tmp_path, monkeypatch, f"level_{name}", text, SIZE)
    (found,) = before.findings
    rows = f"list(Category.objects.filter(parent__in=level){links})"
    assert f"level = [first_category]; while level: level = {rows}" in found.advice.text
    assert "loads all" not in found.advice.text
    assert after is not None
    assert (after.result, after.stored, after.findings) == (before.result, before.stored, ())
    assert (before.queries, after.queries) == (8, 4)  # three levels, and the row to begin with
    assert [one.saves for one in found.advice.options] == [4, 6]


@pytest.mark.parametrize("name", AT_ONCE)
def test_a_walk_that_loads_a_whole_table_says_so(name, tmp_path, monkeypatch) -> None:
    text = down(AT_ONCE[name])
    before, after = followed(tmp_path, monkeypatch, f"whole_{name}", text, SIZE, rounds=1)
    (found,) = before.findings
    assert found.advice.text.endswith(OR_BY_LEVEL)
    assert after is not None
    assert (after.result, after.stored, after.findings) == (before.result, before.stored, ())
    assert before.queries - after.queries == found.advice.saves


def test_a_condition_on_the_row_of_the_turn_leaves_words(tmp_path, monkeypatch) -> None:
    text = down(DOWN, "category.children.filter(slug__gt=category.slug)")
    before, after = followed(tmp_path, monkeypatch, "by_the_row", text, SIZE)
    assert after is None
    assert before.findings[0].advice.text == (
        "load all Category rows of the tree at once; where they are many, ask level by level "
        "with filter(…__in=level), or use a recursive CTE"
    )


@pytest.mark.parametrize("name", ["inside_of_a_function", "while_of_each_row"])
def test_a_way_up_by_all_rows_says_so(name, tmp_path, monkeypatch) -> None:
    before, _ = run(tmp_path, monkeypatch, f"{name}_told", FOLLOWED[name][0], rounds=0)
    assert ALL_ROWS in before.findings[0].advice.text


NARROWED = {
    "a_filter": 'Author.objects.filter(name__startswith="A").get(pk=author.mentor_id)',
    "a_condition_beside_the_key": 'Author.objects.get(pk=author.mentor_id, name__startswith="A")',
    "a_queryset_with_a_name": "some.get(pk=author.mentor_id)",
}


@pytest.mark.usefixtures("_pupils")
@pytest.mark.parametrize("name", NARROWED)
def test_a_way_up_keeps_the_rows_that_it_asks_from(name, tmp_path, monkeypatch) -> None:
    """The row that has another name is missing for both."""
    walk = 'some = Author.objects.filter(name__startswith="A")' + LOOKED_UP
    text = source(walk.replace("Author.objects.get(pk=author.mentor_id)", NARROWED[name]))
    before, after = followed(tmp_path, monkeypatch, f"narrowed_{name}", text, SIZE, rounds=1)
    (found,) = before.findings
    assert "loads all" not in found.advice.text
    assert "in_bulk() before the walk" in found.advice.text
    assert after is not None
    assert (after.result, after.findings) == (before.result, ())
    assert before.queries - after.queries == found.advice.saves
    renamed = text.replace(
        "def work():", "def work():\n    Author.objects.filter(slug='a3').update(name='X')"
    )
    before, after = followed(tmp_path, monkeypatch, f"gone_{name}", renamed, SIZE, rounds=1)
    assert after is not None
    assert before.result == "DoesNotExist: Author matching query does not exist."
    assert str(after.result).startswith("KeyError: ")


@pytest.mark.usefixtures("_pupils")
def test_a_way_up_says_what_a_missing_row_raises(tmp_path, monkeypatch) -> None:
    before, _ = followed(tmp_path, monkeypatch, "up_told", source(LOOKED_UP), SIZE, rounds=0)
    assert before.findings[0].advice.text.endswith(
        "(a missing row raises KeyError, no longer Author.DoesNotExist) (loads all Author rows: "
        "where they are many, use a recursive CTE)"
    )


#: ``while`` loops that no advice edits: the keys come one out of the other.
BY_KEYS = {
    "down": """
keys = [Category.objects.get(slug="tree").pk]
while keys:
    for child in Category.objects.filter(parent_id=keys.pop()):
        told.append(child.slug)
        keys.append(child.pk)
""",
    "up": """
category = Category.objects.get(slug="leaf")
while category.parent_id:
    category = get_object_or_404(Category, pk=category.parent_id)
    told.append(category.slug)
""",
}

#: The same by keys that are at hand, and by levels.
NO_WALK = {
    "keys": """
for pk in GET["ids"].split(","):
    told.append(get_object_or_404(Author, pk=pk).name)
""",
    "levels": """
level = [Category.objects.get(slug="tree")]
while level:
    level = list(Category.objects.filter(parent__in=level))
    told.extend(one.slug for one in level)
""",
}


@pytest.mark.parametrize("name", BY_KEYS)
def test_a_walk_by_keys_is_told_in_words(name, tmp_path, monkeypatch) -> None:
    before, after = followed(tmp_path, monkeypatch, f"by_{name}", source(BY_KEYS[name]), SIZE)
    assert after is None
    assert before.findings[0].advice.text.startswith(
        "load all Category rows of the tree at once; where they are many, ask level by level "
    )


@pytest.mark.parametrize("name", NO_WALK)
def test_what_is_no_walk_is_not_told_as_one(name, tmp_path, monkeypatch) -> None:
    before, _ = followed(tmp_path, monkeypatch, f"no_{name}", source(NO_WALK[name]), SIZE, 0)
    assert not any("of the tree" in one.advice.text for one in before.findings)
    assert bool(before.findings) is (name == "keys")


#: A walk in a module that does not know the model.
ELSEWHERE = """
from tests.corpus import models

told = []


def depth(node):
    depth = 0
    while node:
        node = node.parent
        depth += 1
    return depth


def run():
    leaf = models.Category.objects.get(slug="leaf")
    return [depth(leaf)]
"""


def test_a_walk_imports_the_model_that_its_module_does_not_know(tmp_path, monkeypatch):
    before, after = followed(tmp_path, monkeypatch, "elsewhere", ELSEWHERE, size=SIZE, rounds=1)
    assert len(before.findings) == 1
    assert after is not None
    assert (after.result, after.findings) == (before.result, ())


def test_a_base_class_imports_no_model_that_is_made_of_it():
    tree = trees.tree_of(base.__file__)
    place = (trees.Spot(tree, tree.module.body[-1]), tree.module.body[-1])
    plan = recursion._plan(place, Category, "rows = Category.objects.in_bulk()", "", [])
    assert plan.steps == ()
