"""The report as plain text: one line for the scope, six or fewer for each finding with a short fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from nplusone_guard.analysis.verdicts import Cleared, Site
from nplusone_guard.policy import UnusedIgnore
from nplusone_guard.report import columns
from nplusone_guard.report.model import Report
from nplusone_guard.report.page import (
    Page,
    aligned,
    counted,
    duration,
    join_parts,
    page_of,
    row_of,
)
from nplusone_guard.report.told import (
    FEW_LINES,
    fix_rows,
    fix_sentence,
    fix_text,
    loaded_text,
    loop_name,
    same_line,
    short_places,
    source_text,
    to_change,
)

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import Finding, Statement

#: Lines of a finding whose fix takes ``FEW_LINES``, or fewer; a longer fix is told whole.
MAX_LINES = 6
#: Columns of a statement that is shortened to leave room for its place.
MIN_WHAT = 20
#: From this width on every place is told with its path, also where it is that of the query.
ROOM_FOR_PATHS = 100
#: Cleared groups and duplicate sites that get a place of their own.
MAX_CLEARED = 20


def render(
    report: Report,
    *,
    width: int = 100,
    show_cleared: bool = False,
    base_dir: str | None = None,
    brief_ids: Collection[str] = frozenset(),
    encoding: str | None = "utf-8",
    named: bool = True,
) -> str:
    """The whole report, no line wider than ``width`` columns (at least 60).

    Paths are shown relative to ``base_dir`` (default: the working directory). A
    finding whose id is in ``brief_ids`` takes one line. Where it is told already what the
    scope is called, it is not ``named``, and the loops come first: little more than the
    beginning of a failure is shown in a list of them. What ``encoding`` cannot
    carry is spelled in ASCII, so that the text can be written to a stream of it.
    """
    page = page_of(width, base_dir, encoding)
    lines = [_headline(report, page) if named else page.first_fitting(_loops_first(report, page))]
    for finding in report.findings:
        if finding.id in brief_ids:
            lines.append(_brief(finding, page))
        else:
            lines += _finding(finding, report.query_count, page)
    if show_cleared:
        lines += _cleared(report.cleared, page)
        lines += _correlation(report, page)
    lines += [page.line(" " + note) for note in _notes(report, page)]
    return "\n".join(lines)


def render_finding(
    finding: Finding,
    *,
    width: int = 100,
    base_dir: str | None = None,
    total: int = 0,
    brief: bool = False,
    again: bool = True,
    encoding: str | None = "utf-8",
) -> str:
    """One finding in at most six lines, two of them its fix; in one where ``brief``.

    The one line says that it is told ``again``, unless it is not.

    A fix that takes more than two lines is told whole all the same, in lines of its own.

    ``total`` is the number of queries of the whole scope, which those that can be
    saved are set against; without it they are set against the finding's own.
    """
    page = page_of(width, base_dir, encoding)
    if brief:
        return _brief(finding, page, "  again" if again else " ")
    return "\n".join(_finding(finding, total, page))


def headline(report: Report, *, width: int = 100, encoding: str | None = "utf-8") -> str:
    """The scope in one line: its queries, their time, how many loops."""
    return _headline(report, page_of(width, None, encoding))


def _headline(report: Report, page: Page) -> str:
    name = page.clean(report.name or report.kind)
    facts = _all_facts(report, page)
    room = max(page.width - len(facts[-1]) - 2, 12)
    return page.first_fitting(
        [*(f"{name}: {each}" for each in facts), f"{page.middle(name, room)}: {facts[-1]}"]
    )


def _all_facts(report: Report, page: Page) -> list[str]:
    """What the first line tells, from the fullest to the barest."""
    told = bool(report.query_count or report.findings)
    return [f"{each}, {_verdict(report)}" if told else each for each in _asked(report, page)]


def _loops_first(report: Report, page: Page) -> list[str]:
    """``1 query loop among 12 queries in 3 ms``, from the fullest to the barest."""
    return [f"{_verdict(report)} among {each}" for each in _asked(report, page)]


def _asked(report: Report, page: Page) -> list[str]:
    """``12 queries (+2 transaction) in 3 ms``, from the fullest to the barest."""
    transactions = _transactions(report)
    asides = (join_parts("; ", _databases(report, page), transactions), transactions, "")
    asked = report.query_count
    count = counted(asked, "query", "queries") if asked else "no queries"
    time = f" in {duration(report.query_time)}" if asked else ""
    return [f"{count} ({aside}){time}" if aside else count + time for aside in asides]


def _databases(report: Report, page: Page) -> str:
    if len(report.databases) < 2:
        return ""
    used = sorted(report.databases.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {page.clean(alias)}" for alias, count in used)


def _transactions(report: Report) -> str:
    return f"+{report.transaction_count:,} transaction" if report.transaction_count else ""


def _verdict(report: Report) -> str:
    duplicates = sum(_is_spread(finding) for finding in report.findings)
    loops = len(report.findings) - duplicates
    parts = [counted(loops, "query loop")] if loops else []
    if duplicates:
        parts.append(counted(duplicates, "duplicate query", "duplicate queries"))
    return ", ".join(parts) or "no query loop"


def _is_spread(finding: Finding) -> bool:
    return finding.rule == "duplicate-query" and finding.loop is None


def _finding(finding: Finding, total: int, page: Page) -> list[str]:
    fix = fix_rows(finding, page)
    if _is_spread(finding):
        rows = _spread(finding, page)
    else:
        rows = _looped(finding, page, told=len(fix) <= FEW_LINES or not _says_where(finding))
    # The fix is what the reader came for, and one that is cut is of no use: where it takes the
    # last line, the first line alone tells how many other statements the loop has.
    room = max(MAX_LINES - 1 - len(fix) - len(rows), 0)
    return [_head(finding, total, page), *fix, *rows, *_others(finding, page)[:room]]


def _head(finding: Finding, total: int, page: Page) -> str:
    left, what = f" {page.clean(finding.rule)}  ", _what(finding, page)
    tails = _tails(finding, total, page)
    room = page.width - columns.columns(left + tails[-1])
    return page.first_fitting(
        [*(left + what + tail for tail in tails), left + page.middle(what, room) + tails[-1]]
    )


def _tails(finding: Finding, total: int, page: Page) -> list[str]:
    """The right end of a finding's first line, from the fullest to the barest."""
    time, name, saves = duration(finding.duration), _id(finding, page), finding.advice.saves
    tails = [[time], []]
    if saves > 0:
        whole = max(total or finding.advice.of, saves)
        short = f"{saves:,} of {whole:,} avoidable"
        full = f"{saves:,} of {whole:,} queries avoidable"
        tails = [[time, full], [time, short], [short], [f"saves {saves}/{whole}"], *tails]
    return ["".join(f"  {part}" for part in (*tail, name) if part) for tail in tails]


def _id(finding: Finding, page: Page) -> str:
    return f"[{columns.shorten(page.clean(finding.id), 16, page.ellipsis)}]" if finding.id else ""


def _what(finding: Finding, page: Page) -> str:
    if not finding.statements:
        return page.clean(finding.summary)
    main, more = _main(finding), len(finding.statements) - 1
    what = page.times_of(main.count, main.headline) + _aside(main, finding, page)
    if not more:
        return what
    return f"{what} + {more} more ({counted(finding.count, 'query', 'queries')})"


def _main(finding: Finding) -> Statement:
    """The statement that the finding is named after."""
    named = (finding.fingerprint, finding.site)
    same = (each for each in finding.statements if (each.fingerprint, each.site) == named)
    return next(same, finding.statements[0])


def _aside(main: Statement, finding: Finding, page: Page) -> str:
    notes = [page.clean(main.database)] if main.database not in ("", "default") else []
    notes += [f"{main.failed:,} failed"] if main.failed else []
    notes += ["same parameters"] if finding.rule == "duplicate-query" else []
    return f" ({', '.join(notes)})" if notes else ""


def _says_where(finding: Finding) -> bool:
    """Whether the line that the fix is about is the one where the parents are loaded."""
    origin, options = finding.origin, finding.advice.options
    if origin is None or not options:
        return False
    place = to_change(origin)
    return (options[0].file, options[0].line) == (place.file, place.line)


def _looped(finding: Finding, page: Page, *, told: bool = True) -> list[str]:
    """Where it is asked, repeated and, unless the fix has said so already, loaded."""
    site, loop, origin = finding.site, finding.loop, finding.origin
    # Source lines tell more than a path that stands right above.
    beside = site if page.width < ROOM_FOR_PATHS else None
    rows = [("query", page.place(site), source_text(site, page))]
    if loop is not None:
        same = same_line(loop, site) and not _two_tags(loop, site)
        text = join_parts("  ", "" if same else source_text(loop, page), _why(finding, page))
        rows += [
            (
                "loop",
                _told_same(loop, page) if same else page.place(loop, beside),
                text,
            )
        ]
    if origin is not None and told:
        rows += [("loaded", page.place(to_change(origin), beside), loaded_text(origin, loop, page))]
    return aligned(rows, page)


def _why(finding: Finding, page: Page) -> str:
    """What makes a bypassed prefetch worse than none, where the fix does not say so."""
    if finding.rule != "bypassed-prefetch":
        return ""
    accessor = page.clean(finding.relation.rpartition(".")[2])
    said = fix_text(finding, page) == fix_sentence(finding, page)
    return "" if said or not accessor else f"{accessor} is prefetched, then bypassed"


def _two_tags(one: Site, other: Site) -> bool:
    """A line of a template can hold several, which the line itself does not tell apart."""
    return one.kind == other.kind == "template" and one.source != other.source


def _told_same(loop: Site, page: Page) -> str:
    return "same tag" if loop.kind == "template" else f"same line, {loop_name(loop, page)}"


def _spread(finding: Finding, page: Page) -> list[str]:
    """The places of a duplicate query: four rows, the last a list where there are more."""
    sites = list(dict.fromkeys((finding.site, *finding.also_at)))
    rows = MAX_LINES - 2
    told = sites if len(sites) <= rows else sites[: rows - 1]
    labels = ["query", *("" for _ in told)]
    places = [
        (label, page.place(site), source_text(site, page))
        for label, site in zip(labels, told, strict=False)
    ]
    more = ", ".join(page.place(site) for site in sites[len(told) :])
    also = f"{len(sites) - len(told)} more: {more}"
    return aligned(places, page) + ([page.line(row_of("also", also))] if more else [])


def _others(finding: Finding, page: Page) -> list[str]:
    """What else the loop sends, and where else it sends the same, in one row."""
    parts = filter(None, (_other_statements(finding, page), _other_sites(finding, page)))
    also = "; ".join(parts)
    return [page.line(row_of("also", also))] if also else []


def _other_statements(finding: Finding, page: Page) -> str:
    main = _main(finding) if finding.statements else None
    more = [each for each in finding.statements if each is not main]
    told = (
        f"{page.times_of(each.count, each.headline)} at {page.place(each.site, finding.site)}"
        for each in more
    )
    return f"{counted(len(more), 'more statement')}: {', '.join(told)}" if more else ""


def _other_sites(finding: Finding, page: Page) -> str:
    sites = [site for site in finding.also_at if site != finding.site]
    if not sites or _is_spread(finding):
        return ""
    return "sent at " + ", ".join(page.place(site, finding.site) for site in sites) + " too"


def _brief(finding: Finding, page: Page, again: str = "  again") -> str:
    """What was found and where: the statement is shortened before the place is left out."""
    left, what = f" {page.clean(finding.rule)}  ", _what(finding, page)
    tail = f"{again} {_id(finding, page)}".rstrip()
    place, short = (f"  {each}" for each in short_places(finding.site, page))
    room = page.width - columns.columns(left + tail)
    beside = room - columns.columns(short)
    # The name of the rule says what the aside of a duplicate does.
    bare = what.replace(" (same parameters)", "")
    parts = [what + place, what + short, bare + short]
    if beside >= MIN_WHAT:
        parts.append(page.middle(bare, beside) + short)
    return page.first_fitting(
        [left + each + tail for each in (*parts, what, page.middle(what, room))]
    )


def _cleared(cleared: Sequence[Cleared], page: Page) -> list[str]:
    if not cleared:
        return []
    reasons = Counter(page.clean(each.reason) for each in cleared)
    longest = max(map(columns.columns, reasons))
    lines = [f" cleared: {', '.join(f'{count} {reason}' for reason, count in reasons.items())}"]
    lines += [_cleared_row(each, longest, page) for each in cleared[:MAX_CLEARED]]
    if len(cleared) > MAX_CLEARED:
        lines.append(f"   and {len(cleared) - MAX_CLEARED} more")
    return [page.line(line) for line in lines]


def _cleared_row(each: Cleared, longest: int, page: Page) -> str:
    reason = columns.pad(page.clean(each.reason), longest)
    what = page.middle(page.times_of(each.count, each.headline), page.width // 2)
    return page.first_fitting(
        [
            f"   {reason}  {what}  {place}  {page.clean(each.detail)}".rstrip()
            for place in short_places(each.site, page)
        ]
    )


def _correlation(report: Report, page: Page) -> list[str]:
    found = page.clean(report.correlation_id)
    return [page.line(f" correlation id: {found}")] if found else []


def _notes(report: Report, page: Page) -> Iterator[str]:
    """What else the reader must know, a line each."""
    if report.failed_count:
        yield f"{counted(report.failed_count, 'query', 'queries')} failed"
    if report.late_queries:
        yield f"{counted(report.late_queries, 'query', 'queries')} ran after this scope had closed"
    if report.unjudged_queries:
        judged = "was not judged" if report.unjudged_queries == 1 else "were not judged"
        count = counted(report.unjudged_queries, "query", "queries")
        yield f"{count} {judged}: this scope has more code paths than MAX_GROUPS keeps"
    if report.internal_errors:
        count = counted(len(report.internal_errors), "error")
        first = page.clean(report.internal_errors[0])
        yield f"{count} inside nplusone-guard, the application went on: {first}"
    yield from (_unused(ignore, page) for ignore in report.unused_ignores)


def _unused(ignore: UnusedIgnore, page: Page) -> str:
    where = page.path(page.clean(page.relative(ignore.where)), page.width // 3)
    return f"unused ignore at {where}: {page.clean(ignore.reason)}  {page.clean(ignore.text)}"
