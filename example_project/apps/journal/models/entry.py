"""The journal: dated entries, some with ratings."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class JournalEntry(models.Model):
    """One entry of one person. ``mood_rating`` is 1 (low) to 10, ``stress_level`` 1 to 5 (high)."""

    class EntryType(models.TextChoices):
        MOOD_CHECK_IN = "MOOD_CHECK_IN", "Mood check-in"
        STRESS_LOG = "STRESS_LOG", "Stress log"
        DAILY_REFLECTION = "DAILY_REFLECTION", "Daily reflection"
        GRATITUDE = "GRATITUDE", "Gratitude"

    class PrivacyScope(models.TextChoices):
        PRIVATE = "PRIVATE", "Only for me"
        AGGREGATE = "AGGREGATE", "In figures only"
        MANAGER = "MANAGER", "My manager"
        SHARED = "SHARED", "Everybody in my organisation"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="journal_entries"
    )
    timestamp = models.DateTimeField()
    entry_type = models.CharField(max_length=20, choices=EntryType.choices)
    privacy_scope = models.CharField(
        max_length=20, choices=PrivacyScope.choices, default=PrivacyScope.PRIVATE
    )
    title = models.CharField(max_length=200, blank=True)
    content = models.TextField(blank=True)
    mood_rating = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=(MinValueValidator(1), MaxValueValidator(10))
    )
    mood_description = models.CharField(max_length=100, blank=True)
    stress_level = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=(MinValueValidator(1), MaxValueValidator(5))
    )
    stress_triggers = models.JSONField(default=list, blank=True)
    gratitude_items = models.JSONField(default=list, blank=True)
    is_bookmarked = models.BooleanField(default=False)

    class Meta:
        verbose_name_plural = "journal entries"
        indexes = (
            models.Index(fields=("user", "-timestamp"), name="journal_user_ts_desc_idx"),
            models.Index(fields=("entry_type", "-timestamp"), name="journal_type_ts_desc_idx"),
            models.Index(fields=("privacy_scope", "user"), name="journal_privacy_user_idx"),
        )

    def __str__(self) -> str:
        return f"{self.entry_type} of {self.timestamp:%Y-%m-%d}"
