"""Running a pattern, and holding a report against what the pattern expects."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from tests.corpus.data import populate
from tests.corpus.labels import KINDS, Expected, Pattern, labels, lines

_CONTROL = re.compile(r"(SAVEPOINT|RELEASE|ROLLBACK|BEGIN|COMMIT|SET )", re.IGNORECASE)


def prepare(pattern: Pattern, n: int) -> Any:
    """Make the data and empty Django's caches; what the pattern is to be called with."""
    for alias in pattern.databases:
        populate(n, alias)
    ContentType.objects.clear_cache()
    Site.objects.clear_cache()
    return n if pattern.setup is None else pattern.setup(n)


def call(pattern: Pattern, argument: Any) -> None:
    """Run the pattern, on an event loop of its own where it is a coroutine function."""
    if asyncio.iscoroutinefunction(pattern.function):
        async_to_sync(pattern.function)(argument)
    else:
        pattern.function(argument)


def queries(pattern: Pattern, n: int) -> list[str]:
    """The SQL that the pattern sends at size ``n``, without transaction control.

    Its data is gone afterwards.
    """
    with ExitStack() as stack:
        for alias in pattern.databases:
            stack.enter_context(transaction.atomic(using=alias))
            stack.callback(transaction.set_rollback, True, using=alias)
        argument = prepare(pattern, n)
        captures = [CaptureQueriesContext(connections[alias]) for alias in pattern.databases]
        with ExitStack() as watching:
            for capture in captures:
                watching.enter_context(capture)
            call(pattern, argument)
    sent = [query["sql"] for capture in captures for query in capture]
    return [sql for sql in sent if not _CONTROL.match(sql)]


def most_common(sent: list[str]) -> int:
    """How often the most frequent statement was sent, parameters included."""
    return max(Counter(sent).values(), default=0)


# --- verdicts ---------------------------------------------------------------------------


def mismatches(pattern: Pattern, n: int, report: Any) -> list[str]:
    """What is wrong with ``report``, one line each; empty when it says what it must."""
    found = [f"internal error: {error}" for error in report.internal_errors]
    if len(report.findings) != len(pattern.expected):
        found.append(f"{len(report.findings)} findings, not {len(pattern.expected)}")
        return found
    # At size 2 one batch or page holds everything, and nothing repeats.
    if n > 2 and pattern.cleared and not {c.reason for c in report.cleared} & set(pattern.cleared):
        reasons = sorted(c.reason for c in report.cleared)
        found.append(f"cleared as {reasons}, expected {' or '.join(pattern.cleared)}")
    remaining = list(report.findings)
    for expected in pattern.expected:
        finding = min(remaining, key=lambda f: len(_finding_mismatches(pattern, expected, n, f)))
        remaining.remove(finding)
        found += _finding_mismatches(pattern, expected, n, finding)
    return found


def _finding_mismatches(pattern: Pattern, expected: Expected, n: int, finding: Any) -> list[str]:
    return [
        *_wrong_rule(expected, finding),
        *_wrong_counts(expected, n, finding),
        *_wrong_sites(pattern, expected, finding),
        *_wrong_loop(pattern, expected, finding),
        *_wrong_origin(pattern, expected, finding),
    ]


def _wrong_rule(expected: Expected, finding: Any) -> list[str]:
    wrong = []
    if finding.rule not in expected.rules:
        wrong.append(f"rule {finding.rule}, expected {' or '.join(expected.rules)}")
    if expected.relation is not None and finding.relation != expected.relation:
        wrong.append(f"relation {finding.relation!r}, expected {expected.relation!r}")
    return wrong


def _wrong_counts(expected: Expected, n: int, finding: Any) -> list[str]:
    counts = [statement.count for statement in finding.statements]
    wrong = []
    if expected.statements is not None and len(counts) != expected.statements:
        wrong.append(f"{len(counts)} statements, expected {expected.statements}")
    if expected.turns is not None and not _equals(max(counts), expected.turns(n)):
        wrong.append(f"statements sent {counts} times, expected {expected.turns(n)}")
    if expected.total is not None and not _equals(sum(counts), expected.total(n)):
        wrong.append(f"{sum(counts)} queries in all, expected {expected.total(n)}")
    return wrong


def _equals(actual: int, wanted: int | set[int]) -> bool:
    return actual in wanted if isinstance(wanted, set) else actual == wanted


def _wrong_sites(pattern: Pattern, expected: Expected, finding: Any) -> list[str]:
    labelled = lines(pattern, expected, "site")
    actual = {_place(statement.site) for statement in finding.statements}
    if finding.also_at:
        actual = {_place(site) for site in finding.also_at}
    wrong = []
    if not (actual <= labelled if expected.any_line else actual == labelled):
        wrong.append(f"sites {_show(actual)}, labelled {_show(labelled)}")
    if _place(finding.site) not in labelled:
        wrong.append(f"site {_show({_place(finding.site)})}, labelled {_show(labelled)}")
    return wrong


def _wrong_loop(pattern: Pattern, expected: Expected, finding: Any) -> list[str]:
    labelled = lines(pattern, expected, "loop")
    if finding.loop is None:
        return [f"no loop, labelled {_show(labelled)}"] if labelled else []
    wrong = []
    if _place(finding.loop) not in labelled:
        wrong.append(f"loop {_show({_place(finding.loop)})}, labelled {_show(labelled)}")
    if expected.loop_kind not in {None, finding.loop.kind}:
        wrong.append(f"loop kind {finding.loop.kind!r}, expected {expected.loop_kind!r}")
    return wrong


def _wrong_origin(pattern: Pattern, expected: Expected, finding: Any) -> list[str]:
    labelled = lines(pattern, expected, "origin")
    origin = finding.origin
    if origin is None:
        wanted = expected.origin is True and labelled
        return [f"no origin, labelled {_show(labelled)}"] if wanted else []
    if expected.origin is False:
        return [f"origin {_show({_place(origin.site)})}, expected none"]
    if not labelled:
        return []
    wrong = []
    if _place(origin.site) not in labelled:
        wrong.append(f"origin {_show({_place(origin.site)})}, labelled {_show(labelled)}")
    assigned = {_place(origin.assigned)} if origin.assigned else set()
    wanted_lines = lines(pattern, expected, "assigned")
    right = assigned == wanted_lines or (expected.any_line and assigned <= wanted_lines)
    if not right and finding.loop and finding.loop.kind not in {"gather", "recursion"}:
        wrong.append(f"assigned at {_show(assigned)}, labelled {_show(wanted_lines)}")
    return wrong


def _place(site: Any) -> tuple[str, int]:
    return str(Path(site.file).resolve()), site.line


def _show(places: set[tuple[str, int]]) -> str:
    return ", ".join(f"{Path(file).name}:{line}" for file, line in sorted(places)) or "nowhere"


# --- what a failure shows ---------------------------------------------------------------


def explain(pattern: Pattern, n: int, report: Any, wrong: list[str]) -> str:
    """A failure message: what is wrong, the labelled source, and the report itself."""
    parts = [f"{pattern} at size {n}:", *(f"  * {line}" for line in wrong), "", _source(pattern)]
    parts += ["", f"report: {_safely(str, report)}"]
    parts += [f"finding: {finding!r}" for finding in report.findings]
    parts += [f"cleared: {cleared!r}" for cleared in report.cleared]
    return "\n".join(parts)


def _safely(render: Any, report: Any) -> str:
    try:
        return str(render(report))
    except Exception as error:
        return f"<not rendered: {error!r}>"


def _source(pattern: Pattern) -> str:
    """The labelled lines that belong to the pattern, with their places."""
    names = {expected.tag for expected in pattern.expected} | {pattern.name}
    own = {
        (label.file, label.line)
        for label in labels()
        if label.kind in KINDS
        and (
            (label.pattern == pattern.name and label.file == str(pattern.path))
            or (label.tag in names and not label.pattern)
        )
    }
    return "\n".join(f"  {_show({place})}: {_line(place)}" for place in sorted(own))


def _line(place: tuple[str, int]) -> str:
    return Path(place[0]).read_text(encoding="utf-8").splitlines()[place[1] - 1].strip()
