"""Each page within its budget, and the lists with as many queries however long they are."""

from __future__ import annotations

import pytest

LISTS = ["/", "/tickets/", "/escalation/", "/api/y_helpdesk/?action=loadPeoples"]
STAFF_LISTS = [
    "/admin/tenants/tenant/",
    "/admin/peoples/people/",
    "/admin/journal/journalentry/",
    "/admin/attendance/tracking/",
    "/admin/y_helpdesk/ticket/",
    "/admin/y_helpdesk/escalationmatrix/",
    "/api/people/",
    "/api/journal/",
    "/api/tracking/",
]


@pytest.mark.parametrize(
    ("address", "queries"),
    [
        ("/", 2),
        ("/tenants/{}/", 4),
        ("/people/{}/", 3),
        ("/tickets/", 2),
        ("/tickets/{}/", 2),
        ("/escalation/", 1),
        ("/wellness/fixed/", 2),
        ("/api/y_helpdesk/?action=loadPeoples", 2),
    ],
)
def test_a_page_stays_within_its_budget(client, grow, assert_max_queries, address, queries):
    grow(3)
    keys = {"tenants": "tenants.Tenant", "people": "peoples.People", "tickets": "y_helpdesk.Ticket"}
    address = address.format(first_key(keys.get(address.split("/")[1])))
    with assert_max_queries(queries):
        assert client.get(address).status_code == 200


def first_key(label):
    from django.apps import apps

    return apps.get_model(label).objects.values_list("pk", flat=True)[0] if label else ""


@pytest.mark.parametrize("address", LISTS)
def test_a_list_takes_as_many_queries_however_long_it_is(
    client, grow, assert_constant_queries, address
):
    assert_constant_queries(populate=grow, run=lambda: client.get(address), sizes=(2, 5))


@pytest.mark.parametrize("address", STAFF_LISTS)
def test_a_list_for_staff_takes_as_many_queries_however_long_it_is(
    staff, grow, assert_constant_queries, address
):
    if address.startswith("/api/"):
        pytest.importorskip("rest_framework")
    assert staff.get(address).status_code == 200
    assert_constant_queries(populate=grow, run=lambda: staff.get(address), sizes=(2, 5))


def test_a_level_is_added_to_the_escalation_matrix(client, grow):
    grow(1)
    level = {"level": 2, "frequencyvalue": 3, "frequency": "DAY"}
    keys = {"tenant": first_key("tenants.Tenant"), "assignedperson": first_key("peoples.People")}
    answer = client.post("/escalation/", {**level, **keys}, follow=True)
    assert "Tenant 0: level 2 after 3 Days goes to Ann 0." in answer.content.decode()


def test_entries_that_are_not_shared_are_not_shown(client, grow):
    from apps.journal.models import JournalEntry

    grow(1)
    JournalEntry.objects.update(title="Only for me", privacy_scope="PRIVATE")
    page = client.get(f"/people/{first_key('peoples.People')}/")
    assert "Only for me" not in page.content.decode()
