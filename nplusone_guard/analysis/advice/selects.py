"""A SELECT written by hand, read by its tokens: its clauses, its conditions, what it answers.

Words inside of literals, comments and quoted names are none; those of subqueries and common
tables are not the statement's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nplusone_guard.capture.sql_tokens import DIALECTS, GENERIC

PLACEHOLDER: Final = "%s"

_OPENING: Final = frozenset({"(", "[", "CASE"})
_CLOSING: Final = frozenset({")", "]", "END"})
#: What makes rows depend on more than the one key.
_OTHER: Final = frozenset(
    "OR XOR LIMIT OFFSET FETCH GROUP HAVING UNION EXCEPT INTERSECT MINUS FOR INTO WINDOW ;".split()
)
#: The same, wherever it stands.
_ANYWHERE: Final = frozenset("OVER INSERT UPDATE DELETE".split())
#: What may follow SELECT, in the place of the first column.
_MODIFIERS: Final = frozenset("DISTINCT DISTINCTROW ALL TOP STRAIGHT_JOIN HIGH_PRIORITY".split())
_SUMMARIES: Final = frozenset("COUNT SUM AVG MIN MAX".split())
#: What answers for each row, and words that parentheses follow.
_OF_ONE_ROW: Final = frozenset(
    "ABS CAST CEIL CHAR CHAR_LENGTH COALESCE CONCAT DATE DECIMAL EXTRACT FLOOR HEX IFNULL LENGTH "
    "LOWER LTRIM NULLIF NUMERIC REPLACE ROUND RTRIM SUBSTR SUBSTRING TRIM UPPER VARCHAR YEAR "
    "AND BETWEEN ELSE IN LIKE NOT OR THEN WHEN".split()
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token, where it stands, and how many parentheses are around it."""

    text: str
    start: int
    end: int
    depth: int

    @property
    def word(self) -> str:
        return self.text.upper()


def tokens_of(sql: str, vendor: str) -> list[Token]:
    """The tokens of ``sql`` without its comments."""
    dialect = DIALECTS.get(vendor, GENERIC)
    found, depth = [], 0
    for text, start, end in dialect.spans(sql):
        if dialect.is_comment(text):
            continue
        depth -= text.upper() in _CLOSING
        found.append(Token(text, start, end, depth))
        depth += text.upper() in _OPENING
    return found


def without_comments(sql: str, vendor: str) -> str | None:
    """``sql`` without comments; ``None`` where one of them is there to be executed (MySQL)."""
    text, last = "", 0
    for token in tokens_of(sql, vendor):
        gap = sql[last : token.start]
        if "/*!" in gap or "/*M!" in gap:
            return None
        text += (gap if not gap.strip() else " ") + sql[token.start : token.end]
        last = token.end
    return text.strip()


@dataclass(frozen=True, slots=True)
class Equality:
    """``author_id = %s``: the column, where the condition stands, and which placeholder it is."""

    column: str
    start: int
    end: int
    number: int


@dataclass(frozen=True, slots=True)
class Select:
    """One SELECT with a WHERE of its own, whose conditions are joined by AND alone."""

    sql: str
    tokens: Sequence[Token]
    #: Indexes of its words SELECT, FROM and WHERE, and of the end of its conditions.
    select: int
    source: int
    where: int
    end: int

    @property
    def behind_select(self) -> int:
        """Where its first column stands in the text."""
        return self.tokens[self.select].end

    @property
    def takes_a_column(self) -> bool:
        """Whether one more column in front changes nothing in the rows and their order."""
        first = self.tokens[self.select + 1].word
        ordinals = any(one.text.isdigit() for one in self.tokens[self.end :] if not one.depth)
        return first not in _MODIFIERS and not first.startswith("SQL_") and not ordinals

    @property
    def ordered(self) -> bool:
        return self.end < len(self.tokens)

    def equalities(self) -> Iterator[Equality]:
        """The conditions that compare a column with a placeholder."""
        number = sum(one.text == PLACEHOLDER for one in self.tokens[: self.where])
        for part in _conjuncts(self.tokens[self.where + 1 : self.end]):
            texts = [one.text for one in part]
            if len(part) == 3 and texts[1:] == ["=", PLACEHOLDER] and _may_be_a_name(texts[0]):
                yield Equality(texts[0], part[0].start, part[-1].end, number)
            number += texts.count(PLACEHOLDER)

    def gives(self, column: str) -> bool:
        """Whether the rows have a column of this name, for all that can be seen."""
        alone = [one for (*_, one) in self._items()]
        names = [one.text.rpartition(".")[2].strip('"`') for one in alone]
        return "*" in names or column in names

    def missing(self) -> list[str] | None:
        """The row for a key without rows, as Python; empty where there is none.

        ``None`` where a function may put rows together in a way that is not known here.
        """
        called = [name for item in self._items() for name in _called(item)]
        if not all(name in _SUMMARIES or name in _OF_ONE_ROW for name in called):
            return None
        if not _SUMMARIES.intersection(called):
            return []
        values = [_of_no_rows(item) for item in self._items()]
        return None if None in values or self.ordered else [str(value) for value in values]

    def _items(self) -> list[Sequence[Token]]:
        return _split(self.tokens[self.select + 1 : self.source], ",")


def select_of(sql: str, vendor: str) -> Select | None:
    """``sql`` by its clauses; ``None`` where its rows depend on more than its conditions."""
    tokens = tokens_of(sql, vendor)
    if tokens and tokens[-1].text == ";":
        del tokens[-1]
    own = [(one.word, at) for at, one in enumerate(tokens) if not one.depth]
    words = [word for word, _ in own]
    if not words or words[0] not in {"SELECT", "WITH"} or _OTHER.intersection(words):
        return None
    if any(words.count(word) != 1 for word in ("SELECT", "FROM", "WHERE")):
        return None
    if _ANYWHERE.intersection(one.word for one in tokens):
        return None
    at = dict(reversed(own))
    end = at.get("ORDER", len(tokens))
    if not at["SELECT"] < at["FROM"] < at["WHERE"] < end:
        return None
    if any(one.text == "||" for one in tokens[at["WHERE"] : end]):
        return None  # OR in MySQL
    return Select(sql, tokens, at["SELECT"], at["FROM"], at["WHERE"], end)


def _conjuncts(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens between one AND and the next, but for the AND of BETWEEN."""
    part: list[Token] = []
    between = False
    for token in tokens:
        if token.word == "AND" and not token.depth and not between:
            yield part
            part = []
            continue
        if not token.depth and token.word in {"AND", "BETWEEN"}:
            between = token.word == "BETWEEN"
        part.append(token)
    yield part


def _split(tokens: Sequence[Token], separator: str) -> list[Sequence[Token]]:
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.text == separator and not token.depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _may_be_a_name(text: str) -> bool:
    return text[0] in '"`[_' or text[0].isalpha()


def _called(item: Sequence[Token]) -> Iterator[str]:
    """The functions that one column is made by; not those inside of a subquery."""
    inside: int | None = None
    for token, after in zip(item, [*item[1:], None], strict=True):
        if inside is not None and token.depth > inside:
            continue
        inside = None
        if token.text == "(" and after is not None and after.word in {"SELECT", "WITH"}:
            inside = token.depth
        elif token.text.endswith("(*)"):
            yield token.word[:-3]
        elif after is not None and after.text == "(" and _may_be_a_name(token.text):
            yield token.word


def _of_no_rows(item: Sequence[Token]) -> str | None:
    """What a column of nothing but one summary is where there are no rows."""
    first, own = item[0], [one for one in item if not one.depth]
    alone = first.text.endswith("(*)")
    name = first.word.removesuffix("(*)")
    if name not in _SUMMARIES or any(one.text == "," for one in item):
        return None
    rest = own[1:] if alone else own[3:]
    if not alone and [one.text for one in own[1:3]] != ["(", ")"]:
        return None
    named = len(rest) <= 1 or (len(rest) == 2 and rest[0].word == "AS")
    plain = all(_may_be_a_name(one.text) for one in rest) and rest[-1:] != [first]
    return ("0" if name == "COUNT" else "None") if named and plain else None
