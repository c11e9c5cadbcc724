from __future__ import annotations

from tests.frameworks.shop.models import City, Customer, Line, Maker, Order, Product, Tag


def populate(count):
    """``count`` orders, each with a customer, a referrer, two lines and two tags of its own."""
    for number in range(count):
        customer, referrer = [_customer(f"{kind}{number}") for kind in ("customer", "referrer")]
        order = Order.objects.create(number=f"order{number}", customer=customer, referrer=referrer)
        order.tags.set([Tag.objects.create(name=f"tag{number}{letter}") for letter in "ab"])
        for letter in "ab":
            maker = Maker.objects.create(name=f"maker{number}{letter}")
            product = Product.objects.create(name=f"product{number}{letter}", maker=maker)
            Line.objects.create(order=order, product=product)


def _customer(name):
    city = City.objects.create(name=f"city of {name}")
    return Customer.objects.create(name=name, slug=name, city=city)
