"""Random statements as lists of tokens, for the property tests of fingerprints."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from nplusone_guard.capture.sql_words import WORDS

VENDORS = ("sqlite", "postgresql", "mysql", "oracle", "other")
QUOTES = {"mysql": "`"}

#: A token of a statement: text as it is, or the number of a name.
Token = str | int

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,5}")
#: Words that a grammar has, or that begin a string when a quote follows.
_RESERVED = {*WORDS, *"LIMIT DUAL Q NQ LATERAL ONLY UNNEST ARRAY VALUES ROW TABLE".split()}


def quoted(name: str, vendor: str) -> str:
    quote = QUOTES.get(vendor, '"')
    return quote + name.replace(quote, quote * 2) + quote


plain_names = st.from_regex(_PLAIN, fullmatch=True).filter(
    lambda name: name.upper() not in _RESERVED
)
odd_names = st.text(
    st.sampled_from("aAbZ0 _.,;()[]%?:'\"`-/*#\\\n$@éß\x00s"), min_size=1, max_size=6
)
names = st.one_of(st.tuples(st.just("plain"), plain_names), st.tuples(st.just("quoted"), odd_names))

placeholders = st.sampled_from(["%s", "?", "%(x)s", ":arg0"])
literals = st.sampled_from(["1", "42", "-7", "3.14", "1e5", ".5", "0x1F", "'x'", "''", "'it''s'"])
values = st.one_of(placeholders, literals).map(lambda token: [token])
number = st.integers(0, 7)
column = st.one_of(
    number.map(lambda name: [name]),
    st.tuples(number, number).map(lambda pair: [pair[0], ".", pair[1]]),
)
alias = number.map(lambda name: [name])


def listed(parts: Sequence[list[Token]], separator: str = ",") -> list[Token]:
    """The parts in a row, with ``separator`` between two."""
    found: list[Token] = []
    for part in parts:
        found += [separator, *part] if found else part
    return found


def _comparison(draw: Callable) -> list[Token]:
    operator = draw(st.sampled_from(["=", "<>", "<", ">=", "LIKE"]))
    return [*draw(column), operator, *draw(st.one_of(values, column))]


def _in_list(draw: Callable) -> list[Token]:
    entries = draw(st.lists(values, min_size=1, max_size=4))
    return [
        *draw(column),
        *draw(st.sampled_from([["IN"], ["NOT", "IN"]])),
        "(",
        *listed(entries),
        ")",
    ]


def _between(draw: Callable) -> list[Token]:
    return [*draw(column), "BETWEEN", *draw(values), "AND", *draw(values)]


def _null(draw: Callable) -> list[Token]:
    return [*draw(column), "IS", *draw(st.sampled_from([["NULL"], ["NOT", "NULL"]]))]


def _function(draw: Callable) -> list[Token]:
    return ["lower", "(", *draw(column), ")", "=", *draw(values)]


@st.composite
def conditions(draw, depth: int = 2) -> list[Token]:
    if depth and draw(st.booleans()):
        parts = draw(st.lists(conditions(depth=depth - 1), min_size=1, max_size=3))
        group = ["(", *listed(parts, draw(st.sampled_from(["AND", "OR"]))), ")"]
        return ["NOT", *group] if draw(st.booleans()) else group
    if depth and draw(st.integers(0, 9)) == 0:
        return ["EXISTS", "(", *draw(selects(depth=depth - 1)), ")"]
    return draw(st.sampled_from([_comparison, _in_list, _between, _null, _function]))(draw)


@st.composite
def selects(draw, depth: int = 2) -> list[Token]:
    found: list[Token] = ["SELECT", *draw(st.sampled_from([[], ["DISTINCT"]]))]
    found += listed(draw(st.lists(st.one_of(column, values), min_size=1, max_size=4)))
    found += ["FROM", *draw(alias)]
    if draw(st.booleans()):
        found += ["INNER", "JOIN", *draw(alias), "ON", "(", *draw(column), "=", *draw(column), ")"]
    if draw(st.booleans()):
        found += [
            "WHERE",
            *listed(draw(st.lists(conditions(depth=depth), min_size=1, max_size=2)), "AND"),
        ]
    if draw(st.booleans()):
        found += ["ORDER", "BY", *listed(draw(st.lists(column, min_size=1, max_size=2)))]
    if draw(st.booleans()):
        found += ["LIMIT", *draw(values)]
    return found


@st.composite
def inserts(draw) -> list[Token]:
    width = draw(st.integers(1, 3))
    row = st.lists(values, min_size=width, max_size=width).map(lambda one: ["(", *listed(one), ")"])
    columns = listed([draw(alias) for _ in range(width)])
    rows = listed(draw(st.lists(row, min_size=1, max_size=3)))
    return ["INSERT", "INTO", *draw(alias), "(", *columns, ")", "VALUES", *rows]


@st.composite
def updates(draw) -> list[Token]:
    arms = draw(st.lists(st.tuples(conditions(depth=0), values), min_size=1, max_size=3))
    found: list[Token] = ["UPDATE", *draw(alias), "SET", *draw(alias), "=", "CASE"]
    for condition, value in arms:
        found += ["WHEN", *condition, "THEN", *value]
    return [*found, "ELSE", "NULL", "END", "WHERE", *draw(conditions())]


@st.composite
def deletes(draw) -> list[Token]:
    return ["DELETE", "FROM", *draw(alias), "WHERE", *draw(conditions())]


statements = st.one_of(selects(), inserts(), updates(), deletes())


def named(tokens: Sequence[Token], chosen: Sequence[tuple[str, str]], vendor: str) -> list[str]:
    """``tokens`` with a name for each number."""
    written = [name if how == "plain" else quoted(name, vendor) for how, name in chosen]
    return [token if isinstance(token, str) else written[token] for token in tokens]


def used(tokens: Sequence[Token]) -> set[int]:
    return {token for token in tokens if isinstance(token, int)}
