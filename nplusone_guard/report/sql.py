"""Fingerprints for people, by sqlparse: laid out in lines, or told in two words.

The time sqlparse takes grows faster than the text: a list of some thousand entries costs
it many seconds. So it sees texts of up to 8 KiB only, and never one on the hot path. It
is imported at first use, which costs tens of milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from nplusone_guard.report import columns

#: Characters that sqlparse is given at most.
MAX_LENGTH = 8 * 1024

#: Columns after which a list of select expressions goes on in the next line.
_WRAP_AFTER = 80

#: The word that the main table comes after.
_TABLE_AFTER = {
    "SELECT": "FROM",
    "DELETE": "FROM",
    "INSERT": "INTO",
    "REPLACE": "INTO",
    "MERGE": "INTO",
    "UPDATE": "UPDATE",
}
_BETWEEN = frozenset({"ONLY", "LATERAL", "LOW_PRIORITY", "IGNORE", "OR", "ROLLBACK", "ABORT"})
_QUOTES = "\"`[]'"


@lru_cache(maxsize=256)
def pretty(fingerprint: str) -> str:
    """``fingerprint`` laid out in lines, its words unchanged, harmless to a terminal.

    One longer than 8 KiB is cut there and stays on one line, as does one that is
    nested deeper than sqlparse follows.
    """
    text = columns.clean(" ".join(fingerprint[: MAX_LENGTH + 1].split()))
    return _laid_out(text) if len(text) <= MAX_LENGTH else text[:MAX_LENGTH] + "…"


def _laid_out(text: str) -> str:
    import sqlparse
    from sqlparse.exceptions import SQLParseError

    try:
        return str(sqlparse.format(text, reindent=True, wrap_after=_WRAP_AFTER))
    except (SQLParseError, RecursionError):
        return text


@lru_cache(maxsize=1024)
def headline(fingerprint: str) -> str:
    """Verb and main table, ``SELECT wellness_people``; the verb alone where there is no table."""
    words = [*_words(fingerprint[:MAX_LENGTH])]
    start = _verb_index(words)
    if start is None:
        return ""
    verb, depth = words[start][0].upper(), words[start][1]
    table = _table([word for word in words[start:] if word[1] >= depth], verb, depth)
    return columns.clean(f"{verb} {table}").rstrip()


#: A word of a statement, and how many parentheses are around it.
_Word = tuple[str, int]


def _words(fingerprint: str) -> Iterator[_Word]:
    from sqlparse import lexer, tokens

    depth = 0
    for kind, value in lexer.tokenize(fingerprint):  # type: ignore[no-untyped-call]
        if kind in tokens.Whitespace or kind in tokens.Comment:
            continue
        depth += (value == "(") - (value == ")")
        yield value, depth


def _verb_index(words: list[_Word]) -> int | None:
    """The statement's first word; after common table expressions, the verb that uses them."""
    first = next((index for index, word in enumerate(words) if word[0] not in "()"), None)
    if first is None or words[first][0].upper() != "WITH":
        return first
    depth = words[first][1]
    verbs = (
        index
        for index, word in enumerate(words)
        if word[1] == depth and word[0].upper() in _TABLE_AFTER
    )
    return next(verbs, first)


def _table(words: list[_Word], verb: str, depth: int) -> str:
    before = _TABLE_AFTER.get(verb)
    for index, word in enumerate(words):
        if before is None and index == 0:
            return _name(words[1:])
        if word[0].upper() != before or word[1] != depth:
            continue
        if words[index + 1 : index + 2] and words[index + 1][0] == "(":
            return _table(words[index + 1 :], verb, depth + 1)
        return _name(words[index + 1 :])
    return ""


def _name(words: list[_Word]) -> str:
    """The dotted name that ``words`` begin with, without its quotes."""
    name = ""
    for value, _ in words:
        if not name and value.upper() in _BETWEEN:
            continue
        if name and value != "." and not name.endswith("."):
            break
        name += value.strip(_QUOTES)
    return name
