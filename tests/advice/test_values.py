"""What an expression yields is read off the source once, however it is asked for."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nplusone_guard.analysis.advice import trees, values


def spot_of(source: str) -> trees.Spot:
    """The value of the last assignment of a function in ``source``."""
    index = SimpleNamespace(file="nowhere.py", lines=source.splitlines())
    tree = trees.Tree(cast("Any", index))
    assigned = [one for one in ast.walk(tree.module) if isinstance(one, ast.Assign)]
    return trees.Spot(tree, assigned[-1].value)


CHAIN = "def found(given):\n    rows = given" + "".join(f".step_{number}()" for number in range(9))


def looked_up(monkeypatch: pytest.MonkeyPatch, spot: trees.Spot) -> int:
    """How often it is asked what a name of the chain stands for."""
    asked: list[str] = []

    def binding_of(tree: trees.Tree, name: str, at: ast.AST) -> trees.Bound | None:
        asked.append(name)
        return trees.binding_of(tree, name, at)

    monkeypatch.setattr(values, "binding_of", binding_of)
    assert values.value_of(spot) == values.UNKNOWN
    return len(asked)


def test_a_chain_of_calls_is_followed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with values.remembered():
        assert looked_up(monkeypatch, spot_of(CHAIN)) <= 3


def test_nothing_is_remembered_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    with values.remembered():
        looked_up(monkeypatch, spot_of(CHAIN))
    assert looked_up(monkeypatch, spot_of(CHAIN)) > 100
