from django.contrib import admin

from apps.tenants.models import Tenant


@admin.register(Tenant)
class TenantAdmin(admin.ModelAdmin):
    list_display = ("tenantname", "subdomain_prefix", "created_at")
    search_fields = ("tenantname",)
