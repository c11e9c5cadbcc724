"""The tenant wellness report, in the three versions that ``demo`` compares.

All three return the same figures. They differ in how the people of a tenant are read:

- ``before``: one query for each tenant, 1 + N in all;
- ``claimed``: the change that was meant to cure it, 2 + N in all;
- ``fixed``: 2 queries, however many tenants there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import Prefetch

from apps.journal.windows import Window
from apps.tenants.models import Tenant

if TYPE_CHECKING:
    from apps.peoples.models import People

User = get_user_model()

#: A person is at risk with at least this many entries in the window …
MIN_ENTRIES = 3
#: … and an average mood (1 to 10) this low, or an average stress (1 to 5) this high.
LOW_MOOD = 4.0
HIGH_STRESS = 4.0


@dataclass(frozen=True, slots=True)
class TenantWellness:
    """The figures of one tenant. Averages are over people: who writes more counts no more."""

    tenant: str
    people: int
    writers: int
    entries: int
    mood_average: float | None
    stress_average: float | None
    #: Code and name of each, in the order of the codes.
    at_risk: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WellnessReport:
    """The figures of every tenant, over one window of days."""

    window: Window
    tenants: tuple[TenantWellness, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, ready for JSON."""
        return {
            "window": {
                "first_day": self.window.first_day.isoformat(),
                "last_day": self.window.last_day.isoformat(),
                "days": self.window.days,
            },
            "tenants": [asdict(tenant) for tenant in self.tenants],
        }


def wellness_before(window: Window, limit: int | None) -> list[TenantWellness]:
    """The report as it was: the people of each tenant, one query a tenant."""
    rows = []
    for tenant in Tenant.objects.all()[:limit]:
        tenant_users = list(User.objects.filter(tenant=tenant).wellness(window))
        rows.append(summarise(tenant, tenant_users))
    return rows


def wellness_claimed(window: Window, limit: int | None) -> list[TenantWellness]:
    """The change that was reported as the cure: a prefetch, and the same loop below it."""
    rows = []
    tenants = Tenant.objects.prefetch_related("people_set").all()[:limit]
    for tenant in tenants:
        tenant_users = list(User.objects.filter(tenant=tenant).wellness(window))
        rows.append(summarise(tenant, tenant_users))
    return rows


def wellness_fixed(window: Window, limit: int | None) -> list[TenantWellness]:
    """The cure: prefetch what the loop needs, and read it through ``people_set.all()``."""
    rows = []
    people = Prefetch("people_set", queryset=User.objects.wellness(window))
    tenants = Tenant.objects.prefetch_related(people).all()[:limit]
    for tenant in tenants:
        tenant_users = list(tenant.people_set.all())
        rows.append(summarise(tenant, tenant_users))
    return rows


Variant = Callable[[Window, "int | None"], "list[TenantWellness]"]

VARIANTS: dict[str, Variant] = {
    "before": wellness_before,
    "claimed": wellness_claimed,
    "fixed": wellness_fixed,
}


def build_wellness_report(
    variant: str = "fixed", window: Window | None = None, tenants: int | None = None
) -> WellnessReport:
    """The wellness report by one of ``VARIANTS``, over the first ``tenants`` tenants (all: None).

    Raises ``KeyError`` for an unknown variant.
    """
    build = VARIANTS[variant]
    window = window or Window.ending()
    return WellnessReport(window, tuple(build(window, tenants)))


def summarise(tenant: Tenant, people: Sequence[People]) -> TenantWellness:
    """The figures of ``tenant`` from its people, who carry theirs; sends no query."""
    return TenantWellness(
        tenant=tenant.tenantname,
        people=len(people),
        writers=sum(1 for person in people if person.entry_count),
        entries=sum(person.entry_count for person in people),
        mood_average=_mean(person.mood_average for person in people),
        stress_average=_mean(person.stress_average for person in people),
        at_risk=tuple(sorted(f"{p.peoplecode} {p}" for p in people if is_at_risk(p))),
    )


def is_at_risk(person: People) -> bool:
    """Whether the figures of ``person`` call for somebody to ask how they are."""
    if person.entry_count < MIN_ENTRIES:
        return False
    low = person.mood_average is not None and person.mood_average <= LOW_MOOD
    high = person.stress_average is not None and person.stress_average >= HIGH_STRESS
    return low or high


def _mean(values: Iterable[float | None]) -> float | None:
    # fmean adds exactly, so the order in which a database returns people changes nothing.
    known = [value for value in values if value is not None]
    return round(fmean(known), 2) if known else None
