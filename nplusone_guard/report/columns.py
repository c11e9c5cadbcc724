"""Text for a terminal: made harmless, measured in columns, shortened to fit."""

from __future__ import annotations

import codecs
import re
import textwrap
import unicodedata

#: Name of the codec error handler that spells what an encoding lacks in ASCII.
ERRORS = "nplusone_guard.ascii"

_SPELLED = {"×": "x", "…": "..."}


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_SPELLED.get(char) or _escape(char) for char in missing), error.end


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


codecs.register_error(ERRORS, _spell)


def clean(text: str, encoding: str = "utf-8") -> str:
    r"""``text`` on one line, with nothing in it that a terminal would obey.

    Control, format and bidirectional characters and lone surrogates are escaped
    (``\x1b``), other white space becomes a space, and what ``encoding`` cannot
    carry is spelled in ASCII.
    """
    if text.isascii() and text.isprintable():
        return text
    safe = "".join(char if char.isprintable() else _harmless(char) for char in text)
    return safe.encode(encoding, ERRORS).decode(encoding)


def _harmless(char: str) -> str:
    blank = char == "\t" or unicodedata.category(char) == "Zs"
    return " " if blank else _escape(char)


def usable(encoding: str | None) -> str:
    """The name of an encoding that exists: ``encoding``, or ASCII where Python cannot use it."""
    name = encoding or "utf-8"
    try:
        "×…".encode(name, ERRORS).decode(name)
    except (LookupError, UnicodeError):
        return "ascii"
    return name


def columns(text: str) -> int:
    """How many columns clean ``text`` takes; a combining mark counts as one."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def _width(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pad(text: str, room: int) -> str:
    """``text`` followed by spaces up to ``room`` columns."""
    return text + " " * (room - columns(text))


def take(text: str, room: int) -> str:
    """The longest beginning of ``text`` that takes at most ``room`` columns."""
    if text.isascii():
        return text[: max(room, 0)]
    used = 0
    for index, char in enumerate(text):
        used += _width(char)
        if used > room:
            return text[:index]
    return text


def shorten(text: str, room: int, ellipsis: str = "…") -> str:
    """``text`` in at most ``room`` columns, its end given up first."""
    if columns(text) <= room:
        return text
    return take(take(text, room - columns(ellipsis)).rstrip() + ellipsis, room)


def shorten_middle(text: str, room: int, ellipsis: str = "…") -> str:
    """``text`` in at most ``room`` columns, its middle given up first."""
    if columns(text) <= room:
        return text
    kept = room - columns(ellipsis)
    if kept < 2:
        return take(text, room)
    head = take(text, kept // 3)
    tail = take(text[::-1], kept - columns(head))[::-1]
    return head + ellipsis + tail


def shorten_path(path: str, room: int, ellipsis: str = "…") -> str:
    """``path`` in at most ``room`` columns: whole folders in its middle go first."""
    if columns(path) <= room:
        return path
    parts = re.split(r"(?<=[/\\])", path[:room] + path[room:][-room:])
    for lead in (parts[0], ""):
        for start in range(2 if lead else 1, len(parts)):
            separator = parts[start - 1][-1]
            candidate = f"{lead}{ellipsis}{separator}{''.join(parts[start:])}"
            if columns(candidate) <= room:
                return candidate
    return shorten_middle(path, room, ellipsis)


def _joint(text: str) -> int:
    """Where code without spaces may be broken: behind a bracket or comma, before a dot."""
    joints = (*(text.rfind(mark) + 1 for mark in "([{,"), text.rfind("."))
    cut = max(joints)
    return cut if cut > len(text) // 2 else len(text)


def _row_end(text: str, room: int) -> int:
    """Where a first row ends: at a space, or behind a call where that would leave it empty."""
    space = take(text, room + 1).rfind(" ")
    if space > room // 2:
        return space
    chained = take(text, room).rfind(").") + 1
    if chained > max(space, 0):
        return chained
    return space if space > 0 else _joint(take(text, room))


def wrap(text: str, room: int, lines: int, ellipsis: str = "…") -> list[str]:
    """``text`` in at most ``lines`` lines of ``room`` columns, broken at spaces where it can be.

    A chain of calls that is too long for the rest of a line is broken before the dot of a call.
    """
    rows: list[str] = []
    while len(rows) < lines - 1 and columns(text) > room:
        cut = _row_end(text, room)
        rows.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*rows, shorten(text, room, ellipsis)]


def unbroken(text: str, room: int, indent: str) -> list[str]:
    """``text`` in rows of ``room`` columns, the later ones with ``indent``; no word is broken.

    As ``wrap``, for lines with paths, which nobody could follow in parts, and of any length.
    """
    return textwrap.wrap(
        text, room, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
