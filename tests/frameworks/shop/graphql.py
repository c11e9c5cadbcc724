"""The shop by strawberry-django."""

from __future__ import annotations

import strawberry
import strawberry_django
from strawberry.django.views import GraphQLView

from tests.frameworks.shop import models


@strawberry_django.type(models.City)
class City:
    name: strawberry.auto


@strawberry_django.type(models.Customer)
class Customer:
    name: strawberry.auto
    city: City


@strawberry_django.type(models.Order)
class Order:
    number: strawberry.auto
    customer: Customer
    referrer: Customer

    @strawberry_django.field
    def town(self) -> str:
        return self.customer.city.name  # @graphql_town


@strawberry.type
class Query:
    orders: list[Order] = strawberry_django.field()

    @strawberry_django.field
    def healthy_orders(self) -> list[Order]:
        return models.Order.objects.select_related("customer__city", "referrer__city")

    @strawberry.field
    def first(self) -> Order:
        return models.Order.objects.order_by("pk")[0]  # @graphql_first


view = GraphQLView.as_view(schema=strawberry.Schema(Query))
