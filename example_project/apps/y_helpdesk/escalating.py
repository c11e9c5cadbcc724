"""Escalating the tickets that nobody has solved in time."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.y_helpdesk.models import Ticket

#: How long a ticket may stay on its level.
PATIENCE = timedelta(days=1)


def escalate_overdue(now: datetime) -> int:
    """Raise the level of each open ticket older than ``PATIENCE``; how many there were."""
    waiting = (Ticket.Status.NEW, Ticket.Status.OPEN)
    overdue = Ticket.objects.filter(status__in=waiting, created_at__lt=now - PATIENCE)
    for ticket in overdue:
        ticket.level += 1
        ticket.save(update_fields=["level"])  # nplusone: ignore[write-in-loop] sends post_save
    return len(overdue)
