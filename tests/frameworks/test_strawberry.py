"""strawberry-django: a resolver is the site; without one, what is read of the user's model."""

from __future__ import annotations

import pytest

from tests.frameworks.places import found, place, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def query(ask):
    def send(text):
        data = {"query": text}
        report = ask("/graphql/", data, method="post", content_type="application/json")
        assert report.query_count
        return report

    return send


def assert_loops_over_rows(report):
    """The loop is the one over the list, not the one over the fields of the query."""
    for finding in report.findings:
        assert finding.loop.package == "graphql"
        assert "list" in finding.loop.function or "iterable" in finding.loop.function


def sites(report):
    return {(site, count) for site, _, count in found(report)}


def test_relations_are_told_apart(query):
    fields = "{customer {city {name}}}"
    report = query(f"{{orders {fields}}}")
    assert sites(report) == {
        (place("Order.customer", "order_customer"), 3),
        (place("Customer.city", "customer_city_field"), 3),
    }
    assert_loops_over_rows(report)
    assert not query(f"{{healthyOrders {fields}}}").findings


def test_two_relations_to_one_model_are_told_apart(query):
    fields = "{customer {name} referrer {name}}"
    report = query(f"{{orders {fields}}}")
    (finding,) = report.findings
    assert {shown(site) for site in finding.also_at} == {
        place("Order.customer", "order_customer"),
        place("Order.referrer", "order_referrer_field"),
    }
    assert_loops_over_rows(report)
    assert not query(f"{{healthyOrders {fields}}}").findings


def test_a_resolver_is_the_users_line(query):
    report = query("{orders {town}}")
    assert sites(report) == {(place("Order.town", "graphql_town"), 3)}
    assert report.findings[0].count == 6
    assert_loops_over_rows(report)
    assert not query("{healthyOrders {town}}").findings


def test_two_fields_to_one_model_on_a_single_object_are_no_loop(query):
    report = query("{first {customer {city {name}} referrer {city {name}}}}")
    assert not report.findings
    assert {shown(one.site) for one in report.cleared} == {
        place("Customer.city", "customer_city_field")
    }
