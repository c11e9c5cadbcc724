"""What a run collected and ran: only of all the tests can one say what they no longer do."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from nplusone_guard.report.session import Coverage

#: What the terminal calls all of it.
TITLE: Final = "query loops"

#: What is told of an ignore that no test needs.
IDLE: Final = "suppressed nothing; remove it."


@dataclass(slots=True)
class Collected:
    """What one process collected, or all workers together."""

    tests: int = 0
    deselected: int = 0
    errors: int = 0
    #: Ignores of the Django settings that suppressed nothing: place, text and reason.
    idle: list[list[str]] | None = None
    processes: int = 0

    def to_data(self) -> list[Any]:
        """For the way from a worker to the controller."""
        return [self.tests, self.deselected, self.errors, self.idle or []]

    def add(self, data: list[Any]) -> None:
        """Add what a worker collected: each of them collects everything."""
        tests, deselected, errors, idle = data
        self.tests = max(self.tests, tests)
        self.deselected += deselected
        self.errors += errors
        self.idle = idle if self.idle is None else [each for each in self.idle if each in idle]
        self.processes += 1


@dataclass(slots=True)
class Ran:
    """What became of each test, as its reports say."""

    finished: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    #: Queries of those that passed.
    counts: dict[str, int] = field(default_factory=dict)
    #: Ids of the findings that fail by the policy, whether they are known or not.
    judged: set[str] = field(default_factory=set)

    def note(self, name: str, passed: bool, judged: list[str], count: int) -> None:
        """Add what a test did; run again, what it did then."""
        if judged:
            self.judged.update(judged)
        if passed:
            self.counts[name] = count
        else:
            self.counts.pop(name, None)

    @property
    def unproven(self) -> set[str]:
        """Tests that were skipped, or that stopped half-way."""
        return self.finished - self.passed


def coverage(
    config: pytest.Config, collected: Collected, ran: Ran, known_tests: Iterable[str]
) -> Coverage:
    """How much of the suite was collected, and whether all of that ran."""
    if collected.errors or len(ran.finished) < collected.tests or not ran.finished:
        return "broken"
    chosen = collected.deselected or config.getoption("lf", False)
    return "part" if chosen or not _covers(config, known_tests) else "whole"


def _covers(config: pytest.Config, known_tests: Iterable[str]) -> bool:
    """Whether the arguments name directories that hold all the tests one knows of."""
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return True
    root, start = config.rootpath, config.invocation_params.dir
    named = [os.path.normpath(os.path.join(start, each)) for each in config.args]
    if not all(map(os.path.isdir, named)):
        return False
    wanted = [os.path.join(root, test.split("::", 1)[0]) for test in known_tests]
    wanted += [os.path.join(root, path) for path in config.getini("testpaths")]
    return bool(wanted) and all(any(_is_below(path, each) for each in named) for path in wanted)


def _is_below(path: str, directory: str) -> bool:
    return os.path.normpath(path) == directory or path.startswith(os.path.join(directory, ""))
