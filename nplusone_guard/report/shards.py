"""The parts of a suite that several jobs run, and which of them are not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from nplusone_guard.exceptions import ConfigError
from nplusone_guard.report import records
from nplusone_guard.report.session import SessionReport

#: What a number may be, in words.
ALLOWED: Final = "K/N, the number of this shard and how many there are: 1/4"

_SHARD: Final = re.compile(r"([1-9][0-9]{0,4})/([1-9][0-9]{0,4})")


def parse(text: str) -> tuple[int, int]:
    """``1/4`` as ``(1, 4)``. Raises ``ValueError``."""
    if not _is_number(text):
        raise ValueError(ALLOWED)
    number, total = text.split("/")
    return int(number), int(total)


def _is_number(text: str) -> bool:
    found = _SHARD.fullmatch(text)
    return found is not None and int(found[1]) <= int(found[2])


def check_numbers(session: SessionReport) -> None:
    """Raise ``ConfigError`` for a number of a shard that is none, as in an edited document."""
    for index, each in enumerate(shards_of(session)):
        if not _is_number(each):
            raise records.fault(f"/suite/shards/{index}", each, ALLOWED)


def missing(shards: Iterable[str]) -> tuple[str, ...]:
    """The shards that the numbers of ``shards`` tell of and that are not among them."""
    known = {parse(each) for each in shards}
    totals = sorted({total for _, total in known})
    wanted = ((number, total) for total in totals for number in range(1, total + 1))
    return tuple(f"{number}/{total}" for number, total in wanted if (number, total) not in known)


def shards_of(session: SessionReport) -> tuple[str, ...]:
    """The numbers that the runs of ``session`` were given."""
    return session.suite.shards if session.suite is not None else ()


def are_numbered(reports: Iterable[SessionReport]) -> bool:
    """Whether the runs tell by themselves how many there are."""
    return any(shards_of(each) for each in reports)


def check(reports: Mapping[str, SessionReport], expected: int | None) -> None:
    """Raise ``ConfigError`` where a part of the suite is not among ``reports``, by name.

    Told by the numbers of the shards, or else by how many reports are ``expected``.
    """
    numbered = {name: shards_of(each) for name, each in reports.items() if shards_of(each)}
    if numbered:
        _check_numbers(numbered, expected)
    elif expected is not None and len(reports) != expected:
        raise ConfigError(
            f"{_many(expected, 'report')} expected, but there {_are(len(reports))}: "
            f"{', '.join(reports)}"
        )


def _check_numbers(numbered: Mapping[str, tuple[str, ...]], expected: int | None) -> None:
    told = ", ".join(f"{name} ({', '.join(shards)})" for name, shards in numbered.items())
    known = [each for shards in numbered.values() for each in shards]
    totals = {parse(each)[1] for each in known}
    if len(totals) > 1:
        raise ConfigError(f"not parts of one whole: {told}")
    if expected is not None and totals != {expected}:
        raise ConfigError(f"{_many(expected, 'report')} expected, but there are others: {told}")
    absent = missing(known)
    if absent:
        raise ConfigError(
            f"{_many(len(absent), 'shard')} missing, {', '.join(absent)}; there: {told}"
        )


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)} {'is' if count == 1 else 'are'}"


def _are(count: int) -> str:
    return f"is {count:,}" if count == 1 else f"are {count:,}"
