"""The wellness report: the budget that holds the cure, and the old code, known and listed."""

from __future__ import annotations

import os
from datetime import timedelta

from django.utils import timezone

from apps.y_helpdesk.escalating import escalate_overdue
from apps.y_helpdesk.models import Ticket
from background_tasks.journal_wellness_tasks import build_wellness_report

#: `make demo-regression` puts the code that was claimed to be the cure back in.
VARIANT = os.environ.get("WELLNESS_VARIANT", "fixed")


def test_the_report_takes_two_queries(grow, assert_max_queries):
    grow(3)
    with assert_max_queries(2):
        build_wellness_report(VARIANT)


def test_the_report_takes_two_queries_however_many_tenants_there_are(grow, assert_constant_queries):
    assert_constant_queries(populate=grow, run=lambda: build_wellness_report(VARIANT), sizes=(2, 5))


def test_the_old_report_is_in_the_baseline(client, grow):
    """It stays, because the demo shows it: `nplusone-baseline.json` gives that as its reason."""
    grow(3)
    assert client.get("/wellness/before/").status_code == 200


def test_tickets_are_saved_one_by_one_on_purpose(grow, assert_max_queries):
    """One query, and one for each ticket: the loop says why in a comment on its line."""
    grow(3)
    with assert_max_queries(1 + 3):
        assert escalate_overdue(timezone.now() + timedelta(days=2)) == 3
    assert set(Ticket.objects.values_list("level", flat=True)) == {1}
