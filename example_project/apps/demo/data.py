"""What the database holds for the report."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from apps.journal.models import JournalEntry
from apps.peoples.models import People
from apps.tenants.models import Tenant


def _manage() -> str:
    """How other commands are run from where this one was: ``.venv/bin/python …/manage.py``."""
    # A Python of the repository's own is no `python` that a shell would find.
    own = Path(sys.executable).is_relative_to(settings.BASE_DIR.parent)
    python = os.path.relpath(sys.executable) if own else "python"
    return f"{python} {os.path.relpath(settings.BASE_DIR / 'manage.py')}"


MANAGE = _manage()


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows of each kind."""

    tenants: int
    people: int
    entries: int

    def __str__(self) -> str:
        return f"{self.tenants:,} tenants, {self.people:,} people, {self.entries:,} journal entries"

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


def stored() -> Stored:
    """What the database holds, or a ``CommandError`` where it has no tables yet."""
    require_tables()
    return Stored(Tenant.objects.count(), People.objects.count(), JournalEntry.objects.count())


def require_tables() -> None:
    """Raise a ``CommandError`` unless the tables are there."""
    needed = {model._meta.db_table for model in (Tenant, People, JournalEntry)}
    if needed - set(connection.introspection.table_names()):
        raise CommandError(f"The database has no tables yet. Run: {MANAGE} migrate")


def database_name() -> str:
    """``SQLite 3.40.1``."""
    version = ".".join(str(part) for part in connection.get_database_version())
    return f"{connection.display_name} {version}"
