"""The wellness report as a Django Task: Django 6.0's own, or the backport django-tasks."""

from __future__ import annotations

from typing import Any

from background_tasks.journal_wellness_tasks import build_wellness_report

try:
    from django.tasks import task
except ImportError:
    from django_tasks import task


@task
def wellness_report(variant: str = "fixed", tenants: int | None = None) -> dict[str, Any]:
    """The report of the first ``tenants`` tenants (all: None), as plain values."""
    return build_wellness_report(variant, tenants=tenants).as_dict()
