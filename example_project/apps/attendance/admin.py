from django.contrib import admin

from apps.attendance.models import Tracking


@admin.register(Tracking)
class TrackingAdmin(admin.ModelAdmin):
    list_display = ("receiveddate", "people", "identifier", "deviceid")
    list_select_related = ("people",)
    list_filter = ("identifier",)
    raw_id_fields = ("people",)
