"""Parses each argument as a line of ``manage.py``, and prints those that it would refuse, as JSON.

Run as a program with the example project's own settings; ``test_readme`` reads it.
"""

from __future__ import annotations

import json
import sys

import project  # noqa: F401 -- sets Django up
from django.core.management import get_commands, load_command_class
from django.core.management.base import CommandError


def refused(line: str) -> bool:
    name, *words = line.split()
    commands = get_commands()
    if name not in commands:
        return True
    parser = load_command_class(commands[name], name).create_parser("manage.py", name)
    try:
        parser.parse_args(words)
    except CommandError:
        return True
    return False


if __name__ == "__main__":
    print(json.dumps([line for line in sys.argv[1:] if refused(line)]))
