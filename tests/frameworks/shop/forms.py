from __future__ import annotations

from django import forms

from tests.frameworks.shop.models import Customer, Line, Order, Product, Tag


class OrderForm(forms.ModelForm):  # @order_form
    class Meta:
        model = Order
        fields = ["customer", "referrer", "tags"]


class OrderFormHealthy(OrderForm):
    customer = forms.ModelChoiceField(Customer.objects.select_related("city"))
    referrer = forms.ModelChoiceField(Customer.objects.select_related("city"), required=False)


class RadioForm(forms.Form):
    customer = forms.ModelChoiceField(  # @radio_customer
        Customer.objects.order_by("pk"), widget=forms.RadioSelect
    )


class RadioFormHealthy(forms.Form):
    customer = forms.ModelChoiceField(
        Customer.objects.select_related("city"), widget=forms.RadioSelect
    )


class NamedProducts(forms.ModelMultipleChoiceField):
    def label_from_instance(self, product):
        return product.maker.name  # @label


class LabelForm(forms.Form):
    products = NamedProducts(Product.objects.order_by("pk"))  # @label_products


class LabelFormHealthy(forms.Form):
    products = NamedProducts(Product.objects.select_related("maker"))


class ChoiceForm(forms.Form):
    """Many fields with choices of one model each are asked for once each."""

    customer = forms.ModelChoiceField(Customer.objects.select_related("city"))
    referrer = forms.ModelChoiceField(Customer.objects.select_related("city"))
    tag = forms.ModelChoiceField(Tag.objects.all())
    tags = forms.ModelMultipleChoiceField(Tag.objects.all())


class LineForm(forms.Form):  # @line_form
    product = forms.ModelChoiceField(  # @line_form_product
        Product.objects.select_related("maker")
    )


class LineFormHealthy(forms.Form):
    """Is given the choices, which were read once."""

    product = forms.ChoiceField()

    def __init__(self, *args, choices=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["product"].choices = choices


class QuantityForm(forms.ModelForm):
    class Meta:
        model = Line
        fields = ["quantity"]
