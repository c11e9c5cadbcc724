"""How to name a queryset that a framework makes for a class of the user's."""

from __future__ import annotations

import re
from typing import Final

from nplusone_guard.analysis.verdicts import Site

#: Kinds of place whose class says what is read: no code of the user's is nearer to it.
CLASSES: Final = frozenset({"admin", "form", "serializer", "view"})

#: The option that loads more without a method; it takes no prefetches.
OR_BY_OPTION: Final = " (or its list_select_related)"


def place_of(kind: str, name: str, loop: Site | None) -> str:
    """``the queryset of OrderForm.customer``; ``the queryset`` where user code reads by itself."""
    if kind == "admin":
        return _of_admin(name, loop)
    if kind == "template":
        return "the queryset that the view gives (its queryset= or get_queryset()) to the template"
    if kind == "view":
        return f"the queryset of {name.partition('.')[0]}"
    return f"the queryset of {name}" if kind in CLASSES else "the queryset"


def _of_admin(name: str, loop: Site | None) -> str:
    """The option or method by which a class of the admin loads more."""
    page = re.match(r"(.+) (changelist|autocomplete|change page|rows)$", name)
    if page is None:
        return f"what {name} reads"
    owner, what = page.groups()
    if what == "changelist":
        return f"get_queryset() of {owner}{OR_BY_OPTION}"
    inline = loop is not None and loop.kind == "admin" and " " not in loop.function
    return f"get_queryset() of {loop.function if loop is not None and inline else owner}"
