"""Which ignore suppresses a finding."""

from __future__ import annotations

import os

import pytest

from nplusone_guard.ignores.blocks import ignore
from nplusone_guard.ignores.comments import comment_for
from nplusone_guard.ignores.matching import find_ignore, match
from nplusone_guard.policy import IgnoreEntry, Policy
from tests.ignores.places import site

MATCHES = [
    ({"rule": "lazy-relation"}, True),
    ({"rule": "query-in-loop"}, False),
    ({"finding": "abc"}, True),
    ({"finding": "old"}, True),  # what an earlier release called it
    ({"finding": "abd"}, False),
    ({"field": "shop.Book.author"}, True),
    ({"field": "shop.Book.*"}, True),
    ({"field": "shop.Book.auth"}, False),
    ({"field": "shop.Books.*"}, False),
    ({"path": "shop/views.py"}, True),
    ({"path": "shop/*"}, True),
    ({"path": "*.py"}, True),
    ({"path": "/srv/app/shop/views.py"}, True),
    ({"path": "/srv/*/views.py"}, True),
    ({"path": "views.py"}, False),
    ({"path": "app/shop/views.py"}, False),
    ({"path": "shop/loops.py"}, True),  # the loop's file
    ({"rule": "lazy-relation", "path": "shop/*", "field": "shop.Book.author"}, True),
    ({"rule": "lazy-relation", "path": "blog/*", "field": "shop.Book.author"}, False),
]


@pytest.mark.parametrize(("criteria", "expected"), MATCHES)
def test_all_given_criteria_must_match(criteria, expected):
    entry = IgnoreEntry("because", **criteria)
    loop = site("/srv/app/shop/loops.py")
    facts = ("lazy-relation", site(), loop, "shop.Book.author", ("abc", "old"))
    assert match(*facts, entry, base_dir="/srv/app") is expected
    assert match(*facts, entry, base_dir="/srv/app/") is expected


def test_paths_are_relative_to_the_working_directory_by_default():
    inside = site(os.path.join(os.getcwd(), "shop", "views.py"))
    assert match("lazy-relation", inside, None, "", (), IgnoreEntry("x", path="shop/views.py"))


def test_a_comment_goes_before_a_block_before_the_settings(source):
    path = source(
        "a()  # nplusone: ignore[lazy-relation] why not\n\nloop()  # nplusone: ignore up\n"
    )
    policy = Policy(ignores=(IgnoreEntry("old shop", rule="lazy-relation"),))
    outer, inner = ignore(reason="outer"), ignore("lazy-relation", reason="inner")
    other = ignore("write-in-loop", reason="other rule")

    def found(line, loop=None, active=()):
        loop = site(path, loop) if loop else None
        return find_ignore("lazy-relation", site(path, line), loop, "", (), active, policy)

    assert found(1, active=(outer,)) == ("comment: why not", comment_for(path, 1))
    assert found(2, loop=3, active=(outer,)) == ("comment: up", comment_for(path, 3))
    assert found(2, active=(outer, inner, other)) == ("ignore(): inner", inner)
    assert found(2, active=(outer, other)) == ("ignore(): outer", outer)
    assert found(2, active=(other,)) == ("settings: old shop", policy.ignores[0])
    assert find_ignore("query-in-loop", site(path, 2), None, "", (), (), policy) is None


def test_a_broken_comment_leaves_it_to_the_others(source):
    path = source("a()  # nplusone: ignore\n")
    policy = Policy(ignores=(IgnoreEntry("old shop", path=path),))
    found = find_ignore("lazy-relation", site(path, 1), None, "", (), (), policy)
    assert found == ("settings: old shop", policy.ignores[0])
