"""The queries of a report grouped by shape, most repeated first, as budgets show them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nplusone_guard.analysis.findings import Finding, Shape
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.report import columns
from nplusone_guard.report.model import Report
from nplusone_guard.report.page import Page, Row, aligned, counted, page_of, row_of
from nplusone_guard.report.told import (
    fix_rows,
    loaded_text,
    loop_name,
    same_line,
    short_places,
    source_text,
    to_change,
)

#: Groups that are shown unless all are asked for.
MAX_GROUPS: Final = 20
#: Call sites, and loops, that get rows of their own in one group.
MAX_SITES: Final = 3
#: Lines that the statement itself takes, where everything is shown.
MAX_SQL_LINES: Final = 6


@dataclass(frozen=True, slots=True)
class QueryGroup:
    """All queries of one shape to one database, wherever they were sent from."""

    headline: str
    fingerprint: str
    database: str
    count: int
    #: Call sites, the busiest first.
    sites: tuple[Site, ...]
    #: The loops that sent some of them.
    findings: tuple[Finding, ...] = ()


def query_groups(report: Report, databases: Collection[str] | None = None) -> list[QueryGroup]:
    """The queries of ``report`` (to ``databases``, if given) by shape, most repeated first."""
    shapes: dict[tuple[str, str], list[Shape]] = {}
    for shape in report.shapes:
        if databases is None or shape.database in databases:
            shapes.setdefault((shape.database, shape.fingerprint), []).append(shape)
    groups = [_group(same, report.findings) for same in shapes.values()]
    return sorted(groups, key=lambda group: -group.count)


def _group(shapes: list[Shape], findings: Iterable[Finding]) -> QueryGroup:
    first = shapes[0]
    by_site: dict[Site, int] = {}
    for shape in shapes:
        by_site[shape.site] = by_site.get(shape.site, 0) + shape.count
    return QueryGroup(
        headline=first.headline,
        fingerprint=first.fingerprint,
        database=first.database,
        count=sum(shape.count for shape in shapes),
        sites=tuple(sorted(by_site, key=lambda site: -by_site[site])),
        findings=tuple(one for one in findings if sends(one, first.database, first.fingerprint)),
    )


def sends(finding: Finding, database: str, fingerprint: str) -> bool:
    """Whether the loop of ``finding`` sends this shape to this database."""
    return any(
        (each.database, each.fingerprint) == (database, fingerprint) for each in finding.statements
    )


def told_of(groups: Sequence[QueryGroup], *, verbose: bool) -> frozenset[str]:
    """The ids of the findings that ``render_groups`` tells of."""
    shown = groups if verbose else groups[:MAX_GROUPS]
    return frozenset(one.id for group in shown for one in group.findings[:MAX_SITES])


def render_groups(
    groups: Sequence[QueryGroup],
    *,
    verbose: bool = False,
    width: int = 100,
    base_dir: str | None = None,
    encoding: str | None = "utf-8",
) -> str:
    """``groups`` as text: count, headline, fix, call sites and loops of each.

    At most ``MAX_GROUPS`` are shown, and how many are left; where ``verbose``, all are,
    with their statements. Each fix is given once.
    """
    page = page_of(width, base_dir, encoding)
    shown = groups if verbose else groups[:MAX_GROUPS]
    told: set[str] = set()
    lines = [line for group in shown for line in _lines(group, page, told, verbose=verbose)]
    left = groups[len(shown) :]
    if left:
        queries = counted(sum(group.count for group in left), "query", "queries")
        lines.append(f" {counted(len(left), 'more statement')} with {queries}: -v shows all")
    return "\n".join(lines)


def _lines(group: QueryGroup, page: Page, told: set[str], *, verbose: bool) -> Iterator[str]:
    yield page.line(f" {page.times_of(group.count, group.headline)}{_aside(group, page)}")
    if verbose:
        yield from _sql(group.fingerprint, page)
    yield from _details(group.sites, group.findings[:MAX_SITES], told, page)
    more = ", ".join(page.place(site) for site in group.sites[MAX_SITES:])
    if more:
        yield page.line(row_of("also", f"{len(group.sites) - MAX_SITES} more: {more}"))


def _details(
    sites: Sequence[Site], findings: Sequence[Finding], told: set[str], page: Page
) -> Iterator[str]:
    """Fix, call sites and loops; fixes that were ``told`` are not told again."""
    for finding in findings:
        if finding.id not in told:
            told.add(finding.id)
            yield from fix_rows(finding, page)
    yield from aligned([*_site_rows(sites, page), *_loop_rows(sites, findings, page)], page)


def detail_rows(
    head: Callable[[str], str],
    site: Site,
    finding: Finding | None,
    told: set[str],
    *,
    sql: str = "",
    width: int = 100,
    base_dir: str | None = None,
) -> list[str]:
    """One shape at one call site: ``head`` of the short name of that place, then details."""
    page = page_of(width, base_dir, "utf-8")
    findings = [finding] if finding is not None else []
    return [
        page.line(f" {page.clean(head(short_places(site, page)[-1]))}"),
        *(_sql(sql, page) if sql else ()),
        *_details([site], findings, told, page),
    ]


def _aside(group: QueryGroup, page: Page) -> str:
    notes = [group.database] if group.database not in ("", "default") else []
    rules = "".join(f"  {rule}" for rule in dict.fromkeys(one.rule for one in group.findings))
    return (f" ({page.clean(', '.join(notes))})" if notes else "") + rules


def _sql(text: str, page: Page) -> Iterator[str]:
    room = page.width - len(row_of("", "."))
    lines = columns.wrap(page.clean(text), room, MAX_SQL_LINES, page.ellipsis)
    for index, line in enumerate(lines):
        yield row_of("" if index else "sql", line)


def _site_rows(sites: Sequence[Site], page: Page) -> Iterator[Row]:
    for index, site in enumerate(sites[:MAX_SITES]):
        yield "" if index else "query", page.place(site), source_text(site, page)


def _loop_rows(sites: Sequence[Site], findings: Iterable[Finding], page: Page) -> Iterator[Row]:
    """The loops, and where their parents were loaded, each place once."""
    rows = (row for finding in findings for row in _rows_of_loop(finding, sites, page))
    yield from dict.fromkeys(rows)


def _rows_of_loop(finding: Finding, sites: Sequence[Site], page: Page) -> Iterator[Row]:
    loop, origin = finding.loop, finding.origin
    if loop is not None and all(same_line(loop, site) for site in sites):
        yield "loop", f"same line, {loop_name(loop, page)}", ""
    elif loop is not None:
        yield "loop", page.place(loop), source_text(loop, page)
    if origin is not None:
        yield "loaded", page.place(to_change(origin)), loaded_text(origin, loop, page)
