"""Transaction control and cursors: statements about names that change every time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nplusone_guard.capture.sql_tokens import Dialect
from nplusone_guard.capture.sql_words import KEYWORDS

_NAME = r'(?:"(?:[^"]|"")*(?:"|$)|`(?:[^`]|``)*(?:`|$)|\[[^\]]*(?:\]|$)|[\w$#]+)(?= |$)'


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.DOTALL)


_ON_SAVEPOINT = {
    "SAVEPOINT": (
        "savepoint",
        "SAVEPOINT #",
        _pattern(rf"SAVEPOINT\b ?({_NAME})?"),
    ),
    "RELEASE": (
        "release",
        "RELEASE SAVEPOINT #",
        _pattern(rf"RELEASE\b ?(?:SAVEPOINT\b ?)?({_NAME})?"),
    ),
    "ROLLBACK": (
        "rollback-to",
        "ROLLBACK TO SAVEPOINT #",
        _pattern(rf"ROLLBACK (?:(?:WORK|TRANSACTION) )?TO\b ?(?:SAVEPOINT\b ?)?({_NAME})?"),
    ),
}

#: The other statements of transaction control, by their first word.
_OTHERS = {
    "BEGIN": (
        "begin",
        _pattern(
            r"BEGIN(?: (?:TRAN|TRANSACTION|WORK|DEFERRED|IMMEDIATE|EXCLUSIVE|CONCURRENT|ISOLATION"
            r"|READ|NOT|DEFERRABLE)\b.*)?$"
        ),
    ),
    "START": ("begin", _pattern(r"START TRANSACTION\b")),
    "COMMIT": ("commit", _pattern("COMMIT")),
    "END": ("commit", _pattern(r"END(?: (?:TRANSACTION|WORK)\b.*)?$")),
    "ROLLBACK": ("rollback", _pattern("ROLLBACK")),
    "ABORT": ("rollback", _pattern("ABORT")),
    "PREPARE": ("other", _pattern(r"PREPARE TRANSACTION\b")),
    "XA": ("other", _pattern("XA")),
    "SET": (
        "other",
        _pattern(
            r"SET (?:(?:SESSION|LOCAL|GLOBAL) |@@(?:\w+\.)?)?"
            r"(?:TRANSACTION|CHARACTERISTICS|AUTOCOMMIT|CONSTRAINTS?)\b"
        ),
    ),
}
_DIRECTION = r"(?:(?:NEXT|PRIOR|FIRST|LAST|ABSOLUTE|RELATIVE|FORWARD|BACKWARD|ALL|\?) )*"
_CURSORS = {
    "DECLARE": _pattern(rf"(DECLARE )({_NAME})((?: \w+)* CURSOR\b.*)"),
    "CLOSE": _pattern(rf"(CLOSE )(?!ALL$)({_NAME})(.*)"),
    "FETCH": _pattern(rf"(FETCH {_DIRECTION}(?:(?:FROM|IN) )?)({_NAME})(.*)"),
    "MOVE": _pattern(rf"(MOVE {_DIRECTION}(?:(?:FROM|IN) )?)({_NAME})(.*)"),
}
#: First words of all statements that are told from their text alone.
NAMED_BY_FIRST_WORD = frozenset({*_ON_SAVEPOINT, *_OTHERS, *_CURSORS})


@dataclass(frozen=True, slots=True)
class Control:
    """A statement of transaction control: its shape, what it does, to which savepoint."""

    text: str
    control: str
    savepoint: str | None = None


def read_control(text: str, dialect: Dialect) -> Control | None:
    """What the shape ``text`` of one statement says about the transaction, if anything."""
    first = text.partition(" ")[0].upper()
    if first in _ON_SAVEPOINT:
        control, shape, pattern = _ON_SAVEPOINT[first]
        found = pattern.match(text)
        if found:
            return Control(shape, control, dialect.unquote(found[1]) if found[1] else None)
    known = _OTHERS.get(first)
    if known is None or not known[1].match(text):
        return None
    plain = text.isascii() and text.replace(" ", "").isalpha()
    return Control(text.upper() if plain else text, known[0])


def without_cursor(text: str, dialect: Dialect) -> str:
    """The shape ``text`` with ``#`` for the name of a server-side cursor.

    MySQL knows no cursors outside its procedures, and reads ``#`` as a comment.
    """
    pattern = _CURSORS.get(text.partition(" ")[0].upper())
    found = pattern.fullmatch(text) if pattern and dialect.vendor != "mysql" else None
    if found is None or found[2].upper() in KEYWORDS:
        return text
    return f"{found[1]}#{found[3]}"
