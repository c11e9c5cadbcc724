"""What a statement of the ORM asks for, told alike on every database engine.

Engines quote, group, cast, compare and page in ways of their own, and some write back or
lock what others do not. What they agree on is what an ORM call names: the tables, the
columns of each clause, and a few words. So that is all that is kept, in no order: GROUP BY,
RETURNING, locks, casts, functions and signs that are not spelled alike are left out.
"""

from __future__ import annotations

import re
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
#: How MariaDB reads a whole column of JSON.
_UNQUOTED: Final = re.compile(r"JSON_UNQUOTE\((`[^`]*`(?:\.`[^`]*`)*)\)")

_VERBS: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
_CHANGES: Final = frozenset({"UPDATE", "DELETE"})
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
    # SQLite gives the same name to functions of several values.
    "LEAST": "MIN",
    "GREATEST": "MAX",
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
    reading = _Reading(_UNQUOTED.sub(r"\1", shape))
    reading.read()
    return " ".join(sorted(reading.facts()))


class _Reading:
    """One pass over a shape: the clause of each level of parentheses is kept on a stack."""

    def __init__(self, shape: str) -> None:
        self.tokens = list(_TOKEN.finditer(shape))
        self.kept: list[str] = []
        self.statement = ""
        self.clause = ""
        #: Nothing is kept of a clause that is left out, nor of what is inside it.
        self.silent = False
        #: Whether FROM begins a clause here; in ``EXTRACT(YEAR FROM …)`` it does not.
        self.selects = False
        self.outer: list[tuple[str, bool, bool]] = []
        #: What comes now every engine says in its own way.
        self.is_over = False
        #: Of what changes rows: how much is kept before its WHERE, and whether other rows
        #: than the table's own are asked.
        self.condition_at = 0
        self.asks_others = False

    def read(self) -> None:
        for index, token in enumerate(self.tokens):
            text = token[0]
            if self.is_over:
                break
            if text == "(":
                self.outer.append((self.clause, self.silent, self.selects))
                self.selects = False
            elif text == ")":
                if self.outer:
                    self.clause, self.silent, self.selects = self.outer.pop()
            elif token.lastgroup == "name":
                self._name(text, index)
            elif token.lastgroup != "cast":
                self._word(text.upper(), index)

    def facts(self) -> set[str]:
        """What was kept, without the rows that a change asks for by way of others.

        Engines do so by a subquery, by a join, or by a query before, whose keys they list.
        """
        condition = set(self.kept[self.condition_at :]) if self.condition_at else set()
        by_keys = len(condition) == 2 and "WHERE:IN" in condition
        if self.condition_at and (self.asks_others or by_keys):
            return set(self.kept[: self.condition_at])
        return set(self.kept)

    @property
    def _changes(self) -> bool:
        return self.statement in _CHANGES and not self.outer

    def _name(self, name: str, index: int) -> None:
        if self.silent or self.clause == "DELETE" or self._is_alias(index):
            return
        self.kept.append(f"{self.clause}:{_last_part(name)}")
        if self._changes and self.clause == "FROM":
            self.silent = True  # what is joined to it

    def _is_alias(self, index: int) -> bool:
        """Whether it is another name for a table: engines and releases number them."""
        before = self.tokens[index - 1] if index else None
        return (
            self.clause == "FROM"
            and before is not None
            and (before.lastgroup == "name" or before[0] == ")")
        )

    def _word(self, word: str, index: int) -> None:
        before, after = self._text(index - 1), self._text(index + 1)
        if word in _VERBS and not (word == "UPDATE" and self.statement):
            self._verb(word)
        elif word == "ON" and after in {"CONFLICT", "DUPLICATE"}:
            self.kept.append("CONFLICT")
            self.is_over = True
        elif word in _LEFT_OUT or word in _CLAUSES:
            self._begin(word, before)
        elif not self.silent:
            self._keep(word, index, after)

    def _verb(self, word: str) -> None:
        self.selects = True
        if not self.statement:
            self.statement = word
            self.kept.append(word)
        elif self.condition_at:
            self.asks_others = True
        self.clause = "FROM" if word == "UPDATE" else word

    def _begin(self, word: str, before: str) -> None:
        """Another clause; FILTER (WHERE …) is a part of the one around it."""
        if self.outer and self.outer[-1][1]:
            return  # inside a clause that is left out
        if word == "FROM" and (before == "DISTINCT" or not self.selects):
            return
        if word == "WHERE" and before == "(":
            return
        if self._changes and word == "JOIN":
            self.asks_others = True
            return
        if self._changes and word == "WHERE":
            self.condition_at = len(self.kept)
        # MySQL alone orders what it changes.
        self.silent = word in _LEFT_OUT or (self._changes and word == "ORDER")
        self.clause = _CLAUSES.get(word, "")

    def _keep(self, word: str, index: int, after: str) -> None:
        if word in _ANYWHERE:
            self.kept.append(_ANYWHERE[word])
        elif word in _WORDS:
            self.kept.append(f"{self.clause}:{_WORDS[word]}")
        elif word == "NOT":
            # Of a flag engines say ``NOT "done"`` or ``done = False``.
            if after in {"(", "EXISTS"}:
                self.kept.append(f"{self.clause}:NOT")
        elif word in {"IS", "IN"}:
            # A condition on a name. Of a function, as for JSON, it is one engine's way, and so
            # is ``ORDER BY "c" IS NULL``.
            if self.clause != "ORDER" and index and self.tokens[index - 1].lastgroup == "name":
                self.kept.append(f"{self.clause}:{word}")
        elif word == "=" and after == "UPPER":
            self.kept.append(f"{self.clause}:LIKE")

    def _text(self, index: int) -> str:
        return self.tokens[index][0].upper() if 0 <= index < len(self.tokens) else ""


def _last_part(name: str) -> str:
    """The column of ``"t"."c"``: its table may go by an alias."""
    *_, last = _QUOTED.finditer(name)
    return last[1] or last[2] or ""
