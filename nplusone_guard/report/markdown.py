"""A session as Markdown (GFM), for a job's summary, a comment or a file.

Nothing that comes from code, paths or SQL is read as markup: it stands in code spans and
blocks whose fences are longer than any in the text. GitHub takes 1 MiB of summary from
a step, so texts, findings and scopes are bounded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from nplusone_guard.analysis.findings import Finding, Option
from nplusone_guard.analysis.verdicts import Cleared, Site
from nplusone_guard.report import columns, places, sql, summary
from nplusone_guard.report.comparing import SessionDiff
from nplusone_guard.report.joining import session_of
from nplusone_guard.report.model import Report
from nplusone_guard.report.once import told_once
from nplusone_guard.report.page import counted, duration
from nplusone_guard.report.session import SessionFinding, SessionReport

#: Findings in the table, and of these the ones told in full.
MAX_ROWS: Final = 200
MAX_FINDINGS: Final = 50
#: Scopes that a finding names, and cleared groups that are listed.
MAX_SCOPES: Final = 10
MAX_CLEARED: Final = 50
#: Characters of one source line, path or name, of one fix, which is to be copied, and of one
#: statement.
MAX_TEXT: Final = 300
MAX_FIX: Final = 1_000
MAX_SQL: Final = 4_000

_MARKUP: Final = re.compile(r"([\\`*_\[\]<>#|~&$])")


@dataclass(frozen=True, slots=True)
class _Page:
    """What paths are relative to, and where they can be read."""

    base_dir: str
    source_url: str

    def place(self, site: Site) -> str:
        """``app/views.py:31``, a link where the file is in the repository."""
        text = _code(places.shown(site, self.base_dir))
        below = places.relative(site.file, self.base_dir)
        if not self.source_url or below is None or site.package:
            return text
        path = quote(below.encode("utf-8", "backslashreplace"))
        return f"[{text}]({self.source_url.rstrip('/')}/{path}#L{site.line})"


def render(
    source: Report | SessionReport,
    base_dir: str | None = None,
    *,
    source_url: str = "",
    title: str = "nplusone-guard",
    show_cleared: bool = True,
    known: Collection[str] = (),
    standing: Sequence[str] = (),
) -> str:
    """The session under a heading: totals, a table of findings, each finding in full.

    Findings whose ids are ``known`` stand in a table of their own, folded away. The lines of
    ``standing``, on how the session stands against a baseline, follow the totals.

    ``source_url`` is where the repository's files can be read at this commit, such as
    ``https://github.com/OWNER/NAME/blob/COMMIT``; places become links below it.
    """
    session = session_of(source)
    page = _Page(base_dir or os.getcwd(), source_url)
    blocks = [f"## {_escaped(title)}", _escaped(summary.totals(told_once(session)))]
    blocks += [_fenced("\n".join(map(columns.clean, standing)), "text")] if standing else []
    blocks += _new_and_known(session, known, page)
    blocks += _cleared(session, page) if show_cleared else []
    return "\n\n".join([*blocks, *_notes(session, page)]) + "\n"


def render_diff(
    difference: SessionDiff,
    base_dir: str | None = None,
    *,
    source_url: str = "",
    title: str = "nplusone-guard",
) -> str:
    """What came and went: new findings in full, those that are gone in a table."""
    page = _Page(base_dir or os.getcwd(), source_url)
    blocks = [f"## {_escaped(title)}", _escaped(summary.diff_totals(difference))]
    blocks += ["### New", *_findings(difference.new, page)] if difference.new else []
    blocks += ["### Gone", _table(difference.gone, page)] if difference.gone else []
    return "\n\n".join(blocks) + "\n"


# ── blocks ──────────────────────────────────────────────────────────────────────────


def _findings(entries: tuple[SessionFinding, ...], page: _Page) -> Iterator[str]:
    if not entries:
        return
    yield _table(entries, page)
    for number, entry in enumerate(entries[:MAX_FINDINGS], start=1):
        yield from _finding(number, entry, page)


def _new_and_known(session: SessionReport, known: Collection[str], page: _Page) -> Iterator[str]:
    """What is new first: a reader looks for what has to be done."""
    told = [entry for entry in session if entry.finding.id not in known]
    new = told_once(replace(session, findings=tuple(told))).findings
    told = [entry for entry in session if entry.finding.id in known]
    old = told_once(replace(session, findings=tuple(told))).findings
    if old and not new:
        yield "Every finding is known."
    yield from _findings(new, page)
    if old:
        yield _details(counted(len(old), "known finding"), _table(old, page))


def _table(entries: tuple[SessionFinding, ...], page: _Page) -> str:
    rows = ["| Rule | Query | Line | Avoidable | Seen in |", "|---|---|---|--:|--:|"]
    rows += [_row(entry, page) for entry in entries[:MAX_ROWS]]
    more = len(entries) - MAX_ROWS
    return "\n".join(rows) + (f"\n\nand {counted(more, 'finding')} more" if more > 0 else "")


def _row(entry: SessionFinding, page: _Page) -> str:
    finding = entry.finding
    cells = (
        _code(finding.rule),
        _what(finding),
        page.place(places.primary(finding, page.base_dir)),
        f"{entry.saves:,}",
        f"{len(entry.sightings):,}",
    )
    # A bar ends a cell, in code spans as well, and `\|` does where a backslash precedes it.
    return "| " + " | ".join(cell.replace("|", "¦") for cell in cells) + " |"


def _what(finding: Finding) -> str:
    return f"{finding.count:,} × {_code(_headline(finding))}"


def _headline(finding: Finding) -> str:
    same = (each for each in finding.statements if each.fingerprint == finding.fingerprint)
    first = next(same, None)
    return first.headline if first is not None else finding.summary


def _finding(number: int, entry: SessionFinding, page: _Page) -> Iterator[str]:
    finding = entry.finding
    yield f"### {number}. {_code(finding.rule)}: {_what(finding)}"
    yield "\n".join(_facts(entry, page))
    yield _details("SQL", _fenced(_sql(finding), "sql"))


def _facts(entry: SessionFinding, page: _Page) -> Iterator[str]:
    finding = entry.finding
    if finding.advice.text:
        yield f"- **Fix:** {_escaped(_cut(' '.join(finding.advice.text.split()), MAX_FIX))}"
    for option in finding.advice.options[1:]:
        yield f"- **Or:** {_option(option, page)}"
    yield f"- **Query:** {page.place(finding.site)} {_code(finding.site.source)}".rstrip()
    for site, what in places.related(finding, finding.site):
        label = _escaped(_cut(what[:1].upper() + what[1:]))
        yield f"- **{label}:** {page.place(site)} {_code(site.source)}".rstrip()
    yield f"- {_effect(entry)}"
    scopes = ", ".join(_code(scope) for scope in entry.scopes[:MAX_SCOPES] if scope)
    more = len(entry.scopes) - MAX_SCOPES
    if scopes:
        yield f"- **Seen in:** {scopes}" + (f" and {more:,} more" if more > 0 else "")


def _option(option: Option, page: _Page) -> str:
    """Another way out: what to write, where, and what to read then."""
    site = Site(option.file, option.line, "")
    what = f"at {page.place(site)}"
    what += f", and read {_code(option.read, MAX_FIX)}" if option.read else ""
    what += f" (skips {_escaped(_cut(option.loses))})" if option.loses else ""
    lines = [_cut(line, MAX_FIX) for line in option.expression.split("\n")]
    if len(lines) == 1:
        return f"{_code(lines[0], MAX_FIX)} {what}"
    block = _fenced("\n".join(lines), "python").replace("\n", "\n  ")
    return f"{what}:\n  {block}"


def _effect(entry: SessionFinding) -> str:
    finding = entry.finding
    saved = counted(entry.saves, "query", "queries")
    facts = [f"{saved} avoidable"] if entry.saves else []
    return ", ".join([*facts, duration(finding.duration), f"finding {_code(finding.id)}"])


def _sql(finding: Finding) -> str:
    shapes = dict.fromkeys(each.fingerprint for each in finding.statements)
    texts = [sql.pretty(each) for each in shapes or [finding.fingerprint]]
    text = ";\n\n".join(texts)
    return text if len(text) <= MAX_SQL else text[:MAX_SQL] + "…"


def _cleared(session: SessionReport, page: _Page) -> Iterator[str]:
    if not session.cleared:
        return
    reasons = ", ".join(f"{count:,} {what}" for what, count in session.cleared_reasons.items())
    worst = sorted(session.cleared, key=lambda each: -each.count)
    rows = [_cleared_row(each, page) for each in worst[:MAX_CLEARED]]
    more = len(worst) - MAX_CLEARED
    rows += [f"- and {more:,} more"] if more > 0 else []
    yield _details(f"Cleared: {reasons}", "\n".join(rows))


def _cleared_row(each: Cleared, page: _Page) -> str:
    what = f"{each.count:,} × {_code(each.headline)}"
    return f"- {_escaped(each.reason)}: {what} at {page.place(each.site)} {_code(each.detail)}"


def _notes(session: SessionReport, page: _Page) -> Iterator[str]:
    notes = [f"- error inside nplusone-guard: {_code(each)}" for each in session.internal_errors]
    notes += [
        f"- unused ignore at {_code(places.of_ignore(ignore.where, page.base_dir))}: "
        f"{_escaped(ignore.reason)} {_code(ignore.text)}"
        for ignore in session.idle_ignores
    ]
    if notes:
        yield _joined(notes)


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(list(lines)[:MAX_CLEARED])


def _details(title: str, content: str) -> str:
    escaped = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<details><summary>{columns.clean(escaped)}</summary>\n\n{content}\n\n</details>"


# ── texts that are not markup ───────────────────────────────────────────────────────


def _escaped(text: str) -> str:
    """``text`` within a line, nothing in it markup."""
    return _MARKUP.sub(r"\\\1", columns.clean(text))


def _cut(text: str, most: int = MAX_TEXT) -> str:
    return columns.shorten_middle(columns.clean(text), most)


def _code(text: str, most: int = MAX_TEXT) -> str:
    """``text`` as a code span; nothing where it is empty."""
    text = _cut(text, most)
    if not text.strip():
        return ""
    fence = "`" * (_longest_run(text) + 1)
    # A space at both ends is taken away again.
    space = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{space}{text}{space}{fence}"


def _fenced(text: str, language: str) -> str:
    fence = "`" * max(_longest_run(text) + 1, 3)
    return f"{fence}{language}\n{text}\n{fence}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
