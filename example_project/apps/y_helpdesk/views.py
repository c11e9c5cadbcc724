"""The helpdesk: the people that an escalation can go to, in three versions, and the form.

The three answer ``/api/y_helpdesk/?action=loadPeoples&variant=...``:

- ``before``: all people at once;
- ``claimed``: the pages of the performance report, as it printed them;
- ``fixed``: pages in one order, of a bounded size, and an answer to every value.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods
from django.views.generic import DetailView, ListView

from apps.peoples.models import People
from apps.y_helpdesk.forms import EscalationForm
from apps.y_helpdesk.models import EscalationMatrix, Ticket
from apps.y_helpdesk.paging import PageRequest, PagingError


def load_peoples_before(request: HttpRequest) -> JsonResponse:
    """All people, in one answer."""
    qset = People.objects.getPeoplesForEscForm(request)
    return JsonResponse({"items": list(qset), "total_count": len(qset)})


def load_peoples_claimed(request: HttpRequest) -> JsonResponse:
    """The change that was reported as the cure: any size, no order, and an error for bad values."""
    qset = People.objects.getPeoplesForEscForm(request)
    page_number = int(request.GET.get("page", 1))
    page_size = int(request.GET.get("page_size", 25))

    paginator = Paginator(qset, page_size)
    page_obj = paginator.page(page_number)
    items = list(page_obj)

    return JsonResponse(
        {
            "items": items,
            "total_count": paginator.count,
            "page_size": page_size,
            "current_page": page_number,
            "total_pages": paginator.num_pages,
            "has_next": page_obj.has_next(),
            "has_previous": page_obj.has_previous(),
        }
    )


def load_peoples_fixed(request: HttpRequest) -> JsonResponse:
    """The cure: one order whatever is asked, at most 100 a page, 400 for what is no number."""
    try:
        asked = PageRequest.read(request.GET)
    except PagingError as error:
        return JsonResponse({"error": str(error)}, status=400)
    qset = People.objects.getPeoplesForEscForm(request)
    return JsonResponse(asked.of(qset.order_by("last_name", "first_name", "pk")))


LOAD_PEOPLES: dict[str, Callable[[HttpRequest], JsonResponse]] = {
    "before": load_peoples_before,
    "claimed": load_peoples_claimed,
    "fixed": load_peoples_fixed,
}


@require_GET
def api(request: HttpRequest) -> JsonResponse:
    """Answer ``action``; the only one here is ``loadPeoples``, by ``variant`` (``fixed``)."""
    if request.GET.get("action") != "loadPeoples":
        return JsonResponse({"error": "action: use loadPeoples."}, status=400)
    variant = request.GET.get("variant", "fixed")
    if variant not in LOAD_PEOPLES:
        return JsonResponse({"error": f"variant: use {', '.join(LOAD_PEOPLES)}."}, status=400)
    return LOAD_PEOPLES[variant](request)


@require_http_methods(["GET", "POST"])
def escalation(request: HttpRequest) -> HttpResponse:
    """The escalation matrix, and the form that adds a level to it."""
    form = EscalationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        level = form.save()
        messages.success(request, f"{level.tenant}: {level} goes to {level.assignedperson}.")
        return redirect("escalation")
    matrix = EscalationMatrix.objects.select_related("tenant", "assignedperson")[:50]
    return render(request, "y_helpdesk/escalation.html", {"form": form, "matrix": matrix})


class TicketList(ListView):
    """All tickets, newest first; two queries of its own, however long the page."""

    queryset = Ticket.objects.select_related("tenant", "assignedtopeople")
    paginate_by = 25


class TicketDetail(DetailView):
    """One ticket, with the levels that it can be escalated to."""

    queryset = Ticket.objects.select_related("tenant", "assignedtopeople")

    def get_context_data(self, **context):
        levels = EscalationMatrix.objects.filter(tenant=self.object.tenant_id)
        return super().get_context_data(levels=levels.select_related("assignedperson"), **context)
