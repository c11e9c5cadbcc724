from django.contrib import admin

from apps.y_helpdesk.models import EscalationMatrix, Ticket


@admin.register(Ticket)
class TicketAdmin(admin.ModelAdmin):
    list_display = ("ticketno", "ticketdesc", "tenant", "assignedtopeople", "status", "priority")
    list_select_related = ("tenant", "assignedtopeople")
    list_filter = ("status", "priority")
    raw_id_fields = ("tenant", "assignedtopeople")


@admin.register(EscalationMatrix)
class EscalationMatrixAdmin(admin.ModelAdmin):
    list_display = ("tenant", "level", "frequencyvalue", "frequency", "assignedperson")
    list_select_related = ("tenant", "assignedperson")
    raw_id_fields = ("tenant", "assignedperson")
