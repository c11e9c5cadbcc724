"""Views of Django REST framework.

``?as=`` chooses the serializer, ``?select=`` and ``?prefetch=`` load more with the orders:
that is what tells a loop from its healthy twin.
"""

from __future__ import annotations

from rest_framework import generics, pagination, routers, viewsets
from rest_framework.decorators import api_view
from rest_framework.response import Response

from tests.frameworks.shop import serializers
from tests.frameworks.shop.models import Category, Customer, Order


class Pages(pagination.PageNumberPagination):
    page_size = 3


class Chosen:
    """The serializer and the relations that the request asks for."""

    def get_serializer_class(self):
        return getattr(serializers, self.request.query_params.get("as", "PlainSerializer"))

    def filter_queryset(self, queryset):
        asked = self.request.query_params
        if "select" in asked:
            queryset = queryset.select_related(*asked["select"].split(","))
        if "prefetch" in asked:
            queryset = queryset.prefetch_related(*asked["prefetch"].split(","))
        return queryset


class OrderViewSet(Chosen, viewsets.ModelViewSet):
    queryset = Order.objects.order_by("pk")  # @order_queryset


class PageViewSet(Chosen, viewsets.ReadOnlyModelViewSet):
    queryset = Order.objects.order_by("pk")  # @page_queryset
    pagination_class = Pages


class CustomerViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Customer.objects.order_by("pk")
    serializer_class = serializers.CustomerSerializer
    lookup_field = "slug"


class PersonViewSet(CustomerViewSet):
    lookup_field = "pk"


class CategoryList(generics.ListAPIView):
    serializer_class = serializers.CategorySerializer

    def get_queryset(self):  # @category_queryset
        return Category.objects.filter(parent=None)


@api_view()
def recent_orders(request):
    orders = Order.objects.order_by("pk")
    if "select" in request.query_params:
        orders = orders.select_related("customer__city")
    return Response(serializers.NestedSerializer(orders, many=True).data)  # @recent_orders


router = routers.SimpleRouter()
router.register("orders", OrderViewSet)
router.register("pages", PageViewSet, basename="page")
router.register("customers", CustomerViewSet)
router.register("people", PersonViewSet, basename="person")
