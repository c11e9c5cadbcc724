"""Findings whose repetition is the test's own: they say nothing about the product."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from nplusone_guard.capture.callpath import user_places

if TYPE_CHECKING:
    import pytest

    from nplusone_guard.analysis.verdicts import Site
    from nplusone_guard.capture.scope import Group, Scope

#: Packages whose loops run a test, or make its data, over and over.
PACKAGES: Final = frozenset(
    "_pytest anyio factory flaky freezegun hypothesis mimesis mixer model_bakery model_mommy "
    "pytest pytest_asyncio pytest_benchmark pytest_django pytest_factoryboy schemathesis".split()
)


#: What a project is made of: a loop of theirs that a test calls may be in its own form or view.
_FRAMEWORKS: Final = frozenset({"django", "rest_framework"})

#: Directories whose other modules help the tests beside them …
_DIRECTORIES: Final = frozenset({"test", "tests"})
#: … unless they are an app by that name.
_OF_AN_APP: Final = frozenset({"apps.py", "migrations", "models", "models.py"})


class TestCode:
    """Which files hold tests: what pytest collects, ``conftest.py``, and what the user adds.

    So do the modules beside them, such as ``tests/base.py``, where the directory is called so.
    """

    __test__ = False

    def __init__(self, config: pytest.Config, test_paths: Iterable[str]) -> None:
        self.root = root = os.fspath(config.rootpath)
        self._patterns = [*config.getini("python_files"), "conftest.py"]
        self._paths = [os.path.normpath(os.path.join(root, path)) for path in test_paths]
        self._known: dict[str, bool] = {}
        self._directories: dict[str, bool] = {}

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
            return self._why(loop, sites)
        if all(site.file in self for site in sites):
            return "sent by test code"
        if _is_asked_by_test(scope, fingerprint, self):
            return "test code calls it again"
        return ""

    def _why(self, loop: Site, sites: Sequence[Site]) -> str:
        if loop.package in PACKAGES:
            return f"the loop is {loop.package}'s"
        if loop.package and loop.package not in _FRAMEWORKS:
            asked = all(site.file in self for site in sites)
            return f"test code calls {loop.package}" if asked else ""
        return "the loop is in test code" if loop.file in self else ""

    def _holds_tests(self, file: str) -> bool:
        return (
            self._is_named_so(file)
            or any(
                file.startswith(os.path.join(path, "")) or fnmatch.fnmatch(file, path)
                for path in self._paths
            )
            or self._helps_tests(os.path.dirname(file))
        )

    def _is_named_so(self, file: str) -> bool:
        return any(_fits(file, pattern) for pattern in self._patterns)

    def _helps_tests(self, directory: str) -> bool:
        """Whether ``directory`` is one of tests, or below one, and no app of its own."""
        if len(directory) <= len(self.root) or not directory.startswith(self.root):
            return False
        known = self._directories.get(directory)
        if known is None:
            known = self._directories[directory] = self._looks_so(directory)
        return known

    def _looks_so(self, directory: str) -> bool:
        names = _names_in(directory)
        if names & _OF_AN_APP:
            return False
        tests = any(self._is_named_so(os.path.join(directory, name)) for name in names)
        if tests and os.path.basename(directory) in _DIRECTORIES:
            return True
        return self._helps_tests(os.path.dirname(directory))


def _names_in(directory: str) -> frozenset[str]:
    try:
        return frozenset(os.listdir(directory))
    except OSError:  # a file of a module that was made at run time
        return frozenset()


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
