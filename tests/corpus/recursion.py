"""Functions that call themselves, with a query each time."""

from collections import defaultdict

from tests.corpus.labels import healthy, loop
from tests.corpus.models import Category


def all_or_all_but_the_first(n):
    """The outermost call may or may not be counted with those that it makes."""
    return {n, n + 1}


@loop("recursive-query", loop_kind="recursion", turns=all_or_all_but_the_first, origin="optional")
def recursion_over_a_tree(n):
    def walk(category):
        slugs.append(category.slug)
        for child in category.children.all():  # site origin
            walk(child)  # loop

    slugs = []
    root = Category.objects.get(slug="tree")  # origin
    walk(root)
    return slugs


@healthy(twin=recursion_over_a_tree)
def recursion_over_a_tree_in_memory(n):
    children = defaultdict(list)
    for category in Category.objects.filter(slug__startswith="tree"):
        children[category.parent_id].append(category)

    def walk(category):
        for child in children[category.pk]:
            walk(child)

    walk(children[None][0])


@loop("recursive-query", loop_kind="recursion", turns=all_or_all_but_the_first, origin="optional")
def recursion_up_the_parents(n):
    def depth(category):
        parent = category.parent  # site origin
        return 0 if parent is None else 1 + depth(parent)  # loop

    leaf = Category.objects.get(slug="leaf")  # origin
    depth(leaf)


@healthy(twin=recursion_up_the_parents)
def recursion_up_the_joined_parent(n):
    def depth(category):
        parent = category.parent if category.slug == "tree-1" else None
        return 0 if parent is None else 1 + depth(parent)

    depth(Category.objects.select_related("parent").get(slug="tree-1"))


@loop(
    "recursive-query",
    loop_kind="recursion",
    turns=all_or_all_but_the_first,
    origin="optional",
    tag="category_path",
)
def recursion_of_a_property(n):
    Category.objects.get(slug="leaf").path.upper()


@healthy(twin=recursion_of_a_property)
def recursion_of_a_property_of_a_root(n):
    Category.objects.get(slug="chain").path.upper()


@loop("recursive-query", loop_kind="recursion", turns=all_or_all_but_the_first, origin="optional")
def recursion_of_a_generator(n):
    def walk(category):
        yield category
        for child in Category.objects.filter(parent=category):  # site
            yield from walk(child)  # loop

    list(walk(Category.objects.get(slug="tree")))


@healthy(twin=recursion_of_a_generator)
def recursion_of_a_generator_in_memory(n):
    categories = list(Category.objects.filter(slug__startswith="tree"))

    def walk(category):
        yield category
        for child in categories:
            if child.parent_id == category.pk:
                yield from walk(child)

    list(walk(next(c for c in categories if c.slug == "tree")))


@loop(
    "recursive-query",
    loop_kind="recursion",
    turns=None,
    statements=None,
    origin="optional",
    any_line=True,
    smallest=5,  # two links in, each function has run once inside the other
)
def mutual_recursion(n):
    def even(category):
        slugs.append(category.slug)
        for child in category.children.all():  # site
            odd(child)  # loop

    def odd(category):
        slugs.append(category.slug)
        for child in category.children.all():  # site
            even(child)  # loop

    slugs = []
    even(Category.objects.get(slug="chain"))
    return slugs


@healthy(twin=mutual_recursion)
def mutual_recursion_in_memory(n):
    children = defaultdict(list)
    for category in Category.objects.exclude(slug__startswith="tree"):
        children[category.parent_id].append(category)

    def even(category):
        for child in children[category.pk]:
            odd(child)

    def odd(category):
        for child in children[category.pk]:
            even(child)

    even(children[None][0])


@loop(
    "recursive-query",
    loop_kind="recursion",
    turns=all_or_all_but_the_first,
    origin="optional",
)
def recursion_in_a_comprehension(n):
    def tree(category):
        children = category.children.all()
        return {category.slug: [tree(child) for child in children]}  # site loop

    tree(Category.objects.get(slug="tree"))


@healthy(twin=recursion_in_a_comprehension)
def recursion_of_prefetched_levels(n):
    def tree(category, levels):
        if levels == 0:
            return category.slug
        return [tree(child, levels - 1) for child in category.children.all()]

    root = Category.objects.prefetch_related("children__children").get(slug="tree")
    tree(root, 2)
