"""A query by keys that differ from turn to turn: what it asks for, and how it is written."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Subject
from nplusone_guard.analysis.advice.chains import (
    Condition,
    Link,
    Query,
    without,
)
from nplusone_guard.analysis.advice.matching import Match
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.rows import Rows
from nplusone_guard.analysis.advice.values import value_of


@dataclass(eq=False)
class Lookup:
    """A query by keys that differ from turn to turn."""

    subject: Subject
    query: Query
    #: The conditions that differ, and the keys in terms of the loop.
    keys: list[tuple[Condition, ast.expr]]
    rows: Rows
    #: How each key is looked up among the values of the rows.
    matches: list[Match]
    #: What still asks for a row that was not found before, and answers as it always did.
    otherwise: str = ""
    #: The name of the keys where those that are none are left out of them, by what they raise.
    valid: str = ""
    errors: tuple[str, ...] = ()
    #: What holds the answers.
    name: str = ""

    @property
    def model(self) -> Any:
        return self.query.model

    @property
    def root(self) -> str:
        return ast.unparse(self.query.root)

    @property
    def operation(self) -> str:
        return self.query.terminal.name if self.query.terminal is not None else "filter"

    @property
    def raises(self) -> bool:
        """Whether a row that is missing is an error, which no query is left to raise."""
        return self.operation == "get" and not self.otherwise

    @property
    def links(self) -> tuple[Link, ...]:
        """The links besides the keys and the terminal, whose other conditions stay a filter."""
        return besides(self.query, [one for one, _ in self.keys])

    @property
    def rest(self) -> str:
        """The links that stay in the one query."""
        return "".join(link.text for link in self.links if not is_slice(link))

    @property
    def slice(self) -> str:
        return "".join(link.text for link in self.links if is_slice(link))

    @property
    def first(self) -> Condition:
        return self.keys[0][0]

    @property
    def field(self) -> str:
        return self.first.field

    @property
    def key(self) -> str:
        """The key as it is written in the loop."""
        texts = [
            match.of(ast.unparse(single(one) or one.value) + to_key(self.query, one))
            for (one, _), match in zip(self.keys, self.matches, strict=True)
        ]
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"

    @property
    def several(self) -> str:
        """The keys of one turn, where it asks for several."""
        return self.matches[0].each(ast.unparse(self.first.value))

    @property
    def many(self) -> bool:
        """Whether one turn asks for several keys."""
        return self.first.lookup == "in" and single(self.first) is None

    @property
    def all_keys(self) -> str:
        """``[entry.author_id for entry in entries]``."""
        if self.valid:
            return self.valid
        key = self.keys[0][1]
        if self.many:
            return f"{{key {self.rows.clause} for key in {ast.unparse(key)}}}"
        return self.rows.each(key)

    @property
    def narrowed(self) -> str:
        """The rows of all keys."""
        return f"{self.root}{self.rest}.filter({self.field}__in={self.all_keys})"

    @property
    def columns(self) -> str:
        return ", ".join(quoted(one.field) for one, _ in self.keys)

    @property
    def attributes(self) -> list[str]:
        """What the keys are called on a row."""
        return [meta.attribute(self.model, one.field) for one, _ in self.keys]

    @property
    def unique(self) -> bool:
        fields = self.field == "pk" or meta.is_unique(self.model, self.field)
        return fields and len(self.keys) == 1 and not self.slice

    @property
    def row(self) -> str:
        name = meta.variable(self.model)
        return name if name not in self.subject.varying else "row"

    @property
    def opening(self) -> str:
        """What the statement needs before it: a conversion, the keys that are some."""
        lines = [match.statement for match in self.matches if match.statement]
        if self.valid:
            match, (_, key) = self.matches[0], self.keys[0]
            lines += [
                f"{self.valid} = []",
                *self.rows.block(
                    f"with suppress({', '.join(self.errors)}):",
                    f"    {self.valid}.append({match.of(ast.unparse(key))})",
                ),
            ]
        return "".join(f"{line}\n" for line in lines)

    @property
    def imports(self) -> tuple[str, ...]:
        """What the conversions need."""
        more = [line for match in self.matches for line in match.imports]
        if self.valid:
            more.append("from contextlib import suppress")
            if "ValidationError" in self.errors:
                more.append("from django.core.exceptions import ValidationError")
        return tuple(more)

    def named(self, wanted: str) -> str:
        self.name = self.subject.fresh(wanted, alone=True)
        return self.name


def besides(query: Query, dropped: list[Condition]) -> tuple[Link, ...]:
    """The links of a query without some of its conditions, and without its terminal."""
    links, terminal = without(query.body, dropped), query.terminal
    if terminal is None or terminal.name != "get":
        return links
    (kept,) = without((terminal,), dropped)
    if not (kept.args or kept.keywords):
        return links
    return (*links, Link("filter", kept.node, kept.args, kept.keywords))


def is_slice(link: Link) -> bool:
    """Whether a link is ``[:1]``."""
    return isinstance(link.node, ast.Subscript)


def single(one: Condition) -> ast.expr | None:
    """The only entry of ``pk__in=[key]``; the value of ``slug=key``."""
    if one.lookup == "exact":
        return one.value
    if isinstance(one.value, (ast.List, ast.Tuple, ast.Set)) and len(one.value.elts) == 1:
        return one.value.elts[0]
    return None


def to_key(query: Query, one: Condition) -> str:
    """``.pk`` behind an object: rows are kept by keys, and no object equals its key."""
    field = meta.field_of(query.model, one.field)
    value = single(one) or one.value
    if field is None or not field.is_relation or value_of(query.spot, value).kind != "object":
        return ""
    target = getattr(field, "target_field", None)
    return ".pk" if target is None or target.primary_key else f".{target.attname}"
