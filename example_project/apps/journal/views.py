"""The wellness report over HTTP, so that ``runserver`` shows what the middleware says of it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, JsonResponse

from background_tasks.journal_wellness_tasks import VARIANTS, build_wellness_report


def wellness_report(_request: HttpRequest, variant: str) -> JsonResponse:
    """The report as JSON, built by one of ``before``, ``claimed`` and ``fixed``."""
    if variant not in VARIANTS:
        raise Http404(f"No variant {variant!r}: use {', '.join(VARIANTS)}.")
    return JsonResponse(build_wellness_report(variant).as_dict())
