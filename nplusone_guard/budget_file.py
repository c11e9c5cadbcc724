"""Queries per test, recorded in a file, so that a test fails when it sends more.

As a baseline the file has one test a line, sorted, so that it merges cleanly. Fewer
queries never fail; an update tightens the record.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from nplusone_guard.baseline import UpdateMode
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.files import read_text, write_text
from nplusone_guard.report import records

SCHEMA_VERSION: Final = 1

_ALLOWANCE: Final = re.compile(r"\+?(?P<number>\d{1,9}(?:\.\d{1,3})?)(?P<percent>%?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How far above its record a test may go: by a number of queries, by a share, or both."""

    queries: int = 0
    #: Of the recorded count: 1/10 for ``+10%``.
    share: Fraction = Fraction(0)

    def limit(self, recorded: int) -> int:
        """The most queries that pass: the record, plus the allowance rounded down."""
        return recorded + self.queries + int(recorded * self.share)


def parse_allowance(text: str, name: str = "allowance") -> Allowance:
    """``+10%`` of the record, or ``+2`` queries; the sign may be left out.

    Raises ``ConfigError``, which begins with ``name``: the option or setting it came from.
    """
    match = _ALLOWANCE.fullmatch(text.strip())
    if match is not None and match["percent"]:
        return Allowance(share=Fraction(match["number"]) / 100)
    if match is not None and match["number"].isdigit():
        return Allowance(queries=int(match["number"]))
    shown = records.shown(text)
    raise ConfigError(f'{name} is {shown}; allowed: queries as in "+2", or a share as in "+10%"')


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A test that sent more queries than it may."""

    test: str
    count: int
    recorded: int
    #: The most that would have passed.
    limit: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The counts of a run held against the record; only ``exceeded`` fails."""

    exceeded: tuple[Exceeded, ...] = ()
    #: Tests without a record.
    new: tuple[str, ...] = ()
    #: Tests that sent fewer queries than recorded: an update would tighten them.
    lower: tuple[str, ...] = ()
    #: Records of tests that did not run; empty after a run that did not collect everything.
    stale: tuple[str, ...] = ()


def compare(
    recorded: Mapping[str, int],
    counts: Mapping[str, int],
    allowance: Allowance = Allowance(),
    *,
    complete: bool,
) -> Comparison:
    """Hold the queries of each test against its record.

    Leave out tests that failed by themselves: they may have stopped half-way.
    """
    tests = sorted(counts)
    return Comparison(
        exceeded=tuple(
            Exceeded(test, counts[test], recorded[test], allowance.limit(recorded[test]))
            for test in tests
            if test in recorded and counts[test] > allowance.limit(recorded[test])
        ),
        new=tuple(test for test in tests if test not in recorded),
        lower=tuple(test for test in tests if counts[test] < recorded.get(test, 0)),
        stale=tuple(sorted(recorded.keys() - counts.keys())) if complete else (),
    )


def update(
    recorded: Mapping[str, int],
    counts: Mapping[str, int],
    mode: UpdateMode = "all",
    *,
    complete: bool,
) -> dict[str, int]:
    """The record brought up to date.

    ``all`` records every count as it is, more or less than before; ``new-only`` adds the
    tests without a record; ``prune`` only tightens: it lowers records and drops those of
    tests that are gone, which ``all`` does, too, after a run that collected everything.
    """
    dropped = recorded.keys() - counts.keys() if complete and mode != "new-only" else set()
    kept = {test: count for test, count in recorded.items() if test not in dropped}
    return dict(sorted({**kept, **_changes(recorded, counts, mode)}.items()))


def _changes(
    recorded: Mapping[str, int], counts: Mapping[str, int], mode: UpdateMode
) -> dict[str, int]:
    if mode == "all":
        return dict(counts)
    if mode == "new-only":
        return {test: count for test, count in counts.items() if test not in recorded}
    return {test: count for test, count in counts.items() if count < recorded.get(test, 0)}


# ── the file ────────────────────────────────────────────────────────────────────────


def load(path: str | os.PathLike[str]) -> dict[str, int]:
    """The record in the file ``path``. Raises ``ConfigError``, which names the file."""
    return loads(read_text(path), os.fspath(path))


def save(path: str | os.PathLike[str], recorded: Mapping[str, int]) -> None:
    """Write the record to ``path``, whole or not at all. Raises ``ConfigError``."""
    write_text(path, dumps(recorded))


def dumps(recorded: Mapping[str, int]) -> str:
    """The text of a budget file: one test a line."""
    lines = [f"    {json.dumps(test)}: {count}" for test, count in sorted(recorded.items())]
    tests = "\n" + ",\n".join(lines) + "\n  " if lines else ""
    return f'{{\n  "schema_version": {SCHEMA_VERSION},\n  "queries": {{{tests}}}\n}}\n'


def loads(text: str, name: str = "budgets") -> dict[str, int]:
    """The record that ``dumps`` wrote.

    Raises ``ConfigError``, naming the file, the key, the value and what is allowed.
    """
    with records.naming(name):
        return _read(records.parse(text, once=True))


def _read(document: Mapping[str, Any]) -> dict[str, int]:
    records.check_kind(document, records.BUDGETS)
    records.check_version(document, SCHEMA_VERSION)
    records.check_keys(document, ("schema_version", "queries"))
    queries = document.get("queries", records.MISSING)
    if not isinstance(queries, dict):
        raise records.fault("/queries", queries, "an object")
    for test, count in queries.items():
        if type(count) is not int or count < 0:
            where = records.pointer("/queries", test)
            raise records.fault(where, count, "a number of queries, 0 or more")
    return dict(sorted(queries.items()))
