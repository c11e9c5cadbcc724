"""``demo-report.html``: the summary, the charts and the findings on one page, without any file else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from apps.demo import charts
from apps.demo.claims import HEAD, Claim
from apps.demo.comparison import TITLES, Compared
from apps.demo.growth import Grown
from apps.demo.load import Load
from apps.demo.load_runs import SAMPLE
from apps.demo.plans import Plan
from apps.demo.survey import Survey
from apps.demo.text import duration
from apps.demo.verdicts import Verdict
from background_tasks.journal_wellness_tasks import VARIANTS

#: How a verdict is coloured, where it is none that the claim fails by.
KINDS = {Verdict.HOLDS: "good", Verdict.NO_CLAIM: "good", Verdict.OPEN: "open"}

STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --paper: #fff; --soft: #eef0f3; --quiet: #5b6470;
  --before: #6b7280; --claimed: #c2410c; --fixed: #15803d; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --paper: #14171c; --soft: #23272e; --quiet: #9aa3af;
    --before: #9ca3af; --claimed: #fb923c; --fixed: #4ade80; } }
body { font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 52rem; margin: 0 auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
.quiet, figcaption { color: var(--quiet); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--soft);
  vertical-align: top; }
td.good { color: var(--fixed); } td.open { color: var(--quiet); }
td.bad { color: var(--claimed); font-weight: 600; }
@media (max-width: 36rem) {
  table.stack thead { display: none; } table.stack td { display: block; border: 0; padding: 0;
    overflow-wrap: anywhere; }
  table.stack tr { display: block; border-bottom: 1px solid var(--soft); padding: .6rem 0; }
  table.stack td[data-label]::before { content: attr(data-label) ": "; color: var(--quiet); } }
pre { background: var(--soft); padding: .75rem; overflow-x: auto; font-size: .85rem; }
figure { margin: 1rem 0; } svg { display: block; width: 100%; max-width: 34rem; height: auto; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .before { fill: var(--before); } svg .claimed { fill: var(--claimed); }
svg .fixed { fill: var(--fixed); } svg .lane { fill: var(--soft); } svg .query { fill: var(--claimed); }
svg .axis { fill: none; stroke: var(--quiet); }
svg .line { fill: none; stroke-width: 2; }
svg .line.before { stroke: var(--before); stroke-dasharray: 6 4; }
svg .line.claimed { stroke: var(--claimed); } svg .line.fixed { stroke: var(--fixed); }
"""

#: Whose code is checked.
CODES = ("the report's code", "the cure")


def render(
    about: Sequence[str],
    lines: Sequence[Claim],
    compared: Sequence[Compared],
    texts: dict[str, str],
    survey: Survey,
) -> str:
    """The page. ``about`` says what was measured on; ``texts`` are the guard's reports by variant."""
    parts = [
        "<h1>The performance report, checked</h1>",
        *(f'<p class="quiet">{escape(text)}</p>' for text in about),
        "<h2>Claims</h2>",
        _claims(lines),
        *(f'<p class="quiet">Not measured. {escape(text)}</p>' for text in survey.missing),
        "<h2>The wellness report, three ways</h2>",
        *_growth(survey),
        *(_variant(one, texts[one.run.variant]) for one in compared),
        *_indexes(survey),
        *_paging(survey),
        *_load(survey),
        *_checks(survey),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>The performance report, checked</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n{chr(10).join(parts)}\n</body>\n</html>\n"
    )


def _claims(lines: Sequence[Claim]) -> str:
    rows = []
    for one in lines:
        kind = KINDS.get(one.verdict, "bad")
        cells = zip(HEAD[1:4], (one.said, one.before, one.after), strict=True)
        rows.append(
            f"<tr><td><strong>{escape(one.claim)}</strong></td>"
            + "".join(f'<td data-label="{head}">{escape(cell)}</td>' for head, cell in cells)
            + f'<td class="{kind}">{escape(str(one.verdict))}</td></tr>'
        )
    return _table(HEAD, rows, "stack")


def _table(head: Iterable[str], rows: Iterable[str], kind: str = "") -> str:
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(rows)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _growth(survey: Survey) -> Iterable[str]:
    if not survey.growth:
        return
    first = [run for run in survey.growth if run.via == survey.growth[0].via]
    queries = {
        v: [(run.tenants, run.queries) for run in first if run.variant == v] for v in VARIANTS
    }
    seconds = {
        v: [(run.tenants, run.seconds) for run in first if run.variant == v] for v in VARIANTS
    }
    yield _figure(
        charts.growth("Queries by tenants, of each variant", "queries", queries, "{:,}".format, 1),
        f"Queries by tenants, called as a {first[0].via}; both axes logarithmic.",
    )
    lowest = min(run.seconds for run in first) / 2
    yield _figure(
        charts.growth("Time by tenants, of each variant", "time", seconds, duration, lowest),
        f"Time by tenants, called as a {first[0].via}; both axes logarithmic. Measured while the "
        "worker had its turn, if there was one.",
    )
    yield _table(("called as", "tenants", *VARIANTS), _ways(survey.growth), "stack")


def _ways(runs: Sequence[Grown]) -> Iterable[str]:
    """A row for each way and size, with queries and time of each variant."""
    cells: dict[tuple[str, int], list[str]] = {}
    for run in runs:
        cell = f"{run.queries:,} queries, {duration(run.seconds)}"
        cells.setdefault((run.via, run.tenants), []).append(
            f'<td data-label="{run.variant}">{escape(cell)}</td>'
        )
    for (via, tenants), row in cells.items():
        size = f'<td data-label="tenants">{tenants:,}</td>'
        yield f"<tr><td><strong>{escape(via)}</strong></td>{size}{''.join(row)}</tr>"


def _variant(one: Compared, text: str) -> str:
    run = one.run
    figure = _figure(
        charts.timeline(f"Queries of {run.variant} in time", run.guard),
        f"{run.queries:,} queries over {duration(run.seconds)}, each a block as wide as it took.",
    )
    return (
        f"<h3>{escape(run.variant)}: {escape(TITLES[run.variant])}</h3>{figure}"
        f"<pre>{escape(text)}</pre>"
    )


def _indexes(survey: Survey) -> Iterable[str]:
    if not survey.gains:
        return
    yield "<h2>Indexes</h2>"
    rows = []
    for gain in survey.gains:
        rows += [
            (gain.pattern.title, gain.before.seconds, duration(gain.before.seconds), "before"),
            (gain.pattern.title, gain.after.seconds, duration(gain.after.seconds), "fixed"),
        ]
    yield _figure(
        charts.bars("Time of each query without and with its index", rows),
        "Median time of each query without its index and with it, each pair to its own scale.",
    )
    yield _table(
        ("query", "plan before", "plan after"),
        [
            f"<tr><td><strong>{escape(gain.pattern.title)}</strong></td>"
            f'<td data-label="before">{_plan(gain.before.plan)}</td>'
            f'<td data-label="after">{_plan(gain.after.plan)}</td></tr>'
            for gain in survey.gains
        ],
        "stack",
    )


def _plan(plan: Plan) -> str:
    return f'{escape(plan.nodes)}<div class="quiet">{escape(plan.effort)}</div>'


def _paging(survey: Survey) -> Iterable[str]:
    if not survey.answers:
        return
    yield "<h2>Pages</h2>"
    rows = []
    for variant, kind in (("before", "before"), ("fixed", "fixed")):
        one = survey.answers[variant]
        rows += [
            ("rows", one.rows, f"{one.rows:,}", kind),
            ("bytes", one.bytes, f"{one.bytes:,}", kind),
            ("time", one.seconds, duration(one.seconds), kind),
        ]
    rows.sort(key=lambda row: ("rows", "bytes", "time").index(row[0]))
    yield _figure(
        charts.bars("loadPeoples: all people, and a page of them", rows),
        "loadPeoples over HTTP: all people (grey) and a page of 25 (green).",
    )


def _load(survey: Survey) -> Iterable[str]:
    if not survey.loads:
        return
    yield "<h2>Load</h2>"
    rows = [
        (f"p{n}", load.percentile(n), f"{duration(load.percentile(n))}, {load.guard}", kind)
        for n in (50, 95, 99)
        for load, kind in zip(survey.loads, ("before", "claimed", "fixed"), strict=True)
    ]
    first = survey.loads[0]
    yield _figure(
        charts.bars("Response times under load", rows),
        f"{first.requests:,} requests to each, {first.at_once} at once, {first.server}: the guard "
        f"off (grey), logging (orange), and logging {SAMPLE:.0%} of the requests (green).",
    )
    yield _table(
        ("guard", "errors", "processor time each", "against off", "memory before", "after"),
        (_loaded(load) for load in survey.loads),
        "stack",
    )
    yield (
        "<p>Processor time of servers that answer in turns, as the median over blocks of "
        "requests, with the quartiles. In the first line it is that of a second server with the "
        "guard off: what it is away from 1 is the error of the measure.</p>"
    )


def _loaded(load: Load) -> str:
    memory = [load.memory_before, load.memory_after]
    cells = (
        ("errors", f"{len(load.errors):,}"),
        ("CPU", "-" if load.processor_each is None else duration(load.processor_each)),
        ("against off", _against(load)),
        *zip(
            ("memory before", "after"),
            ("-" if one is None else f"{one:.0f} MiB" for one in memory),
            strict=True,
        ),
    )
    shown = "".join(f'<td data-label="{label}">{escape(cell)}</td>' for label, cell in cells)
    return f"<tr><td><strong>{escape(load.guard)}</strong></td>{shown}</tr>"


def _against(load: Load) -> str:
    if load.against_off is None:
        return "-"
    return f"{load.against_off}, another" if load.guard == "off" else str(load.against_off)


def _checks(survey: Survey) -> Iterable[str]:
    if not survey.checks:
        return
    yield "<h2>The 15 checks</h2>"
    rows = []
    for reported, cured in zip(survey.checks["claimed"], survey.checks["fixed"], strict=True):
        codes = zip(CODES, (reported, cured), strict=True)
        cells = "".join(_result(code, one.passed, one.evidence) for code, one in codes)
        rows.append(f"<tr><td><strong>{escape(reported.title)}</strong></td>{cells}</tr>")
    yield _table(("check", *CODES), rows, "stack")


def _result(code: str, passed: bool, evidence: str) -> str:
    kind, word = ("good", "PASS") if passed else ("bad", "FAIL")
    return f'<td class="{kind}" data-label="{code}">{word}: {escape(evidence)}</td>'
