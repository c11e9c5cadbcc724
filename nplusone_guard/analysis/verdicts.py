"""What the rules make of one scope, and what healthy repetition they clear.

Most scopes have no more than that: what findings consist of is loaded with the first one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nplusone_guard.policy import UnusedIgnore

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import EagerLoad, Finding, Shape


@dataclass(frozen=True, slots=True)
class Site:
    """One place in source code.

    ``file`` is the path as Python knows it (absolute for user code), ``line`` counts
    from 1, ``function`` is the qualified name, ``source`` the stripped source line
    (empty where it cannot be read), ``kind`` what sort of place it is: ``python``,
    ``template`` and the like where a framework reads for the user, and for loops ``for``, ``async for``, ``while``, ``comprehension``, ``generator``,
    ``call`` (a loop inside ``sorted()``, ``map()`` …), ``gather`` or ``recursion``.
    """

    file: str
    line: int
    function: str
    source: str = ""
    kind: str = "python"
    #: The package a third-party place belongs to; empty for the user's own code.
    package: str = ""


@dataclass(frozen=True, slots=True)
class Cleared:
    """A repeated query that is healthy, or ignored, and why."""

    #: ``batched paged bounded retried polled cache transaction ignored test-code error-page``.
    reason: str
    #: The reason in words: ``IN lists of 500``, ``settings: legacy report``.
    detail: str
    headline: str
    fingerprint: str
    count: int
    site: Site
    loop: Site | None = None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the rules made of one scope."""

    findings: tuple[Finding, ...] = ()
    cleared: tuple[Cleared, ...] = ()
    shapes: tuple[Shape, ...] = ()
    unused_ignores: tuple[UnusedIgnore, ...] = ()
    eager_loads: tuple[EagerLoad, ...] = ()
