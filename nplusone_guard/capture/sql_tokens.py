"""How the text of a statement falls into tokens, for each dialect.

One compiled alternation a dialect does the work, in a single ``findall``. Every
alternative either matches where it stands or fails within the characters it has
just read (an unterminated string, comment or name runs to the end of the text), so
the time is linear in the length of the text whatever it holds.

What no regular expression can find (PostgreSQL's nested comments and dollar quotes,
Oracle's ``q'[…]'``) or what would slow down every text for the sake of a few (white
space around the dot of ``"t" . "c"``) leaves a mark among the tokens, and only then
is the text read once more, token by token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property

#: White space as SQL has it; U+00A0 and its like belong to names.
_SPACE = r"[ \t\n\r\f\v\x00]*"
#: All but these make up a name: as a negated set of ASCII the fastest test there is.
_NO_WORD = r"\x00-\x23\x25-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f"
_LINE_COMMENT = r"--[^\n]*"
_BLOCK_COMMENT = r"/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/|\Z)"
#: A block comment with no other inside.
_FLAT_COMMENT = r"/\*[^*/]*(?:(?:\*(?!/)|/(?!\*))[^*/]*)*\*/"
_STRING = r"'[^']*(?:'|\Z)(?:'[^']*(?:'|\Z))*"
_BACKSLASHED = r"'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:'|\\?\Z)"
_STRINGS = (_STRING, rf"[bBnNxX]{_STRING}", rf"[uU]&{_STRING}")
_PLACEHOLDER = r"%[sbt]|\?[0-9]*|:\w+|\$[0-9]+"
OPERATORS = (
    "->> -> #>> #> #- @> @@ @? <@ <=> <-> <> <= << >= >> != !~~* !~~ !~* !~ ~~* ~~ ~* "
    "== => := :: || && ^@ /* %%"
).split()

_EDGE = re.compile(r"/\*|\*/")
_EXECUTABLE = re.compile(r"/\*M?!\d*")
_TAG = re.compile(r"\$\w*\$")
_CLOSING = {"[": "]", "{": "}", "(": ")", "<": ">"}


def _name(quote: str) -> str:
    """A quoted name, in which the doubled quote stands for itself."""
    return rf"{quote}[^{quote}]*(?:{quote}|\Z)(?:{quote}[^{quote}]*(?:{quote}|\Z))*"


class Dialect:
    """The tokens of one dialect: how they are found, and what a name is called.

    Every alternative begins with a literal or a set of characters: those the regular
    expression engine passes over without trying them. Each expression is compiled when a
    statement first asks for it: all of them take 20 ms, and a process speaks one dialect.
    """

    def __init__(
        self,
        vendor: str,
        *,
        quotes: str = '"',
        no_word: str = _NO_WORD,
        comments: tuple[str, ...] = (_LINE_COMMENT, _BLOCK_COMMENT),
        strings: tuple[str, ...] = _STRINGS,
        extra: tuple[str, ...] = (),
        operators: tuple[str, ...] = (),
        marks: tuple[str, ...] = (),
        number_suffix: str = "",
    ) -> None:
        self.vendor = vendor
        self._quotes = quotes
        quoted = [r"\[[^\]]*(?:\]|\Z)" if quote == "[" else _name(quote) for quote in quotes]
        part = "|".join([*quoted, rf"[^{no_word}]+"])
        numbers = _numbers(number_suffix, no_word)
        names = [rf"{one}(?:\.(?:{part}|\*))*" for one in quoted]
        tokens = [
            *names,
            r"[(),;]",
            *strings,
            *numbers,
            *extra,
            rf"\$[0-9]+(?=[{no_word}]|\Z)",
            rf"[^{no_word}]+(?:\(\*\)|(?:\.(?:{part}|\*))*)",
            *comments,
            rf"::{_SPACE}(?:{part})(?:\.(?:{part}))*",
            r"%[sbt](?!\w)",
            r"%\(\w+\)[sbt](?!\w)",
            r"\?[0-9]+",
            r":(?<![\w\])\":?\[]:)\w+",
            *[re.escape(one) for one in (*operators, *OPERATORS)],
            r".",
            r"\Z",
        ]
        self._comments = ("--", "/*", "#") if vendor == "mysql" else ("--", "/*")
        self._marks = frozenset((".", "::", *marks))
        self._part, self._name, self._number = part, names[0], "|".join(numbers)
        self._token = "|".join(tokens)

    @cached_property
    def _findall(self) -> Callable[[str], list[str]]:
        quick = "|".join([*_short_cuts(self._quotes[0]), self._token])
        return re.compile(rf"{_SPACE}({quick})", re.DOTALL).findall

    @cached_property
    def _match(self) -> Callable[[str, int], re.Match[str] | None]:
        return re.compile(rf"{_SPACE}({self._token})", re.DOTALL).match

    @cached_property
    def _is_name(self) -> Callable[[str], re.Match[str] | None]:
        part, number = self._part, self._number
        return re.compile(
            rf"(?:::{_SPACE})?(?!(?:{number})\Z)(?:{part})(?:\.(?:{part}|\*))*"
        ).fullmatch

    @cached_property
    def _parts(self) -> Callable[[str], list[str]]:
        return re.compile(self._part).findall

    @cached_property
    def is_number(self) -> Callable[[str], re.Match[str] | None]:
        """Whether the whole token is a number."""
        return re.compile(self._number).fullmatch

    @cached_property
    def names(self) -> Callable[[str], list[str]]:
        """The names, with their qualifiers, in a run of them."""
        return re.compile(self._name).findall

    def tokens(self, sql: str) -> list[str]:
        """The tokens of ``sql``, comments included; some may be empty."""
        found: list[str] = self._findall(sql)
        if self._marks.isdisjoint(found):
            return found
        careful = [token for token, _, _ in self.spans(sql)]
        return self._join_names(self.without_comments(careful))

    def without_comments(self, tokens: list[str]) -> list[str]:
        """``tokens`` without comments and the end of the text."""
        return [token for token in tokens if token and not self.is_comment(token)]

    def is_comment(self, token: str) -> bool:
        """Whether the whole token is a comment."""
        return token.startswith(self._comments)

    def unquote(self, name: str) -> str:
        """``"public"."t"`` as ``public.t``."""
        quote = name[-1]
        if quote not in self._quotes and quote != "]":
            return name
        if name.count(quote) == 2 and name[0] == quote:
            return name[1:-1]
        if name[:2] in {"U&", "u&"}:
            name = name[2:]
        return ".".join([self._bare(part) for part in self._parts(name)])

    def _bare(self, part: str) -> str:
        quote = part[0]
        if quote not in self._quotes:
            return part
        closing = _CLOSING.get(quote, quote)
        inner = part[1:-1] if part[-1] == closing and len(part) > 1 else part[1:]
        return inner.replace(quote * 2, quote)

    def spans(self, sql: str) -> Iterator[tuple[str, int, int]]:
        """The tokens one by one with where they begin and end in ``sql``.

        What ``findall`` has to leave out is read, too, and no token stands for several.
        """
        position, size, executable = 0, len(sql), 0
        while position < size:
            match = self._match(sql, position)
            assert match is not None  # the last alternative takes anything
            token, start, position = match[1], match.start(1), match.end()
            if token == "/*" and self.vendor == "mysql":
                executable += 1
                position = _end_of(_EXECUTABLE.match(sql, position - 2), size)
            elif executable and token == "*" and sql[position : position + 1] == "/":
                executable -= 1
                position += 1
            else:
                if token in self._marks:
                    token, position = _past(sql, token, position)
                if token:
                    yield token, start, position

    def _join_names(self, tokens: list[str]) -> list[str]:
        """Join ``"t"``, ``.``, ``"c"`` to the one token that they are without white space."""
        joined: list[str] = []
        merged = False
        rest = iter(zip(tokens, [*tokens[1:], ""], strict=False))
        for token, after in rest:
            named = (self._is_name(after) and after[0] != ":") or (token == "." and after == "*")
            if token == "." and named and joined and (merged or self._is_name(joined[-1])):
                joined[-1] += f".{after}"
                merged = True
                next(rest)
            elif token == "::" and named:
                joined.append(f"::{after}")
                merged = True
                next(rest)
            else:
                joined.append(token)
                merged = False
        return joined


def _numbers(suffix: str, no_word: str) -> list[str]:
    end = rf"(?=[{no_word}]|\Z)"
    exponent = rf"(?:[eE][+-]?[0-9]+)?{suffix}{end}"
    return [
        rf"0[xX][0-9a-fA-F]+{end}",
        rf"[0-9][0-9_]*(?:\.[0-9_]*)?{exponent}",
        rf"\.[0-9]+{exponent}",
    ]


def _short_cuts(quote: str) -> list[str]:
    """One token for what Django writes most.

    A run of column names, each with its comma, and a list of nothing but placeholders
    or whole numbers. They mean what their single tokens mean. So does ``COUNT(*)``.
    """
    column = rf"{quote}[^{quote}]*{quote}(?:\.{quote}[^{quote}]*{quote})*, "
    comma = rf"{_SPACE},{_SPACE}"
    values = rf"(?:{_PLACEHOLDER})(?:{comma}(?:{_PLACEHOLDER}))+"
    numbers = rf"-?[0-9]+(?:{comma}-?[0-9]+)+"
    return [
        rf"{column}(?:{column})*",
        rf"\({_SPACE}(?:{values}|{numbers}){_SPACE}(?:\)|\Z)",
    ]


def _end_of(match: re.Match[str] | None, default: int) -> int:
    return default if match is None else match.end()


def _past(sql: str, mark: str, position: int) -> tuple[str, int]:
    """What begins with ``mark``, which ends at ``position``, and where it ends."""
    if mark == "/*":
        return "", _end_of_comment(sql, position)
    if mark == "$":
        return _dollar_quoted(sql, position)
    if mark in {".", "::"} or sql[position : position + 1] != "'":
        return mark, position
    opening = sql[position + 1 : position + 2]
    return _until(sql, _CLOSING.get(opening, opening) + "'", position + 2)


def _end_of_comment(sql: str, position: int) -> int:
    depth = 1
    for edge in _EDGE.finditer(sql, position):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(sql)


def _dollar_quoted(sql: str, position: int) -> tuple[str, int]:
    tag = _TAG.match(sql, position - 1)
    return ("$", position) if tag is None else _until(sql, tag[0], tag.end())


def _until(sql: str, closing: str, start: int) -> tuple[str, int]:
    """The string from ``start`` to ``closing`` as an ordinary token."""
    end = sql.find(closing, start)
    if end < 0:
        end = len(sql)
    return f"'{sql[start:end]}'", end + len(closing)


DIALECTS = {
    "sqlite": Dialect("sqlite", quotes='"`[', extra=(r"[@$][A-Za-z_]\w*",)),
    "postgresql": Dialect(
        "postgresql",
        comments=(_LINE_COMMENT, _FLAT_COMMENT),
        strings=(rf"[eE]{_BACKSLASHED}", *_STRINGS),
        extra=(rf"[uU]&{_name(chr(34))}", r"\$(?=(?:[A-Za-z_]\w*)?\$)"),
        operators=("?|", "?&"),
        marks=("/*", "$"),
    ),
    "mysql": Dialect(
        "mysql",
        quotes="`",
        comments=(r"--(?=[\x00-\x20]|\Z)[^\n]*", r"#(?!;)[^\n]*", rf"(?!/\*M?!){_BLOCK_COMMENT}"),
        strings=(_BACKSLASHED, rf"[bBnNxX]{_BACKSLASHED}", _BACKSLASHED.replace("'", '"')),
        extra=(rf"@@?[^{_NO_WORD}]+(?:\.[^{_NO_WORD}]+)*",),
        marks=("/*",),
    ),
    "oracle": Dialect(
        "oracle",
        no_word=_NO_WORD.replace(r"\x23", r"\x22"),
        extra=(r"[qQ](?=')", r"[nN][qQ](?=')"),
        marks=("q", "Q", "nq", "nQ", "Nq", "NQ"),
        number_suffix="[fFdD]?",
    ),
}

#: Every other vendor: the SQL standard, with T-SQL's ``@name`` placeholders.
GENERIC = Dialect("", quotes='"`', extra=(r"@[A-Za-z_]\w*",))
