"""Errors and warnings of a run in lines that fit the terminal; paths stay whole.

Loaded only where there is something wrong to tell.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Final

import pytest

from nplusone_guard.report.columns import unbroken
from pytest_nplusone_guard.workers import MIN_WIDTH, is_worker, width_of

#: What pytest puts before a usage error.
_BEFORE: Final = "ERROR: "
#: Stands for a blank that no line ends at.
_JOINED: Final = "\0"


def fitted(config: pytest.Config, error: pytest.UsageError) -> pytest.UsageError:
    """The same ``error`` in rows that fit the terminal."""
    return pytest.UsageError("\n".join(rows(config, str(error), _width(config), before=_BEFORE)))


def _width(config: pytest.Config) -> int:
    """That of the standard error: the run may end before there is a terminal's reporter."""
    if is_worker(config):
        return width_of(config)
    return max(shutil.get_terminal_size((80, 24)).columns, MIN_WIDTH)


def rows(config: pytest.Config, text: str, width: int, *, before: str = "") -> list[str]:
    """``text`` in rows of ``width`` columns, broken at blanks, the later ones indented.

    ``before`` is what stands on the first row already. Neither a word that is longer nor a
    path of the run, which may hold blanks, is broken.
    """
    for path in _paths(config):
        text = text.replace(path, path.replace(" ", _JOINED))
    told = before.replace(" ", _JOINED) + text
    wrapped = [row for line in told.split("\n") for row in unbroken(line, width, " ")]
    return [row.replace(_JOINED, " ") for row in (wrapped[0][len(before) :], *wrapped[1:])]


def _paths(config: pytest.Config) -> Iterator[str]:
    """The directories of the run, and what is stated of files in them or elsewhere."""
    yield from (str(config.rootpath), str(config.invocation_params.dir))
    yield os.environ.get("GITHUB_STEP_SUMMARY", "")
    for name in ("baseline", "budgets", "report"):
        for stated in (config.getoption(f"--nplusone-{name}"), config.getini(f"nplusone_{name}")):
            yield from [stated] if isinstance(stated, str) else stated or ()
