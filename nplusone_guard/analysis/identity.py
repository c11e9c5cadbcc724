"""What a finding goes by in baselines: the same after edits above it, and with more data."""

from __future__ import annotations

import hashlib
import os

from nplusone_guard.analysis.findings import Site
from nplusone_guard.capture import codes


def identity(rule: str, shape: str, site: Site, loop: Site | None, base_dir: str | None) -> str:
    """A stable id: no line numbers and no counts.

    Files are named relative to ``base_dir`` (default: the working directory), those of
    packages by their place in the package.
    """
    parts = [rule, shape]
    for place in (site, loop):
        parts += [_relative(place.file, base_dir), place.function] if place is not None else [""]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _relative(file: str, base_dir: str | None) -> str:
    base = os.path.join(base_dir or os.getcwd(), "")
    file = file.removeprefix(base)
    for root in codes.LIBRARY_ROOTS:
        file = file.removeprefix(root)
    return file.replace(os.sep, "/")
