"""What the guard is asked to do: one frozen value, made from settings or options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Protocol

#: The Django setting that says it.
SETTING: Final = "NPLUSONE_GUARD"

Severity = Literal["error", "warning"]
Mode = Literal["off", "log", "warn", "raise"]

MODES: tuple[Mode, ...] = ("off", "log", "warn", "raise")

PytestMode = Literal["off", "report", "fail"]
PYTEST_MODES: tuple[PytestMode, ...] = ("off", "report", "fail")

#: Every rule by its stable slug, with its severity. ``ignore``, baselines and
#: settings name these slugs; an ``error`` fails CI, a ``warning`` only where selected.
RULES: dict[str, Severity] = {
    "bypassed-prefetch": "error",
    "lazy-relation": "error",
    "deferred-field": "error",
    "query-in-loop": "error",
    "raw-sql-in-loop": "error",
    "recursive-query": "error",
    "write-in-loop": "warning",
    "duplicate-query": "warning",
    "unused-eager-load": "warning",
}

#: Rules that are judged only where ``SELECT`` names them.
OPT_IN = frozenset({"unused-eager-load"})


class IgnoreEntry(NamedTuple):
    """One targeted ignore; every given criterion must match. ``reason`` is mandatory."""

    reason: str
    rule: str | None = None
    path: str | None = None
    field: str | None = None
    finding: str | None = None
    where: str = "settings"

    @property
    def as_code(self) -> str:
        """The criteria and the reason, as one writes them in code."""
        named = {"rule": self.rule, "path": self.path, "field": self.field, "id": self.finding}
        given = [f"{name}={value!r}" for name, value in named.items() if value is not None]
        return ", ".join([*given, f"reason={self.reason!r}"])


@dataclass(frozen=True, slots=True)
class UnusedIgnore:
    """An ignore that suppressed nothing in a scope that reached it."""

    where: str
    text: str
    reason: str


class Exempt(Protocol):
    """Code whose loops are none of the application's: those of its tests."""

    def owns(self, file: str, package: str) -> bool:
        """Whether ``file``, of an installed ``package`` or of the user, is such code."""
        ...

    def why(self, scope: Any, fingerprint: str, loop: Any, sites: Sequence[Any]) -> str:
        """In words, why what would be a finding is none; empty where it is one.

        Asked before the work of its advice, with the loop, if there is one, and call sites.
        """
        ...


@dataclass(frozen=True, slots=True)
class Policy:
    """How a scope is judged and what becomes of its findings."""

    mode: Mode = "log"
    #: From how many turns on a repeated query is a loop (2 or more).
    threshold: int = 2
    #: Rules that are judged, and that fail whatever their severity; ``None``: all
    #: rules but those of ``OPT_IN`` are judged and those of severity ``error`` fail.
    select: frozenset[str] | None = None
    #: Rules switched off, as ruff's ``ignore`` does.
    ignore_rules: frozenset[str] = frozenset()
    ignores: tuple[IgnoreEntry, ...] = ()
    show_cleared: bool = False
    #: Code paths remembered for one scope; later ones are counted but not judged.
    max_groups: int = 5_000
    #: Entries of the timeline of one scope.
    max_timeline: int = 1_000
    #: Paths in reports are shown relative to this directory (default: the working directory).
    base_dir: str | None = None
    #: The share of requests that the middleware watches, 0 to 1.
    sample: float = 1.0
    #: URL paths the middleware leaves alone: beginnings, or globs.
    exclude_paths: tuple[str, ...] = ()
    #: Whether each task of Celery and of Django Tasks is a scope.
    tasks: bool = True
    #: The management commands that are a scope each; true: all but servers and the like.
    commands: bool | frozenset[str] = False
    #: Whether threads that are started inside a scope report to it.
    threads: bool = True
    #: Reports hold every shape and the timeline, and not the verdicts and counts alone.
    details: bool = True
    exempt: Exempt | None = None
    #: Packages or modules whose own loops count, besides the project's; ``None``: all.
    include: frozenset[str] | None = None
    #: Packages or modules whose own loops do not count.
    exclude: frozenset[str] = frozenset()
    #: What the pytest plugin does where neither its option nor the ini file says so.
    pytest_mode: PytestMode = "off"

    def __hash__(self) -> int:
        """Of few fields, as caches ask for it at each request; equality looks at all."""
        return hash((self.mode, self.threshold, self.details))

    def judges(self, rule: str) -> bool:
        """Whether ``rule`` is switched on."""
        if rule in self.ignore_rules:
            return False
        return rule in self.select if self.select is not None else rule not in OPT_IN

    def counts(self, module: str) -> bool:
        """Whether a loop in an installed module, ``shop_tables.views``, is judged."""
        above = {module[:end] for end, one in enumerate(module) if one == "."} | {module}
        included = self.include is None or bool(above & self.include)
        return included and not above & self.exclude

    def fails(self, rule: str, severity: Severity) -> bool:
        """Whether a finding fails a build or raises: an error, or of a selected rule."""
        if self.select is not None:
            return self.judges(rule)
        return self.judges(rule) and severity == "error"
