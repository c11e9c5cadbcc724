"""The fingerprint of a statement: its shape, and the facts that the verdicts need."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from nplusone_guard.capture.sql_control import (
    NAMED_BY_FIRST_WORD,
    Control,
    read_control,
    read_savepoint,
    without_cursor,
)
from nplusone_guard.capture.sql_grammar import read
from nplusone_guard.capture.sql_keyset import keyset
from nplusone_guard.capture.sql_reader import Reader
from nplusone_guard.capture.sql_tokens import Dialect
from nplusone_guard.capture.sql_values import InList, Number

__all__ = ["Fingerprint", "InList", "Number", "cached_fingerprint", "fingerprint"]

#: Characters of a text that are read; the rest is cut off.
MAX_TEXT = 32 * 1024

#: What a cache holds: texts and their characters, and apart from these a few long texts.
MAX_ENTRIES = 1_024
MAX_CHARACTERS = 256 * 1024
LONG_TEXT = 2_000
MAX_LONG_ENTRIES = 16

#: Text, kind, control and savepoint of a statement.
Told = tuple[str, str, str, "str | None"]

_WRITES = frozenset({"insert", "update", "delete", "replace", "merge"})
_KINDS = {
    "SELECT": "select",
    "VALUES": "select",
    "INSERT": "insert",
    "UPDATE": "update",
    "DELETE": "delete",
    "REPLACE": "replace",
    "MERGE": "merge",
    "CALL": "call",
}


class Fingerprint(NamedTuple):
    """The shape of a statement, equal for all its executions, and facts of this text."""

    text: str
    #: ``select insert update delete replace merge call control other``.
    kind: str
    #: Unquoted, as written, the main table first; without aliases and CTE names.
    tables: tuple[str, ...] = ()
    #: VALUES rows, or WHEN arms of an UPDATE; 2 where they come by UNNEST.
    batch_rows: int = 0
    in_lists: tuple[InList, ...] = ()
    limit: Number | None = None
    offset: Number | None = None
    #: Placeholders that bound an ordering column from below or above, under a LIMIT.
    keyset: tuple[int, ...] = ()
    #: The name, unquoted, which the shape leaves out.
    savepoint: str | None = None
    #: ``begin commit rollback savepoint release rollback-to other``, or empty.
    control: str = ""
    #: The text was too long and the shape is of its beginning: nothing repeats it.
    truncated: bool = False
    #: Writes nothing, and of its parameters no more matters than whether they are equal:
    #: it has no IN list, OFFSET or moving key.
    plain: bool = False

    @property
    def main_table(self) -> str:
        """The table that the statement is about, or an empty string."""
        return self.tables[0] if self.tables else ""

    @property
    def headline(self) -> str:
        """Verb and main table: ``SELECT wellness_people``."""
        first, _, rest = self.text.partition(" ")
        verb = first.upper() if self.kind in {"control", "other"} else self.kind.upper()
        subject = rest.partition("(")[0] if self.kind == "call" else self.main_table
        return f"{verb} {subject}".rstrip()


def fingerprint(sql: str, vendor: str = "sqlite") -> Fingerprint:
    """The fingerprint of ``sql`` in the dialect of ``vendor`` (Django's ``connection.vendor``).

    An unknown vendor is read as standard SQL. No more than 32 KiB of ``sql`` are read,
    in time linear in their length.
    """
    known = read_savepoint(sql, vendor)
    if known is not None:
        return _of_savepoint(known)
    reader = read(sql if len(sql) <= MAX_TEXT else _beginning(sql), vendor)
    text, kind, control, savepoint = _told(reader)
    truncated = reader.cut or len(sql) > MAX_TEXT
    if len(text) > MAX_TEXT:
        text, truncated = text[: max(text.rfind(" ", 0, MAX_TEXT), 0)].rstrip(" ;"), True
    moving = _keyset(reader)
    varies = bool(reader.in_lists or reader.offset is not None or moving)
    return Fingerprint(
        text,
        kind,
        _tables(reader),
        _batch_rows(reader, kind),
        tuple(reader.in_lists),
        reader.limit,
        reader.offset,
        moving,
        savepoint,
        control,
        truncated,
        not (varies or control or kind in _WRITES),
    )


def _of_savepoint(known: Control) -> Fingerprint:
    return Fingerprint(known.text, "control", savepoint=known.savepoint, control=known.control)


def _beginning(sql: str) -> str:
    """As much as is read of a long text: up to a comma, so that no entry is halved."""
    comma = sql.rfind(",", MAX_TEXT - 64, MAX_TEXT)
    return sql[: comma if comma > 0 else MAX_TEXT]


def _told(reader: Reader) -> Told:
    """Text, kind, control and savepoint; of several statements, of the first that counts."""
    told = [_statement(text, verb, reader.dialect) for text, verb in reader.statements]
    if len(told) == 1:
        return told[0]
    main = next((one for one in told if one[1] != "control"), ("", "other", "", None))
    if told and main[1] == "other":
        main = told[0]
    return ("; ".join([one[0] for one in told]), *main[1:])


def _statement(text: str, verb: str, dialect: Dialect) -> Told:
    first = text.partition(" ")[0]
    if verb in _KINDS and (first in {verb, "WITH"} or first[0] == "("):
        return text, _KINDS[verb], "", None
    if first.upper() in NAMED_BY_FIRST_WORD:
        control = read_control(text, dialect)
        if control is not None:
            return control.text, "control", control.control, control.savepoint
        declares = verb == "SELECT" and first.upper() == "DECLARE"
        return without_cursor(text, dialect), "select" if declares else "other", "", None
    if first[0] == "(" and text.lstrip("(").startswith(("SELECT", "VALUES", "WITH")):
        return text, "select", "", None
    return text, "other", "", None


def _tables(reader: Reader) -> tuple[str, ...]:
    main = reader.main_table
    if not main:
        return tuple(reader.tables)
    return (main, *[table for table in reader.tables if table != main])


def _batch_rows(reader: Reader, kind: str) -> int:
    rows = reader.rows
    if kind == "update":
        rows = max(rows, reader.arms)
    if kind == "insert":
        rows = max(rows, reader.union_rows)
    if kind in _WRITES and reader.unnested:
        rows = max(rows, 2)
    return rows


def _keyset(reader: Reader) -> tuple[int, ...]:
    if not (reader.params and reader.ordered and reader.compared and reader.limit):
        return ()
    return keyset(
        reader.dialect.without_comments(reader.tokens), reader.dialect, reader.paging_depth
    )


class _Cache(dict[str, Fingerprint]):
    """The fingerprints of one vendor by text: a hit is one look-up in a dictionary.

    The oldest text goes when there are too many, or too long ones together. Thread-safe:
    the worst that two threads do to each other is to read one text twice.
    """

    def __init__(self, vendor: str) -> None:
        super().__init__()
        self.vendor = vendor
        self.characters = 0
        #: Long texts, which come by the dozen (IN lists, batches) and soon go again.
        self.long: dict[str, Fingerprint] = {}
        #: Equal shapes of different texts are one string.
        self.shapes: dict[str, str] = {}

    def __missing__(self, sql: str) -> Fingerprint:
        if len(sql) > LONG_TEXT:
            return self._long(sql)
        known = read_savepoint(sql, self.vendor)
        if known is not None:  # nearly all that is not remembered
            return _of_savepoint(known)
        found = self._read(sql)
        if found.savepoint is not None:  # never the same text again
            return found
        self.characters += len(sql)
        while len(self) >= MAX_ENTRIES or self.characters > MAX_CHARACTERS:
            if not self._drop_oldest():
                break
        self[sql] = found
        return found

    def _read(self, sql: str) -> Fingerprint:
        found = fingerprint(sql, self.vendor)
        if len(self.shapes) >= MAX_ENTRIES:
            self.shapes.clear()
        shared = self.shapes.setdefault(found.text, found.text)
        return found if shared is found.text else found._replace(text=shared)

    def _drop_oldest(self) -> bool:
        try:
            oldest = next(iter(self))
            del self[oldest]
        except (StopIteration, KeyError, RuntimeError):
            return False  # another thread was faster
        self.characters -= len(oldest)
        return True

    def _long(self, sql: str) -> Fingerprint:
        found = self.long.get(sql)
        if found is None:
            found = self._read(sql)
            if len(self.long) >= MAX_LONG_ENTRIES:
                self.long.clear()
            if not found.truncated:
                self.long[sql] = found
        return found


@cache
def cached_fingerprint(vendor: str) -> Callable[[str], Fingerprint]:
    """``fingerprint`` for ``vendor`` behind a bounded cache, the same at every call."""
    return _Cache(vendor).__getitem__
