"""The admin: each page in real requests, once with its loops and once without."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from nplusone_guard.report.text import render
from tests.frameworks.places import found, line_of, place, shown
from tests.frameworks.shop.admin import LineInline
from tests.frameworks.shop.models import Customer, Line, Maker, Order, Product

pytestmark = pytest.mark.django_db


@pytest.fixture
def browse(ask):
    """Ask for a page of one of the two sites, signed in; what signing in costs is asked before."""
    ask.client.force_login(User.objects.create_superuser("root"))
    ask("/healthy/shop/tag/")

    def send(path, *args, **kwargs):
        return ask(path.format(pk=order().pk), *args, **kwargs)

    return send


def order():
    return Order.objects.order_by("pk")[0]


CHANGELIST = place("OrderAdmin changelist", "order_admin")


def test_columns_of_the_changelist(browse):
    report = browse("/looping/shop/order/")
    assert found(report) == {
        (place('OrderAdmin.list_display "referrer"', "order_referrer"), CHANGELIST, 3),
        (place("Customer.__str__", "customer_str"), CHANGELIST, 6),
        (place("OrderAdmin.lines_count", "admin_lines"), CHANGELIST, 3),
        (
            place("Customer.__str__", "customer_str"),
            place('OrderAdmin.list_filter "customer"', "order_list_filter"),
            6,
        ),
    }
    assert not browse("/healthy/shop/order/").findings


def test_one_statement_of_several_columns_tells_all_its_sites(browse):
    """Customers' cities are read by their ``__str__`` and by a column."""
    report = browse("/looping/shop/order/")
    (finding,) = [one for one in report.findings if one.loop.function == "OrderAdmin changelist"]
    cities = [one for one in report.shapes if one.headline == "SELECT shop_city"]
    assert finding.count == 12
    assert place("OrderAdmin.town", "admin_town") in {shown(shape.site) for shape in cities}


def test_the_origin_of_a_changelist_is_its_admin(browse):
    report = browse("/looping/shop/order/")
    (finding,) = [one for one in report.findings if one.loop.function == "OrderAdmin changelist"]
    assert shown(finding.origin.site) == CHANGELIST


def test_advice_names_the_hook_of_the_admin(browse):
    (finding,) = browse("/looping/shop/customer/").findings
    assert 'select_related("city") to get_queryset() of CustomerAdmin (or its list_' in (
        finding.advice.text
    )


def test_no_option_of_the_admin_loads_collections(browse):
    report = browse("/looping/shop/order/")
    (finding,) = [one for one in report.findings if one.loop.function == "OrderAdmin changelist"]
    assert '.prefetch_related("lines") to get_queryset() of OrderAdmin at' in finding.advice.text


def test_str_as_the_only_column(browse):
    assert found(browse("/looping/shop/customer/")) == {
        (
            place("Customer.__str__", "customer_str"),
            place("CustomerAdmin changelist", "customer_admin"),
            6,
        )
    }
    assert not browse("/healthy/shop/customer/").findings


def test_a_model_that_is_registered_without_a_class_goes_by_its_own_line(browse):
    assert found(browse("/looping/shop/product/")) == {
        (
            place("Product.__str__", "product_str"),
            place("ModelAdmin of Product changelist", "product_model"),
            6,
        )
    }
    assert not browse("/healthy/shop/product/").findings


def test_selects_in_the_rows_of_a_changelist(browse):
    report = browse("/looping/shop/line/")
    changelist = place("LineAdmin changelist", "line_admin")
    assert found(report) == {
        (place("LineAdmin.product", "line_admin"), changelist, 6),
        (
            place("Product.__str__", "product_str"),
            place("LineAdmin.product[]", "line_admin"),
            36,
        ),
        (
            place("Product.__str__", "product_str"),
            place('LineAdmin.list_filter "product"', "line_list_filter"),
            6,
        ),
    }
    assert not browse("/healthy/shop/line/").findings


def test_inlines_and_selects_of_a_change_page(browse):
    report = browse("/looping/shop/order/{pk}/change/")
    inline = place("LineInline", "line_inline")
    customers = place("Customer.__str__", "customer_str")
    assert found(report) == {
        (customers, place("OrderAdmin.customer[]", "order_admin"), 6),
        (customers, place("OrderAdmin.referrer[]", "order_admin"), 6),
        (place("Line.__str__", "line_str"), inline, 2),
        # For each line, and for the empty one.
        (place("LineInline.product", "line_inline"), inline, 3),
        (
            place("Product.__str__", "product_str"),
            place("LineInline.product[]", "line_inline"),
            18,
        ),
    }
    assert not browse("/healthy/shop/order/{pk}/change/").findings


def of_inline(report):
    """The place of the rows of an inline, and the fix of what each of them is asked for."""
    (told,) = [one for one in report.findings if one.relation == "shop.Line.product"]
    fix = told.advice.options[0]
    return shown(told.origin.site), told.advice.text, f"admin.py:{fix.line}"


def test_the_fix_of_an_inline_is_at_its_own_class(browse):
    line = line_of("line_inline")
    report = browse("/looping/shop/order/{pk}/change/")
    assert of_inline(report) == (
        place("LineInline rows", "line_inline"),
        f'add .select_related("product") to get_queryset() of LineInline at {line}',
        line,
    )


def test_the_fix_of_an_inline_whose_form_is_refused_is_there_as_well(browse, monkeypatch):
    """The page that is sent back has read the rows to compare them with what was sent."""
    monkeypatch.setattr(LineInline, "readonly_fields", ["product"])
    lines = order().lines.order_by("pk")
    data = {"number": "", "lines-TOTAL_FORMS": len(lines), "lines-INITIAL_FORMS": len(lines)}
    for number, one in enumerate(lines):
        data |= {f"lines-{number}-id": one.pk, f"lines-{number}-quantity": "x"}
    report = browse("/looping/shop/order/{pk}/change/", data, method="post")
    line = line_of("line_inline")
    assert of_inline(report)[1:] == (
        f'add .select_related("product__maker") to the queryset of LineInline at {line}',
        line,
    )
    healthy = browse("/healthy/shop/order/{pk}/change/", data, method="post")
    assert not [one for one in healthy.findings if one.severity == "error"]


def test_autocomplete(browse):
    path = "autocomplete/?app_label=shop&model_name=order&field_name=customer"
    report = browse(f"/looping/{path}")
    assert found(report) == {
        (
            place("Customer.__str__", "customer_str"),
            place("CustomerAdmin autocomplete", "customer_search"),
            6,
        )
    }
    assert shown(report.findings[0].origin.site) == place(
        "CustomerAdmin autocomplete", "customer_search"
    )
    assert not browse(f"/healthy/{path}").findings


def test_actions_are_code_of_the_users(browse):
    keys = list(Order.objects.values_list("pk", flat=True))
    report = browse(
        "/looping/shop/order/",
        {"action": "greet", "_selected_action": keys},
        method="post",
        status=302,
    )
    assert (place("greet", "greet"), place("greet", "greet_loop"), 3) in found(report)
    data = {"action": "greet_at_once", "_selected_action": keys}
    assert not browse("/healthy/shop/order/", data, method="post", status=302).findings


def test_objects_that_a_deletion_takes_along(browse):
    assert found(browse("/looping/shop/order/{pk}/delete/")) == {
        (
            place("Line.__str__", "line_str"),
            place("OrderAdmin delete confirmation", "order_admin"),
            2,
        )
    }
    maker = Maker.objects.create(name="large")
    for number in range(3):
        product = Product.objects.create(name=f"product{number}", maker=maker)
        Line.objects.create(product=product, order=order())
    assert not browse(f"/looping/shop/maker/{maker.pk}/delete/").findings


def test_nobodys_queryset_loads_more_with_what_a_deletion_takes_along(browse):
    (found,) = browse("/looping/shop/order/{pk}/delete/").findings
    assert (found.severity, found.advice.saves, found.advice.options) == ("warning", 0, ())
    assert found.advice.text == (
        'do without "product" of each Line here: Django itself collects the rows that a deletion '
        "takes along, and no queryset of the project's loads more with them"
    )


def test_a_query_that_somebody_wrote_is_an_error_there_as_elsewhere(browse, monkeypatch):
    monkeypatch.setattr(Line, "__str__", lambda line: str(Product.objects.get(pk=line.product_id)))
    found = browse("/looping/shop/order/{pk}/delete/").findings
    assert {(one.rule, one.severity) for one in found} == {("query-in-loop", "error")}
    assert all(one.advice.saves for one in found)


def test_the_rows_that_were_chosen_to_be_deleted_have_a_queryset(browse):
    """What the action gets is the changelist's own: of those alone savings are claimed."""
    data = {
        "action": "delete_selected",
        "_selected_action": list(Customer.objects.values_list("pk", flat=True)),
    }
    report = browse("/looping/shop/customer/", data, method="post")
    (found,) = [one for one in report.findings if "confirmation" in one.loop.function]
    sent = {one.relation: one.count for one in found.statements}
    assert set(sent) == {"shop.Customer.city", "shop.Line.product"}
    assert (found.severity, found.advice.saves) == ("error", sent["shop.Customer.city"])
    assert found.advice.text.startswith(
        'for SELECT shop_city: add .select_related("city") to get_queryset() of Customer'
    )
    (left,) = browse("/healthy/shop/customer/", data, method="post").findings
    assert (left.relation, left.severity) == ("shop.Line.product", "warning")


def test_the_action_that_deletes_confirms_in_the_same_way(browse):
    keys = list(Order.objects.values_list("pk", flat=True))
    report = browse(
        "/looping/shop/order/",
        {"action": "delete_selected", "_selected_action": keys},
        method="post",
    )
    confirmation = place("OrderAdmin delete confirmation", "order_admin")
    assert (place("Line.__str__", "line_str"), confirmation, 6) in found(report)


def test_pages_of_users_own_to_one_object_are_silent(browse):
    assert not browse("/looping/").findings
    assert not browse("/looping/shop/order/{pk}/history/").findings


def test_two_filters_on_one_model_are_no_loop(browse):
    assert not browse("/healthy/shop/order/?tags__id__exact=1").findings


def test_the_text_names_column_and_changelist_in_a_hundred_columns(browse):
    lines = render(browse("/looping/shop/order/"), width=100).splitlines()
    assert max(map(len, lines)) <= 100
    file = "tests/frameworks/shop/"
    (query,) = [line for line in lines if "list_display" in line]
    assert query.startswith(
        f'   query   {file}{line_of("order_referrer")}  OrderAdmin.list_display "referrer"'
    )
    assert any(f"{file}{line_of('order_admin')}  OrderAdmin changelist" in line for line in lines)
