"""What a keyword does while a statement is read."""

from __future__ import annotations

from nplusone_guard.capture.sql_frames import is_bare_row
from nplusone_guard.capture.sql_reader import Action, Reader

_OPERAND_ENDS = frozenset('_"`)]?$#')


def is_operand(piece: str) -> bool:
    """Whether an operand ends with ``piece``: what follows is an operator then."""
    last = piece[-1:]
    return (last.isalnum() or last in _OPERAND_ENDS) and not is_keyword(piece)


def is_keyword(piece: str) -> bool:
    """Whether ``piece`` is a keyword. A long one is not, and is never hashed for that."""
    return len(piece) < 16 and piece in KEYWORDS


def symbol(reader: Reader, text: str) -> None:
    """Keep ``text``: an operator, or a word that is a part of an expression."""
    reader.frame.pieces.append(text)


def _keyword(reader: Reader, text: str) -> None:
    """A word after which an operand is complete or begins: AND, XOR."""
    reader.frame.plain = False
    reader.frame.pieces.append(text)


def _or(reader: Reader, text: str) -> None:
    frame = reader.frame
    if frame.ors is None:
        frame.ors = []
    frame.ors.append((len(frame.pieces), reader.params))
    frame.pieces.append(text)


def _clause(reader: Reader, text: str) -> None:
    """A word that begins a clause, and ends the list of tables."""
    frame = reader.frame
    frame.in_from = False
    frame.expect = ""
    if frame.ors is not None:
        reader.end_chain(frame)
    frame.plain = False
    pieces = frame.pieces
    pieces.append(text)
    frame.segment = len(pieces)
    frame.segment_params = reader.params
    frame.segment_literals = len(reader.literals)


def _part(reader: Reader, text: str) -> None:
    """A word that begins a part of its clause, like ON."""
    frame = reader.frame
    if frame.ors is not None:
        reader.end_chain(frame)
    frame.plain = False
    frame.pieces.append(text)
    reader.begin(frame)


def _order(reader: Reader, text: str) -> None:
    reader.ordered = True
    _clause(reader, text)


def _from(reader: Reader, text: str) -> None:
    frame = reader.frame
    compares = frame.pieces[-1:] == ["DISTINCT"] and frame.pieces[-2:-1] != ["SELECT"]
    _part(reader, text)
    if frame.verb and not compares:
        frame.in_from, frame.expect = True, "from"


def _join(reader: Reader, text: str) -> None:
    _part(reader, text)
    if reader.frame.in_from:
        reader.frame.expect = "from"


def _using(reader: Reader, text: str) -> None:
    frame = reader.frame
    _part(reader, text)
    if frame.verb in {"DELETE", "MERGE"} and not (frame.in_from and reader.following() == "("):
        frame.in_from, frame.expect = True, "from"


def _into(reader: Reader, text: str) -> None:
    _clause(reader, text)
    reader.frame.expect = "into"


def _verb(reader: Reader, text: str) -> None:
    frame = reader.frame
    first = not frame.verb
    _clause(reader, text)
    frame.listed = False
    if first:
        frame.verb = text
        if text == "UPDATE":
            frame.in_from, frame.expect = True, "into"


def _opening_verb(reader: Reader, text: str) -> None:
    """A verb where a statement begins; a function or a name elsewhere."""
    frame = reader.frame
    first = frame.with_names or not (frame.pieces or frame.items)
    if frame.parent is None and first and not frame.verb:
        _verb(reader, text)
        frame.in_from = text == "TRUNCATE"
        frame.expect = "from" if frame.in_from else ""
    else:
        frame.pieces.append(text)


def _with(reader: Reader, text: str) -> None:
    frame = reader.frame
    if not frame.verb and (frame.parent is None or not frame.pieces):
        frame.with_names, frame.expect = True, "with"
    frame.plain = False
    frame.pieces.append(text)


def union(reader: Reader, text: str) -> None:
    """UNION, INTERSECT or EXCEPT, with which another SELECT begins."""
    frame = reader.frame
    if frame.ors is not None:
        reader.end_chain(frame)
    if frame.branches is None:
        frame.branches = []
    branch = frame.branch()
    if branch:
        frame.branches.append(branch)
    if is_bare_row(branch):
        frame.bare_rows += 1
        reader.union_rows = max(reader.union_rows, frame.bare_rows + 1)
    _clause(reader, text)


def _values(reader: Reader, text: str) -> None:
    """VALUES and its rows; behind an operator or inside a function MySQL's VALUES(column)."""
    frame = reader.frame
    last = frame.pieces[-1] if frame.pieces else ""
    in_function = frame.call and frame.before.upper() not in {"ANY", "SOME", "EXISTS"}
    if in_function or not (not last or last in KEYWORDS or is_operand(last)):
        frame.pieces.append(text)
        return
    if frame.rows is not None:
        frame.close_rows()
    _verb(reader, text)
    frame.row_at = len(frame.pieces)


def _row(reader: Reader, text: str) -> None:
    """``VALUES ROW(…), ROW(…)`` is ``VALUES (…), (…)``."""
    frame = reader.frame
    if frame.row_at < 0 or frame.row_at != len(frame.pieces) - frame.row_comma:
        frame.pieces.append(text)


def _case(reader: Reader, text: str) -> None:
    reader.push("CASE", "")


def _when(reader: Reader, text: str) -> None:
    frame = reader.frame
    if frame.ors is not None:
        reader.end_chain(frame)
    if frame.opener == "CASE":
        frame.next_arm()
    _part(reader, text)


def _else(reader: Reader, text: str) -> None:
    frame = reader.frame
    if frame.ors is not None:
        reader.end_chain(frame)
    reader.arms = max(reader.arms, frame.close_arms())
    _part(reader, text)


def _end(reader: Reader, text: str) -> None:
    frame = reader.pop("CASE")
    if frame is None:
        _keyword(reader, text)
        return
    reader.arms = max(reader.arms, frame.close_arms())
    reader.frame.pieces.append(" ".join(filter(None, ["CASE", frame.text(), text])))


def both_cases(words: str, action: Action) -> dict[str, tuple[Action, str]]:
    """``action`` for each of ``words``, in upper and in lower case."""
    found = {}
    for word in words.split():
        found[word] = found[word.lower()] = (action, word)
    return found


_KEYWORD_ACTIONS = {
    **both_cases("IS NOT IN LIKE ILIKE AS ASC DESC BY BETWEEN ESCAPE INTERVAL", symbol),
    **both_cases("COLLATE ALL DISTINCT RECURSIVE MATERIALIZED OVER PARTITION FILTER", symbol),
    **both_cases("AND XOR", _keyword),
    **both_cases("OR", _or),
    **both_cases("WHERE HAVING GROUP LIMIT OFFSET FETCH FOR WINDOW RETURNING SET THEN", _clause),
    **both_cases("ON INNER LEFT RIGHT FULL CROSS NATURAL OUTER", _part),
    **both_cases("JOIN STRAIGHT_JOIN", _join),
    **both_cases("UNION INTERSECT EXCEPT", union),
    **both_cases("SELECT INSERT UPDATE DELETE", _verb),
    **both_cases("FROM", _from),
    **both_cases("INTO", _into),
    **both_cases("USING", _using),
    **both_cases("ORDER", _order),
    **both_cases("VALUES", _values),
    **both_cases("WITH", _with),
    **both_cases("CASE", _case),
    **both_cases("WHEN", _when),
    **both_cases("ELSE", _else),
}

#: Words after which no operand is complete.
KEYWORDS = frozenset(_KEYWORD_ACTIONS)

#: All words that are kept in upper case. Behind those that are no keywords an operand
#: may be complete, and a parenthesis holds arguments.
WORDS = {
    **_KEYWORD_ACTIONS,
    **both_cases("NULL TRUE FALSE DEFAULT EXISTS ANY SOME CAST", symbol),
    **both_cases("REPLACE MERGE CALL TRUNCATE", _opening_verb),
    **both_cases("ROW", _row),
    **both_cases("END", _end),
}
