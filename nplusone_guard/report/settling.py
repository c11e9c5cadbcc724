"""What only a whole suite tells: the eager loads that none of its scopes has read."""

from __future__ import annotations

from dataclasses import replace

from nplusone_guard.analysis import eager
from nplusone_guard.analysis.findings import Advice, EagerLoad, Finding
from nplusone_guard.policy import RULES
from nplusone_guard.report.joining import distinct, worst_first
from nplusone_guard.report.session import UNUSED, SessionFinding, SessionReport, Sighting


def complete(session: SessionReport) -> SessionReport:
    """``session`` as all parts of a suite together; it stays as it is where one is broken.

    Whether one is missing others have to know.
    """
    if session.coverage == "broken":
        return session
    return settled(replace(session, coverage="whole"))


def settled(session: SessionReport) -> SessionReport:
    """``session`` with a finding for each eager load that none of its scopes has read.

    Asked once everything is joined: a single scope that reads nothing proves nothing.
    """
    found = [entry for entry in session.findings if entry.finding.rule != UNUSED]
    for load in eager.unused(session.eager_loads):
        finding = _finding_of(load)
        sightings = [Sighting(name, finding.count, finding.advice.saves) for name in load.scopes]
        found.append(SessionFinding(finding, tuple(sightings)))
    return replace(session, findings=tuple(sorted(distinct(found), key=worst_first)))


def _finding_of(load: EagerLoad) -> Finding:
    """The verdict on a load that is unused."""
    call = f'{load.method}("{load.lookup}")'
    place = f"{load.site.file.replace(chr(92), '/').rsplit('/', 1)[-1]}:{load.site.line}"
    queries = 1 if load.method == "prefetch_related" else 0
    cost = "a query" if queries else "a join"
    return Finding(
        rule=UNUSED,
        severity=RULES[UNUSED],
        summary=f"{call} of {load.model} is never read",
        fingerprint=f"{load.method} {load.model} {load.lookup}",
        statements=(),
        count=queries,
        distinct_params=0,
        duration=0.0,
        site=load.site,
        loop=None,
        origin=None,
        relation=f"{load.model}.{load.lookup}",
        advice=Advice(f"drop {call} at {place}: it costs {cost}", queries, queries),
        id=load.id,
    )
