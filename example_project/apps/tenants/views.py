"""The pages about tenants."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.views.generic import DetailView, ListView

from apps.tenants.models import Tenant


class TenantList(ListView):
    """All tenants with their number of people and of tickets still open: one query for the figures."""

    queryset = Tenant.objects.annotate(
        people_count=Count("people", distinct=True),
        open_tickets=Count("ticket", filter=Q(ticket__status__in=("NEW", "OPEN")), distinct=True),
    ).order_by("pk")  # grouped query sets have no order of their own
    paginate_by = 25


class TenantDetail(DetailView):
    """One tenant: a page of its people with what each has written, and its newest tickets."""

    model = Tenant

    def get_context_data(self, **context):
        people = self.object.people_set.annotate(entry_count=Count("journal_entries"))
        page = Paginator(people.order_by("last_name", "first_name", "pk"), 25)
        tickets = self.object.ticket_set.select_related("assignedtopeople")[:10]
        return super().get_context_data(
            people=page.get_page(self.request.GET.get("page")), tickets=tickets, **context
        )
