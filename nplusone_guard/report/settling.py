"""What only a whole suite tells: the eager loads that none of its scopes has read."""

from __future__ import annotations

from dataclasses import replace

from nplusone_guard.analysis import eager
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
        finding = eager.finding_of(load)
        sightings = [Sighting(name, finding.count, finding.advice.saves) for name in load.scopes]
        found.append(SessionFinding(finding, tuple(sightings)))
    return replace(session, findings=tuple(sorted(distinct(found), key=worst_first)))
