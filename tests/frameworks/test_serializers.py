"""Django REST framework: the field is the site, ``many=True`` the loop, in real requests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from rest_framework.test import APIClient

from nplusone_guard.guard import watch
from nplusone_guard.report.text import render
from tests.frameworks.places import found, line_of, place, shown
from tests.frameworks.shop import serializers as s
from tests.frameworks.shop.models import Category, Customer, Order, Tag

pytestmark = pytest.mark.django_db

NESTED = (
    ("NestedSerializer.customer", "nested_customer", 3),
    ("NestedSerializer.customer.city", "customer_city", 3),
)

#: Serializer, its loops as (site, its mark, count), the mark of the loop, what cures it.
SERIALIZERS = [
    ("Nested", NESTED, "nested_class", "select=customer__city"),
    (
        "String",
        (
            ("StringSerializer.customer", "string_customer", 3),
            ("Customer.__str__", "customer_str", 3),
        ),
        "string_class",
        "select=customer__city",
    ),
    (
        "Source",
        (("SourceSerializer.town", "source_town", 3),),
        "source_class",
        "select=customer__city",
    ),
    ("Method", (("MethodSerializer.get_first", "method_first", 3),), "method_class", None),
    ("Property", (("Order.total", "order_total", 3),), "property_class", None),
    ("Tags", (("TagsSerializer.tags", "tags_class", 3),), "tags_class", "prefetch=tags"),
    (
        "Depth",
        (("DepthSerializer.customer", "depth_class", 3),),
        "depth_class",
        "select=customer",
    ),
    (
        "Linked",
        (("LinkedSerializer.customer", "linked_customer", 3),),
        "linked_class",
        "select=customer",
    ),
    (
        "Own",
        (("OwnSerializer.to_representation", "own_customer", 3),),
        "own_class",
        "select=customer",
    ),
    (
        "Inherited",
        (
            ("InheritedSerializer.customer", "nested_customer", 3),
            ("InheritedSerializer.customer.city", "customer_city", 3),
        ),
        "inherited_class",
        "select=customer__city",
    ),
    (
        # One statement, sent by two fields.
        "Pair",
        (("PairSerializer.customer", "pair_customer", 6),),
        "pair_class",
        "select=customer,referrer",
    ),
]


@pytest.mark.parametrize(
    ("name", "sites", "loop", "cure"), SERIALIZERS, ids=[row[0] for row in SERIALIZERS]
)
def test_the_field_is_the_site_and_many_the_loop(ask, name, sites, loop, cure):
    report = ask(f"/api/orders/?as={name}Serializer")
    around = place(f"{name}Serializer(many=True)", loop)
    assert found(report) == {(place(site, mark), around, n) for site, mark, n in sites}
    if cure is not None:
        assert not ask(f"/api/orders/?as={name}Serializer&{cure}").findings


def test_each_of_two_relations_to_one_model_is_advised(ask):
    (finding,) = ask("/api/orders/?as=PairSerializer").findings
    assert finding.advice.text.startswith('add .select_related("customer", "referrer") to ')
    assert (finding.advice.saves, finding.count) == (6, 6)
    (finding,) = ask("/api/orders/?as=PairSerializer&select=customer").findings
    assert finding.advice.text.startswith('add .select_related("referrer") to ')
    assert (finding.advice.saves, finding.count) == (3, 3)


def test_a_method_that_reads_what_was_prefetched_is_healthy(ask):
    assert not ask("/api/orders/?as=CountedSerializer&prefetch=lines").findings


def test_a_hyperlink_by_primary_key_is_healthy(ask):
    assert not ask("/api/orders/?as=LinkedByKeySerializer").findings


def test_lists_inside_serializers_are_loops_of_their_own(ask):
    report = ask("/api/orders/?as=OrderSerializer")
    assert found(report) == {
        (
            place("OrderSerializer.lines", "order_lines"),
            place("OrderSerializer(many=True)", "order_class"),
            3,
        ),
        (
            place("OrderSerializer.lines[].product", "line_product"),
            place("OrderSerializer.lines[]", "order_lines"),
            6,
        ),
    }
    assert not ask("/api/orders/?as=OrderSerializer&prefetch=lines__product").findings


def test_a_list_of_one_object_loops_over_its_lines_alone(ask):
    (order, *_) = Order.objects.order_by("pk")
    report = ask(f"/api/orders/{order.pk}/?as=OrderSerializer")
    assert found(report) == {
        (
            place("OrderSerializer.lines[].product", "line_product"),
            place("OrderSerializer.lines[]", "order_lines"),
            2,
        )
    }


def test_related_strings_are_a_loop_at_the_users_str(ask):
    report = ask("/api/orders/?as=LabelsSerializer")
    assert found(report) == {
        (
            place("LabelsSerializer.lines", "labels_lines"),
            place("LabelsSerializer(many=True)", "labels_class"),
            3,
        ),
        (
            place("Line.__str__", "line_str"),
            place("LabelsSerializer.lines[]", "labels_lines"),
            6,
        ),
    }
    assert not ask("/api/orders/?as=LabelsSerializer&prefetch=lines__product").findings


def test_the_items_of_a_list_field_are_a_loop_too(ask):
    order = Order.objects.order_by("pk")[0]
    report = ask(f"/api/orders/{order.pk}/?as=ListSerializer")
    assert found(report) == {
        (place("Line.__str__", "line_str"), place("ListSerializer.labels[]", "list_labels"), 2)
    }
    cure = "prefetch=lines__product"
    assert not ask(f"/api/orders/{order.pk}/?as=ListSerializer&{cure}").findings


def test_two_fields_to_one_model_on_a_single_object_are_no_loop(ask):
    order = Order.objects.order_by("pk")[0]
    report = ask(f"/api/orders/{order.pk}/?as=PairSerializer")
    assert not report.findings
    sites = {shown(shape.site) for shape in report.shapes if "customer" in shape.headline}
    assert sites == {
        place("PairSerializer.customer", "pair_customer"),
        place("PairSerializer.referrer", "pair_referrer"),
    }


def test_pages_are_found_like_lists_and_their_own_queries_named_after_the_view(ask):
    report = ask("/api/pages/?as=NestedSerializer")
    around = place("NestedSerializer(many=True)", "nested_class")
    assert found(report) == {(place(site, mark), around, n) for site, mark, n in NESTED}
    (finding,) = report.findings
    assert shown(finding.origin.site) == place("PageViewSet.list", "page_queryset")
    assert not ask("/api/pages/?as=NestedSerializer&select=customer__city").findings


def test_the_origin_is_the_queryset_of_the_view(ask):
    (finding,) = ask("/api/orders/?as=NestedSerializer").findings
    assert shown(finding.origin.site) == place("OrderViewSet.list", "order_queryset")
    assert finding.origin.model == "shop.Order"


@pytest.mark.parametrize(
    ("path", "old"),
    [
        ("/api/orders/?as=NestedSerializer", "Order.objects.order_by('pk')"),
        # Of the branches that assign the name, the one that they all begin with.
        ("/api/recent/", "Order.objects.order_by('pk')"),
    ],
)
def test_advice_changes_the_queryset_where_the_view_declares_or_makes_it(ask, path, old):
    (option, *_) = ask(path).findings[0].advice.options
    (step,) = option.steps
    assert (Path(step.file).name, step.action, step.old) == ("api.py", "append", old)
    assert step.new == '.select_related("customer__city")'


def test_the_line_of_a_function_that_is_a_view_is_the_origin(ask):
    report = ask("/api/recent/")
    around = place("NestedSerializer(many=True)", "nested_class")
    assert found(report) == {(place(site, mark), around, n) for site, mark, n in NESTED}
    assert shown(report.findings[0].origin.site) == place("recent_orders", "recent_orders")
    assert not ask("/api/recent/?select=1").findings


def test_a_serializer_inside_itself_is_one_recursion(ask):
    for number in range(2):
        root = Category.objects.create(name=f"root{number}")
        for _ in range(2):
            child = Category.objects.create(name="child", parent=root)
            Category.objects.create(name="grandchild", parent=child)
    (finding,) = ask("/api/categories/").findings
    assert finding.rule == "recursive-query"
    assert shown(finding.site) == place("CategorySerializer.children", "category_class")


def test_a_flat_list_of_the_same_serializer_is_no_recursion(ask):
    Category.objects.create(name="alone")
    assert not ask("/api/categories/").findings


def test_api_client_and_plain_serializers_agree(shop):
    with watch("client") as client:
        assert APIClient().get("/api/orders/?as=NestedSerializer").status_code == 200
    with watch("plain") as plain:
        s.NestedSerializer(Order.objects.all(), many=True).data
    assert found(client.report) == found(plain.report)


@pytest.fixture
def browsable(ask):
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "rest_framework"]):
        yield ask


def test_the_choices_of_the_browsable_api_are_a_loop_of_their_field(browsable):
    report = browsable("/api/orders/?as=KeysSerializer&format=api")
    labels = place("Customer.__str__", "customer_str")
    assert found(report) == {
        (labels, place("KeysSerializer.customer[]", "keys_class"), 6),
        (labels, place("KeysSerializer.referrer[]", "keys_class"), 6),
    }
    assert not browsable("/api/orders/?as=KeysSerializerHealthy&format=api").findings


def test_what_the_browsable_api_asks_once_more_for_its_forms_is_no_duplicate(browsable):
    order = Order.objects.order_by("pk")[0]
    report = browsable(f"/api/orders/{order.pk}/?as=TagsSerializer&format=api")
    tags = [one.count for one in report.shapes if one.headline == "SELECT shop_tag"]
    assert sum(tags) > 3
    assert not report.findings


# --- writing ------------------------------------------------------------------------------


def written(order):
    keys = list(Tag.objects.values_list("pk", flat=True)[:4])
    people = list(Customer.objects.values_list("pk", flat=True)[:2])
    return {"number": order, "customer": people[0], "referrer": people[1], "tags": keys}


def test_a_key_looked_up_for_each_related_object_is_a_loop(ask):
    report = ask(
        "/api/orders/?as=WritingSerializer",
        written("new"),
        method="post",
        status=201,
        content_type="application/json",
    )
    turn = place("WritingSerializer.tags[]", "writing_tags")
    assert found(report) == {(turn, turn, 4)}


def test_two_keys_to_one_model_in_a_single_object_are_no_loop(ask):
    report = ask(
        "/api/orders/?as=KeysSerializer",
        written("new"),
        method="post",
        status=201,
        content_type="application/json",
    )
    assert not report.findings
    asked = [shape for shape in report.shapes if shape.headline == "SELECT shop_customer"]
    assert len(asked) == 2


def test_many_objects_at_once_are_looked_up_in_a_loop(shop):
    rows = [written(f"new{number}") for number in range(3)]
    with watch("many") as recording:
        serializer = s.KeysSerializer(data=rows, many=True)
        assert serializer.is_valid(), serializer.errors
    (finding,) = recording.report.findings
    assert shown(finding.loop) == place("KeysSerializer(many=True)", "keys_class")
    assert {shown(site): finding.count for site in finding.also_at} == {
        place("KeysSerializer.customer", "keys_class"): 6,
        place("KeysSerializer.referrer", "keys_class"): 6,
    }


def test_many_objects_are_created_in_a_loop(shop):
    rows = [{"name": f"new{number}"} for number in range(3)]
    serializer = s.TagSerializer(data=rows, many=True)
    assert serializer.is_valid()
    with watch("many") as recording:
        serializer.save()
    (finding,) = recording.report.findings
    assert finding.rule == "write-in-loop"
    assert shown(finding.loop) == place("TagSerializer(many=True)", "tag_class")


# --- text ---------------------------------------------------------------------------------


def test_the_text_names_the_field_in_a_hundred_columns(ask):
    report = ask("/api/orders/?as=OrderSerializer")
    text = render(report, width=100)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    file = f"tests/frameworks/shop/{line_of('line_product')}"
    assert f"   query   {file}  OrderSerializer.lines[].product  product = seri…" in lines


def test_the_documentation_shows_this_text(ask, monkeypatch):
    """With the id that the loop has in a project whose directory is that of the shop."""
    monkeypatch.chdir(Path(s.__file__).parent.parent)
    with override_settings(BASE_DIR=Path.cwd()):
        text = render(ask("/api/orders/?as=OrderSerializer"), width=100)
    page = (Path(__file__).parents[2] / "docs" / "frameworks.md").read_text(encoding="utf-8")
    (sample,) = re.findall(r"^```text\n(test: .*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert without_times_and_marks(text).startswith(without_times_and_marks(sample))


def without_times_and_marks(text):
    return re.sub(r"  # @.*", "", re.sub(r"[\d.]+ ms", "… ms", text))


def test_a_loop_on_the_line_of_its_site_goes_by_its_name(ask):
    lines = render(ask("/api/orders/?as=TagsSerializer"), width=100).splitlines()
    assert "   loop    same line, TagsSerializer(many=True)" in lines


def test_a_fault_while_naming_a_field_costs_the_name_alone(ask, monkeypatch, caplog):
    from nplusone_guard.capture.landmarks import serializers

    def broken(field):
        raise RuntimeError("broken")

    monkeypatch.setattr(serializers, "_field_spot", broken)
    report = ask("/api/orders/?as=NestedSerializer")
    assert report.query_count == 7
    assert {finding.count for finding in report.findings} == {6}
