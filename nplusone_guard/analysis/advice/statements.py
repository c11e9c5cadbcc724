"""Statements as the source has them: the SQL with ``%s`` for each value, and the values."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from nplusone_guard.analysis.advice.selects import (
    PLACEHOLDER,
    Token,
    tokens_of,
    without_comments,
)
from nplusone_guard.analysis.advice.trees import Spot, binding_of
from nplusone_guard.analysis.advice.values import called

_NAMED: Final = re.compile(r"%\((\w+)\)s")
#: A value of an f-string, in characters that a token takes in and no SQL has.
_VALUE: Final = re.compile("\ue000([0-9]+)\ue001")
#: A parameter may stand behind these: no name of a table, no list, no part of the grammar does.
_COMPARING: Final = frozenset("= <> != < > <= >= LIKE ILIKE AND BETWEEN".split())


@dataclass(frozen=True, slots=True)
class Statement:
    """One call of ``execute()`` or ``raw()``: its SQL with ``%s`` for what changes."""

    spot: Spot
    call: ast.Call
    #: Without comments.
    sql: str
    #: The parameters, in their order; those of f-strings among them.
    params: tuple[ast.expr, ...]


def statement_of(spot: Spot, call: ast.Call, vendor: str) -> Statement | None:
    """What ``call`` sends; ``None`` where the source does not say all of it."""
    if not call.args:
        return None
    sql, params = _meant(spot, call.args[0]), call.args[1] if len(call.args) > 1 else None
    if isinstance(sql, ast.JoinedStr):
        told = _of_f_string(sql, vendor, raw=called(call) == "raw") if params is None else None
    elif isinstance(sql, ast.Constant) and isinstance(sql.value, str):
        told = _of_text(sql.value, params, vendor)
    else:
        told = None
    return Statement(spot, call, *told) if told is not None else None


def _meant(spot: Spot, sql: ast.expr) -> ast.expr:
    """A statement that has a name, where the name has one value."""
    if not isinstance(sql, ast.Name):
        return sql
    bound = binding_of(spot.tree, sql.id, sql)
    if bound is None:
        found = spot.tree.global_value(sql.id)
        return ast.Constant(found) if isinstance(found, str) else sql
    return bound.value if bound.how == "value" and bound.value is not None else sql


_Told = tuple[str, tuple[ast.expr, ...]]


def _of_text(text: str, params: ast.expr | None, vendor: str) -> _Told | None:
    sql = without_comments(text, vendor)
    if sql is None:
        return None
    if isinstance(params, ast.Dict):
        return _by_name(sql, text, params, vendor)
    given = tuple(params.elts) if isinstance(params, (ast.List, ast.Tuple)) else ()
    # A driver sees placeholders in literals and comments, too.
    seen = text.replace("%%", "").count(PLACEHOLDER)
    placeholders = [one for one in tokens_of(sql, vendor) if one.text == PLACEHOLDER]
    return (sql, given) if seen == len(placeholders) == len(given) else None


def _by_name(sql: str, text: str, given: ast.Dict, vendor: str) -> _Told | None:
    """``%(name)s`` in the order of the statement."""
    values = {
        key.value: value
        for key, value in zip(given.keys, given.values, strict=True)
        if isinstance(key, ast.Constant)
    }
    named = [one for one in tokens_of(sql, vendor) if _NAMED.fullmatch(one.text)]
    names = [one.text[2:-2] for one in named]
    if _NAMED.findall(text.replace("%%", "")) != names or not all(one in values for one in names):
        return None
    told = _replaced(sql, [(one, PLACEHOLDER) for one in named])
    return told, tuple(values[name] for name in names)


def _replaced(sql: str, changes: Sequence[tuple[Token, str]]) -> str:
    for token, new in reversed(changes):
        sql = sql[: token.start] + new + sql[token.end :]
    return sql


def _of_f_string(sql: ast.JoinedStr, vendor: str, *, raw: bool) -> _Told | None:
    """The values of an f-string as parameters; those inside a literal with the text around."""
    marked = _marked(sql)
    plain = without_comments(marked[0], vendor) if marked is not None else None
    if marked is None or plain is None or (raw and "%%" in plain):
        return None  # ``raw()`` reads ``%%`` as ``%`` without parameters already
    changes, given = [], list[ast.expr]()
    tokens = tokens_of(plain, vendor)
    for before, token in pairwise(tokens):
        if not _VALUE.search(token.text):
            continue
        value = _parameter(token.text, marked[1], vendor)
        if value is None or before.word not in _COMPARING:
            return None
        given.append(value)
        changes.append((token, "\0"))
    told = _replaced(plain, changes).replace("%", "%%").replace("\0", PLACEHOLDER)
    return told, tuple(given)


def _marked(sql: ast.JoinedStr) -> tuple[str, list[ast.FormattedValue]] | None:
    """The text with a mark for each value, and the values."""
    text, values = "", list[ast.FormattedValue]()
    for part in sql.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
        elif (
            isinstance(part, ast.FormattedValue) and part.conversion == -1 and not part.format_spec
        ):
            text += f"\ue000{len(values)}\ue001"
            values.append(part)
        else:
            return None
    return (text, values) if len(_VALUE.findall(text)) == len(values) else None


def _parameter(text: str, values: Sequence[ast.FormattedValue], vendor: str) -> ast.expr | None:
    """A value, or a literal with values inside, as Python; ``None`` for half a name."""
    alone = _VALUE.fullmatch(text)
    if alone is not None:
        return values[int(alone[1])].value
    if text[0] != "'" or text[-1] != "'" or (vendor == "mysql" and "\\" in text):
        return None
    pieces = _VALUE.split(text[1:-1].replace("''", "'"))
    parts: list[ast.expr] = [
        values[int(piece)] if number % 2 else ast.Constant(piece)
        for number, piece in enumerate(pieces)
        if piece
    ]
    return ast.JoinedStr(parts)
