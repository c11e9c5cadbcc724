"""Tests that run pytest with workers as well: one place says what they need."""

from __future__ import annotations

import importlib.util
from typing import Final

import pytest

HAS_XDIST: Final = importlib.util.find_spec("xdist") is not None

#: The package is in the group of tests; whoever runs them without it sees what is left out.
needs_xdist = pytest.mark.skipif(not HAS_XDIST, reason="needs pytest-xdist")


def alone_and_with(*workers: str) -> pytest.MarkDecorator:
    """``workers``: the arguments of a run in one process, and those of one with workers."""
    cases = [pytest.param((), id="alone"), pytest.param(workers, id="workers", marks=needs_xdist)]
    return pytest.mark.parametrize("workers", cases)
