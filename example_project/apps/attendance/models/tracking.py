"""Where people were: one row each time that a device reports its position."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class Tracking(models.Model):
    """One position, in degrees, as ``deviceid`` sent it and as it was received."""

    class Identifier(models.TextChoices):
        CONVEYANCE = "CONVEYANCE", "Conveyance"
        EXTERNALTOUR = "EXTERNALTOUR", "External tour"
        INTERNALTOUR = "INTERNALTOUR", "Internal tour"
        SITEVISIT = "SITEVISIT", "Site visit"
        TRACKING = "TRACKING", "Tracking"

    uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    deviceid = models.CharField(max_length=40)
    people = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tracking_set"
    )
    identifier = models.CharField(max_length=20, choices=Identifier.choices)
    receiveddate = models.DateTimeField()
    latitude = models.FloatField(validators=(MinValueValidator(-90), MaxValueValidator(90)))
    longitude = models.FloatField(validators=(MinValueValidator(-180), MaxValueValidator(180)))
    reference = models.CharField(max_length=255, blank=True)

    class Meta:
        verbose_name_plural = "tracking"
        indexes = (
            models.Index(fields=("people", "receiveddate"), name="tracking_people_date_idx"),
            models.Index(fields=("identifier", "receiveddate"), name="tracking_ident_date_idx"),
            models.Index(fields=("deviceid",), name="tracking_device_idx"),
        )

    def __str__(self) -> str:
        return f"{self.identifier} of {self.receiveddate:%Y-%m-%d %H:%M}"
