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

    @strawberry_django.field(only=["number"])
    def town(self) -> str:
        return self.customer.city.name  # @graphql_town

    @strawberry_django.field(select_related=["customer__city"])
    def healthy_town(self) -> str:
        return self.customer.city.name


@strawberry.type
class Query:
    orders: list[Order] = strawberry_django.field()

    @strawberry.field
    def first(self) -> Order:
        return models.Order.objects.order_by("pk")[0]  # @graphql_first


plain = strawberry.Schema(Query)
optimized = strawberry.Schema(
    Query, extensions=[strawberry_django.optimizer.DjangoOptimizerExtension]
)
view = GraphQLView.as_view(schema=plain)
optimized_view = GraphQLView.as_view(schema=optimized)
