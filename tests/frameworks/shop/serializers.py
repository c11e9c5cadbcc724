from __future__ import annotations

from rest_framework import serializers

from tests.frameworks.shop.models import Category, Customer, Line, Order, Tag


class CustomerSerializer(serializers.ModelSerializer):
    city = serializers.CharField(source="city.name")  # @customer_city

    class Meta:
        model = Customer
        fields = ["name", "city"]


class PlainSerializer(serializers.ModelSerializer):
    class Meta:
        model = Order
        fields = ["number"]


class NestedSerializer(serializers.ModelSerializer):  # @nested_class
    customer = CustomerSerializer()  # @nested_customer

    class Meta:
        model = Order
        fields = ["number", "customer"]


class StringSerializer(serializers.ModelSerializer):  # @string_class
    customer = serializers.StringRelatedField()  # @string_customer

    class Meta:
        model = Order
        fields = ["number", "customer"]


class SourceSerializer(serializers.ModelSerializer):  # @source_class
    town = serializers.CharField(source="customer.city.name")  # @source_town

    class Meta:
        model = Order
        fields = ["number", "town"]


class PropertySerializer(serializers.ModelSerializer):  # @property_class
    total = serializers.IntegerField()  # @property_total

    class Meta:
        model = Order
        fields = ["number", "total"]


class MethodSerializer(serializers.ModelSerializer):  # @method_class
    first = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = ["number", "first"]

    def get_first(self, order):
        return order.lines.first().quantity  # @method_first


class LineSerializer(serializers.ModelSerializer):
    product = serializers.CharField(source="product.name")  # @line_product

    class Meta:
        model = Line
        fields = ["quantity", "product"]


class OrderSerializer(serializers.ModelSerializer):  # @order_class
    lines = LineSerializer(many=True)  # @order_lines

    class Meta:
        model = Order
        fields = ["number", "lines"]


class TagsSerializer(serializers.ModelSerializer):  # @tags_class
    class Meta:
        model = Order
        fields = ["number", "tags"]


class LabelsSerializer(serializers.ModelSerializer):  # @labels_class
    lines = serializers.StringRelatedField(many=True)  # @labels_lines

    class Meta:
        model = Order
        fields = ["number", "lines"]


class DepthSerializer(serializers.ModelSerializer):  # @depth_class
    class Meta:
        model = Order
        fields = ["number", "customer"]
        depth = 1


class PairSerializer(serializers.ModelSerializer):  # @pair_class
    customer = serializers.CharField(source="customer.name")  # @pair_customer
    referrer = serializers.CharField(source="referrer.name")  # @pair_referrer

    class Meta:
        model = Order
        fields = ["customer", "referrer"]


class LinkedSerializer(serializers.HyperlinkedModelSerializer):  # @linked_class
    customer = serializers.HyperlinkedRelatedField(  # @linked_customer
        view_name="customer-detail", lookup_field="slug", read_only=True
    )

    class Meta:
        model = Order
        fields = ["url", "customer"]


class LinkedByKeySerializer(serializers.HyperlinkedModelSerializer):
    class Meta:
        model = Order
        fields = ["url", "customer"]
        extra_kwargs = {"customer": {"view_name": "person-detail"}}


class OwnSerializer(serializers.ModelSerializer):  # @own_class
    class Meta:
        model = Order
        fields = ["number"]

    def to_representation(self, instance):
        shown = super().to_representation(instance)
        shown["customer"] = instance.customer.name  # @own_customer
        return shown


class InheritedSerializer(NestedSerializer):  # @inherited_class
    """Its field is declared on the class it derives from."""


class CategorySerializer(serializers.ModelSerializer):  # @category_class
    class Meta:
        model = Category
        fields = ["name"]

    def get_fields(self):
        fields = super().get_fields()
        fields["children"] = CategorySerializer(many=True)
        return fields


class WritingSerializer(serializers.ModelSerializer):
    tags = serializers.PrimaryKeyRelatedField(  # @writing_tags
        many=True, queryset=Tag.objects.all()
    )

    class Meta:
        model = Order
        fields = ["number", "customer", "referrer", "tags"]


class KeysSerializer(serializers.ModelSerializer):  # @keys_class
    class Meta:
        model = Order
        fields = ["number", "customer", "referrer"]


class KeysSerializerHealthy(KeysSerializer):
    customer = serializers.PrimaryKeyRelatedField(queryset=Customer.objects.select_related("city"))
    referrer = serializers.PrimaryKeyRelatedField(queryset=Customer.objects.select_related("city"))


class TagSerializer(serializers.ModelSerializer):  # @tag_class
    class Meta:
        model = Tag
        fields = ["name"]


class CountedSerializer(serializers.ModelSerializer):
    total = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = ["number", "total"]

    def get_total(self, order):
        return len(order.lines.all())


class ListSerializer(serializers.ModelSerializer):
    labels = serializers.ListField(  # @list_labels
        child=serializers.StringRelatedField(), source="lines.all"
    )

    class Meta:
        model = Order
        fields = ["number", "labels"]
