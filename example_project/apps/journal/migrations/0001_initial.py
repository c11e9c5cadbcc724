import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="JournalEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("timestamp", models.DateTimeField()),
                (
                    "entry_type",
                    models.CharField(
                        choices=[
                            ("MOOD_CHECK_IN", "Mood check-in"),
                            ("STRESS_LOG", "Stress log"),
                            ("DAILY_REFLECTION", "Daily reflection"),
                            ("GRATITUDE", "Gratitude"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "privacy_scope",
                    models.CharField(
                        choices=[
                            ("PRIVATE", "Only for me"),
                            ("AGGREGATE", "In figures only"),
                            ("MANAGER", "My manager"),
                            ("SHARED", "Everybody in my organisation"),
                        ],
                        default="PRIVATE",
                        max_length=20,
                    ),
                ),
                ("title", models.CharField(blank=True, max_length=200)),
                (
                    "mood_rating",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10),
                        ],
                    ),
                ),
                (
                    "stress_level",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(5),
                        ],
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="journal_entries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "journal entries",
                "indexes": [
                    models.Index(fields=["user", "timestamp"], name="journal_user_ts_idx"),
                    models.Index(fields=["entry_type", "user"], name="journal_type_user_idx"),
                    models.Index(fields=["privacy_scope", "user"], name="journal_privacy_user_idx"),
                ],
            },
        ),
    ]
