"""Installed code that carries queries along: it loops, too, but asks for nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Final

from nplusone_guard.analysis.places import package_of, user_place
from nplusone_guard.capture import codes
from nplusone_guard.capture.landmarks import files
from nplusone_guard.capture.scope import Group

_PACKAGES: Final = frozenset(
    "nplusone_guard pytest_nplusone_guard anyio asyncio asgiref concurrent multiprocessing "
    "threading uvloop wrapt contextlib functools json runpy pytest _pytest pluggy pytest_django "
    "unittest importlib selectors socketserver wsgiref".split()
)


def carries(code: CodeType) -> bool:
    """Whether ``code`` only carries queries along; so does whatever is the user's own."""
    return (
        codes.is_user_code(code)
        or package_of(code) in _PACKAGES
        or files.is_of(code, files.CARRIERS)
    )


def has_asker(group: Group) -> bool:
    """Whether the user asked for ``group``, or an installed package that is no carrier.

    What Django asks for a command of its own, such as ``migrate``, nobody can change.
    """
    path = group.path
    return user_place(path) is not None or not all(carries(place.code) for place in path)


def is_asked_only_by(group: Group, owns: Callable[[str, str], bool]) -> bool:
    """Whether whatever loop asked for ``group`` is one of the code that ``owns`` knows.

    That is so, and no source has to be read for it, where no other code that could loop is
    on the stack. ``owns`` is given the file and, of an installed one, the package.
    """
    path = group.first.path if group.first is not None else group.path
    if group.recursed or any(place.spot is not None for place in path):
        return False
    users = [place for place in path if place.user]
    return (
        bool(users)
        and all(owns(place.code.co_filename, "") for place in users)
        and all(
            carries(place.code) or owns(place.code.co_filename, package_of(place.code))
            for place in path
            if not place.user
        )
    )
