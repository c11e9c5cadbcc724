"""The example data: the same seed gives the same tenants, people and journal entries."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from itertools import islice
from typing import TypeVar

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import models, transaction
from django.utils.text import slugify

from apps.journal.models import JournalEntry
from apps.journal.windows import LAST_DAY
from apps.peoples.models import People
from apps.tenants.models import Tenant

M = TypeVar("M", bound=models.Model)
#: Told how many rows of a stage have been written: ``report("people", 200, 400)``.
Report = Callable[[str, int, int], None]

#: Days that the journal entries are spread over, up to ``LAST_DAY``.
SPREAD_DAYS = 90
BATCH = 500

TENANT_NAMES = (
    "Alder Clinic", "Birch Logistics", "Cedar Foods", "Dune Hotels", "Elm Security",
    "Fjord Shipping", "Grove Schools", "Harbour Works", "Iris Pharmacy", "Juniper Farms",
    "Kestrel Air", "Larch Builders", "Meadow Care", "North Transit", "Oak Insurance",
    "Pine Energy", "Quarry Steel", "River Textiles", "Slate Mining", "Tern Fisheries",
)  # fmt: skip
FIRST_NAMES = (
    "Amara", "Bjorn", "Chloe", "Dev", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas",
    "Keiko", "Luca", "Maya", "Nadia", "Omar", "Priya", "Quinn", "Rosa", "Sven", "Tara",
)  # fmt: skip
LAST_NAMES = (
    "Abe", "Berg", "Costa", "Diaz", "Evans", "Fofana", "Gupta", "Hansen", "Ito", "Jansen",
    "Khan", "Lopez", "Moreau", "Novak", "Okafor", "Petrov", "Rossi", "Silva", "Tan", "Weber",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many of each to make."""

    tenants: int
    people: int
    entries: int


def seed_database(amounts: Amounts, seed: int, report: Report) -> None:
    """Replace all tenants, people and journal entries; all of it, or none of it."""
    chance = random.Random(seed)
    with transaction.atomic():
        for model in (JournalEntry, People, Tenant):
            model.objects.all().delete()
        _write(_tenants(amounts.tenants), "tenants", amounts.tenants, report)
        # Read back, because not every database returns the keys of a bulk insert.
        tenants = list(Tenant.objects.order_by("pk"))
        people = _people(amounts.people, tenants, chance)
        _write(people, "people", amounts.people, report)
        keys = list(People.objects.order_by("pk").values_list("pk", flat=True))
        entries = _entries(amounts.entries, keys, chance)
        _write(entries, "journal entries", amounts.entries, report)


def _write(rows: Iterable[M], stage: str, total: int, report: Report) -> None:
    rows = iter(rows)
    written = 0
    while batch := list(islice(rows, BATCH)):
        type(batch[0])._default_manager.bulk_create(batch)
        written += len(batch)
        report(stage, written, total)


def _tenants(count: int) -> Iterator[Tenant]:
    for number in range(count):
        turn, place = divmod(number, len(TENANT_NAMES))
        name = f"{TENANT_NAMES[place]} {turn + 1}" if turn else TENANT_NAMES[place]
        yield Tenant(tenantname=name, subdomain_prefix=slugify(name))


def _people(count: int, tenants: list[Tenant], chance: random.Random) -> Iterator[People]:
    for number in range(count):
        # Every tenant gets one before any gets a second; beyond that, some grow larger.
        spread = number < len(tenants)
        tenant = tenants[number] if spread else chance.choice(tenants)
        code = f"P{number + 1:06d}"
        yield People(
            tenant=tenant,
            peoplecode=code,
            username=code.lower(),
            first_name=chance.choice(FIRST_NAMES),
            last_name=chance.choice(LAST_NAMES),
            email=f"{code.lower()}@{tenant.subdomain_prefix}.example",
            password=UNUSABLE_PASSWORD_PREFIX,  # nobody can log in with it
        )


def _entries(count: int, people: list[int], chance: random.Random) -> Iterator[JournalEntry]:
    # Each person has a mood and a stress of their own, around which single days vary.
    usual = [(chance.gauss(6.6, 1.2), chance.gauss(2.4, 0.6)) for _ in people]
    end = datetime.combine(LAST_DAY + timedelta(days=1), time.min, timezone.utc)
    for number in range(count):
        which = chance.randrange(len(people))
        mood, stress = usual[which]
        kind = chance.choice(JournalEntry.EntryType.values)
        yield JournalEntry(
            user_id=people[which],
            timestamp=end - timedelta(minutes=chance.randint(1, SPREAD_DAYS * 24 * 60)),
            entry_type=kind,
            privacy_scope=chance.choice(JournalEntry.PrivacyScope.values),
            title=f"Entry {number + 1}",
            mood_rating=_mood(kind, mood, chance),
            stress_level=_stress(kind, stress, chance),
        )


def _mood(kind: str, usual: float, chance: random.Random) -> int | None:
    if kind not in {JournalEntry.EntryType.MOOD_CHECK_IN, JournalEntry.EntryType.DAILY_REFLECTION}:
        return None
    return min(10, max(1, round(chance.gauss(usual, 1.2))))


def _stress(kind: str, usual: float, chance: random.Random) -> int | None:
    if kind not in {JournalEntry.EntryType.STRESS_LOG, JournalEntry.EntryType.DAILY_REFLECTION}:
        return None
    return min(5, max(1, round(chance.gauss(usual, 0.6))))
