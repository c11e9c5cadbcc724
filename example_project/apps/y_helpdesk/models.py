"""Tickets, and who hears of one that nobody has solved in time."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Ticket(models.Model):
    """Something to be solved for one tenant, by the person it is assigned to."""

    class Status(models.TextChoices):
        NEW = "NEW", "New"
        OPEN = "OPEN", "Open"
        RESOLVED = "RESOLVED", "Resolved"
        CLOSED = "CLOSED", "Closed"

    class Priority(models.TextChoices):
        LOW = "LOW", "Low"
        MEDIUM = "MEDIUM", "Medium"
        HIGH = "HIGH", "High"

    ticketno = models.CharField(max_length=20, unique=True)
    ticketdesc = models.CharField(max_length=200)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE)
    assignedtopeople = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="ticket_people"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.NEW)
    priority = models.CharField(max_length=10, choices=Priority.choices, default=Priority.LOW)
    #: How often it was escalated.
    level = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return self.ticketno


class EscalationMatrix(models.Model):
    """Who takes over the tickets of a tenant that reach ``level``, and after how long."""

    class Frequency(models.TextChoices):
        MINUTE = "MINUTE", "Minutes"
        HOUR = "HOUR", "Hours"
        DAY = "DAY", "Days"

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE)
    level = models.PositiveSmallIntegerField()
    frequencyvalue = models.PositiveSmallIntegerField("after")
    frequency = models.CharField(
        "", max_length=10, choices=Frequency.choices, default=Frequency.HOUR
    )
    assignedperson = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="escalation_people"
    )

    class Meta:
        ordering = ("tenant", "level")
        verbose_name_plural = "escalation matrix"
        constraints = (
            models.UniqueConstraint(fields=("tenant", "level"), name="escalation_level_uniq"),
        )

    def __str__(self) -> str:
        return f"level {self.level} after {self.frequencyvalue} {self.get_frequency_display()}"
