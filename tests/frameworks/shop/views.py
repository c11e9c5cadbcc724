"""Pages with forms: ``?as=`` chooses the form, ``?in=`` the template."""

from __future__ import annotations

from django.forms import formset_factory, inlineformset_factory
from django.http import HttpResponse
from django.shortcuts import render
from django.views.generic import CreateView

from tests.frameworks.shop import forms
from tests.frameworks.shop.models import Line, Order, Product


def form(request):
    made = getattr(forms, request.GET["as"])(request.POST or None)
    if made.is_bound:
        return HttpResponse(str(made.is_valid()), status=200 if made.is_valid() else 400)
    return render(request, f"shop/{request.GET['in']}.html", {"form": made})


class OrderCreate(CreateView):
    model = Order
    fields = ["customer"]
    template_name = "shop/form.html"


class TagsCreate(OrderCreate):
    fields = ["tags"]


Lines = formset_factory(forms.LineForm, extra=3)
LinesHealthy = formset_factory(forms.LineFormHealthy, extra=3)
OrderLines = inlineformset_factory(Order, Line, fields=["product"], extra=1)
OrderQuantities = inlineformset_factory(Order, Line, form=forms.QuantityForm, extra=1)


def formset(request):
    if request.GET["as"] == "Lines":
        made = Lines(request.POST or None)
    else:
        choices = [
            (product.pk, str(product)) for product in Product.objects.select_related("maker")
        ]
        made = LinesHealthy(request.POST or None, form_kwargs={"choices": choices})
    if made.is_bound:
        return HttpResponse(str(made.is_valid()), status=200 if made.is_valid() else 400)
    return render(request, f"shop/{request.GET['in']}.html", {"formset": made})


def inline(request, pk):
    cls = OrderLines if request.GET["as"] == "OrderLines" else OrderQuantities
    made = cls(instance=Order.objects.get(pk=pk))
    return render(request, f"shop/{request.GET['in']}.html", {"formset": made})
