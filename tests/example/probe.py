"""Runs the three variants on random data sets and prints what they returned and sent, as JSON.

Run as a program with the example project's own settings; ``test_wellness_report`` reads it.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import timedelta
from fractions import Fraction
from typing import Any

import project  # noqa: F401 - sets Django up, before the models are imported

# isort: split
from apps.demo.seeding import Amounts, seed_database
from apps.journal.models import JournalEntry
from apps.journal.windows import Window
from apps.peoples.models import People
from apps.tenants.models import Tenant
from background_tasks.journal_wellness_tasks import VARIANTS, build_wellness_report
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

#: Tenants, people, entries. The first is what ``seed`` makes by default.
SIZES = ((20, 400, 8000), (1, 1, 0), (2, 1, 9), (3, 40, 900), (5, 4, 60), (7, 20, 300))


def main() -> None:
    call_command("migrate", verbosity=0)
    print(json.dumps([probe(seed, *sizes) for seed, sizes in enumerate(SIZES, start=7)]))


def probe(seed: int, tenants: int, people: int, entries: int) -> dict[str, Any]:
    seed_database(Amounts(tenants, people, entries), seed, lambda *_: None)
    chance = random.Random(seed)
    window = Window.ending()
    if (tenants, people, entries) != SIZES[0]:
        window = Window.ending(days=chance.choice((1, 7, 30, 90)))
        add_edge_cases(window, chance)
    return {
        "tenants": Tenant.objects.count(),
        "expected": [expected(tenant, window) for tenant in Tenant.objects.order_by("pk")],
        "runs": {variant: run(variant, window, None) for variant in VARIANTS},
        "first_two": {variant: run(variant, window, 2) for variant in VARIANTS},
    }


def run(variant: str, window: Window, limit: int | None) -> dict[str, Any]:
    with CaptureQueriesContext(connection) as captured:
        report = build_wellness_report(variant, window, limit)
    return {"queries": len(captured), **report.as_dict()}


def add_edge_cases(window: Window, chance: random.Random) -> None:
    """A tenant without people, a person without entries, and entries on the window's edges."""
    Tenant.objects.create(tenantname="Empty", subdomain_prefix="empty")
    tenant = Tenant.objects.create(tenantname="Edges", subdomain_prefix="edges")
    People.objects.create(tenant=tenant, peoplecode="E0", username="e0")
    person = People.objects.create(tenant=tenant, peoplecode="E1", username="e1")
    tick = timedelta(microseconds=1)
    for moment in (window.since - tick, window.since, window.until - tick, window.until):
        for _ in range(chance.randint(1, 3)):
            JournalEntry.objects.create(
                user=person,
                timestamp=moment,
                entry_type="DAILY_REFLECTION",
                privacy_scope="SHARED",
                mood_rating=chance.randint(1, 10),
                stress_level=chance.choice((None, 1, 5)),
            )


def expected(tenant: Tenant, window: Window) -> dict[str, Any]:
    """The figures of one tenant, added up in Python from single rows and in fractions."""
    codes = dict(People.objects.filter(tenant=tenant).values_list("pk", "peoplecode"))
    kept = defaultdict(list)
    for entry in JournalEntry.objects.filter(user__tenant=tenant):
        inside = window.first_day <= entry.timestamp.date() <= window.last_day
        if inside and entry.privacy_scope != "PRIVATE":
            kept[entry.user_id].append(entry)
    moods = {key: average([e.mood_rating for e in kept[key]]) for key in codes}
    stresses = {key: average([e.stress_level for e in kept[key]]) for key in codes}
    return {
        "tenant": tenant.tenantname,
        "people": len(codes),
        "writers": sum(1 for key in codes if kept[key]),
        "entries": sum(len(kept[key]) for key in codes),
        "mood_average": as_float(average(moods.values())),
        "stress_average": as_float(average(stresses.values())),
        "at_risk": sorted(
            code
            for key, code in codes.items()
            if len(kept[key]) >= 3
            and (
                (moods[key] is not None and moods[key] <= 4)
                or (stresses[key] is not None and stresses[key] >= 4)
            )
        ),
    }


def average(values: Any) -> Fraction | None:
    known = [value for value in values if value is not None]
    return sum(map(Fraction, known), Fraction()) / len(known) if known else None


def as_float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


if __name__ == "__main__":
    main()
