"""Each page within its budget, and the lists with as many queries however long they are."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.urls import URLPattern, get_resolver, resolve

LISTS = ["/", "/tickets/", "/escalation/", "/api/y_helpdesk/?action=loadPeoples"]
#: Lists of what one tenant has, and what is listed before all of it is deleted.
LISTS_WITHIN = ["/tenants/{tenants.Tenant}/", "/tickets/{y_helpdesk.Ticket}/"]
DELETION = "/admin/tenants/tenant/{tenants.Tenant}/delete/"
AUTOCOMPLETE = "/admin/autocomplete/?app_label=peoples&model_name=people&field_name=tenant"

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
    "/api/y_helpdesk/?action=loadPeoples&variant=before": 1,
    "/admin/login/": 0,
}
#: The same for staff; two of the queries read the session, and who it is of.
STAFF_PAGES = {
    "/admin/": 3,
    "/admin/y_helpdesk/": 2,
    "/admin/password_change/": 2,
    "/admin/password_change/done/": 2,
    "/admin/jsi18n/": 2,
    AUTOCOMPLETE: 4,
    "/api/": 2,
    "/api/people/": 4,
    "/api/people/{peoples.People}/": 3,
    "/api/journal/": 4,
    "/api/journal/{journal.JournalEntry}/": 3,
    "/api/tracking/": 4,
    "/api/tracking/{attendance.Tracking}/": 3,
}
#: What the admin has of each model: list, add, change, history, delete. Deleting counts what goes
#: with it, so that whoever deletes is told: a query for each kind.
ADMIN = {
    "auth.Group": (5, 4, 6, 5, 5),
    "tenants.Tenant": (5, 3, 4, 5, 13),
    "peoples.People": (5, 3, 5, 5, 10),
    "journal.JournalEntry": (5, 3, 5, 5, 3),
    "attendance.Tracking": (5, 3, 5, 5, 3),
    "y_helpdesk.Ticket": (5, 3, 6, 5, 3),
    "y_helpdesk.EscalationMatrix": (5, 3, 6, 5, 3),
}
VIEWS = ("", "add/", "{%s}/change/", "{%s}/history/", "{%s}/delete/")


def admin_of(label: str) -> str:
    return f"/admin/{label.lower().replace('.', '/')}/"


for label, budgets in ADMIN.items():
    for view, budget in zip(VIEWS, budgets, strict=True):
        STAFF_PAGES[admin_of(label) + view.replace("%s", label)] = budget

STAFF_LISTS = [
    *map(admin_of, ADMIN), AUTOCOMPLETE, "/api/people/", "/api/journal/", "/api/tracking/",
]  # fmt: skip

#: Addresses without a budget of their own, and why.
OTHERWISE = {
    r"admin/logout/$": "answers to POST alone",
    r"admin/r/": "sends on to a page of the site",
    r"admin/\w+/\w+/<path:object_id>/$": "sends on to the change page",
    r"admin/\(\?P<url>": "sends on to the address with a slash, or there is none",
    r"api/.*format": "the same views, asked for a format",
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


def test_every_address_has_a_budget_or_a_reason_to_have_none():
    tested = {resolve(as_path(page)).route for page in [*PAGES, *STAFF_PAGES] if is_served(page)}
    rest = {
        route
        for route in routes(get_resolver().url_patterns)
        if route not in tested and not any(re.match(known, route) for known in OTHERWISE)
    }
    assert rest == set()


def routes(patterns, before=""):
    """The route of every view below ``patterns``, as ``resolve`` gives it."""
    for one in patterns:
        route = before + (str(one.pattern).removeprefix("^") if before else str(one.pattern))
        if isinstance(one, URLPattern):
            yield route
        else:
            yield from routes(one.url_patterns, route)


def as_path(address: str) -> str:
    return re.sub(r"\{.+?\}", "1", address).partition("?")[0]


def is_served(address: str) -> bool:
    """Whether the address is there: some need djangorestframework."""
    return apps.is_installed("rest_framework") or not re.match("/api/(?!y_helpdesk)", address)


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


@pytest.mark.parametrize("address", LISTS_WITHIN)
def test_a_list_within_a_tenant_takes_as_many_queries_however_long_it_is(
    client, grow_within, assert_constant_queries, address
):
    assert_constant_queries(grow_within, lambda: client.get(filled(address)), sizes=(2, 5))


def test_deleting_a_tenant_asks_with_as_many_queries_however_much_goes_with_it(
    staff, grow_within, assert_constant_queries
):
    assert_constant_queries(grow_within, lambda: staff.get(filled(DELETION)), sizes=(2, 5))


def test_a_level_is_added_to_the_escalation_matrix(client, grow, assert_max_queries):
    grow(1)
    level = {"level": 2, "frequencyvalue": 3, "frequency": "DAY"}
    keys = {"tenant": first_key("tenants.Tenant"), "assignedperson": first_key("peoples.People")}
    # The form reads tenant and person twice: for its fields, and for the keys of the new row.
    with assert_max_queries(7):
        answer = client.post("/escalation/", {**level, **keys}, follow=True)
    assert "Tenant 0: level 2 after 3 Days goes to Ann 0." in answer.content.decode()


def test_a_ticket_is_deleted_within_a_budget(staff, grow, assert_max_queries):
    """Session and user, the ticket, the kind of what is logged, the log, and the deletion."""
    grow(2)
    address = filled("/admin/y_helpdesk/ticket/{y_helpdesk.Ticket}/delete/")
    with assert_max_queries(6):
        assert staff.post(address, {"post": "yes"}).status_code == 302
    assert apps.get_model("y_helpdesk.Ticket").objects.count() == 2


def test_entries_that_are_not_shared_are_not_shown(client, grow):
    from apps.journal.models import JournalEntry

    grow(1)
    JournalEntry.objects.update(title="Only for me", privacy_scope="PRIVATE")
    page = client.get(f"/people/{first_key('peoples.People')}/")
    assert "Only for me" not in page.content.decode()
