"""SQLite in memory, configured and filled: every process of the benchmark has its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

AUTHORS = 200
ROWS = 100_000

_SERIES = (
    "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {count}) "
)


def configure(apps: Sequence[str] = (), extra: Mapping[str, Any] | None = None) -> None:
    """Set Django up with the benchmark's application and then ``apps``."""
    import django
    from django.conf import settings

    settings.configure(
        DEBUG=False,
        SECRET_KEY="benchmark",
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.contenttypes", "benchapp", *apps],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        **(extra or {}),
    )
    django.setup()


def fill() -> None:
    """Create the tables and their rows, in SQL: 100,000 rows take a tenth of a second."""
    from benchapp.models import Author, Book, Leaf, Row
    from django.db import connection

    with connection.schema_editor() as editor:
        for model in (Author, Book, Row, Leaf):
            editor.create_model(model)
    _insert("benchapp_author (id, name)", "n, 'author ' || n", AUTHORS)
    _insert("benchapp_book (id, title, author_id)", "n, 'book ' || n, n", AUTHORS)
    _insert("benchapp_row (id, name, amount, active)", "n, 'row ' || n, n, n % 2", ROWS)
    _insert("benchapp_leaf (id, author_id)", f"n, 1 + n % {AUTHORS}", ROWS)


def _insert(table: str, values: str, count: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        series = _SERIES.format(count=count)
        cursor.execute(f"INSERT INTO {table} {series} SELECT {values} FROM series")
