from django.contrib import admin

from apps.journal.models import JournalEntry


@admin.register(JournalEntry)
class JournalEntryAdmin(admin.ModelAdmin):
    list_display = ("timestamp", "user", "tenant", "entry_type", "mood_rating", "stress_level")
    # Two steps, because `tenant` below goes on from the person.
    list_select_related = ("user__tenant",)
    list_filter = ("entry_type",)
    raw_id_fields = ("user",)

    def get_queryset(self, request):
        shared = (JournalEntry.PrivacyScope.MANAGER, JournalEntry.PrivacyScope.SHARED)
        return super().get_queryset(request).filter(privacy_scope__in=shared)

    @admin.display(ordering="user__tenant")
    def tenant(self, entry):
        return entry.user.tenant
