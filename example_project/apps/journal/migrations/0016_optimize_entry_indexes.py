from django.db import migrations, models

from config.index_operations import AddIndexOnline, RemoveIndexOnline


class Migration(migrations.Migration):
    """Newest first in the index, as the queries ask. New before old: never without an index."""

    atomic = False

    dependencies = [("journal", "0015_migrate_to_encrypted_fields")]

    operations = [
        AddIndexOnline(
            "journalentry",
            models.Index(fields=["user", "-timestamp"], name="journal_user_ts_desc_idx"),
        ),
        AddIndexOnline(
            "journalentry",
            models.Index(fields=["entry_type", "-timestamp"], name="journal_type_ts_desc_idx"),
        ),
        RemoveIndexOnline("journalentry", "journal_user_ts_idx"),
        RemoveIndexOnline("journalentry", "journal_type_user_idx"),
    ]
