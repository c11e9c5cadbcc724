"""From a code object and an instruction offset to a :class:`Site` that a person can open."""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import CodeType
from typing import Any

from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture import callpath, codes, steps
from nplusone_guard.capture.declarations import Declaration, declaration
from nplusone_guard.capture.landmarks import files
from nplusone_guard.capture.landmarks.overrides import past_overrides


def asking_places(path: Sequence[steps.Place]) -> Iterator[steps.Place]:
    """The places that may have asked for a query, nearest to it first.

    Those of the user's, and those that the user wrote for a framework to run. Not the line of
    a middleware that passes the request on: everything that is done for it comes from there.
    Nor that of a method that hands on to the queryset's own which it overrides, unless
    there is no other.
    """
    asked = False
    for index, place in past_overrides(path):
        if _may_ask(path, index):
            asked = True
            yield place
    if not asked:
        yield from (place for index, place in enumerate(path) if _may_ask(path, index))


def _may_ask(path: Sequence[steps.Place], index: int) -> bool:
    place = path[index]
    if place.spot is not None:
        return place.spot.own
    return place.user and not (index and files.is_of(path[index - 1].code, files.HANDLERS))


def site_of(code: CodeType, lasti: int, kind: str = "python") -> Site:
    """The source place of one instruction."""
    line = codes.line_of(code, lasti)
    return site_at(code, line, kind)


def user_place(path: callpath.Path) -> steps.Place | None:
    """The innermost step of ``path`` that is the user's."""
    return next(asking_places(path), None)


def path_site(
    path: Sequence[steps.Place], place: steps.Place, spot: steps.Spot | None = None
) -> Site:
    """The source place of one step of ``path``, in the user's own terms where it has them.

    ``spot`` is the step's own unless given. What a template says that was written in
    Python is told at the user's line that had it rendered.
    """
    spot = spot or place.spot
    if spot is None:
        return site_at(place.code, place.line)
    site = _spot_site(spot)
    if spot.file != steps.NO_FILE or place not in path:
        return site
    outer = next((one for one in path[path.index(place) :] if one.user), None)
    if outer is None:
        return site
    file, line = outer.code.co_filename, outer.line
    return replace(site, file=file, line=line, source=site.source or source_line(file, line))


def _spot_site(spot: steps.Spot) -> Site:
    """Where a template's tag, or a serializer's field, was written."""
    return Site(spot.file, spot.line, spot.name, spot.source, spot.kind, spot.package)


def site_at(code: CodeType, line: int, kind: str = "python", *, quoted: bool = True) -> Site:
    """Line ``line`` of the file and function of ``code``; ``quoted``: with its source."""
    file = code.co_filename
    source = source_line(file, line) if quoted else ""
    return Site(file, line, function_of(code), source, kind, package_of(code))


def function_of(code: CodeType) -> str:
    """The qualified name of the function, the same on every Python.

    A comprehension goes by the function around it, in which 3.12 runs it anyway. Python
    3.10 tells qualified names by the source alone, and bare names where there is none.
    """
    name = getattr(code, "co_qualname", "") or _written_name(code)
    while name.endswith(_COMPREHENSIONS):
        name = name.rpartition(".<locals>.")[0] or "<module>"
    return name


_COMPREHENSIONS = tuple(codes.INNER_CODES - {"<lambda>"})


def _written_name(code: CodeType) -> str:
    from nplusone_guard.analysis.sources import scope_of  # which parses: only where needed

    scope = scope_of(code)
    return scope.qualname if scope is not None else code.co_name


def source_line(file: str, line: int) -> str:
    """The stripped source line; empty where it cannot be read."""
    return linecache.getline(file, line).strip()


def package_of(code: CodeType) -> str:
    """The top-level package of third-party code; empty for the user's own."""
    if codes.is_user_code(code):
        return ""
    return codes.package_of_file(code.co_filename) or "<generated>"


def declared_relation(relation: str) -> Declaration | None:
    """Where ``app.Model.accessor`` is declared: of a reverse relation, its foreign key."""
    from django.apps import apps

    label, _, accessor = relation.rpartition(".")
    if not label:
        return None
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):  # made at run time, and registered nowhere
        return None
    related: Any = model._meta.related_objects  # noqa: SLF001 - public, and documented
    reverse = (one for one in related if one.get_accessor_name() == accessor)
    field = next((one.field for one in reverse), None)
    found = declaration(field.model, field.name) if field else declaration(model, accessor)
    return found if found is not None and not codes.package_of_file(found.file) else None
