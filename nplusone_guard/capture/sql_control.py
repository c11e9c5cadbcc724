"""Transaction control and cursors: statements about names that change every time."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from nplusone_guard.capture.sql_tokens import Dialect
from nplusone_guard.capture.sql_words import KEYWORDS

_NAME = r'(?:"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|[\w$#]+)(?= |$)'

#: Expressions are compiled when a statement first asks for them.
_ON_SAVEPOINT = {
    "SAVEPOINT": (
        "savepoint",
        "SAVEPOINT #",
        rf"SAVEPOINT\b ?({_NAME})?",
    ),
    "RELEASE": (
        "release",
        "RELEASE SAVEPOINT #",
        rf"RELEASE\b ?(?:SAVEPOINT\b ?)?({_NAME})?",
    ),
    "ROLLBACK": (
        "rollback-to",
        "ROLLBACK TO SAVEPOINT #",
        rf"ROLLBACK (?:(?:WORK|TRANSACTION) )?TO\b ?(?:SAVEPOINT\b ?)?({_NAME})?",
    ),
}

#: The other statements of transaction control, by their first word.
_OTHERS = {
    "BEGIN": (
        "begin",
        (
            r"BEGIN(?: (?:TRAN|TRANSACTION|WORK|DEFERRED|IMMEDIATE|EXCLUSIVE|CONCURRENT|ISOLATION"
            r"|READ|NOT|DEFERRABLE)\b.*)?$"
        ),
    ),
    "START": ("begin", r"START TRANSACTION\b"),
    "COMMIT": ("commit", "COMMIT"),
    "END": ("commit", r"END(?: (?:TRANSACTION|WORK)\b.*)?$"),
    "ROLLBACK": ("rollback", "ROLLBACK"),
    "ABORT": ("rollback", "ABORT"),
    "PREPARE": ("other", r"PREPARE TRANSACTION\b"),
    "XA": ("other", "XA"),
    "SET": (
        "other",
        (
            r"SET (?:(?:SESSION|LOCAL|GLOBAL) |@@(?:\w+\.)?)?"
            r"(?:TRANSACTION|CHARACTERISTICS|AUTOCOMMIT|CONSTRAINTS?)\b"
        ),
    ),
}
_DIRECTION = r"(?:(?:NEXT|PRIOR|FIRST|LAST|ABSOLUTE|RELATIVE|FORWARD|BACKWARD|ALL|\?) )*"
_CURSORS = {
    "DECLARE": rf"(DECLARE )({_NAME})((?: \w+)* CURSOR\b.*)",
    "CLOSE": rf"(CLOSE )(?!ALL$)({_NAME})(.*)",
    "FETCH": rf"(FETCH {_DIRECTION}(?:(?:FROM|IN) )?)({_NAME})(.*)",
    "MOVE": rf"(MOVE {_DIRECTION}(?:(?:FROM|IN) )?)({_NAME})(.*)",
}
#: First words of all statements that are told from their text alone.
NAMED_BY_FIRST_WORD = frozenset({*_ON_SAVEPOINT, *_OTHERS, *_CURSORS})


#: As Django writes it, with a new name each time.
_DJANGO = re.compile(
    r"(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) ([\"`])([A-Za-z_][A-Za-z0-9_]*)\2"
).fullmatch


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


class Control(NamedTuple):
    """A statement of transaction control: its shape, what it does, to which savepoint."""

    text: str
    control: str
    savepoint: str | None = None


def read_control(text: str, dialect: Dialect) -> Control | None:
    """What the shape ``text`` of one statement says about the transaction, if anything."""
    first = text.partition(" ")[0].upper()
    if first in _ON_SAVEPOINT:
        control, shape, pattern = _ON_SAVEPOINT[first]
        found = _compiled(pattern).match(text)
        if found:
            return Control(shape, control, dialect.unquote(found[1]) if found[1] else None)
    known = _OTHERS.get(first)
    if known is None or not _compiled(known[1]).match(text):
        return None
    plain = text.isascii() and text.replace(" ", "").isalpha()
    return Control(text.upper() if plain else text, known[0])


def read_savepoint(sql: str, vendor: str) -> Control | None:
    """What ``read_control`` says of a savepoint that Django itself makes, told at a glance."""
    found = _DJANGO(sql)
    if found is None or (found[2] == "`") != (vendor == "mysql"):
        return None
    control, shape, _ = _ON_SAVEPOINT[found[1].partition(" ")[0]]
    return Control(shape, control, found[3])


def without_cursor(text: str, dialect: Dialect) -> str:
    """The shape ``text`` with ``#`` for the name of a server-side cursor.

    MySQL knows no cursors outside its procedures, and reads ``#`` as a comment.
    """
    pattern = _CURSORS.get(text.partition(" ")[0].upper())
    if pattern is None or dialect.vendor == "mysql":
        return text
    found = _compiled(pattern).fullmatch(text)
    if found is None or found[2].upper() in KEYWORDS:
        return text
    return f"{found[1]}#{found[3]}"
