"""Which statements a transaction or savepoint undid: a retried block is no loop.

Each connection has a transaction of its own, and so has each thread.
"""

from __future__ import annotations

from typing import Any

from nplusone_guard.capture.fingerprint import Fingerprint
from nplusone_guard.capture.scope import Group, Scope, current_scope

#: Open transaction, then savepoints: a name, and the executions by group.
Layers = list[tuple[str, dict[Group, int]]]


def note_in_transaction(scope: Scope, connection: Any, group: Group) -> None:
    """Remember that ``group`` ran in the open transaction or savepoint."""
    layers = scope.layers.get(id(connection))
    if layers is None:
        layers = scope.layers[id(connection)] = [("", {})]
    touched = layers[-1][1]
    touched[group] = touched.get(group, 0) + 1


def note_control(scope: Scope, connection: Any, shape: Fingerprint) -> None:
    """Count transaction control, and follow the savepoints."""
    for one in (scope, *scope.ancestors):
        with one.lock:
            one.transactions += 1
            one.controls[connection.alias] += 1
    for recorder in scope.recorders:
        with recorder.lock:
            _apply_control(recorder.layers.setdefault(id(connection), [("", {})]), shape)


def _apply_control(layers: Layers, shape: Fingerprint) -> None:
    name = shape.savepoint or ""
    if shape.control == "savepoint":
        layers.append((name, {}))
    elif shape.control == "rollback-to":
        _roll_back(layers, _layer_named(layers, name))
    elif shape.control == "release":
        _release(layers, _layer_named(layers, name))
    elif shape.control == "rollback":
        _roll_back(layers, 0)
    elif shape.control in {"begin", "commit"}:
        layers[:] = [("", {})]


def _layer_named(layers: Layers, name: str) -> int:
    for index in range(len(layers) - 1, 0, -1):
        if layers[index][0] == name:
            return index
    return len(layers)


def _roll_back(layers: Layers, start: int) -> None:
    """Mark what ran since a savepoint as undone; the savepoint itself stays open."""
    for _, touched in layers[start:]:
        for group, count in touched.items():
            group.rolled_back += count
        touched.clear()
    del layers[start + 1 :]


def _release(layers: Layers, start: int) -> None:
    for _, touched in layers[start:]:
        below = layers[start - 1][1]
        for group, count in touched.items():
            below[group] = below.get(group, 0) + count
    del layers[start:]


def note_transaction_end(connection: Any, *, rolled_back: bool) -> None:
    """``connection.commit()`` and ``rollback()`` send no SQL that a wrapper could see."""
    scope = current_scope.get()
    if scope is None:
        return
    for recorder in scope.recorders:
        with recorder.lock:
            layers = recorder.layers.pop(id(connection), None)
            if layers and rolled_back:
                _roll_back(layers, 0)
