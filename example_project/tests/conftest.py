"""The data that the tests of the example stand on, and who asks."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from apps.attendance.models import Tracking
from apps.journal.models import JournalEntry
from apps.tenants.models import Tenant
from apps.y_helpdesk.models import EscalationMatrix, Ticket


@pytest.fixture
def grow(db):
    """Makes ``n`` of everything: tenants, and of each of them a person, a ticket and so on."""

    def grow(n: int) -> None:
        for number in range(Tenant.objects.count(), Tenant.objects.count() + n):
            make_tenant(number)

    return grow


@pytest.fixture
def grow_within(grow):
    """Makes ``n`` more people, with all that is theirs, in one tenant; the first, if there is one."""

    def grow_within(n: int) -> None:
        tenant = Tenant.objects.first() or make_tenant(0)
        for _ in range(n):
            make_person(tenant, get_user_model().objects.count())

    return grow_within


def make_tenant(number: int) -> Tenant:
    tenant = Tenant.objects.create(tenantname=f"Tenant {number}", subdomain_prefix=f"t{number}")
    make_person(tenant, number)
    Group.objects.create(name=f"Group {number}")
    return tenant


def make_person(tenant: Tenant, number: int) -> None:
    person = get_user_model().objects.create(
        tenant=tenant, username=f"p{number}", peoplecode=f"P{number}", first_name=f"Ann {number}"
    )
    now = timezone.now()
    JournalEntry.objects.create(
        user=person, timestamp=now, entry_type="MOOD_CHECK_IN", privacy_scope="SHARED"
    )
    Tracking.objects.create(
        people=person, deviceid=f"D{number}", identifier="TRACKING", receiveddate=now,
        latitude=51.5, longitude=0,
    )  # fmt: skip
    Ticket.objects.create(
        ticketno=f"T{number}", ticketdesc="Door", tenant=tenant, assignedtopeople=person,
        created_at=now,
    )  # fmt: skip
    EscalationMatrix.objects.create(
        tenant=tenant, level=number + 1, frequencyvalue=2, assignedperson=person
    )


@pytest.fixture
def staff(client, grow):
    """A browser in which somebody who may see everything has logged in."""
    # Kept from one test to the next, so that what a page takes would depend on their order.
    ContentType.objects.clear_cache()
    grow(1)
    person = get_user_model().objects.get()
    person.is_staff = person.is_superuser = True
    person.save()
    client.force_login(person)
    return client
