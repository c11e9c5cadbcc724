"""Does what ``work`` has under the name that is given; ``also`` calls itself for others."""

from __future__ import annotations

from django.core.management import BaseCommand, call_command

from tests.integrations import work


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("name")
        parser.add_argument("also", nargs="*")

    def handle(self, *, name, also, **options):
        getattr(work, name)()
        for other in also:
            call_command("run_work", other)
        return "done"
