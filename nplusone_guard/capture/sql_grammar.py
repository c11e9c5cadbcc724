"""What each token of a dialect does while a statement is read.

``frame.pieces[-1]`` is the context: what a token means depends on the piece before it,
and on nothing else but the state of its frame.
"""

from __future__ import annotations

from nplusone_guard.capture.sql_frames import Frame
from nplusone_guard.capture.sql_reader import Action, Reader
from nplusone_guard.capture.sql_tokens import DIALECTS, GENERIC, OPERATORS
from nplusone_guard.capture.sql_words import (
    WORDS,
    both_cases,
    is_keyword,
    is_operand,
    symbol,
    union,
)

#: Parentheses between one of these and one of those group what needs no group.
_BEFORE_GROUP = {"WHERE", "AND", "OR", "HAVING", "WHEN", "("}
_AFTER_GROUP = {
    *("", ";", ")", "AND", "OR", "THEN", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET"),
    *("FETCH", "FOR", "UNION", "INTERSECT", "EXCEPT", "RETURNING", "WINDOW"),
}
#: After one of these a value is the operand of a sign, or of LIMIT and its like.
_BEFORE_VALUE = {"-", "+", "LIMIT", "OFFSET", "FIRST", "NEXT", "first", "next"}
#: What would join the names on both sides, were it not for the parentheses.
_JOINING = frozenset({".", "::"})
_SIGNS = frozenset({"-", "+"})
#: What the placeholders of a list in one token begin with, and what else such a list holds.
_PLACEHOLDERS = frozenset("%?:$")
_UNSPACED = str.maketrans("", "", " \t\n\r\f\v\x00()")
_PAGING = frozenset({"LIMIT", "OFFSET"})


def read(sql: str, vendor: str) -> Reader:
    """A reader that has read ``sql`` in the dialect of ``vendor``."""
    dialect = DIALECTS.get(vendor, GENERIC)
    reader = Reader(dialect, _ACTIONS[dialect.vendor])
    reader.read(sql, _STARTS[dialect.vendor], _word)
    return reader


def _nothing(reader: Reader, text: str) -> None:
    """A comment, or the end of the text."""


def _compare(reader: Reader, text: str) -> None:
    reader.compared = True
    reader.frame.pieces.append(text)


def _word(reader: Reader, text: str) -> None:
    if not (text.islower() or text.isupper()):
        found = reader.actions.get(text.upper())
        if found is not None:
            found[0](reader, found[1])
            return
    frame = reader.frame
    if frame.expect:
        reader.note_table(frame, text)
    frame.pieces.append(text)


def _name(reader: Reader, text: str) -> None:
    """A quoted name, or a run of them with a comma behind each."""
    if text[-2:] == ", " and text[-3] == text[0]:
        _names(reader, text)
        return
    frame = reader.frame
    if frame.expect:
        reader.note_table(frame, text)
    frame.pieces.append(text)


def _names(reader: Reader, text: str) -> None:
    frame = reader.frame
    if frame.expect or frame.in_from or frame.listed or frame.ors or frame.rows:
        for name in reader.dialect.names(text):
            if frame.expect:
                reader.note_table(frame, name)
            frame.pieces.append(name)
            _comma(reader, ",")
    else:
        frame.pieces.append(text[:-2])
        _comma(reader, ",")


def _prefixed(reader: Reader, text: str) -> None:
    """A string like ``N'…'``, or a word with that initial."""
    if text[1:2] == "'" or text[1:3] == "&'":
        _literal(reader, text)
    else:
        _word(reader, text)


def _digit(reader: Reader, text: str) -> None:
    """A number, or a name that begins with a digit, as MySQL allows."""
    if reader.dialect.is_number(text):
        _literal(reader, text)
    else:
        _word(reader, text)


def _dollar(reader: Reader, text: str) -> None:
    numbered = text[1:].isdigit()
    if numbered or (reader.dialect.vendor == "sqlite" and len(text) > 1):
        _placeholder(reader, text)
    else:
        _word(reader, text)


def _colon(reader: Reader, text: str) -> None:
    """``:name``, or a cast, which is glued to what it casts."""
    if text[1] != ":":
        _placeholder(reader, text)
        return
    pieces = reader.frame.pieces
    cast = "::" + text[2:].lstrip(" \t\n\r\f\v\x00")
    if pieces and is_operand(pieces[-1]):
        pieces[-1] += cast
    else:
        pieces.append(cast)


def _placeholder(reader: Reader, text: str) -> None:
    frame = reader.frame
    pieces = frame.pieces
    if not pieces or pieces[-1] in _BEFORE_VALUE:
        _before_value(reader, frame, None)
    pieces.append("?")
    reader.params += 1


def _question_mark(reader: Reader, text: str) -> None:
    """On PostgreSQL ``?`` behind an operand is the JSON operator, else a placeholder."""
    pieces = reader.frame.pieces
    if pieces and is_operand(pieces[-1]):
        pieces.append("?")
    else:
        _placeholder(reader, text)


def _literal(reader: Reader, text: str) -> None:
    frame = reader.frame
    pieces = frame.pieces
    if not pieces or pieces[-1] in _BEFORE_VALUE:
        text = _before_value(reader, frame, text) + text
    reader.literals.append(text)
    pieces.append("?")


def _before_value(reader: Reader, frame: Frame, number: str | None) -> str:
    """Take a sign into the value; keep the operands of LIMIT and OFFSET."""
    pieces, sign = frame.pieces, ""
    while pieces and pieces[-1] in _SIGNS and not (len(pieces) > 1 and is_operand(pieces[-2])):
        sign += pieces.pop()
    word = pieces[-1].upper() if pieces else ""
    if word in _PAGING or (word in {"FIRST", "NEXT"} and pieces[-2:-1] == ["FETCH"]):
        reader.note_number(word, sign, number)
    elif not pieces and frame.items and frame.items[-1].endswith("LIMIT ?"):
        reader.note_number("", sign, number)
    return sign


def _comma(reader: Reader, text: str) -> None:
    frame = reader.frame
    if frame.rows is not None and frame.row_at == len(frame.pieces) - 1:
        frame.row_comma = True
        return
    if frame.ors is not None:
        reader.end_chain(frame)
    frame.items.append(frame.join())
    frame.segment = 0
    frame.segment_params = reader.params
    frame.segment_literals = len(reader.literals)
    if frame.in_from:
        frame.expect = "from"
    elif frame.with_names and not frame.verb:
        frame.expect = "with"


def _open(reader: Reader, text: str) -> None:
    parent = reader.frame
    pieces = parent.pieces
    before = pieces[-1] if pieces else "" if parent.items else parent.opener
    frame = reader.push("(", before)
    last = len(pieces) - 1
    if parent.row_at == last + (not parent.row_comma) and parent.row_at >= 0:
        frame.is_row = True
    elif before == "IN":
        frame.listed = True
        frame.negated = frame.negated or pieces[-2:-1] == ["NOT"]
    elif before == "VALUES":
        frame.call = True
    elif (before[-1:].isalnum() or before[-1:] == "_") and not is_keyword(before):
        frame.call = pieces[-2:-1] != ["INTO"]
    if pieces and parent.table_at == last:
        reader.forget_table(parent)
    elif parent.expect == "from":
        parent.expect = ""
        frame.expect, frame.in_from = "from", True


def _close(reader: Reader, text: str) -> None:
    frame = reader.pop("(")
    pieces = reader.frame.pieces
    if frame is None:
        pieces.append(text)
    elif not (frame.items or frame.call or frame.listed or frame.is_row) and (
        _is_group(frame) or _is_superfluous(reader, frame)
    ):
        pieces += frame.pieces
    else:
        if frame.listed:
            reader.note_list(frame)
        reader.place(frame, f"({frame.text()})")


def _is_group(frame: Frame) -> bool:
    """Whether nothing but another pair of parentheses is inside."""
    pieces = frame.pieces
    return len(pieces) == 1 and pieces[0][:1] == "(" and pieces[0][-1] == ")" and not frame.branches


def _is_superfluous(reader: Reader, frame: Frame) -> bool:
    """Whether the parentheses hold one term only, as an OR chain does once it is folded."""
    return (
        frame.plain
        and frame.before in _BEFORE_GROUP
        and bool(frame.pieces)
        and _JOINING.isdisjoint((frame.pieces[0], frame.pieces[-1]))
        and not reader.frame.listed
        and not reader.frame.call
        and reader.following() in _AFTER_GROUP
    )


def _list(reader: Reader, text: str) -> None:
    """A list of nothing but placeholders or whole numbers, in one token."""
    length = text.count(",") + 1
    # Blanks around them are of no account, as where each is a token of its own.
    literals = text.translate(_UNSPACED).split(",") if _PLACEHOLDERS.isdisjoint(text) else []
    frame = reader.frame
    reader.literals += literals
    if frame.row_comma and frame.row_at == len(frame.pieces) - 1 and text[-1] == ")":
        reader.params += 0 if literals else length
        reader.add_row(f"({'?, ' * (length - 1)}?)")
        return
    _open(reader, text)
    frame = reader.frame
    if literals:
        frame.literals -= length
    else:
        reader.params += length
    frame.items = ["?"] * (length - 1)
    frame.pieces = ["?"]
    if text[-1] == ")":  # else the text ends here, or was cut
        _close(reader, ")")


def _bracket(reader: Reader, text: str) -> None:
    """An array or a subscript. ``ANY(ARRAY[…])`` is an IN list."""
    parent = reader.frame
    before = parent.pieces[-1] if parent.pieces else ""
    frame = reader.push("[", before)
    frame.call = is_operand(before)
    frame.listed = before.upper() == "ARRAY"
    if not (parent.call and parent.before.upper() in {"ANY", "SOME"}):
        frame.negated = True


def _end_bracket(reader: Reader, text: str) -> None:
    frame = reader.pop("[")
    if frame is None:
        reader.frame.pieces.append(text)
        return
    if frame.listed:
        reader.note_list(frame)
    reader.place(frame, f"[{frame.text()}]")


def _semicolon(reader: Reader, text: str) -> None:
    reader.end_statement()


_COMMON: dict[str, tuple[Action, str]] = {
    **WORDS,
    **{one: (symbol, one) for one in [*"+-*/%=.:~^&|!@#", "?|", "?&", *OPERATORS]},
    **{one: (_compare, one) for one in ("<", ">", "<=", ">=")},
    "": (_nothing, ""),
    "%%": (symbol, "%"),
    "%s": (_placeholder, "?"),
    "?": (_placeholder, "?"),
    ",": (_comma, ","),
    "(": (_open, "("),
    ")": (_close, ")"),
    ";": (_semicolon, ";"),
}
_BRACKETS = {"[": (_bracket, "["), "]": (_end_bracket, "]")}

_ACTIONS = {
    "": {**_COMMON, **_BRACKETS},
    "sqlite": _COMMON,
    "mysql": {token: found for token, found in _COMMON.items() if token[:1] != "#"},
    "oracle": {**_COMMON, **_BRACKETS, **both_cases("MINUS", union)},
    "postgresql": {**_COMMON, **_BRACKETS, "?": (_question_mark, "?")},
}

_FIRST: dict[str, Action] = {
    **dict.fromkeys("0123456789.", _digit),
    **dict.fromkeys("bBnNxXuU", _prefixed),
    **dict.fromkeys("%?@", _placeholder),
    "'": _literal,
    '"': _name,
    "(": _list,
    "-": _nothing,
    "/": _nothing,
    "$": _dollar,
    ":": _colon,
}

#: What to do by the first character, with tokens that have no action of their own.
_STARTS = {
    "": {**_FIRST, "`": _name},
    "sqlite": {**_FIRST, "`": _name, "[": _name},
    "mysql": {**_FIRST, "`": _name, '"': _literal, "@": _word, "#": _nothing},
    "oracle": _FIRST,
    "postgresql": {**_FIRST, "e": _prefixed, "E": _prefixed},
}
