"""Running a pattern, and holding a report against what the pattern expects."""

from __future__ import annotations

import asyncio
import re
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.db import connections, transaction

from nplusone_guard.ignores.field_names import missing
from tests.corpus.data import populate
from tests.corpus.labels import HERE, KINDS, MODULES, Expected, Pattern, identity, labels, lines

#: The modules whose lines count as the user's own.
SOURCES = {*MODULES, "models"}

#: Loops that run over nothing that has a name.
_NO_NAME = {"gather", "recursion"}

_CONTROL = re.compile(r"(SAVEPOINT|RELEASE|ROLLBACK|BEGIN|COMMIT|SET )", re.IGNORECASE)


def prepare(pattern: Pattern, n: int) -> Any:
    """Make the data and empty Django's caches; what the pattern is to be called with."""
    ContentType.objects.clear_cache()
    for alias in pattern.databases:
        populate(n, alias)
    ContentType.objects.clear_cache()
    Site.objects.clear_cache()
    return n if pattern.setup is None else pattern.setup(n)


def call(function: Any, argument: Any) -> Any:
    """Run a pattern's function, on an event loop of its own where it is a coroutine function."""
    if asyncio.iscoroutinefunction(function):
        return async_to_sync(function)(argument)
    return function(argument)


@dataclass(frozen=True, slots=True)
class Sent:
    """One query, and the innermost line of the corpus that sent it."""

    sql: str
    params: str
    place: tuple[str, int] | None


def queries(pattern: Pattern, n: int) -> list[Sent]:
    """What the pattern asks at size ``n``, without transaction control.

    Its data is gone afterwards.
    """
    sent = []

    def record(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not _CONTROL.match(sql):
            sent.append(Sent(sql, repr(params), _caller()))
        return execute(sql, params, many, context)

    with ExitStack() as stack:
        for alias in pattern.databases:
            stack.enter_context(transaction.atomic(using=alias))
            stack.callback(transaction.set_rollback, True, using=alias)
        argument = prepare(pattern, n)
        for alias in pattern.databases:
            stack.enter_context(connections[alias].execute_wrapper(record))
        call(pattern.function, argument)
    return sent


def _caller() -> tuple[str, int] | None:
    frame = sys._getframe(2)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.parent == HERE and path.stem in SOURCES:
            return str(path), frame.f_lineno
        frame = frame.f_back
    return None


def most_common(sent: list[Sent]) -> int:
    """How often the most frequent query was sent, parameters included."""
    return max(Counter((query.sql, query.params) for query in sent).values(), default=0)


def untrue_lines(pattern: Pattern, few: list[Sent], more: list[Sent]) -> list[str]:
    """Labels that the stacks of the queries belie, one line each.

    The sites are the lines that ask more as the data grows, and an origin asks something.
    """
    sites = set().union(*(lines(pattern, expected, "site") for expected in pattern.expected))
    growing = _growing_lines(few, more)
    wrong = []
    if sites - growing and not any(expected.any_line for expected in pattern.expected):
        wrong.append(f"does not grow: {_show(sites - growing)}")
    if growing - sites and not pattern.cleared:
        wrong.append(f"grows without a label: {_show(growing - sites)}")
    asking = {query.place for query in more}
    for expected in pattern.expected:
        origins = lines(pattern, expected, "origin")
        if origins and not origins & asking:
            wrong.append(f"asks nothing: {_show(origins)}")
    return wrong


def _growing_lines(few: list[Sent], more: list[Sent]) -> set[tuple[str, int]]:
    before = Counter(query.place for query in few)
    after = Counter(query.place for query in more)
    return {place for place, count in after.items() if place and count > before[place]}


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
        *_wrong_origin(pattern, expected, n, finding),
    ]


def _wrong_rule(expected: Expected, finding: Any) -> list[str]:
    wrong = []
    if finding.rule not in expected.rules:
        wrong.append(f"rule {finding.rule}, expected {' or '.join(expected.rules)}")
    if expected.relation is not None and finding.relation != expected.relation:
        wrong.append(f"relation {finding.relation!r}, expected {expected.relation!r}")
    if finding.relation and missing(finding.relation):
        wrong.append(f"relation {finding.relation!r}, which no ignore may name")
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


def _wrong_origin(pattern: Pattern, expected: Expected, n: int, finding: Any) -> list[str]:
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
    if origin.parents != n and expected.turns is identity:
        wrong.append(f"{origin.parents} parents, expected {n}")
    if _place(origin.site) not in labelled:
        wrong.append(f"origin {_show({_place(origin.site)})}, labelled {_show(labelled)}")
    if expected.assigned == "optional" or not finding.loop or finding.loop.kind in _NO_NAME:
        return wrong
    assigned = {_place(origin.assigned)} if origin.assigned else set()
    wanted_lines = lines(pattern, expected, "assigned")
    if not (assigned == wanted_lines or (expected.any_line and assigned <= wanted_lines)):
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
