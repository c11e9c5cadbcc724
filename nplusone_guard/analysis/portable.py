"""What a statement of the ORM asks for, told alike on every database engine.

Engines quote, group, cast, compare and page in ways of their own, and some write back or
lock what others do not. What they agree on is what an ORM call names: the tables, the
columns of each clause, and a few words. So that is all that is kept, in no order: GROUP BY,
RETURNING, locks, casts, functions and signs that are not spelled alike are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

#: A quoted name with its qualifiers (and, glued to it, a cast), a word, a sign.
_TOKEN: Final = re.compile(
    r"""(?P<cast>::[ ]?[\w."]+)
    |(?P<name>(?:\w+\.)?(?:"[^"]*"|`[^`]*`)(?:\.(?:"[^"]*"|`[^`]*`|\*))*)
    |(?P<word>[^\W\d]\w*)
    |[-#]>>?|@>|<@|<=>|<>|<<|>>|!?~\*?|[<>]=?|[()=;]""",
    re.VERBOSE,
)
_QUOTED: Final = re.compile(r'"([^"]*)"|`([^`]*)`')

_VERBS: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
#: The clause that begins with a word.
_CLAUSES: Final = {
    **{word: word for word in ("SELECT", "INTO", "SET", "VALUES", "WHERE", "HAVING", "ORDER")},
    **dict.fromkeys(("FROM", "JOIN", "USING"), "FROM"),
}
#: Clauses that an engine adds, leaves out, or fills as it likes.
_LEFT_OUT: Final = frozenset({"GROUP", "RETURNING", "FOR", "WINDOW"})
#: Words and signs that are spelled alike, or what they are told as.
_WORDS: Final = {
    **{word: word for word in ("COUNT", "SUM", "AVG", "MIN", "MAX", "EXISTS", "DISTINCT")},
    **{word: word for word in ("DESC", "OVER", "LIKE", "BETWEEN", "<", ">", "<=", ">=")},
    **dict.fromkeys(("REGEXP", "REGEXP_LIKE", "~", "~*", "!~", "!~*"), "REGEXP"),
}
#: The same of what is about the statement, or stands where engines put it.
_ANYWHERE: Final = {
    **{word: word for word in ("UNION", "INTERSECT", "EXCEPT")},
    **dict.fromkeys(("LIMIT", "OFFSET", "FETCH"), "LIMIT"),
    "IGNORE": "CONFLICT",
}


@lru_cache(maxsize=1024)
def portable(shape: str) -> str:
    """The names and words of ``shape``, the text of a fingerprint, each with its clause.

    Only what Django's ORM writes is understood: it quotes every name. Equal for one ORM
    call on all engines, and different for calls that name other tables or columns.
    """
    return " ".join(sorted(set(_Reading(shape).facts())))


class _Reading:
    """One pass over a shape: the clause of each level of parentheses is kept on a stack."""

    def __init__(self, shape: str) -> None:
        self.tokens = list(_TOKEN.finditer(shape))
        self.statement = ""
        self.clause = ""
        #: Nothing is kept of a clause that is left out, nor of what is inside it.
        self.silent = False
        #: Whether FROM begins a clause here; in ``EXTRACT(YEAR FROM …)`` it does not.
        self.selects = False
        self.outer: list[tuple[str, bool, bool]] = []

    def facts(self) -> Iterator[str]:
        for index, token in enumerate(self.tokens):
            text = token[0]
            if text == "(":
                self.outer.append((self.clause, self.silent, self.selects))
                self.selects = False
            elif text == ")":
                if self.outer:
                    self.clause, self.silent, self.selects = self.outer.pop()
            elif token.lastgroup == "name":
                if not self.silent:
                    yield f"{self.clause}:{_last_part(text)}"
            elif token.lastgroup != "cast":
                yield from self._word(text.upper(), index)

    def _word(self, word: str, index: int) -> Iterator[str]:
        before, after = self._text(index - 1), self._text(index + 1)
        if word in _VERBS and not (word == "UPDATE" and self.statement):
            yield from self._verb(word)
        elif word == "ON" and after in {"CONFLICT", "DUPLICATE"}:
            self.silent = True
            yield "CONFLICT"
        elif word in _LEFT_OUT or word in _CLAUSES:
            self._begin(word, before)
        elif not self.silent:
            yield from self._kept(word, index, before, after)

    def _verb(self, word: str) -> Iterator[str]:
        self.selects = True
        if not self.statement:
            self.statement = word
            yield word
        self.clause = "FROM" if word == "UPDATE" else word

    def _begin(self, word: str, before: str) -> None:
        """Another clause; FILTER (WHERE …) is a part of the one around it."""
        if self.outer and self.outer[-1][1]:
            return  # inside a clause that is left out
        if word == "FROM" and (before == "DISTINCT" or not self.selects):
            return
        if word == "WHERE" and before == "(":
            return
        # MySQL alone orders what it changes.
        orders = word == "ORDER" and not self.outer and self.statement in {"UPDATE", "DELETE"}
        self.silent = word in _LEFT_OUT or orders
        self.clause = _CLAUSES.get(word, "")

    def _kept(self, word: str, index: int, before: str, after: str) -> Iterator[str]:
        if word in _ANYWHERE:
            yield _ANYWHERE[word]
        elif word in _WORDS:
            yield f"{self.clause}:{_WORDS[word]}"
        elif word == "NOT":
            # Of a flag engines say ``NOT "done"`` or ``done = False``.
            if after in {"(", "EXISTS"}:
                yield f"{self.clause}:NOT"
        elif word in {"IS", "IN"}:
            # A condition on a name. Of a function, as for JSON, it is one engine's way, and so
            # is ``ORDER BY "c" IS NULL``.
            if self.clause != "ORDER" and index and self.tokens[index - 1].lastgroup == "name":
                yield f"{self.clause}:{word}"
        elif word == "=" and after == "UPPER":
            yield f"{self.clause}:LIKE"

    def _text(self, index: int) -> str:
        return self.tokens[index][0].upper() if 0 <= index < len(self.tokens) else ""


def _last_part(name: str) -> str:
    """The column of ``"t"."c"``: aliases of tables are numbered as an engine needs them."""
    *_, last = _QUOTED.finditer(name)
    return last[1] or last[2] or ""
