from django.db import migrations, models

from config.index_operations import AddIndexOnline


class Migration(migrations.Migration):
    """The three indexes of the performance report."""

    atomic = False

    dependencies = [("attendance", "0030_add_performance_indexes_post_assignment")]

    operations = [
        AddIndexOnline(
            "tracking",
            models.Index(fields=["people", "receiveddate"], name="tracking_people_date_idx"),
        ),
        AddIndexOnline(
            "tracking",
            models.Index(fields=["identifier", "receiveddate"], name="tracking_ident_date_idx"),
        ),
        AddIndexOnline(
            "tracking",
            models.Index(fields=["deviceid"], name="tracking_device_idx"),
        ),
    ]
