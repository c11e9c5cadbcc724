from __future__ import annotations

from django.db import models
from django.db.models.signals import post_save
from django.dispatch import receiver


class City(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Customer(models.Model):
    name = models.CharField(max_length=50)
    slug = models.SlugField(unique=True)
    city = models.ForeignKey(  # @customer_city_field
        City, models.CASCADE, related_name="customers"
    )

    def __str__(self):
        return f"{self.name} of {self.city.name}"  # @customer_str

    @property
    def city_name(self):
        return self.city.name  # @city_name

    def clean(self):
        City.objects.get(pk=self.city_id)  # @customer_clean


class Tag(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name


class Maker(models.Model):
    name = models.CharField(max_length=50)

    def __str__(self):
        return self.name

    def natural_key(self):
        return (self.name,)


class ProductQuerySet(models.QuerySet):
    def names_of(self, maker):
        return [product.name for product in self.filter(maker=maker)]  # @manager


class Product(models.Model):  # @product_model
    name = models.CharField(max_length=50)
    maker = models.ForeignKey(Maker, models.CASCADE, related_name="products")

    objects = ProductQuerySet.as_manager()

    def __str__(self):
        return f"{self.name} by {self.maker.name}"  # @product_str


class Order(models.Model):  # @order_model
    number = models.CharField(max_length=50)
    customer = models.ForeignKey(  # @order_customer
        Customer, models.CASCADE, related_name="orders"
    )
    referrer = models.ForeignKey(  # @order_referrer_field
        Customer, models.CASCADE, null=True, related_name="referred"
    )
    tags = models.ManyToManyField(Tag, related_name="orders")

    def __str__(self):
        return self.number

    @property
    def total(self):
        return self.lines.count()  # @order_total


class Line(models.Model):  # @line_model
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(  # @line_product_field
        Product, models.CASCADE, related_name="lines"
    )
    quantity = models.IntegerField(default=1)

    def __str__(self):
        return f"{self.quantity} x {self.product.name}"  # @line_str


class Category(models.Model):
    name = models.CharField(max_length=50)
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")


class Receipt(models.Model):
    """Each one that is saved looks its order up again, in a signal's handler."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="receipts")


@receiver(post_save, sender=Receipt)
def note_receipt(sender, instance, **kwargs):
    Order.objects.get(pk=instance.order_id)  # @signal
