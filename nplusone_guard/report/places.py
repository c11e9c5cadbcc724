"""Files as other tools name them: relative to the repository, with forward slashes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nplusone_guard.analysis.verdicts import Site

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import Finding, Origin


def relative(file: str, base_dir: str) -> str | None:
    """``file`` below ``base_dir``, with forward slashes; ``None`` where it lies elsewhere.

    A path that is relative already is taken to be so to ``base_dir``.
    """
    if not os.path.isabs(file):
        below = os.path.normpath(file) if file else ""
    else:
        below = _below(file, os.path.abspath(base_dir)) or _below(file, os.path.realpath(base_dir))
    if not below or below.split(os.sep, 1)[0] == os.pardir:
        return None
    return below.replace(os.sep, "/")


def _below(file: str, base: str) -> str:
    prefix = os.path.join(base, "")
    path = os.path.normpath(file)
    same = os.path.normcase(path).startswith(os.path.normcase(prefix))
    return path[len(prefix) :] if same else ""


def shown(site: Site, base_dir: str) -> str:
    """``app/views.py:31``; the file's own name for it where it lies elsewhere."""
    return f"{relative(site.file, base_dir) or site.file}:{site.line}"


def of_ignore(where: str, base_dir: str) -> str:
    """Where an ignore stands: ``app/views.py:31``, or the marker or setting that it is."""
    return (relative(where, base_dir) or where) if os.path.isabs(where) else where


def primary(finding: Finding, base_dir: str) -> Site:
    """The line to point at: that of the query, or the nearest one in the repository.

    Of a loop inside a package, the line that loads its objects may be the user's.
    """
    return next((site for site in _places(finding) if _is_own(site, base_dir)), finding.site)


def _places(finding: Finding) -> Iterator[Site]:
    yield finding.site
    if finding.loop is not None:
        yield finding.loop
    if finding.origin is not None:
        yield from _present((finding.origin.assigned, finding.origin.site))


def _present(sites: Iterable[Site | None]) -> Iterator[Site]:
    return (site for site in sites if site is not None)


def _is_own(site: Site, base_dir: str) -> bool:
    return not site.package and relative(site.file, base_dir) is not None


def related(finding: Finding, pointed_at: Site) -> Iterator[tuple[Site, str]]:
    """The other lines of a finding than the one pointed at, each once, and what happens there."""
    seen = {_line(pointed_at)}
    for site, what in _related(finding):
        if _line(site) not in seen:
            seen.add(_line(site))
            yield site, what


def _related(finding: Finding) -> Iterator[tuple[Site, str]]:
    yield finding.site, "the query"
    if finding.loop is not None:
        yield finding.loop, "the loop"
    if finding.origin is not None:
        yield from _loaded(finding.origin)
    for statement in finding.statements:
        yield statement.site, f"{statement.count:,} × {statement.headline}"
    yield from ((site, "the same query") for site in finding.also_at)


def _loaded(origin: Origin) -> Iterator[tuple[Site, str]]:
    parents = f"{origin.parents:,} " if origin.parents > 0 else ""
    for site in _present((origin.assigned, origin.site)):
        yield site, f"{parents}{origin.model} loaded here"


def _line(site: Site) -> tuple[str, int]:
    return site.file, site.line
