"""The example project in this process, for the programs beside it; import it before its models.

They run as programs, since the project has settings and applications of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "example_project"))
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

import django

django.setup()

from apps.demo.seeding import Amounts, seed_database  # noqa: E402 - only after setup()
from django.core.management import call_command  # noqa: E402


def seed() -> None:
    """Migrate, and store three tenants, nine people and 90 entries, the same each time."""
    call_command("migrate", verbosity=0)
    seed_database(Amounts(3, 9, 90), 7, lambda *_: None)
