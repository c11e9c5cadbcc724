"""A module of source that a test writes, and places in it."""

from __future__ import annotations

import pytest

from nplusone_guard.ignores.matching import forget_used_entries


@pytest.fixture
def source(tmp_path):
    """Writes a module and returns its path."""

    def write(text, name="module.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture(autouse=True)
def _fresh_session():
    forget_used_entries()
