"""Migrates the example's indexes forwards, backwards and forwards over data; prints what it saw.

Run as a program with the example project's own settings; ``test_migrations`` reads it.
"""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import project  # noqa: F401 - sets Django up, before the models are imported

# isort: split
from apps.attendance.models import Tracking
from apps.demo.seeding import Amounts, seed_database
from apps.journal.models import JournalEntry
from django.core.management import call_command
from django.db import connection

FORWARDS = (("attendance", None), ("journal", None))
BACKWARDS = (("attendance", "0030"), ("journal", "0015"))


def main() -> None:
    call_command("migrate", verbosity=0)
    seed_database(Amounts(2, 20, 300, tracking=300), 7, lambda *_: None)
    states = [state()]
    for targets in (BACKWARDS, FORWARDS):
        migrate(targets)
        states.append(state())
    print(
        json.dumps(
            {
                "vendor": connection.vendor,
                "states": states,
                "sql": [printed("attendance", "0031"), printed("journal", "0016")],
                "invalid": invalid(),
            }
        )
    )


def migrate(targets: tuple[tuple[str, str | None], ...]) -> None:
    for app, target in targets:
        call_command("migrate", app, *([target] if target else []), verbosity=0)


def state() -> dict[str, Any]:
    """The indexes of both tables by name, with their columns, and all that the tables hold."""
    found = {}
    with connection.cursor() as cursor:
        for model in (Tracking, JournalEntry):
            constraints = connection.introspection.get_constraints(cursor, model._meta.db_table)
            for name, facts in constraints.items():
                if name.startswith(("tracking_", "journal_")) and facts["index"]:
                    found[name] = list(zip(facts["columns"], facts["orders"], strict=True))
    rows = {
        model.__name__: json.dumps(list(model.objects.order_by("pk").values()), default=str)
        for model in (Tracking, JournalEntry)
    }
    return {"indexes": found, "rows": rows}


def printed(app: str, number: str) -> str:
    out = StringIO()
    call_command("sqlmigrate", app, number, stdout=out)
    return out.getvalue()


def invalid() -> list[str]:
    """The indexes that PostgreSQL marks as unusable, as a broken-off CONCURRENTLY leaves them."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid")
        return [name for (name,) in cursor.fetchall()]


if __name__ == "__main__":
    main()
