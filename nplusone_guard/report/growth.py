"""How the queries of one piece of code grow with its data: reports at several sizes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from nplusone_guard.analysis.findings import Finding, Shape
from nplusone_guard.analysis.merging import shape_key
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.report.groups import MAX_GROUPS, detail_rows, sends
from nplusone_guard.report.model import Report
from nplusone_guard.report.opening import Sentence, opening
from nplusone_guard.report.page import counted

#: Where the words of a class name part: ``UserProfile`` is a user profile.
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class ShapeGrowth:
    """The queries of one shape, sent from one call site, at each size."""

    headline: str
    fingerprint: str
    database: str
    site: Site
    #: Queries at each size, in the order of the sizes.
    counts: tuple[int, ...]
    #: Queries more for each row more; negative where they get fewer.
    per_row: float
    #: The loop that sends them, if the run at the largest size has shown one.
    finding: Finding | None


@dataclass(frozen=True, slots=True)
class Growth:
    """The reports of the same code at growing sizes of its data."""

    #: Rows, ascending.
    sizes: tuple[int, ...]
    reports: tuple[Report, ...]
    #: The databases that count; ``None``: all.
    using: tuple[str, ...] | None = None
    #: The models, as ``app.Model``, that have one row for each of the size.
    units: tuple[str, ...] = ()

    @property
    def counts(self) -> tuple[int, ...]:
        """Queries at each size."""
        return tuple(_count(report, self.using) for report in self.reports)

    @property
    def per_row(self) -> float:
        """Queries more for each row more."""
        return _slope(self.sizes, self.counts)

    @property
    def shapes(self) -> tuple[ShapeGrowth, ...]:
        """The shapes whose number changes with the size, the fastest growing first."""
        changing = [shape for shape in self._all_shapes() if len(set(shape.counts)) > 1]
        return tuple(sorted(changing, key=lambda shape: -shape.per_row))

    @property
    def unit(self) -> str:
        """What a row is, in words: the model that there is one of for each, if one stands out.

        Of several it is the one that the loops run over; where that is none, ``row``.
        """
        origins = [one.finding.origin for one in self.shapes if one.finding is not None]
        looped = [origin.model for origin in origins if origin is not None]
        known = [model for model in looped if model in self.units]
        unit = next(iter(known or (self.units if len(self.units) == 1 else ())), "row")
        return _CAPITAL.sub(" ", unit.rpartition(".")[2]).lower()

    def is_within(self, linear: float) -> bool:
        """Whether no size takes more than ``linear`` queries a row more than the smallest.

        With 0, the number of queries must be the same at every size.
        """
        if not linear:
            return len(set(self.counts)) == 1
        return self.per_row <= linear

    def _all_shapes(self) -> Iterator[ShapeGrowth]:
        known: dict[object, tuple[Shape, list[int]]] = {}
        for index, report in enumerate(self.reports):
            for shape in report.shapes:
                if self.using is None or shape.database in self.using:
                    none = [0] * len(self.sizes)
                    known.setdefault(shape_key(shape), (shape, none))[1][index] += shape.count
        for shape, counts in known.values():
            yield ShapeGrowth(
                headline=shape.headline,
                fingerprint=shape.fingerprint,
                database=shape.database,
                site=shape.site,
                counts=tuple(counts),
                per_row=_slope(self.sizes, counts),
                finding=_finding_of(shape, self.reports[-1]),
            )


def _count(report: Report, using: Collection[str] | None) -> int:
    if using is None:
        return report.query_count
    return sum(report.databases.get(alias, 0) for alias in using)


def _slope(sizes: Sequence[int], counts: Sequence[int]) -> float:
    """The steepest way from the smallest size to another: up, if one leads up."""
    slopes = [
        (count - counts[0]) / (size - sizes[0])
        for size, count in zip(sizes[1:], counts[1:], strict=True)
    ]
    return max(slopes) if max(slopes) > 0 else min(slopes)


def _finding_of(shape: Shape, report: Report) -> Finding | None:
    same = [one for one in report.findings if sends(one, shape.database, shape.fingerprint)]
    here = [one for one in same if any(each.site == shape.site for each in one.statements)]
    return next(iter((*here, *same)), None)


def told_shapes(growth: Growth, *, verbose: bool) -> tuple[ShapeGrowth, ...]:
    """The shapes that are told in the text: the fastest growing, or all of them."""
    return growth.shapes if verbose else growth.shapes[:MAX_GROUPS]


def render_growth(
    growth: Growth,
    *,
    linear: float = 0,
    info: str = "",
    before: str = "",
    verbose: bool = False,
    width: int = 100,
    base_dir: str | None = None,
) -> str:
    """``5 queries at 2, 9 at 4``, then each shape that grows, with its site and its loop.

    ``before`` is what is going to stand before it, on its first line.
    """
    lines = opening((*_facts(growth, linear), (info,)), width, before)
    shown, unit = told_shapes(growth, verbose=verbose), growth.unit
    told: set[str] = set()
    for shape in shown:
        lines += detail_rows(
            partial(_of_shape, shape, unit),
            shape.site,
            shape.finding,
            told,
            sql=shape.fingerprint if verbose else "",
            width=width,
            base_dir=base_dir,
        )
    left = len(growth.shapes) - len(shown)
    if left:
        lines.append(f" {counted(left, 'more statement')}: -v shows all")
    if growth.per_row < 0:
        lines.append(" fewer queries with more rows: is a cache filled while it is counted?")
    return "\n".join(lines)


def _facts(growth: Growth, linear: float) -> Iterator[Sentence]:
    (first, *more), (smallest, *sizes) = growth.counts, growth.sizes
    texts = [f"{counted(first, 'query', 'queries')} at {smallest:,}"]
    texts += [f"{count:,} at {size:,}" for count, size in zip(more, sizes, strict=True)]
    yield texts
    if linear:
        grown = f"{_signed(growth.per_row)} per {growth.unit}"
        yield grown, f"at most {_signed(linear)} allowed"


def _of_shape(shape: ShapeGrowth, unit: str, place: str) -> str:
    where = f" to {shape.database}" if shape.database not in ("", "default") else ""
    return f"{_signed(shape.per_row)} {shape.headline}{where} per {unit}, {place}"


def _signed(number: float) -> str:
    """``+2.0``; two digits that say something where it is small."""
    return f"{number:+.1f}" if not number or abs(number) >= 0.1 else f"{number:+.2g}"
