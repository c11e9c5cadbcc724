"""The work that is timed: the same functions under the baseline, the guard and every peer."""

from __future__ import annotations

import atexit
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchapp.models import Author, Book, Leaf, Row
from database import ROWS
from django.db import connection

RAW_QUERIES = 200
GET_QUERIES = 100
LAZY_PARENTS = 100
LOAD_SLICE = 10_000
DEEP_QUERIES = 60
DEEP_SITES = 30
DEEP_FRAMES = 25

RAW_SQL = "SELECT id, name FROM benchapp_author WHERE id = %s"


def raw_loop(queries: int = RAW_QUERIES) -> None:
    """One cursor, one line that executes, as many queries as asked for."""
    with connection.cursor() as cursor:
        for number in range(queries):
            cursor.execute(RAW_SQL, [number])
            cursor.fetchone()


def literal_loop(first: int, queries: int) -> None:
    """The same with the number inlined, so that no two statements are the same text."""
    with connection.cursor() as cursor:
        for number in range(first, first + queries):
            cursor.execute(f"SELECT id, name FROM benchapp_author WHERE id = {number}")
            cursor.fetchone()


def get_loop() -> None:
    """``Model.objects.get()`` in a loop."""
    for number in range(1, GET_QUERIES + 1):
        Author.objects.get(pk=number)


def lazy_loop(parents: int = LAZY_PARENTS) -> None:
    """The textbook N+1: a foreign key read for each row of a list."""
    for book in Book.objects.all()[:parents]:
        _ = book.author.name


def load(rows: int = ROWS) -> list[Row]:
    """Many instances with one query."""
    return list(Row.objects.all()[:rows])


def load_with_prefetch(rows: int = ROWS) -> list[Leaf]:
    """Many instances with one prefetch, whose objects nobody reads."""
    return list(Leaf.objects.prefetch_related("author")[:rows])


def deep_calls() -> Callable[[], None]:
    """A function that sends 60 ``.get()`` from 30 lines, 25 of its own frames deep.

    The module is written out and imported, so that its code has a file like any other.
    """
    folder = tempfile.TemporaryDirectory(prefix="bench-deep-")
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "deep_calls.py"
    path.write_text(_deep_source(), encoding="utf-8")
    return _run_file(path)


def _deep_source() -> str:
    sites = [f"    Author.objects.get(pk={n})" for n in range(1, DEEP_SITES + 1)]
    steps = [f"def step_{n}():\n    step_{n + 1}()\n" for n in range(2, DEEP_FRAMES)]
    last = "\n".join([f"def step_{DEEP_FRAMES}():", *sites])
    twice = f"def step_1():\n    for _ in range({DEEP_QUERIES // DEEP_SITES}):\n        step_2()\n"
    return "\n\n".join(["from benchapp.models import Author", twice, *steps, last, ""])


def _run_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.step_1
