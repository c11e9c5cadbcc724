"""The shop by django-ninja: schemas read attributes once the user's view has returned."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI, Schema

from tests.frameworks.shop.models import Customer, Order

api = NinjaAPI(urls_namespace="shop")


class CityOut(Schema):
    name: str


class CustomerOut(Schema):
    name: str
    city: CityOut


class OrderOut(Schema):
    number: str
    customer: CustomerOut


class PairOut(Schema):
    customer: CustomerOut
    referrer: CustomerOut


class TownOut(Schema):
    number: str
    town: str

    @staticmethod
    def resolve_town(order: Any) -> str:
        return order.customer.city.name  # @ninja_town


@api.get("/orders", response=list[OrderOut])
def orders(request):
    return Order.objects.order_by("pk")


@api.get("/healthy/orders", response=list[OrderOut])
def healthy_orders(request):
    return Order.objects.select_related("customer__city")


@api.get("/pairs", response=list[PairOut])
def pairs(request):
    return Order.objects.order_by("pk")


@api.get("/healthy/pairs", response=list[PairOut])
def healthy_pairs(request):
    return Order.objects.select_related("customer__city", "referrer__city")


@api.get("/towns", response=list[TownOut])
def towns(request):
    return Order.objects.order_by("pk")


@api.get("/healthy/towns", response=list[TownOut])
def healthy_towns(request):
    return Order.objects.select_related("customer__city")


@api.get("/names", response=list[str])
def names(request):
    return [order.customer.name for order in Order.objects.all()]  # @ninja_names


@api.get("/healthy/names", response=list[str])
def healthy_names(request):
    return [order.customer.name for order in Order.objects.select_related("customer")]


@api.get("/orders/{pk}", response=PairOut)
def order(request, pk: int):
    return Order.objects.get(pk=pk)  # @ninja_order


def _two_by_name():
    """Two customers, each of whom is loaded by a line of its own."""
    return [
        Customer.objects.get(slug="customer0"),
        Customer.objects.get(slug="customer1"),
    ]


@api.get("/other/customers", response=list[CustomerOut])
def other_customers(request):
    _two_by_name()
    return [order.customer for order in Order.objects.select_related("customer")[:2]]


@api.get("/healthy/other/customers", response=list[CustomerOut])
def healthy_other_customers(request):
    _two_by_name()
    return [order.customer for order in Order.objects.select_related("customer__city")[:2]]


@api.get("/named/customers", response=list[CustomerOut])
def named_customers(request):
    return _two_by_name()
