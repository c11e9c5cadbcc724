"""Adding and removing an index without stopping those who write to the table.

PostgreSQL can do both ``CONCURRENTLY``; elsewhere these are Django's plain operations. The
migration must set ``atomic = False``, because PostgreSQL refuses in a transaction. A
``CREATE INDEX CONCURRENTLY`` that was broken off leaves an index marked invalid behind, which
must be dropped before the migration is run again.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _runs_postgresql(editor: BaseDatabaseSchemaEditor) -> bool:
    return editor.connection.vendor == "postgresql"


class AddIndexOnline(migrations.AddIndex):
    """``AddIndexConcurrently`` on PostgreSQL, ``AddIndex`` elsewhere."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        self._operation(schema_editor).database_forwards(app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        self._operation(schema_editor).database_backwards(app_label, schema_editor, *states)

    def _operation(self, editor: BaseDatabaseSchemaEditor) -> migrations.AddIndex:
        if not _runs_postgresql(editor):
            return migrations.AddIndex(self.model_name, self.index)
        # Imports psycopg, which only PostgreSQL needs.
        from django.contrib.postgres.operations import AddIndexConcurrently

        return AddIndexConcurrently(self.model_name, self.index)


class RemoveIndexOnline(migrations.RemoveIndex):
    """``RemoveIndexConcurrently`` on PostgreSQL, ``RemoveIndex`` elsewhere."""

    def database_forwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        self._operation(schema_editor).database_forwards(app_label, schema_editor, *states)

    def database_backwards(self, app_label: str, schema_editor: Any, *states: Any) -> None:
        self._operation(schema_editor).database_backwards(app_label, schema_editor, *states)

    def _operation(self, editor: BaseDatabaseSchemaEditor) -> migrations.RemoveIndex:
        if not _runs_postgresql(editor):
            return migrations.RemoveIndex(self.model_name, self.name)
        from django.contrib.postgres.operations import RemoveIndexConcurrently

        return RemoveIndexConcurrently(self.model_name, self.name)
