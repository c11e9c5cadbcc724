"""django-ninja: a resolver is the site; without one, what is read of the user's model."""

from __future__ import annotations

import pytest

from nplusone_guard.report.text import render
from tests.frameworks.places import found, line_of, place, shown
from tests.frameworks.shop.models import Order

pytestmark = pytest.mark.django_db


def sites(report):
    return {(site, count) for site, _, count in found(report)}


def test_relations_that_a_schema_reads_are_told_apart(ask):
    report = ask("/ninja/orders")
    assert sites(report) == {
        (place("Order.customer", "order_customer"), 3),
        (place("Customer.city", "customer_city_field"), 3),
    }
    assert {finding.loop.package for finding in report.findings} == {"ninja"}
    assert not ask("/ninja/healthy/orders").findings


def test_a_resolver_is_the_users_line(ask):
    report = ask("/ninja/towns")
    assert sites(report) == {(place("TownOut.resolve_town", "ninja_town"), 3)}
    (finding,) = report.findings
    assert finding.count == 6
    assert finding.loop.package == "ninja"
    assert not ask("/ninja/healthy/towns").findings


def test_a_loop_in_the_view_is_the_users(ask):
    line = place("names", "ninja_names")
    assert found(ask("/ninja/names")) == {(line, line, 3)}
    assert not ask("/ninja/healthy/names").findings


def test_two_fields_to_one_model_on_a_single_object_are_no_loop(ask):
    """Both customers' cities are read at one place of Python, which C calls for each."""
    report = ask(f"/ninja/orders/{Order.objects.order_by('pk')[0].pk}")
    assert not report.findings
    (cleared,) = report.cleared
    assert (cleared.reason, cleared.detail) == (
        "bounded",
        "one for each of 2 relations of one object",
    )
    assert shown(cleared.site) == place("Customer.city", "customer_city_field")


@pytest.mark.parametrize("path", ["/ninja/other/customers", "/ninja/named/customers"])
def test_rows_that_were_loaded_singly_are_a_loop_all_the_same(ask, path):
    """That other code has loaded as many of the model one by one says nothing about them."""
    report = ask(path)
    assert sites(report) == {(place("Customer.city", "customer_city_field"), 2)}
    assert not ask("/ninja/healthy/other/customers").findings


def test_two_fields_to_one_model_on_many_objects_are_a_loop(ask):
    report = ask("/ninja/pairs")
    assert sites(report) == {
        (place("Order.customer", "order_customer"), 6),
        (place("Customer.city", "customer_city_field"), 6),
    }
    assert not ask("/ninja/healthy/pairs").findings


def test_the_text_names_the_field_and_the_package(ask):
    lines = render(ask("/ninja/orders"), width=100).splitlines()
    assert max(map(len, lines)) <= 100
    file = f"tests/frameworks/shop/{line_of('order_customer')}"
    assert lines[3].startswith(f"   query   {file}  Order.customer  customer = models.ForeignKey(")
    assert lines[4].startswith("   loop    ninja/schema.py:")
    assert "(in package ninja, call)" in lines[4]
