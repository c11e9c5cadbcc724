"""What a finding goes by in baselines.

It is the same after edits above it, with more data, and on every database engine.
"""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple

from nplusone_guard.analysis.portable import portable
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture import codes


class Names(NamedTuple):
    """What one finding goes by."""

    id: str
    #: Ids that earlier releases gave it, so that what people have written down holds.
    former: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (self.id, *self.former)


def names_of(
    rule: str, shape: str, site: Site, loop: Site | None, base_dir: str | None, *, by_hand: bool
) -> Names:
    """The names of a finding whose statement has the ``shape`` of a fingerprint.

    A statement that was written ``by_hand`` is told by its text, for only the ORM's can be
    told by what they ask for.
    """
    name = identity(rule, shape if by_hand else portable(shape), site, loop, base_dir)
    former = identity(rule, shape, site, loop, base_dir)
    return Names(name, () if former == name else (former,))


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
