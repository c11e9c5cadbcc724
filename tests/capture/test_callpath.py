"""Call paths: equal for two turns of a loop, different for two lines, folded in recursion."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nplusone_guard.capture import callpath, codes
from nplusone_guard.capture.callpath import call_path
from nplusone_guard.guard import watch
from tests.corpus.models import Author


def path() -> callpath.Path:
    return call_path(sys._getframe(1), None)[0]


def here() -> callpath.Path:
    return path()


def test_turns_of_a_loop_share_a_path() -> None:
    paths = [here() for _ in range(200)]
    assert len(set(paths)) == 1


def test_turns_share_a_path_while_the_interpreter_specialises() -> None:
    """CPython 3.11+ rewrites instructions in place after a few runs."""

    def ask(value: object) -> callpath.Path:
        return partial(here)() if value else here()

    assert len({ask(value) for value in [1, 1.5, "x", None] * 50 if value}) == 1


def test_two_lines_have_two_paths() -> None:
    one = here()
    other = here()
    assert one != other


def test_two_calls_on_one_line_have_two_paths() -> None:
    one, other = here(), here()
    assert one != other


def test_path_ends_at_the_root() -> None:
    root = sys._getframe()

    def inner() -> callpath.Path:
        return call_path(sys._getframe(), root)[0]

    tokens = inner()
    assert [token.code.co_name for token in tokens] == ["inner", "test_path_ends_at_the_root"]


def test_library_frames_are_code_objects() -> None:
    class Encoder(json.JSONEncoder):
        def default(self, o: object) -> object:
            return [place.user for place in path()][:3]

    assert json.loads(json.dumps(object(), cls=Encoder)) == [True, False, False]


def test_standard_library_and_this_package_are_no_user_code() -> None:
    assert not codes.is_user_code(json.dumps.__code__)
    assert not codes.is_user_code(callpath.settle.__code__)
    assert not codes.is_user_code(pytest.raises.__code__)
    assert codes.is_user_code(here.__code__)


# --- folding ----------------------------------------------------------------------------


def recurse(depth: int) -> callpath.Path:
    return here() if depth == 0 else recurse(depth - 1)


def test_direct_recursion_folds_to_one_path() -> None:
    folded = {recurse(depth).folded for depth in (1, 2, 7, 50)}
    assert len(folded) == 1


def even(depth: int) -> callpath.Path:
    return here() if depth == 0 else odd(depth - 1)


def odd(depth: int) -> callpath.Path:
    return even(depth - 1)


def test_mutual_recursion_folds_to_one_path() -> None:
    folded = {even(depth).folded for depth in (2, 4, 8)}
    assert len(folded) == 1


def through_a_comprehension(depth: int) -> callpath.Path:
    return here() if depth == 0 else [through_a_comprehension(depth - 1) for _ in "x"].pop()


def test_recursion_through_a_comprehension_folds() -> None:
    paths = {through_a_comprehension(depth).folded for depth in (1, 2, 5)}
    assert len(paths) == 1


def wrapped(function):
    def wrapper():
        return function()

    return wrapper


def test_a_wrapper_on_the_stack_twice_is_no_recursion() -> None:
    def first() -> callpath.Path:
        return wrapped(here)()

    def second() -> callpath.Path:
        return wrapped(here)()

    paths = [wrapped(first)(), wrapped(second)()]
    assert paths[0].folded != paths[1].folded


def test_table_is_renewed_once_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callpath, "table", callpath.CodeTable())
    monkeypatch.setattr(callpath, "MAX_CODES", 1)
    old = callpath.table
    here()
    callpath.renew_table_if_full()
    assert callpath.table is not old


COPIED = """
def first(ask):
    return ask()


def second(ask):
    return first(ask)
"""


def copied(tmp_path: Path, name: str) -> Callable[[Callable[[], Any]], Any]:
    """One of two files with the same text, as a copied application has them."""
    names: dict[str, Any] = {}
    file = tmp_path / name
    file.write_text(COPIED)
    exec(compile(COPIED, str(file), "exec"), names)
    return names["second"]


@pytest.mark.django_db
def test_equal_code_in_two_files_is_told_apart(tmp_path: Path) -> None:
    """Code objects compare by their contents, and the file's name is none of them."""
    one, other = copied(tmp_path, "v1.py"), copied(tmp_path, "v2.py")
    assert one.__code__ == other.__code__

    def ask() -> int:
        return Author.objects.count()

    for version in (one, other):
        with watch("one version") as report:
            [version(ask) for _ in range(3)]
        (finding,) = report.findings
        (group,) = report.scope.all_groups()
        files = [place.code.co_filename for place in callpath.user_places(group.path)]
        assert files.count(version.__code__.co_filename) == 2
        assert finding.count == 3
