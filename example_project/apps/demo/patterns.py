"""The queries of the performance report (1.1 and 1.2), and the index that each is said to gain by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Count, QuerySet

from apps.attendance.models import Tracking
from apps.journal.models import JournalEntry
from apps.journal.windows import Window
from apps.peoples.models import People


@dataclass(frozen=True, slots=True)
class Asked:
    """What the queries ask for: the busiest people, an ordinary device, the last seven days."""

    tracked: int
    writer: int
    device: str
    since: datetime
    until: datetime

    @classmethod
    def of_stored(cls) -> Asked:
        """Chosen from what the database holds, which must be something of each."""
        devices = Tracking.objects.values("deviceid").annotate(rows=Count("pk"))
        devices = devices.order_by("rows", "deviceid")
        until = Window.ending().until
        return cls(
            tracked=_busiest("tracking_set"),
            writer=_busiest("journal_entries"),
            device=devices[devices.count() // 2]["deviceid"],
            since=until - timedelta(days=7),
            until=until,
        )


def _busiest(relation: str) -> int:
    people = People.objects.annotate(rows=Count(relation)).order_by("-rows", "pk")
    return people.values_list("pk", flat=True)[0]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One query of the performance report, before and after its index."""

    title: str
    #: The query as the report prints it.
    code: str
    model: type[models.Model]
    #: The index that the report adds.
    index: str
    query: Callable[[Asked], QuerySet[Any]]
    #: How much less time the report says it takes, in per cent: from, to.
    said: tuple[int, int] | None
    #: All indexes that the index's migration adds, and those that it replaces. All of them, because
    #: a query that misses its own index makes do with another's.
    added: tuple[str, ...] = ()
    replaced: tuple[models.Index, ...] = ()

    @contextmanager
    def before(self) -> Iterator[None]:
        """The table as before the migration, undone on the way out: index changes roll back."""
        # Made, not entered: SQLite's editor refuses to be, inside a transaction.
        editor = connection.SchemaEditorClass(connection)
        with transaction.atomic(), connection.cursor() as cursor:
            for name in self.added or (self.index,):
                cursor.execute(f"DROP INDEX IF EXISTS {connection.ops.quote_name(name)}")
            for index in self.replaced:
                cursor.execute(str(index.create_sql(self.model, editor)))
            yield
            transaction.set_rollback(True)


#: What the migrations attendance 0031 and journal 0016 do.
TRACKING_ADDED = ("tracking_people_date_idx", "tracking_ident_date_idx", "tracking_device_idx")
JOURNAL_ADDED = ("journal_user_ts_desc_idx", "journal_type_ts_desc_idx")
JOURNAL_REPLACED = (
    models.Index(fields=("user", "timestamp"), name="journal_user_ts_idx"),
    models.Index(fields=("entry_type", "user"), name="journal_type_user_idx"),
)

PATTERNS = (
    Pattern(
        title="history of a person",
        code="Tracking.objects.filter(people=user, receiveddate__gte=start)"
        ".order_by('-receiveddate')",
        model=Tracking,
        index="tracking_people_date_idx",
        query=lambda asked: Tracking.objects.filter(
            people=asked.tracked, receiveddate__gte=asked.since
        ).order_by("-receiveddate"),
        said=(60, 70),
        added=TRACKING_ADDED,
    ),
    Pattern(
        title="conveyances, a week",
        code="Tracking.objects.filter(identifier='CONVEYANCE', receiveddate__range=(start, end))",
        model=Tracking,
        index="tracking_ident_date_idx",
        query=lambda asked: Tracking.objects.filter(
            identifier=Tracking.Identifier.CONVEYANCE,
            receiveddate__range=(asked.since, asked.until),
        ),
        said=(65, 75),
        added=TRACKING_ADDED,
    ),
    Pattern(
        title="a device's positions",
        code="Tracking.objects.filter(deviceid='ABC123')",
        model=Tracking,
        index="tracking_device_idx",
        query=lambda asked: Tracking.objects.filter(deviceid=asked.device),
        said=(80, 90),
        added=TRACKING_ADDED,
    ),
    Pattern(
        title="newest of a person",
        code="JournalEntry.objects.filter(user=user).order_by('-timestamp')[:10]",
        model=JournalEntry,
        index="journal_user_ts_desc_idx",
        query=lambda asked: JournalEntry.objects.filter(user=asked.writer).order_by("-timestamp")[
            :10
        ],
        said=(40, 50),
        added=JOURNAL_ADDED,
        replaced=JOURNAL_REPLACED,
    ),
    Pattern(
        title="newest of a type",
        code="JournalEntry.objects.filter(entry_type='MOOD_CHECK_IN').order_by('-timestamp')[:20]",
        model=JournalEntry,
        index="journal_type_ts_desc_idx",
        query=lambda _asked: JournalEntry.objects.filter(
            entry_type=JournalEntry.EntryType.MOOD_CHECK_IN
        ).order_by("-timestamp")[:20],
        said=(45, 55),
        added=JOURNAL_ADDED,
        replaced=JOURNAL_REPLACED,
    ),
    Pattern(
        title="private of a person",
        code="JournalEntry.objects.filter(privacy_scope='PRIVATE', user=user)",
        model=JournalEntry,
        index="journal_privacy_user_idx",
        query=lambda asked: JournalEntry.objects.filter(
            privacy_scope=JournalEntry.PrivacyScope.PRIVATE, user=asked.writer
        ),
        said=None,
    ),
)
