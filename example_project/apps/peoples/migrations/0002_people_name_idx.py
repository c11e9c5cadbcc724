from django.db import migrations, models

from config.index_operations import AddIndexOnline


class Migration(migrations.Migration):
    """The order in which pages of people are asked for."""

    atomic = False

    dependencies = [("peoples", "0001_initial")]

    operations = [
        AddIndexOnline(
            "people",
            models.Index(fields=["last_name", "first_name", "id"], name="people_name_idx"),
        ),
    ]
