"""The loops whose advice takes a person, each with the reason."""

from __future__ import annotations

BY_HAND: dict[str, str] = {}
