"""The page about one person."""

from __future__ import annotations

from django.views.generic import DetailView

from apps.journal.models import JournalEntry
from apps.peoples.models import People


class PersonDetail(DetailView):
    """One person, the newest entries that they share, and where they were last."""

    queryset = People.objects.select_related("tenant")
    context_object_name = "person"

    def get_context_data(self, **context):
        entries = self.object.journal_entries.filter(privacy_scope=JournalEntry.PrivacyScope.SHARED)
        return super().get_context_data(
            entries=entries.order_by("-timestamp")[:10],
            positions=self.object.tracking_set.order_by("-receiveddate")[:10],
            **context,
        )
