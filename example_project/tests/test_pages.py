"""Each page within its budget, and the lists with as many queries however long they are."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.urls import URLPattern, get_resolver, resolve

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


#: Each page with its budget; ``{}`` is the key of the first of what the page is about.
PAGES = {
    "/": 2,
    "/tenants/{tenants.Tenant}/": 4,
    "/people/{peoples.People}/": 3,
    "/tickets/": 2,
    "/tickets/{y_helpdesk.Ticket}/": 2,
    "/escalation/": 1,
    "/wellness/fixed/": 2,
    "/api/y_helpdesk/?action=loadPeoples": 2,
}
#: The same for staff; two of the queries read the session, and who it is of.
STAFF_PAGES = {
    "/admin/": 3,
    "/admin/tenants/tenant/": 5,
    "/admin/tenants/tenant/{tenants.Tenant}/change/": 4,
    "/admin/peoples/people/": 5,
    "/admin/peoples/people/{peoples.People}/change/": 5,
    "/admin/journal/journalentry/": 5,
    "/admin/journal/journalentry/{journal.JournalEntry}/change/": 5,
    "/admin/attendance/tracking/": 5,
    "/admin/attendance/tracking/{attendance.Tracking}/change/": 5,
    "/admin/y_helpdesk/ticket/": 5,
    "/admin/y_helpdesk/ticket/{y_helpdesk.Ticket}/change/": 6,
    "/admin/y_helpdesk/escalationmatrix/": 5,
    "/admin/y_helpdesk/escalationmatrix/{y_helpdesk.EscalationMatrix}/change/": 6,
    "/api/": 2,
    "/api/people/": 4,
    "/api/people/{peoples.People}/": 3,
    "/api/journal/": 4,
    "/api/journal/{journal.JournalEntry}/": 3,
    "/api/tracking/": 4,
    "/api/tracking/{attendance.Tracking}/": 3,
}


def filled(address: str) -> str:
    return re.sub(r"\{(.+?)\}", lambda found: str(first_key(found[1])), address)


def first_key(label):
    return apps.get_model(label).objects.values_list("pk", flat=True)[0]


@pytest.mark.parametrize(("address", "queries"), PAGES.items())
def test_a_page_stays_within_its_budget(client, grow, assert_max_queries, address, queries):
    grow(3)
    address = filled(address)
    with assert_max_queries(queries):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize(("address", "queries"), STAFF_PAGES.items())
def test_a_page_for_staff_stays_within_its_budget(
    staff, grow, assert_max_queries, address, queries
):
    if address.startswith("/api/"):
        pytest.importorskip("rest_framework")
    grow(3)
    address = filled(address)
    with assert_max_queries(queries):
        assert staff.get(address).status_code == 200


def test_every_address_has_a_budget():
    """But for those of the admin, of which there are more than anybody lists."""
    here = {str(one.pattern) for one in get_resolver().url_patterns if isinstance(one, URLPattern)}
    routes = {resolve(re.sub(r"\{.+?\}", "1", page).partition("?")[0]).route for page in PAGES}
    assert routes == here


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
