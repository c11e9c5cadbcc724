"""Reports built by hand, so that the renderers are tested without a database."""

from __future__ import annotations

from typing import Any

from nplusone_guard.analysis.findings import Advice, Finding, Origin, Shape, Statement
from nplusone_guard.analysis.verdicts import Cleared, Site
from nplusone_guard.policy import RULES, UnusedIgnore
from nplusone_guard.report.model import Report, TimelineEntry

TASKS = "background_tasks/journal_wellness_tasks.py"
PEOPLE = 'SELECT "peoples_people"."id" FROM "peoples_people" WHERE "tenant_id" = ?'

#: Ignores that suppressed nothing.
COMMENT = UnusedIgnore("a.py:60", "# nplusone: ignore[lazy-relation] small", "suppressed nothing")
ENTRY = UnusedIgnore("settings", "rule='lazy-relation', reason='small'", "suppressed nothing")


def site(line: int = 61, source: str = "", file: str = TASKS, **facts: Any) -> Site:
    return Site(file, line, facts.pop("function", "wellness_report"), source, **facts)


def statement(count: int = 20, headline: str = "SELECT peoples_people", **facts: Any) -> Statement:
    return Statement(
        rule=facts.pop("rule", "bypassed-prefetch"),
        headline=headline,
        fingerprint=facts.pop("fingerprint", PEOPLE),
        database=facts.pop("database", "default"),
        count=count,
        failed=facts.pop("failed", 0),
        distinct_params=facts.pop("distinct_params", count),
        duration=facts.pop("duration", 0.0182),
        site=facts.pop("site", site(61, "User.objects.filter(tenant=tenant)")),
        **facts,
    )


def finding(rule: str = "bypassed-prefetch", *statements: Statement, **facts: Any) -> Finding:
    """One finding; what is not given is that of the wellness report."""
    name = facts.pop("id", "3f9c2a1b7d04")
    statements = statements or (statement(rule=rule, id=name),)
    count = sum(each.count for each in statements)
    at = facts.pop("site", statements[0].site)
    return Finding(
        rule=rule,
        severity=RULES[rule],
        summary=facts.pop("summary", f"{count} × {statements[0].headline} at {at.line}"),
        fingerprint=statements[0].fingerprint,
        statements=statements,
        count=count,
        distinct_params=statements[0].distinct_params,
        duration=sum(each.duration for each in statements),
        site=at,
        loop=facts.pop("loop", site(60, "for tenant in tenants:", kind="for")),
        origin=facts.pop("origin", origin()),
        relation=facts.pop("relation", "tenants.Tenant.people_set"),
        advice=facts.pop("advice", FIX),
        id=name,
        **facts,
    )


def origin(**facts: Any) -> Origin:
    return Origin(
        model="tenants.Tenant",
        site=facts.pop("site", site(60, "for tenant in tenants:")),
        parents=facts.pop("parents", 20),
        assigned=facts.pop(
            "assigned", site(58, 'tenants = Tenant.objects.prefetch_related("people_set")')
        ),
    )


FIX = Advice('read tenant.people_set.all(), or Prefetch("people_set", queryset=...)', 20, 20)


UNUSED = "suppressed nothing here; remove it."


def cleared(reason: str = "batched", count: int = 40, **facts: Any) -> Cleared:
    return Cleared(
        reason=reason,
        detail=facts.pop("detail", "IN lists of 500"),
        headline=facts.pop("headline", "SELECT journal_entry"),
        fingerprint='SELECT * FROM "journal_entry" WHERE "id" IN (?)',
        count=count,
        site=facts.pop("site", site(90)),
        loop=facts.pop("loop", None),
    )


def report(*findings: Finding, **facts: Any) -> Report:
    """A report of 22 queries that holds ``findings``."""
    count = facts.pop("query_count", 22)
    return Report(
        name=facts.pop("name", "wellness_report"),
        kind=facts.pop("kind", "block"),
        query_count=count,
        transaction_count=facts.pop("transaction_count", 0),
        failed_count=facts.pop("failed_count", 0),
        query_time=facts.pop("query_time", 0.0214),
        wall_time=facts.pop("wall_time", 0.0523),
        databases=facts.pop("databases", {"default": count}),
        findings=findings,
        **facts,
    )


def wellness() -> Report:
    """The report of the wellness task with ``prefetch_related`` added and bypassed."""
    shape = Shape(
        "SELECT peoples_people", PEOPLE, "default", 20, 0, 0.0182, finding().statements[0].site
    )
    return report(
        finding(),
        cleared=(cleared(count=4),),
        shapes=(shape,),
        timeline=(TimelineEntry(0.0012, 0.0009, "default", 0),),
        unused_ignores=(UnusedIgnore("settings", "rule query-in-loop", UNUSED),),
    )


def seen(count: int, test: str, **facts):
    """A report of one test that sends ``count`` queries in the wellness loop."""
    advice = Advice("use select_related()", count - 1, count)
    found = finding("lazy-relation", statement(count), advice=advice, **facts)
    return report(found, name=test, kind="test", query_count=count + 1)
