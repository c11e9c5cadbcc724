"""A command with a query loop, arguments of its own, and several ways to end."""

from __future__ import annotations

import sys

from django.contrib.auth.models import User
from django.core.management import BaseCommand, CommandError

from tests.webapp.views import Broken, load_one_by_one


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("words", nargs="*")
        parser.add_argument("--fail", metavar="HOW")
        parser.add_argument("--json")
        parser.add_argument("--healthy", action="store_true")

    def handle(self, *, words, fail, json, healthy, **options):
        names = User.objects.values_list("username", flat=True) if healthy else load_one_by_one()
        self.stdout.write(f"{len(list(names))} users {words} {json}")
        if fail == "exit":
            sys.exit(3)
        if fail == "exit-well":
            sys.exit(0)
        if fail == "error":
            raise CommandError("on purpose", returncode=4)
        if fail == "crash":
            raise Broken("on purpose")
