"""What a loop runs over: what may be written twice in words, and what Django takes as it is."""

from __future__ import annotations

import ast

import pytest

from nplusone_guard.analysis.advice.repeating import can_be_written_twice, is_collection
from nplusone_guard.analysis.advice.trees import Spot, tree_of
from tests.advice.following import load

MODULE = """
import json, queue, random, re, requests_of_mine
from collections import deque
from tests.corpus.models import Author, Entry

IDS = [1, 2]
LINES = iter("ab")
GIVEN = {"one": IDS, "lines": LINES}


def own(text):
    return text.split(",")


def work(request, ids, options, lines, jobs, n):
    rows = [author for author in Author.objects.all()]
    entry = Entry.objects.get(pk=1)
    kept = sorted(ids)
    table = {"seven": (i for i in ids), "eight": map(int, ids)}
    text = request.GET["ids"]
    with open("x") as file:
        HERE
"""

#: By what it runs over: the base of a call or subscript need not be one that is kept.
TWICE = [
    'request.GET["ids"].split(",")',
    'request.GET.get("ids", "").strip().split(",")',
    'request.GET.getlist("id")',
    'request.POST.getlist("id")[1:]',
    'options["ids"]',
    'GIVEN["one"]',
    'text.split(",")',
    'text.split(",") * 2',
    '[*text.split(","), "7"]',
    're.findall("[0-9]+", text)',
    'sorted(set(text.split(",")))',
    'options["ids"].items()',
    'list(kept) or ["1"]',
    'kept if options["all"] else kept[:3]',
    "kept",
    "IDS",
    "range(n)",
    "[str(pk) for pk in kept]",
    "{1, n}",
    '"abc"',
]

#: A generator by its name, what is used up, drawn or asked for anew, and what nobody knows.
ONCE = [
    "ids",
    "LINES",
    "file",
    "list(ids)",
    "sorted(lines)",
    "[*ids]",
    "[pk for pk in ids]",
    "(pk for pk in kept)",
    "map(int, kept)",
    "enumerate(kept)",
    "file.readlines()",
    "file.read().split()",
    "input().split()",
    "jobs.get().split()",
    "requests_of_mine.get(text).split()",
    "random.sample(kept, 2)",
    'table["seven"]',
    'table["eight"]',
    "request.ids",
    "own(text)",
    "json.loads(text)",
    'own(text)[0].split(",")',
    "(kept := list(ids))",
    "Author.objects.all()",
    'Author.objects.get(pk=1).name.split(",")',
    "entry.tags.all()",
    "rows",
]

COLLECTIONS = [
    "kept",
    "IDS",
    "GIVEN",
    "range(n)",
    'text.split(",")',
    'kept + text.split(",")',
    "[pk for pk in ids]",
    "{1, 2}",
]

NO_COLLECTIONS = [
    "ids",
    "LINES",
    "file",
    'options["ids"]',
    "(pk for pk in kept)",
    "map(int, kept)",
    "own",
    "Author.objects.all()",
    "rows[0]",
    "list(Author.objects.all())",
]


@pytest.fixture
def asked(tmp_path, monkeypatch, request):
    """What a question answers of an expression in ``MODULE``."""

    def ask(question, text):
        monkeypatch.syspath_prepend(str(tmp_path))
        (tmp_path / "requests_of_mine.py").write_text("def get(url): ...\n", encoding="utf-8")
        name = f"repeating_{abs(hash((text, request.node.name)))}"
        module = load(tmp_path, name, MODULE.replace("HERE", f"for _ in {text}: ..."), monkeypatch)
        tree = tree_of(module.__file__)
        (loop,) = (one for one in ast.walk(tree.module) if isinstance(one, ast.For))
        return question(Spot(tree, loop), loop.iter)

    return ask


@pytest.mark.parametrize("text", TWICE)
def test_what_gives_the_same_again_may_be_written_twice(text, asked) -> None:
    assert asked(can_be_written_twice, text)


@pytest.mark.parametrize("text", ONCE)
def test_what_is_used_up_or_asked_again_may_not(text, asked) -> None:
    assert not asked(can_be_written_twice, text)


@pytest.mark.parametrize("text", COLLECTIONS)
def test_a_collection_is_known(text, asked) -> None:
    assert asked(is_collection, text)


@pytest.mark.parametrize("text", NO_COLLECTIONS)
def test_what_may_be_anything_is_no_collection(text, asked) -> None:
    assert not asked(is_collection, text)
