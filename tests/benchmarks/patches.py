"""What a tool changed inside Django, so that it can be put back and changed again.

Two of the peers replace methods of Django's classes when they are loaded. The
baseline of a round has to run on Django as it is, in the same process: so the
difference that loading made is recorded once, and switched off and on.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, ClassVar

_MISSING = object()
_WATCHED = ("django.db.models", "django.contrib.contenttypes")


class Patches:
    """The attributes that differ between Django before and after a tool was loaded."""

    #: Each module and class with its attributes, as they were before.
    _before: ClassVar[list[tuple[Any, dict[str, Any]]]] = []

    def __init__(self) -> None:
        self._changed = [
            (owner, name, before.get(name, _MISSING), after.get(name, _MISSING))
            for owner, before in self._before
            for after in [dict(vars(owner))]
            for name in before.keys() | after.keys()
            if before.get(name, _MISSING) is not after.get(name, _MISSING)
            and callable(after.get(name))  # not a counter, nor a submodule imported meanwhile
        ]

    @classmethod
    def remember(cls) -> None:
        """Take down the attributes of what Django has loaded since the last call."""
        known = {id(owner) for owner, _ in cls._before}
        cls._before += [(each, dict(vars(each))) for each in _owners() if id(each) not in known]

    def __len__(self) -> int:
        return len(self._changed)

    def switch(self, on: bool) -> None:
        """Put the tool's attributes in place, or Django's own."""
        for owner, name, original, patched in self._changed:
            wanted = patched if on else original
            if wanted is not _MISSING:
                setattr(owner, name, wanted)
            elif name in vars(owner):
                delattr(owner, name)


def _owners() -> list[Any]:
    """Django's model modules, and the classes that are defined in them."""
    modules = [
        module
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and name.startswith(_WATCHED)
    ]
    classes = {
        id(value): value
        for module in modules
        for value in list(vars(module).values())
        if isinstance(value, type) and value.__module__.startswith(_WATCHED)
    }
    return [*modules, *classes.values()]
