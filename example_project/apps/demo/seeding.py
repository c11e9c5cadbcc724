"""The example data: the same seed gives the same tenants, people and rows of theirs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime, time, timedelta, timezone
from itertools import islice
from typing import TypeVar
from uuid import UUID

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.models import Max
from django.utils.text import slugify

from apps.attendance.models import Tracking
from apps.journal.models import JournalEntry
from apps.journal.windows import LAST_DAY
from apps.peoples.models import People
from apps.tenants.models import Tenant
from apps.y_helpdesk.models import EscalationMatrix, Ticket

M = TypeVar("M", bound=models.Model)
#: Told how many rows of a stage have been written: ``report("people", 200, 400)``.
Report = Callable[[str, int, int], None]

#: Key and tenant of each person.
Persons = list[tuple[int, int]]
#: Draws which of so many: ``pick(chance, 400)`` is 0 to 399.
Pick = Callable[[random.Random, int], int]

#: Days that entries, positions and tickets are spread over, up to ``LAST_DAY``.
SPREAD_DAYS = 90
BATCH = 1_000

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
CONTENTS = (
    "", "Slept badly, started late.", "A long walk before work.", "The handover went well.",
    "Three meetings that could have been one.", "Lunch with the new colleagues.",
)  # fmt: skip
TRIGGERS = ("deadline", "traffic", "workload", "sleep", "conflict")
THANKS = ("the team", "a quiet morning", "good weather", "family", "a finished task")
# `values` makes its list anew each time, and there are many rows.
ENTRY_TYPES = JournalEntry.EntryType.values
PRIVACY_SCOPES = JournalEntry.PrivacyScope.values
IDENTIFIERS = Tracking.Identifier.values
END = datetime.combine(LAST_DAY + timedelta(days=1), time.min, timezone.utc)
PROBLEMS = (
    "Door does not open", "Printer is out of toner", "Cannot log in", "Heating is off",
    "Device sends no position", "Report is empty",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Amounts:
    """Rows of each kind."""

    tenants: int
    people: int
    entries: int
    tracking: int = 0
    tickets: int = 0

    def __str__(self) -> str:
        return (
            f"{self.tenants:,} tenants, {self.people:,} people, {self.entries:,} journal entries, "
            f"{self.tracking:,} positions"
        )

    def without(self, there: Amounts) -> Amounts:
        """What is missing where ``there`` is already."""
        pairs = zip(astuple(self), astuple(there), strict=True)
        return Amounts(*(max(0, wanted - got) for wanted, got in pairs))


#: What the wellness report is shown on.
DEMO_SIZE = Amounts(tenants=20, people=400, entries=8_000)
#: What the claims of the performance report are about: its largest numbers.
REPORT_SIZE = Amounts(tenants=2_000, people=5_000, entries=20_000, tracking=50_000, tickets=500)
NOTHING = Amounts(0, 0, 0)
#: The seed wherever none is given.
SEED = 7


def stored_amounts() -> Amounts:
    """What the database holds."""
    models = (Tenant, People, JournalEntry, Tracking, Ticket)
    return Amounts(*(model._default_manager.count() for model in models))


def seed_database(amounts: Amounts, seed: int, report: Report) -> None:
    """Replace all that the applications store; all of it, or none of it."""
    with transaction.atomic():
        for model in (Ticket, EscalationMatrix, Tracking, JournalEntry, People, Tenant):
            model._default_manager.all().delete()
        _fill(amounts, NOTHING, seed, report)


def enlarge_database(amounts: Amounts, seed: int, report: Report) -> None:
    """Add what is missing up to ``amounts``; all of it, or none of it.

    What is there stays as it is, and so do reports on it: new people belong to new tenants, and new
    rows to new people, wherever there are any.
    """
    there = stored_amounts()
    with transaction.atomic():
        _fill(amounts.without(there), there, seed, report)
    if connection.vendor == "postgresql":
        # Its planner goes by statistics, which it would otherwise gather only minutes later.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")


def _fill(missing: Amounts, there: Amounts, seed: int, report: Report) -> None:
    chance = random.Random(seed + there.people)
    pick = _few_the_most if there.people else _evenly
    _write(_tenants(missing.tenants, there.tenants), "tenants", missing.tenants, report)
    # Read back, because not every database returns the keys of a bulk insert.
    tenants = list(Tenant.objects.order_by("pk"))[-missing.tenants :]
    people = _people(missing.people, there.people, tenants, chance)
    _write(people, "people", missing.people, report)
    persons = list(People.objects.order_by("pk").values_list("pk", "tenant"))[-missing.people :]
    entries = _entries(missing.entries, there.entries, persons, pick, chance)
    _write(entries, "journal entries", missing.entries, report)
    # Chances of their own: how many of one kind there are changes no row of another.
    tracking = _tracking(missing.tracking, persons, random.Random(seed + 1))
    _write(tracking, "tracking", missing.tracking, report)
    tickets = _tickets(missing.tickets, there.tickets, persons, random.Random(seed + 2))
    _write(tickets, "tickets", missing.tickets, report)
    if missing.tickets:
        levels = list(_levels(persons))
        _write(levels, "escalation", len(levels), report)
    _settle((Tenant, People, JournalEntry, Tracking, Ticket, EscalationMatrix))


def _write(rows: Iterable[M], stage: str, total: int, report: Report) -> None:
    rows = _keyed(rows)
    written = 0
    while batch := list(islice(rows, BATCH)):
        type(batch[0])._default_manager.bulk_create(batch)
        written += len(batch)
        report(stage, written, total)


def _keyed(rows: Iterable[M]) -> Iterator[M]:
    """The rows with the next keys: those that the database gave would go on after deleted ones."""
    key = 0
    for row in rows:
        key = key or type(row)._default_manager.aggregate(last=Max("pk"))["last"] or 0
        key += 1
        row.pk = key
        yield row


def _settle(models: Iterable[type[models.Model]]) -> None:
    """Have the database give the next keys, where it does not see by itself which are taken."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(models)):
            cursor.execute(statement)


def _evenly(chance: random.Random, count: int) -> int:
    return chance.randrange(count)


def _few_the_most(chance: random.Random, count: int) -> int:
    # The first tenth of them is drawn about a third of the time.
    return int(count * chance.random() ** 2)


def _tenants(count: int, there: int) -> Iterator[Tenant]:
    for number in range(there, there + count):
        turn, place = divmod(number, len(TENANT_NAMES))
        name = f"{TENANT_NAMES[place]} {turn + 1}" if turn else TENANT_NAMES[place]
        yield Tenant(tenantname=name, subdomain_prefix=slugify(name))


def _people(
    count: int, there: int, tenants: list[Tenant], chance: random.Random
) -> Iterator[People]:
    for number in range(count):
        # Every tenant gets one before any gets a second; beyond that, some grow larger.
        spread = number < len(tenants)
        tenant = tenants[number] if spread else chance.choice(tenants)
        code = f"P{there + number + 1:06d}"
        yield People(
            tenant=tenant,
            peoplecode=code,
            username=code.lower(),
            first_name=chance.choice(FIRST_NAMES),
            last_name=chance.choice(LAST_NAMES),
            email=f"{code.lower()}@{tenant.subdomain_prefix}.example",
            password=UNUSABLE_PASSWORD_PREFIX,  # nobody can log in with it
        )


def _entries(
    count: int, there: int, persons: Persons, pick: Pick, chance: random.Random
) -> Iterator[JournalEntry]:
    # Each person has a mood and a stress of their own, around which single days vary.
    usual = [(chance.gauss(6.6, 1.2), chance.gauss(2.4, 0.6)) for _ in persons]
    for number in range(there, there + count):
        which = pick(chance, len(persons))
        mood, stress = usual[which]
        kind = chance.choice(ENTRY_TYPES)
        yield JournalEntry(
            user_id=persons[which][0],
            timestamp=_moment(chance),
            entry_type=kind,
            privacy_scope=chance.choice(PRIVACY_SCOPES),
            title=f"Entry {number + 1}",
            content=CONTENTS[number % len(CONTENTS)],
            mood_rating=_mood(kind, mood, chance),
            stress_level=(level := _stress(kind, stress, chance)),
            stress_triggers=[TRIGGERS[number % len(TRIGGERS)]] if (level or 0) > 3 else [],
            gratitude_items=_thanks(kind, number),
            is_bookmarked=number % 20 == 0,
        )


def _moment(chance: random.Random) -> datetime:
    return END - timedelta(minutes=chance.randint(1, SPREAD_DAYS * 24 * 60))


def _mood(kind: str, usual: float, chance: random.Random) -> int | None:
    if kind not in {JournalEntry.EntryType.MOOD_CHECK_IN, JournalEntry.EntryType.DAILY_REFLECTION}:
        return None
    return min(10, max(1, round(chance.gauss(usual, 1.2))))


def _stress(kind: str, usual: float, chance: random.Random) -> int | None:
    if kind not in {JournalEntry.EntryType.STRESS_LOG, JournalEntry.EntryType.DAILY_REFLECTION}:
        return None
    return min(5, max(1, round(chance.gauss(usual, 0.6))))


def _thanks(kind: str, number: int) -> list[str]:
    return [THANKS[number % len(THANKS)]] if kind == JournalEntry.EntryType.GRATITUDE else []


def _tracking(count: int, persons: Persons, chance: random.Random) -> Iterator[Tracking]:
    for _ in range(count):
        person, _tenant = persons[_few_the_most(chance, len(persons))]
        yield Tracking(
            uuid=UUID(int=chance.getrandbits(128), version=4),
            deviceid=f"D{person:06d}",
            people_id=person,
            identifier=chance.choice(IDENTIFIERS),
            receiveddate=_moment(chance),
            latitude=round(chance.uniform(51.2, 51.7), 6),
            longitude=round(chance.uniform(-0.5, 0.3), 6),
        )


def _tickets(count: int, there: int, persons: Persons, chance: random.Random) -> Iterator[Ticket]:
    for number in range(there, there + count):
        person, tenant = chance.choice(persons)
        yield Ticket(
            ticketno=f"T{number + 1:06d}",
            ticketdesc=chance.choice(PROBLEMS),
            tenant_id=tenant,
            assignedtopeople_id=person,
            status=chance.choice(Ticket.Status.values),
            priority=chance.choice(Ticket.Priority.values),
            level=chance.randrange(3),
            created_at=_moment(chance),
        )


def _levels(persons: Persons) -> Iterator[EscalationMatrix]:
    """Of each tenant: after four hours to its first person, and after two days to its last."""
    first = {tenant: person for person, tenant in reversed(persons)}
    last = {tenant: person for person, tenant in persons}
    hours, days = EscalationMatrix.Frequency.HOUR, EscalationMatrix.Frequency.DAY
    for level, after, frequency, who in ((1, 4, hours, first), (2, 2, days, last)):
        for tenant in first:
            yield EscalationMatrix(
                tenant_id=tenant,
                level=level,
                frequencyvalue=after,
                frequency=frequency,
                assignedperson_id=who[tenant],
            )
