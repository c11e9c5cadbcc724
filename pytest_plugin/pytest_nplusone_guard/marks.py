"""The marker ``nplusone(mode, ignore=[…], reason=…)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import pytest

from pytest_nplusone_guard.declarations import MODES, Mode
from pytest_nplusone_guard.workers import are_grouped, without_group

if TYPE_CHECKING:
    from nplusone_guard.policy import IgnoreEntry

MARKER: Final = "nplusone"
_USAGE: Final = (
    f'{MARKER}("off"|"report"|"fail", ignore=["rule" or "app.Model.field", …], reason="…")'
)
_OPTIONS: Final = ("mode", "ignore", "reason")


class Marked(NamedTuple):
    """What the markers of one test say together."""

    mode: Mode | None = None
    ignores: tuple[IgnoreEntry, ...] = ()


#: What no marker at all says.
UNMARKED: Final = Marked()
#: What the markers of a test say; absent where it has none.
marked_key: Final = pytest.StashKey[Marked]()


def read_markers(items: Sequence[pytest.Item]) -> bool:
    """Read the markers of ``items``; returns whether one asks for a test to be watched.

    Raises ``UsageError`` where one is wrong.
    """
    asked = False
    for item in items:
        if item.get_closest_marker(MARKER) is not None:
            marked = item.stash[marked_key] = _marked(item)
            asked = asked or marked.mode not in (None, "off")
    return asked


def _marked(item: pytest.Item) -> Marked:
    """The mode of the closest node that states one, and the ignores of all."""
    mode: Mode | None = None
    ignores: list[IgnoreEntry] = []
    for node in item.listchain():
        _check_contradiction(item, node)
        # On one node, bases come before classes and parameters come last.
        for mark in node.own_markers:
            if mark.name == MARKER:
                mode = _mode(item, mark) or mode
                ignores += _ignores(item, node, mark)
    return Marked(mode, tuple(ignores))


def _check_contradiction(item: pytest.Item, node: Any) -> None:
    """Two modes on one function, class or module are a mistake; one of a base is not."""
    stated = getattr(getattr(node, "obj", None), "__dict__", {}).get("pytestmark", [])
    marks = [getattr(one, "mark", one) for one in (stated if _is_list(stated) else [stated])]
    modes = {_mode(item, mark) for mark in marks if mark.name == MARKER} - {None}
    if len(modes) > 1:
        both = " and ".join(repr(mode) for mode in MODES if mode in modes)
        _refuse(item, f"{MARKER} has two modes, {both}. Allowed: one.")


def _mode(item: pytest.Item, mark: pytest.Mark) -> Mode | None:
    unknown = [name for name in mark.kwargs if name not in _OPTIONS]
    stated = [*mark.args, *([mark.kwargs["mode"]] if "mode" in mark.kwargs else [])]
    if unknown or len(stated) > 1 or not (stated or mark.kwargs):
        _refuse(item, f"{as_written(mark)}. Allowed: {_USAGE}.")
    for mode in stated:
        if mode not in MODES:
            _refuse(item, f"{MARKER} has mode {mode!r}. Allowed: {', '.join(MODES)}.")
    return stated[0] if stated else None


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))


def _ignores(item: pytest.Item, node: Any, mark: pytest.Mark) -> list[IgnoreEntry]:
    from nplusone_guard.ignores.faults import entry_faults, slip_faults
    from nplusone_guard.policy import IgnoreEntry

    what, reason = mark.kwargs.get("ignore", ()), mark.kwargs.get("reason", "")
    what = [what] if isinstance(what, str) else what
    if not _is_list(what):
        _refuse(item, f"{MARKER} has ignore={what!r}. Allowed: a list of rules and fields.")
    entries: list[IgnoreEntry] = []
    for each in what:
        key = "field" if isinstance(each, str) and "." in each else "rule"
        faults = entry_faults({key: each, "reason": reason})
        for fault, hint in faults or (slip_faults(each, item.path) if key == "field" else []):
            _refuse(item, f"{MARKER}(ignore=[{each!r}], reason={reason!r}) {fault}. {hint}")
        where = f"{_place(item, node)} @{MARKER}[{each}]"
        entries.append(
            IgnoreEntry(
                reason,
                each if key == "rule" else None,
                None,
                each if key == "field" else None,
                where=where,
            )
        )
    return entries


def _place(item: pytest.Item, node: Any) -> str:
    name: str = node.nodeid or item.nodeid
    return without_group(name) if are_grouped(item.config) else name


def _refuse(item: pytest.Item, problem: str) -> NoReturn:
    raise pytest.UsageError(f"{item.nodeid}: {problem}")


def as_written(mark: pytest.Mark) -> str:
    """The marker as code."""
    given = [*map(repr, mark.args), *(f"{name}={value!r}" for name, value in mark.kwargs.items())]
    return f"{mark.name}({', '.join(given)})"
