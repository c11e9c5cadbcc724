"""Findings whose repetition is the test's own: they say nothing about the product."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from nplusone_guard.capture.callpath import user_places

if TYPE_CHECKING:
    import pytest

    from nplusone_guard.analysis.findings import Site
    from nplusone_guard.capture.scope import Group, Scope

#: Packages whose loops run a test, or make its data, over and over.
PACKAGES: Final = frozenset(
    "_pytest anyio factory flaky freezegun hypothesis mimesis mixer model_bakery model_mommy "
    "pytest pytest_asyncio pytest_benchmark pytest_django pytest_factoryboy schemathesis".split()
)


class TestCode:
    """Which files hold tests: what pytest collects, ``conftest.py``, and what the user adds."""

    __test__ = False

    def __init__(self, config: pytest.Config, test_paths: Iterable[str]) -> None:
        self.root = root = os.fspath(config.rootpath)
        self._patterns = [*config.getini("python_files"), "conftest.py"]
        self._paths = [os.path.normpath(os.path.join(root, path)) for path in test_paths]
        self._known: dict[str, bool] = {}

    def add(self, file: str) -> None:
        """A file that tests are collected from, whatever it is called."""
        self._known[file] = True

    def __contains__(self, file: str) -> bool:
        known = self._known.get(file)
        if known is None:
            known = self._known[file] = self._holds_tests(file)
        return known

    def owns(self, file: str, package: str) -> bool:
        """Whether loops in ``file`` are those of tests, or of a tool that makes their data."""
        return package in PACKAGES if package else file in self

    def why(self, scope: Scope, fingerprint: str, loop: Site | None, sites: Sequence[Site]) -> str:
        """In words, why what repeats says nothing about the product; empty where it does."""
        if loop is not None:
            if loop.package in PACKAGES:
                return f"the loop is {loop.package}'s"
            return "the loop is in test code" if loop.file in self else ""
        if all(site.file in self for site in sites):
            return "sent by test code"
        if _is_asked_by_test(scope, fingerprint, self):
            return "test code calls it again"
        return ""

    def _holds_tests(self, file: str) -> bool:
        return any(_fits(file, pattern) for pattern in self._patterns) or any(
            file.startswith(os.path.join(path, "")) or fnmatch.fnmatch(file, path)
            for path in self._paths
        )


def _fits(file: str, pattern: str) -> bool:
    """As pytest matches ``python_files``: a pattern with a slash is one for the path."""
    if "/" in pattern:
        return fnmatch.fnmatch(file, f"*/{pattern.lstrip('/')}")
    return fnmatch.fnmatch(os.path.basename(file), pattern)


def _is_asked_by_test(scope: Scope, fingerprint: str, code: TestCode) -> bool:
    """Whether equal queries of the product come from several calls in the test itself.

    Where their call paths part, seen from the test, stands a line of test code.
    """
    paths = [
        _outwards(group) for group in scope.all_groups() if group.fingerprint.text == fingerprint
    ]
    if len(paths) < 2:
        return False
    common = next(
        (at for at, lines in enumerate(zip(*paths, strict=False)) if len(set(lines)) > 1),
        min(map(len, paths)),
    )
    return all(len(path) > common and path[common][0] in code for path in paths)


def _outwards(group: Group) -> list[tuple[str, int]]:
    """The lines of user code from the test down to the query."""
    return [*_lines(group)][::-1]


def _lines(group: Group) -> Iterator[tuple[str, int]]:
    for place in user_places(group.path):
        yield place.code.co_filename, place.line
