"""The users of the application, each of one tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Avg, Count, Q, Value
from django.db.models.functions import Concat
from django.http import HttpRequest

from apps.journal.models import JournalEntry

if TYPE_CHECKING:
    from apps.journal.windows import Window


class PeopleQuerySet(models.QuerySet["People"]):
    def wellness(self, window: Window) -> PeopleQuerySet:
        """Each person with the figures of their journal inside ``window``.

        Adds ``entry_count``, ``mood_average`` and ``stress_average`` (``None`` without a
        rating). All three aggregate over one join to the journal, so a person's many
        entries are counted once each. Private entries are left out.
        """
        counted = Q(
            journal_entries__timestamp__gte=window.since,
            journal_entries__timestamp__lt=window.until,
        ) & ~Q(journal_entries__privacy_scope=JournalEntry.PrivacyScope.PRIVATE)
        return self.annotate(
            entry_count=Count("journal_entries", filter=counted),
            mood_average=Avg("journal_entries__mood_rating", filter=counted),
            stress_average=Avg("journal_entries__stress_level", filter=counted),
        )

    def getPeoplesForEscForm(self, _request: HttpRequest) -> PeopleQuerySet:  # noqa: N802 -- the report's name
        """The people that an escalation can go to, as ``id``, ``peoplecode``, ``email`` and ``text``.

        The helpdesk serves all tenants, so it offers the people of all of them, in no order.
        """
        text = Concat("first_name", Value(" "), "last_name", Value(" ("), "peoplecode", Value(")"))
        people = self.filter(is_active=True).annotate(text=text)
        return people.values("id", "peoplecode", "email", "text")


class PeopleManager(UserManager.from_queryset(PeopleQuerySet)):
    use_in_migrations = False

    def create_superuser(self, username, email=None, password=None, *, tenant, **fields):
        """Somebody who may do everything; ``tenant`` is the key that ``createsuperuser`` hands on."""
        return super().create_superuser(username, email, password, tenant_id=tenant, **fields)


class People(AbstractUser):
    """A person who logs in, keeps a journal, and belongs to one tenant."""

    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE)
    peoplecode = models.CharField(max_length=20)

    objects = PeopleManager()

    REQUIRED_FIELDS = ("email", "tenant")

    class Meta:
        db_table = "wellness_people"
        verbose_name_plural = "people"
        constraints = (
            models.UniqueConstraint(fields=("tenant", "peoplecode"), name="people_code_uniq"),
        )
        indexes = (
            # The order of loadPeoples: without it each page sorts everybody.
            models.Index(fields=("last_name", "first_name", "id"), name="people_name_idx"),
        )

    def __str__(self) -> str:
        return self.get_full_name() or self.username
