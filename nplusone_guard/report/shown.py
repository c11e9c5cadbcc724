"""How failures of budgets and growth are shown where the test itself does not say.

What runs the tests knows how wide its terminal is, and whether all is to be shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
    usual = _asked[-1] if _asked else _USUAL
    return Shown(
        usual.verbose if verbose is None else verbose,
        usual.width if width is None else width,
    )
