"""Keyset paging: which placeholders bound a column that also orders the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nplusone_guard.capture.sql_tokens import Dialect

_COMPARISONS = frozenset({"<", ">", "<=", ">="})
_END_OF_ORDER = frozenset({"LIMIT", "OFFSET", "FETCH", "FOR", ")", ";", "", "UNION"})
#: Qualifier (empty if there is none) and name.
Column = tuple[str, str]


def keyset(tokens: Sequence[str], dialect: Dialect, depth: int) -> tuple[int, ...]:
    """Indexes of the placeholders compared by ``< > <= >=`` with an ordering column.

    ``depth`` is how many parentheses the ORDER BY stands in. Row values count, column
    by column, and so does what they are where a database has none:
    ``a > ? OR (a = ? AND b > ?)``.
    """
    order = list(_ordering(tokens, dialect, depth))
    found: list[int] = []
    params = 0
    for index, token in enumerate(tokens):
        if token in _COMPARISONS:
            for name, param in _compared(tokens, index, params, dialect):
                if any(_same(_column(name, dialect), column) for column in order):
                    found.append(param)
        params += _placeholders(token, dialect)
    return tuple(found)


def _ordering(tokens: Sequence[str], dialect: Dialect, depth: int) -> Iterator[Column]:
    """The columns of each ORDER BY at ``depth``."""
    level, inside, first = 0, False, False
    for index, token in enumerate(tokens):
        word = token.upper()
        if inside and level == depth and word in _END_OF_ORDER:
            inside = False
        level += (token == "(") - (token == ")")
        if level != depth:
            continue
        if word == "BY" and tokens[index - 1].upper() == "ORDER":
            inside = first = True
        elif inside:
            names = dialect.names(token) if token.endswith(", ") else [token]
            if first or len(names) > 1:
                yield from [_column(name, dialect) for name in names]
            first = token == "," or token.endswith(", ")


def _compared(
    tokens: Sequence[str], index: int, params: int, dialect: Dialect
) -> list[tuple[str, int]]:
    """The names that the operator at ``index`` compares with placeholders, and these.

    ``params`` is the number of placeholders before the operator.
    """
    left, right = tokens[index - 1], tokens[index + 1 : index + 2]
    if not index or not right:
        return []
    if _placeholders(left, dialect) == 1 and left[:1] != "(":
        return [(right[0], params - 1)]
    if left == ")" and right[0][:1] == "(":
        return _rows(tokens, index, params, dialect)
    if _placeholders(right[0], dialect) == 1 and right[0][:1] != "(":
        return [(left, params)]
    return []


def _rows(
    tokens: Sequence[str], index: int, params: int, dialect: Dialect
) -> list[tuple[str, int]]:
    start = index - 1
    while start and tokens[start] != "(":
        start -= 1
    names: list[str] = []
    for token in tokens[start + 1 : index - 1]:
        names += dialect.names(token) if token.endswith(", ") else [token] * (token != ",")
    return [(name, params + offset) for offset, name in enumerate(names)]


def _placeholders(token: str, dialect: Dialect) -> int:
    """How many placeholders ``token`` is, or, if it is a list of them, holds."""
    first = token[:1]
    if first == "(" and len(token) > 1:
        return 0 if token[1:].lstrip()[0] in "-0123456789" else token.count(",") + 1
    if first == "?":
        return int(dialect.vendor != "postgresql" and token != "?|")
    if first == "@":
        return int(dialect.vendor in {"sqlite", ""} and len(token) > 1 and token[1].isalpha())
    if first == "$":
        return int(token[1:].isdigit() or (dialect.vendor == "sqlite" and len(token) > 1))
    if first == ":":
        return int(len(token) > 1 and token[1] not in ":=")
    return int(first == "%" and token not in {"%", "%%"})


def _column(name: str, dialect: Dialect) -> Column:
    qualifier, _, column = dialect.unquote(name).lower().rpartition(".")
    return qualifier, column


def _same(one: Column, other: Column) -> bool:
    return one[1] == other[1] and (one[0] == other[0] or not one[0] or not other[0])
