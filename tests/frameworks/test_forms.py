"""Forms: the field is named, its choices and the forms of a formset are the loops."""

from __future__ import annotations

import pytest
from django.forms import modelform_factory, modelformset_factory

from nplusone_guard.guard import watch
from nplusone_guard.report.text import render
from tests.frameworks.places import found, line_of, place, shown
from tests.frameworks.shop import forms
from tests.frameworks.shop.models import Customer, Order, Product, Tag

pytestmark = pytest.mark.django_db

CUSTOMER_STR = place("Customer.__str__", "customer_str")
PRODUCT_STR = place("Product.__str__", "product_str")


# --- choices ------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["form", "fields"])
def test_labels_through_str_are_loops_of_their_field(ask, template):
    assert found(ask(f"/form/?as=OrderForm&in={template}")) == {
        (CUSTOMER_STR, place("OrderForm.customer[]", "order_form"), 6),
        (CUSTOMER_STR, place("OrderForm.referrer[]", "order_form"), 6),
    }
    assert not ask(f"/form/?as=OrderFormHealthy&in={template}").findings


@pytest.mark.parametrize("template", ["form", "fields", "radios"])
def test_radios_are_choices_too(ask, template):
    assert found(ask(f"/form/?as=RadioForm&in={template}")) == {
        (CUSTOMER_STR, place("RadioForm.customer[]", "radio_customer"), 6)
    }
    assert not ask(f"/form/?as=RadioFormHealthy&in={template}").findings


def test_label_from_instance_is_the_users_line(ask):
    report = ask("/form/?as=LabelForm&in=form")
    assert found(report) == {
        (
            place("NamedProducts.label_from_instance", "label"),
            place("LabelForm.products[]", "label_products"),
            6,
        )
    }
    (finding,) = report.findings
    assert shown(finding.origin.site) == place("LabelForm.products", "label_products")
    assert finding.advice.text == (
        'add .select_related("maker") to the queryset of LabelForm.products at '
        f"{line_of('label_products')}"
    )
    assert not ask("/form/?as=LabelFormHealthy&in=form").findings


def test_many_fields_with_choices_of_their_own_are_no_loop(ask):
    report = ask("/form/?as=ChoiceForm&in=form")
    assert report.query_count == 4
    assert not report.findings


def test_a_form_without_a_class_goes_by_the_field_of_its_model(ask):
    assert found(ask("/form/create/")) == {
        (CUSTOMER_STR, place("OrderForm.customer[]", "order_customer"), 6)
    }
    assert not ask("/form/create/tags/").findings


def test_choices_read_outside_of_a_form_are_a_loop_of_the_users(shop):
    field = forms.RadioForm().fields["customer"]
    with watch("choices") as recording:
        labels = [str(label) for _, label in field.choices]
    assert len(labels) == 6
    (finding,) = recording.report.findings
    assert shown(finding.site) == CUSTOMER_STR
    assert finding.loop.function.endswith(
        "test_choices_read_outside_of_a_form_are_a_loop_of_the_users"
    )


# --- formsets -----------------------------------------------------------------------------


def test_a_formset_asks_for_equal_choices_once_a_form(ask):
    report = ask("/formset/?as=Lines&in=formset")
    assert found(report) == {
        (place("LineForm.product", "line_form_product"), place("LineForm formset", "line_form"), 3)
    }
    (finding,) = report.findings
    assert (finding.rule, finding.severity) == ("duplicate-query", "warning")
    assert not ask("/formset/?as=LinesHealthy&in=formset").findings


def test_the_loop_over_a_formset_is_that_of_the_users_template(ask):
    report = ask("/formset/?as=Lines&in=formset_loop")
    assert found(report) == {
        (
            place("LineForm.product", "line_form_product"),
            place("{% for form in formset %}", "formset_loop"),
            3,
        )
    }
    assert not ask("/formset/?as=LinesHealthy&in=formset_loop").findings


def test_inline_formsets_go_by_the_fields_of_their_model(ask):
    order = Order.objects.order_by("pk")[0]
    report = ask(f"/inline/{order.pk}/?as=OrderLines&in=formset")
    assert found(report) == {
        (
            place("LineForm.product", "line_product_field"),
            place("LineForm formset", "line_model"),
            3,
        ),
        (PRODUCT_STR, place("LineForm.product[]", "line_product_field"), 18),
    }
    assert not ask(f"/inline/{order.pk}/?as=OrderQuantities&in=formset").findings


def test_what_each_form_of_a_formset_starts_with_is_read_in_a_loop(shop):
    with watch("tags") as looping:
        modelformset_factory(Order, fields=["tags"])(queryset=Order.objects.all()).forms
    (finding,) = looping.report.findings
    assert shown(finding.loop) == place("OrderForm formset", "order_model")
    assert (finding.count, finding.statements[0].headline) == (3, "SELECT shop_tag")
    with watch("numbers") as healthy:
        modelformset_factory(Order, fields=["number"])(queryset=Order.objects.all()).forms
    assert not healthy.report.findings


# --- validation ---------------------------------------------------------------------------


def rows(count):
    keys = Product.objects.order_by("pk").values_list("pk", flat=True)[:count]
    data = {f"form-{number}-product": key for number, key in enumerate(keys)}
    return {"form-TOTAL_FORMS": count, "form-INITIAL_FORMS": 0, **data}


def test_the_choices_of_a_formset_are_looked_up_once_a_form(ask):
    report = ask("/formset/?as=Lines&in=formset", rows(3), method="post")
    assert found(report) == {
        (place("LineForm.product", "line_form_product"), place("LineForm formset", "line_form"), 3)
    }
    (finding,) = report.findings
    assert (finding.rule, finding.severity) == ("query-in-loop", "warning")
    assert not ask("/formset/?as=LinesHealthy&in=formset", rows(3), method="post").findings


def test_fields_to_one_model_are_looked_up_without_a_loop(ask):
    customers = list(Customer.objects.values_list("pk", flat=True)[:2])
    tags = list(Tag.objects.values_list("pk", flat=True)[:3])
    data = {"customer": customers[0], "referrer": customers[1], "tag": tags[0], "tags": tags}
    report = ask("/form/?as=ChoiceForm&in=form", data, method="post")
    assert not report.findings
    sites = {shape.site.function for shape in report.shapes if "customer" in shape.headline}
    assert sites == {"ChoiceForm.customer", "ChoiceForm.referrer"}


def test_a_model_form_validates_two_keys_to_one_model_without_a_loop(ask):
    customers = list(Customer.objects.values_list("pk", flat=True)[:2])
    data = {"customer": customers[0], "referrer": customers[1], "tags": [Tag.objects.first().pk]}
    report = ask("/form/?as=OrderForm&in=form", data, method="post")
    assert not report.findings
    assert report.query_count >= 4


def test_validating_two_keys_of_one_object_is_no_loop(shop):
    order = Order.objects.order_by("pk")[0]
    with watch("clean") as recording:
        order.full_clean()
    asked = [one for one in recording.report.shapes if one.headline == "SELECT shop_customer"]
    assert [shape.count for shape in asked] == [2]
    assert not recording.report.findings


# --- text, classes made at run time -------------------------------------------------------


def test_the_text_names_the_field_in_a_hundred_columns(ask):
    lines = render(ask("/formset/?as=Lines&in=formset"), width=100).splitlines()
    assert max(map(len, lines)) <= 100
    file = "tests/frameworks/shop/"
    assert lines[3].startswith(
        f"   query   {file}{line_of('line_form_product')}  LineForm.product  product = forms."
    )
    assert lines[4].startswith(
        f"   loop    {file}{line_of('line_form')}  LineForm formset  class Line"
    )


def test_classes_made_for_one_request_are_let_go_of(shop):
    import gc
    import weakref

    made = modelform_factory(Order, fields=["customer"])
    with watch("form") as recording:
        made().as_div()
    assert recording.report.findings
    reference = weakref.ref(made)
    del made, recording
    gc.collect()
    assert reference() is None
