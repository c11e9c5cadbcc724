"""The days that a report is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

#: The last day of the seeded journal entries. The data does not move with the
#: calendar, so that the same seed gives the same report on any day.
LAST_DAY = date(2025, 11, 4)
#: Days in a report unless asked otherwise.
DAYS = 30


@dataclass(frozen=True, slots=True)
class Window:
    """Whole days in UTC, the first and the last included."""

    first_day: date
    last_day: date

    @classmethod
    def ending(cls, last_day: date = LAST_DAY, days: int = DAYS) -> Window:
        """The ``days`` days up to and with ``last_day``."""
        return cls(last_day - timedelta(days=days - 1), last_day)

    @property
    def days(self) -> int:
        return (self.last_day - self.first_day).days + 1

    @property
    def since(self) -> datetime:
        """The first moment inside."""
        return datetime.combine(self.first_day, time.min, timezone.utc)

    @property
    def until(self) -> datetime:
        """The first moment after."""
        return datetime.combine(self.last_day + timedelta(days=1), time.min, timezone.utc)

    def __str__(self) -> str:
        return f"{self.first_day} to {self.last_day} ({self.days} days)"
