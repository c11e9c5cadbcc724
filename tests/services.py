"""What a test does that needs a program which this machine may not have."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def required() -> bool:
    """Whether every service must be there (``NPLUSONE_REQUIRE_SERVICES=1``)."""
    return os.environ.get("NPLUSONE_REQUIRE_SERVICES") == "1"


def unavailable(reason: str) -> NoReturn:
    """Skip the test for ``reason``; fail it where every service is required."""
    if required():
        pytest.fail(f"{reason} (and NPLUSONE_REQUIRE_SERVICES=1)", pytrace=False)
    pytest.skip(reason)
