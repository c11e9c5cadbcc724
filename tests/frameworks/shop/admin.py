"""Two admin sites: the one with loops, and its healthy twin."""

from __future__ import annotations

from django.contrib import admin

from tests.frameworks.shop.models import Category, Customer, Line, Maker, Order, Product, Tag

looping = admin.AdminSite("looping")
healthy = admin.AdminSite("healthy")


@admin.action(description="Greet the customers")
def greet(model_admin, request, queryset):
    for order in queryset:  # @greet_loop
        order.referrer.name  # @greet


@admin.action(description="Greet the customers")
def greet_at_once(model_admin, request, queryset):
    for order in queryset.select_related("referrer"):
        order.referrer.name


class LineInline(admin.TabularInline):  # @line_inline
    model = Line
    extra = 0


class LineInlineHealthy(LineInline):
    readonly_fields = ["product"]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("product__maker")


@admin.register(Order, site=looping)
class OrderAdmin(admin.ModelAdmin):  # @order_admin
    list_display = [  # @order_list_display
        "number",
        "referrer",  # @order_referrer
        "town",
        "lines_count",
    ]
    # Declared, and so not loaded by the changelist itself.
    list_select_related = ["customer"]
    list_filter = ["customer"]  # @order_list_filter
    actions = [greet]
    inlines = [LineInline]

    @admin.display(description="Town")
    def town(self, order):
        return order.customer.city.name  # @admin_town

    @admin.display(description="Lines")
    def lines_count(self, order):
        return order.lines.count()  # @admin_lines


@admin.register(Order, site=healthy)
class OrderAdminHealthy(admin.ModelAdmin):
    list_display = ["number", "referrer", "town", "lines_count"]
    list_select_related = ["customer__city", "referrer__city"]
    list_filter = ["tags"]
    actions = [greet_at_once]
    inlines = [LineInlineHealthy]
    raw_id_fields = ["customer", "referrer", "tags"]

    @admin.display(description="Town")
    def town(self, order):
        return order.customer.city.name

    @admin.display(description="Lines")
    def lines_count(self, order):
        return len(order.lines.all())

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("lines")


@admin.register(Customer, site=looping)
class CustomerAdmin(admin.ModelAdmin):  # @customer_admin
    search_fields = ["name"]  # @customer_search
    ordering = ["name"]


@admin.register(Customer, site=healthy)
class CustomerAdminHealthy(CustomerAdmin):
    list_select_related = ["city"]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("city")


@admin.register(Product, site=healthy)
class ProductAdmin(admin.ModelAdmin):
    list_select_related = ["maker"]


@admin.register(Line, site=looping)
class LineAdmin(admin.ModelAdmin):  # @line_admin
    """Each row has a select of its own, with all the products."""

    list_display = ["id", "product"]
    list_editable = ["product"]
    list_select_related = ["product__maker"]
    list_filter = [("product", admin.RelatedOnlyFieldListFilter)]  # @line_list_filter


@admin.register(Line, site=healthy)
class LineAdminHealthy(admin.ModelAdmin):
    list_display = ["id", "quantity"]
    list_editable = ["quantity"]
    # Django 5 and later names the object beside its checkbox.
    list_select_related = ["product"]


# Without a class of its own.
looping.register(Product)
for model in (Category, Maker, Tag):
    looping.register(model)
    healthy.register(model)
