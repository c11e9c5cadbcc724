from django.db import migrations, models


class Migration(migrations.Migration):
    """What a person writes and would not want read.

    The name is the performance report's. There these fields are encrypted; here they hold
    plain text, because no query and no index depends on it.
    """

    dependencies = [("journal", "0001_initial")]

    operations = [
        migrations.AddField("journalentry", "content", models.TextField(blank=True)),
        migrations.AddField(
            "journalentry", "mood_description", models.CharField(blank=True, max_length=100)
        ),
        migrations.AddField(
            "journalentry", "stress_triggers", models.JSONField(blank=True, default=list)
        ),
        migrations.AddField(
            "journalentry", "gratitude_items", models.JSONField(blank=True, default=list)
        ),
        migrations.AddField("journalentry", "is_bookmarked", models.BooleanField(default=False)),
    ]
