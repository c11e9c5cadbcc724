"""What became of a claim."""

from __future__ import annotations

from enum import Enum


class Verdict(str, Enum):
    """In one word or two, and the same in JSON."""

    HOLDS = "holds"
    LESS = "less than said"
    NO_GAIN = "no gain"
    WORSE = "worse"
    FAILS = "does not hold"
    NO_CLAIM = "no claim"
    OPEN = "too noisy to say"

    def __str__(self) -> str:
        return self.value
