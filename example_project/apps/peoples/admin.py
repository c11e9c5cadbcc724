from django.contrib import admin

from apps.peoples.models import People


@admin.register(People)
class PeopleAdmin(admin.ModelAdmin):
    list_display = ("peoplecode", "first_name", "last_name", "tenant", "is_active")
    # Without this the column "tenant" is a query for each row.
    list_select_related = ("tenant",)
    list_filter = ("is_active",)
    search_fields = ("peoplecode", "first_name", "last_name")
    autocomplete_fields = ("tenant",)
    fields = ("username", "tenant", "peoplecode", "first_name", "last_name", "email", "is_active")
