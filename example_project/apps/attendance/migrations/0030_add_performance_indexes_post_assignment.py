import uuid

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """The table as the performance report found it: the migrations up to this one, in one."""

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Tracking",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False)),
                ("deviceid", models.CharField(max_length=40)),
                (
                    "identifier",
                    models.CharField(
                        choices=[
                            ("CONVEYANCE", "Conveyance"),
                            ("EXTERNALTOUR", "External tour"),
                            ("INTERNALTOUR", "Internal tour"),
                            ("SITEVISIT", "Site visit"),
                            ("TRACKING", "Tracking"),
                        ],
                        max_length=20,
                    ),
                ),
                ("receiveddate", models.DateTimeField()),
                (
                    "latitude",
                    models.FloatField(
                        validators=[
                            django.core.validators.MinValueValidator(-90),
                            django.core.validators.MaxValueValidator(90),
                        ]
                    ),
                ),
                (
                    "longitude",
                    models.FloatField(
                        validators=[
                            django.core.validators.MinValueValidator(-180),
                            django.core.validators.MaxValueValidator(180),
                        ]
                    ),
                ),
                ("reference", models.CharField(blank=True, max_length=255)),
                (
                    "people",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tracking_set",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "tracking",
            },
        ),
    ]
