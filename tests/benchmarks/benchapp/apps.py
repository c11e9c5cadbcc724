"""The application's place in the start-up: just before the tool under measurement."""

from __future__ import annotations

import django.db.models  # noqa: F401  (loaded, so that it is remembered)
from django.apps import AppConfig
from patches import Patches

# One peer patches Django when its package is imported, another in its ready(): both
# come after this one's, which is listed before them.
Patches.remember()


class BenchConfig(AppConfig):
    """Holds the models, and takes Django down before a tool changes it."""

    name = "benchapp"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Take down what could not be imported before the models were loaded."""
        import django.contrib.contenttypes.fields  # noqa: F401

        Patches.remember()
