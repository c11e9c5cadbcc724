"""A session as plain text: totals, each finding once, and the scopes that reach it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from nplusone_guard.analysis.verdicts import Cleared
from nplusone_guard.policy import UnusedIgnore
from nplusone_guard.report import columns, places
from nplusone_guard.report.once import told_once
from nplusone_guard.report.page import MIN_WIDTH, counted, duration
from nplusone_guard.report.session import UNUSED, SessionFinding, SessionReport
from nplusone_guard.report.text import render_finding

if TYPE_CHECKING:
    from nplusone_guard.report.comparing import SessionDiff

#: Scopes of one finding, and cleared groups, that are named.
MAX_SCOPES = 3
MAX_CLEARED = 20


def render(
    session: SessionReport,
    *,
    width: int = 100,
    base_dir: str | None = None,
    show_cleared: bool = False,
    max_scopes: int = MAX_SCOPES,
    encoding: str | None = "utf-8",
    whole: SessionReport | None = None,
    known: Collection[str] = (),
    record: str = "",
) -> str:
    """The whole session, worst finding first, by the options of ``text.render``.

    Of the scopes that reach a finding ``max_scopes`` are named, the others counted. The
    totals are those of ``whole``, where not all that it has found is to be told. Findings
    whose ids are ``known`` say that they are, by the file named ``record``.
    """
    session = told_once(session)
    lines = totals_in(told_once(whole) if whole is not None else session, max(width, MIN_WIDTH))
    for entry in session.findings:
        lines += _entry(entry, session, width, base_dir, max_scopes, encoding)
        lines += [f"   {'known':<6}  by {record}"] if entry.finding.id in known else []
    lines += cleared_lines(session, show_cleared=show_cleared, base_dir=base_dir)
    lines += _notes(session, max(width, MIN_WIDTH), base_dir)
    return _fitted(lines, width, encoding)


def render_diff(
    difference: SessionDiff,
    *,
    width: int = 100,
    base_dir: str | None = None,
    encoding: str | None = "utf-8",
) -> str:
    """New findings in full, those that are gone in one line each, the others counted."""
    lines = [diff_totals(difference)]
    for title, entries, brief in (
        ("new", difference.new, False),
        ("gone", difference.gone, True),
    ):
        lines += [f"{title}:"] if entries else []
        for entry in entries:
            finding = render_finding(
                entry.finding,
                width=width,
                base_dir=base_dir,
                encoding=encoding,
                brief=brief,
                again=False,
            )
            lines += finding.split("\n")
    return _fitted(lines, width, encoding)


def totals(session: SessionReport) -> str:
    """``120 tests: 1,204 queries in 340 ms, 2 query loops, 61 queries avoidable``."""
    return _told(session, [_queries(session), *_verdicts(session)])


def totals_in(session: SessionReport, width: int) -> list[str]:
    """The same on one line of ``width`` columns, without the time, or on more where need be."""
    facts = [_queries(session), *_verdicts(session)]
    timeless = [counted(session.query_count, "query", "queries"), *facts[1:]]
    for line in (_told(session, facts), _told(session, timeless)):
        if columns.columns(line) <= width:
            return [line]
    rows = columns.wrap(", ".join(facts[1:]), width - 1, lines=len(facts))
    return [f"{_told(session, facts[:1])},", *(f" {row}" for row in rows)]


def _told(session: SessionReport, facts: Iterable[str]) -> str:
    return f"{scope_count(session)}: {', '.join(facts)}"


def _queries(session: SessionReport) -> str:
    count = counted(session.query_count, "query", "queries")
    return f"{count} in {duration(session.query_time)}" if session.query_count else count


def _verdicts(session: SessionReport) -> Iterator[str]:
    yield found(session.findings)
    if session.saves:
        yield f"{counted(session.saves, 'query', 'queries')} avoidable"


def diff_totals(difference: SessionDiff) -> str:
    """``1 new finding, 2 gone, 14 kept``."""
    return (
        f"{counted(len(difference.new), 'new finding')}, "
        f"{len(difference.gone):,} gone, {len(difference.kept):,} kept"
    )


def found(entries: Sequence[SessionFinding]) -> str:
    """``2 query loops, 1 duplicate query, 1 unused eager load``."""
    findings = [entry.finding for entry in entries]
    spread = sum(each.rule == "duplicate-query" and each.loop is None for each in findings)
    unused = sum(each.rule == UNUSED for each in findings)
    loops = len(entries) - spread - unused
    parts = [counted(loops, "query loop")] if loops else []
    parts += [counted(spread, "duplicate query", "duplicate queries")] if spread else []
    parts += [counted(unused, "unused eager load")] if unused else []
    return ", ".join(parts) or "no query loop"


def scope_count(session: SessionReport) -> str:
    """``120 tests``, or scopes where not all are tests."""
    return counted(len(session.scopes), noun(session))


def noun(session: SessionReport) -> str:
    """``test``, ``request`` …, or ``scope`` for several kinds and for blocks."""
    kinds = {scope.kind for scope in session.scopes}
    kind = kinds.pop() if len(kinds) == 1 else ""
    return kind if kind in ("test", "request", "task", "command") else "scope"


def reached_by(scopes: Sequence[str], most: int, room: int = 0) -> str:
    """The first ``most`` of ``scopes`` (fewer where ``room`` is short), the others counted."""
    text = ""
    for named in range(min(most, len(scopes)), 0, -1):
        more = len(scopes) - named
        text = ", ".join(scopes[:named]) + (f" and {more:,} more" if more else "")
        if not room or columns.columns(text) <= room:
            break
    return text


def cleared_lines(
    session: SessionReport, *, show_cleared: bool = False, base_dir: str | None = None
) -> list[str]:
    """``cleared: 4 batched, 1 cache``, and each of them where asked for."""
    if not session.cleared:
        return []
    reasons = ", ".join(f"{count:,} {what}" for what, count in session.cleared_reasons.items())
    lines = [f" cleared: {reasons}"]
    if show_cleared:
        worst = sorted(session.cleared, key=lambda each: -each.count)
        lines += [_cleared(each, base_dir or os.getcwd()) for each in worst[:MAX_CLEARED]]
        more = len(worst) - MAX_CLEARED
        lines += [f"   and {more:,} more"] if more > 0 else []
    return lines


def _cleared(each: Cleared, base_dir: str) -> str:
    what = f"{each.count:,} × {each.headline}"
    return f"   {each.reason}  {what}, {each.detail}  {places.shown(each.site, base_dir)}"


def _entry(
    entry: SessionFinding,
    session: SessionReport,
    width: int,
    base_dir: str | None,
    max_scopes: int,
    encoding: str | None,
) -> Iterator[str]:
    yield from render_finding(
        entry.finding, width=width, base_dir=base_dir, encoding=encoding
    ).split("\n")
    scopes = entry.scopes
    if scopes and (len(session.scopes) > 1 or scopes[0]):
        kind = noun(session)
        label = "in" if kind == "scope" else kind if len(scopes) == 1 else f"{kind}s"
        left = f"   {label:<6}  "
        yield left + reached_by(scopes, max_scopes, max(width, 60) - len(left))


def _notes(session: SessionReport, width: int, base_dir: str | None) -> Iterator[str]:
    unjudged = sum(scope.unjudged_queries for scope in session.scopes)
    if unjudged:
        count = counted(unjudged, "query", "queries")
        yield f" {count} not judged: more code paths than MAX_GROUPS keeps"
    late = Counter(scope.name for scope in session.scopes if scope.late_queries)
    if late:
        yield f" queries ran after their scope had closed: {reached_by([*late], MAX_SCOPES)}"
    if session.internal_errors:
        count = counted(len(session.internal_errors), "error")
        first = session.internal_errors[0]
        yield f" {count} inside nplusone-guard, the application went on: {first}"
    for ignore in session.idle_ignores:
        where = places.of_ignore(ignore.where, base_dir or os.getcwd())
        yield from _in_rows(f" unused ignore at {where}:", ignore, width)


def _in_rows(where: str, ignore: UnusedIgnore, width: int) -> list[str]:
    """On one row, or two, or more: only the last, which the others have told, is cut."""
    told = f"{ignore.reason}  {ignore.text}"
    if columns.columns(f"{where} {told}") <= width:
        return [f"{where} {told}"]
    first, *more = columns.wrap(where, width, lines=3)
    room = width - 3
    below = [told] if columns.columns(told) <= room else _apart(ignore, room)
    return [first, *(f"   {row}" for row in (*more, *below))]


def _apart(ignore: UnusedIgnore, room: int) -> list[str]:
    return [*columns.wrap(ignore.reason, room, lines=3), ignore.text]


def _fitted(lines: Iterable[str], width: int, encoding: str | None) -> str:
    name = columns.usable(encoding)
    ellipsis = columns.clean("…", name)
    room = max(width, 60)
    clean = (columns.clean(line[: 8 * room], name) for line in lines)
    return "\n".join(columns.shorten(line, room, ellipsis).rstrip() for line in clean)
