"""Model code and exports that hide a loop; the healthy twin of each stands below it."""

from __future__ import annotations

import csv
import io
import json

from django.core import serializers
from django.forms.models import model_to_dict
from django.http import HttpResponse

from tests.frameworks.shop.models import Customer, Line, Maker, Order, Product, Receipt


def properties():
    return [customer.city_name for customer in Customer.objects.all()]  # @properties


def properties_healthy():
    return [customer.city_name for customer in Customer.objects.select_related("city")]


def strings():
    return ", ".join(map(str, Customer.objects.order_by("pk")))  # @strings


def strings_healthy():
    return ", ".join(map(str, Customer.objects.select_related("city")))


def formatted():
    text = ""
    for line in Line.objects.all():  # @formatted
        text += f"{line}\n"
    return text


def formatted_healthy():
    text = ""
    for line in Line.objects.select_related("product"):
        text += f"{line}\n"
    return text


def signals():
    for order in Order.objects.all():  # @signals
        Receipt.objects.create(order=order)  # @signals_create


def signals_healthy():
    Receipt.objects.bulk_create([Receipt(order=order) for order in Order.objects.all()])


def cleaning():
    for customer in Customer.objects.all():  # @cleaning
        customer.clean()


def cleaning_healthy():
    for customer in Customer.objects.all():
        customer.clean_fields(exclude=["city"])


def managers():
    return [Product.objects.names_of(maker) for maker in Maker.objects.all()]  # @managers


def managers_healthy():
    makers = Maker.objects.prefetch_related("products")
    return [[product.name for product in maker.products.all()] for maker in makers]


def dumped(how):
    orders = Order.objects.order_by("pk")
    return serializers.serialize(how, orders)  # @dumped


def dumped_healthy(how):
    return serializers.serialize(how, Order.objects.prefetch_related("tags"))


def natural_keys(how):
    products = Product.objects.order_by("pk")
    return serializers.serialize(how, products, use_natural_foreign_keys=True)  # @natural_keys


def natural_keys_healthy(how):
    products = Product.objects.select_related("maker")
    return serializers.serialize(how, products, use_natural_foreign_keys=True)


def dicts():
    return [model_to_dict(order) for order in Order.objects.all()]  # @dicts


def dicts_healthy():
    fields = ["number", "customer"]
    return [model_to_dict(order, fields) for order in Order.objects.all()]


def encoded(order):
    return {"number": order.number, "customer": order.customer.name}  # @encoded


def jsons():
    orders = list(Order.objects.all())
    return json.dumps(orders, default=encoded)  # @jsons


def jsons_healthy():
    return json.dumps(list(Order.objects.select_related("customer")), default=encoded)


def indented():
    orders = list(Order.objects.all())
    return json.dumps(orders, default=encoded, indent=2)  # @indented


def indented_healthy():
    orders = list(Order.objects.select_related("customer"))
    return json.dumps(orders, default=encoded, indent=2)


def written():
    writer = csv.writer(io.StringIO())
    writer.writerows(
        [order.number, order.customer.name]  # @written
        for order in Order.objects.all()  # @written_loop
    )


def written_healthy():
    writer = csv.writer(io.StringIO())
    writer.writerows(
        [order.number, order.customer.name] for order in Order.objects.select_related("customer")
    )


def export(request):
    response = HttpResponse(content_type="text/csv")
    writer = csv.writer(response)
    for row in Order.objects.values("number", "customer_id"):  # @export_loop
        customer = Customer.objects.get(pk=row["customer_id"])  # @export
        writer.writerow([row["number"], customer.name])
    return response


def export_healthy(request):
    response = HttpResponse(content_type="text/csv")
    csv.writer(response).writerows(Order.objects.values_list("number", "customer__name"))
    return response
