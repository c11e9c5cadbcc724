"""What a code object is: whose, on which line, in which package."""

from __future__ import annotations

import dis
import functools
import os
import site
import sys
import sysconfig
from collections.abc import Hashable, Iterator
from itertools import islice
from types import CodeType
from typing import Final

#: Frames that are synthesised by the compiler for a comprehension or a lambda.
INNER_CODES: Final = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"})

#: File names of code typed by a person, though no file stands behind them.
_TYPED: Final = ("<stdin>", "<console>", "<ipython", "<doctest", "<input", "<string>", "<shell>")


#: This package, which need not be in a folder of packages.
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _library_roots() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    roots = {sysconfig.get_path(name) for name in names}
    roots.update(site.getsitepackages())
    roots.add(site.getusersitepackages())
    roots.add(_PACKAGE)
    roots.add(os.path.join(os.path.dirname(_PACKAGE), "pytest_plugin"))
    return tuple(sorted({os.path.join(_real(root), "") for root in roots if root}))


def _real(path: str) -> str:
    """As ``realpath``, which looks at each folder above: once is enough for all its files."""
    folder, name = os.path.split(path)
    if not name.strip("."):
        return os.path.normcase(os.path.realpath(path))
    found = os.path.join(_real_folder(folder), name)
    return os.path.normcase(os.path.realpath(found) if os.path.islink(found) else found)


@functools.lru_cache(maxsize=1024)
def _real_folder(path: str) -> str:
    return os.path.realpath(path)


LIBRARY_ROOTS: Final = _library_roots()


def is_user_code(code: CodeType) -> bool:
    """Whether ``code`` belongs to the application rather than to something installed."""
    filename = code.co_filename
    if filename.startswith("<"):
        return filename.startswith(_TYPED)
    return not is_library_file(filename)


@functools.lru_cache(maxsize=4096)
def is_library_file(filename: str) -> bool:
    """Whether a source file is something installed."""
    return _real(filename).startswith(LIBRARY_ROOTS)


@functools.lru_cache(maxsize=4096)
def package_of_file(filename: str) -> str:
    """The top-level package of an installed file; empty for one of the user's own."""
    return module_of_file(filename).partition(".")[0]


@functools.lru_cache(maxsize=4096)
def module_of_file(filename: str) -> str:
    """``shop_tables.views`` of an installed file; empty for one of the user's own."""
    path = _real(filename)
    for root in LIBRARY_ROOTS:
        if path.startswith(root):
            own = root == os.path.join(_real(_PACKAGE), "")
            inside = os.path.relpath(path, os.path.dirname(_real(_PACKAGE)) if own else root)
            for folder in ("site-packages", "dist-packages"):
                inside = inside.removeprefix(folder + os.sep)
            name = inside.removesuffix(".py").replace(os.sep, ".")
            return name.removesuffix(".__init__")
    return ""


# CPython 3.11 and later specialise instructions in place, so that two offsets can be one
# call: only their source position compares. On 3.10 there are no columns, and offsets hold.
if sys.version_info >= (3, 11):

    def exact_position(code: CodeType, lasti: int) -> Hashable:
        """What tells two calls of one function apart."""
        return next(islice(code.co_positions(), lasti // 2, None), lasti)

else:

    def exact_position(code: CodeType, lasti: int) -> Hashable:
        """What tells two calls of one function apart."""
        return lasti


def line_of(code: CodeType, lasti: int) -> int:
    """The source line of an instruction offset; the first line where it is unknown."""
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return line
    return code.co_firstlineno


def instructions(raw: bytes) -> Iterator[tuple[int, int, int]]:
    """Offset, operation and whole argument of each instruction.

    By hand: ``dis`` takes milliseconds for a long function.
    """
    extended = 0
    for offset in range(0, len(raw), 2):
        operation, argument = raw[offset], raw[offset + 1] | extended
        extended = argument << 8 if operation == dis.EXTENDED_ARG else 0
        yield offset, operation, argument


_TAKES: Final = dis.opmap["FOR_ITER"]
#: It counts from behind itself and, from 3.12 on, its cache entry.
_BEHIND_TAKING: Final = 4 if sys.version_info >= (3, 12) else 2


def for_loops(code: CodeType) -> list[tuple[int, int]]:
    """Where each ``for`` takes an item, and where it goes on when there is none left."""
    return [
        (offset, offset + _BEHIND_TAKING + argument * 2)
        for offset, operation, argument in instructions(code.co_code)
        if operation == _TAKES
    ]


# From CPython 3.12 on a comprehension runs in the frame around it (PEP 709), where its body
# can share a line with what it runs over.
if sys.version_info >= (3, 12):
    _INLINES: Final = dis.opmap["LOAD_FAST_AND_CLEAR"]
    _BACK: Final = dis.opmap["JUMP_BACKWARD"]
    #: It counts from behind itself and, from 3.13 on, its cache entry.
    _BEHIND: Final = 4 if sys.version_info >= (3, 13) else 2

    def line_position(code: CodeType, lasti: int, line: int) -> Hashable:
        """The line of an instruction, and on it the comprehensions whose body it is in."""
        if _INLINES not in code.co_code[::2]:
            return line
        bodies = tuple(start for start, end in _bodies(code) if start < lasti <= end)
        return (line, bodies) if bodies else line

    @functools.lru_cache(maxsize=1024)
    def _bodies(code: CodeType) -> tuple[tuple[int, int], ...]:
        """Where each ``for`` takes an item, and the jump back to there."""
        return tuple(_jumps_to_for(code.co_code))

    def _jumps_to_for(raw: bytes) -> Iterator[tuple[int, int]]:
        for offset, operation, argument in instructions(raw):
            if operation == _BACK:
                target = offset + _BEHIND - argument * 2
                while raw[target] == dis.EXTENDED_ARG:
                    target += 2
                if raw[target] == _TAKES:
                    yield target, offset

else:

    def line_position(code: CodeType, lasti: int, line: int) -> Hashable:
        """The line of an instruction."""
        return line
