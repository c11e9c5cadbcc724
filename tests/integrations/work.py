"""What the tasks and commands of the tests do: a query loop, and the same without one."""

from __future__ import annotations

import inspect

from django.contrib.auth.models import User


def loop():
    names = []
    for pk in list(User.objects.order_by("pk").values_list("pk", flat=True)):  # the loop
        names.append(User.objects.get(pk=pk).username)  # the query
    return names


def healthy():
    return [user.username for user in User.objects.order_by("pk")]


#: What the reports of these two are with three users: queries, rules.
LOOP = (4, ["query-in-loop"])
HEALTHY = (1, [])


def line(text, function=loop):
    """The number of the line of ``function`` that ends with ``# text``."""
    lines, first = inspect.getsourcelines(function)
    (found,) = [
        number for number, code in enumerate(lines, first) if code.rstrip().endswith(f"# {text}")
    ]
    return found


def place(finding):
    """File, query line and loop line of a finding."""
    return finding.site.file, finding.site.line, finding.loop.line


async def aloop():
    names = []
    async for user in User.objects.order_by("pk"):  # the loop
        names.append((await User.objects.aget(pk=user.pk)).username)  # the query
    return names


async def ahealthy():
    return [user.username async for user in User.objects.order_by("pk")]


class Broken(Exception):
    """What the work itself raises."""


def failing():
    loop()
    raise Broken("on purpose")


def interrupted():
    loop()
    raise KeyboardInterrupt


#: Where the loops of ``loop()`` and ``aloop()`` are.
PLACE = (__file__, line("the query"), line("the loop"))
APLACE = (__file__, line("the query", aloop), line("the loop", aloop))
