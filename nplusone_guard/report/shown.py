"""How failures of budgets and growth are shown where the test itself does not say.

What runs the tests knows how wide its terminal is, and whether all is to be shown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: Of our pytest plugin, which imports nothing of this package until it is asked for something.
_PLUGIN: Final = "pytest_nplusone_guard.fixtures"


@dataclass(frozen=True, slots=True)
class Shown:
    """The length and the width of a failure's text."""

    verbose: bool = False
    #: Columns.
    width: int = 100


#: What was asked for, the latest last.
_asked: list[Shown] = []
_USUAL = Shown()


def show_as(shown: Shown) -> Callable[[], None]:
    """From now on failures are ``shown`` so, until what this returns is called."""
    _asked.append(shown)
    return lambda: _take_back(shown)


def _take_back(shown: Shown) -> None:
    """Its own entry, which need not be the last one."""
    _asked[:] = [each for each in _asked if each is not shown]


def shown_as(verbose: bool | None, width: int | None) -> Shown:
    """How a failure is shown that states ``verbose`` or ``width``, or neither."""
    if not _asked:
        _let_pytest_ask()
    usual = _asked[-1] if _asked else _USUAL
    return Shown(
        usual.verbose if verbose is None else verbose,
        usual.width if width is None else width,
    )


def _let_pytest_ask() -> None:
    """A test has imported this package in its own body: the run was not there to say it."""
    plugin = sys.modules.get(_PLUGIN)
    if plugin is not None:
        plugin.fit_latest()
