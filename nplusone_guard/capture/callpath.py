"""Who asked for a query: the frames on the stack, folded into a hashable key.

A path runs from the frame nearest to the query out to the frame that opened the scope.
Each frame becomes one token:

* user code: a :class:`Place`, one object for each code object and exact position;
* library code (standard library, site-packages, this package): ``id(code)``. Never
  ``f_lasti``: on CPython 3.11 and later one call site reports several values while the
  interpreter specialises it;
* a keyed landmark: what its reader makes of the frame (see ``landmarks``).

Two queries with one statement and one path come from a loop, or from recursion.
"""

from __future__ import annotations

import functools
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Hashable, Iterable
from contextvars import ContextVar
from itertools import islice
from types import CodeType, FrameType
from typing import Any, Final

Token = Hashable
Path = tuple[Token, ...]

#: Code objects remembered before the table is started anew (dynamic code could fill it).
MAX_CODES: Final = 50_000

#: Frames that are synthesised by the compiler for a comprehension or a lambda.
INNER_CODES: Final = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"})

#: File names of code typed by a person, though no file stands behind them.
_TYPED: Final = ("<stdin>", "<console>", "<ipython", "<doctest", "<input", "<string>", "<shell>")


class Place:
    """One position in user code; equal only to itself, so that it is a cheap token."""

    __slots__ = ("code", "key", "lasti")

    def __init__(self, code: CodeType, lasti: int) -> None:
        self.code = code
        self.lasti = lasti
        #: Code objects hash slowly, by their contents.
        self.key = id(code)

    def __repr__(self) -> str:
        return (
            f"<Place {self.code.co_name} {self.code.co_filename}:{line_of(self.code, self.lasti)}>"
        )


class Bridge:
    """Marks a frame under which the path goes on in another thread or task."""

    __slots__ = ()


class Carried:
    """The path of a caller whose frames are gone by the time the query runs."""

    __slots__ = ("lastis", "task", "tokens")

    def __init__(self, tokens: Path, lastis: tuple[int, ...], task: Any) -> None:
        self.tokens = tokens
        self.lastis = lastis
        self.task = task


BRIDGE: Final = Bridge()
carried: ContextVar[Carried | None] = ContextVar("nplusone_guard_carried", default=None)


class CodeTable:
    """What is known of each code object, by its ``id``; keeps the code objects alive.

    ``kinds`` maps to ``None`` (library), to a dict of instruction offset → :class:`Place`
    (user code), to a callable (keyed landmark) or to ``BRIDGE``.
    """

    __slots__ = ("codes", "kinds", "lines", "positions")

    def __init__(self) -> None:
        self.kinds: dict[int, Any] = {}
        self.codes: dict[int, CodeType] = {}
        self.positions: dict[tuple[int, Any], Place] = {}
        self.lines: dict[tuple[int, int], int] = {}

    def classify(self, code: CodeType) -> Any:
        """Decide once what kind of frame ``code`` makes, and remember it."""
        kind: Any
        if code in _landmark_keys:
            kind = _landmark_keys[code]
        else:
            kind = {} if is_user_code(code) else None
        self.codes[id(code)] = code
        self.kinds[id(code)] = kind
        return kind

    def code_of(self, token: Any) -> CodeType:
        """The code object behind a token of a path."""
        if isinstance(token, Place):
            return token.code
        return self.codes[token[0] if isinstance(token, tuple) else token]

    def line_of(self, token: Any, lasti: int) -> int:
        """The source line of a frame, remembered: reading line tables is slow."""
        code = self.code_of(token)
        key = (id(code), lasti)
        line = self.lines.get(key)
        if line is None:
            line = self.lines[key] = line_of(code, lasti)
        return line

    def place(self, code: CodeType, known: dict[int, Place], lasti: int) -> Place:
        """The place of ``lasti`` in ``code``; offsets of one exact position share it."""
        key = (id(code), _exact_position(code, lasti))
        place = self.positions.get(key)
        if place is None:
            place = self.positions[key] = Place(code, lasti)
        known[lasti] = place
        return place


table = CodeTable()
_landmark_keys: dict[CodeType, Any] = {}


def register(code: CodeType, kind: Callable[[FrameType], Token] | Bridge) -> None:
    """Make frames of ``code`` a keyed landmark or a bridge."""
    _landmark_keys[code] = kind
    table.kinds.pop(id(code), None)


def renew_table_if_full() -> None:
    """Start a new table once the old one is full; open scopes keep theirs alive."""
    global table
    if len(table.codes) > MAX_CODES:
        table = CodeTable()


def call_path(frame: FrameType | None, root: FrameType | None) -> Path:
    """The tokens from ``frame`` out to ``root`` (included) or to the end of the stack.

    The hot path of the guard: one dictionary look-up a frame.
    """
    kinds = table.kinds
    path: list[Token] = []
    append = path.append
    while frame is not None:
        code = frame.f_code
        key = id(code)
        try:
            kind = kinds[key]
        except KeyError:
            kind = table.classify(code)
        if kind is None:
            append(key)
        elif kind.__class__ is dict:
            lasti = frame.f_lasti
            try:
                append(kind[lasti])
            except KeyError:
                append(table.place(code, kind, lasti))
        elif kind is BRIDGE:
            append(key)
            beyond = carried.get()
            if beyond is not None:
                path.extend(beyond.tokens)
                break
        else:
            append(kind(frame))
        if frame is root:
            break
        frame = frame.f_back
    return tuple(path)


def offsets(
    frame: FrameType, root: FrameType | None, depth: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Instruction offset and ``id`` of each frame behind a path of ``depth`` tokens.

    The frames that a bridge carried are gone: they have offsets, but no ``id``.
    """
    lastis: list[int] = []
    ids: list[int] = []
    beyond = carried.get()
    one: FrameType | None = frame
    while one is not None and len(ids) < depth:
        lastis.append(one.f_lasti)
        ids.append(id(one))
        if one is root:
            break
        if beyond is not None and is_bridge(one.f_code):
            lastis += beyond.lastis
            break
        one = one.f_back
    return tuple(lastis), tuple(ids)


def is_bridge(code: CodeType) -> bool:
    """Whether the path goes on elsewhere under frames of ``code``."""
    return table.kinds.get(id(code)) is BRIDGE


def carry(frame: FrameType, root: FrameType | None, task: Any) -> Carried:
    """Note the path at ``frame``, for a query that another thread or task will send."""
    tokens = call_path(frame, root)
    return Carried(tokens, offsets(frame, root, len(tokens))[0], task)


def fold(path: Path) -> Path:
    """``path`` with recursion folded.

    A function that calls itself, directly or through library code and its own
    comprehensions, leaves one frame; so does a cycle that repeats exactly. What lies
    between two calls of *other* user code is never dropped: a decorator's wrapper is on
    the stack twice without any recursion.
    """
    keys = [token.key if token.__class__ is Place else token for token in path]
    if len(set(keys)) == len(keys):
        return path
    return _fold_cycles(_fold_direct(path))


def _fold_direct(path: Path) -> Path:
    kept: list[Token] = []
    last_user = -1
    for token in path:
        if isinstance(token, Place):
            previous = kept[last_user] if last_user >= 0 else None
            if isinstance(previous, Place) and previous.code is token.code:
                del kept[last_user + 1 :]
                continue
            if token.code.co_name not in INNER_CODES:
                last_user = len(kept)
        kept.append(token)
    return tuple(kept)


def _fold_cycles(path: Path) -> Path:
    kept: list[Token] = []
    latest: dict[Token, int] = {}
    index = 0
    while index < len(path):
        start = latest.get(path[index])
        if start is not None:
            size = len(kept) - start
            if path[index : index + size] == tuple(kept[start:]):
                index += size
                continue
        latest[path[index]] = len(kept)
        kept.append(path[index])
        index += 1
    return tuple(kept)


def user_places(path: Path) -> Iterable[Place]:
    """The places in user code, nearest to the query first."""
    return (token for token in path if isinstance(token, Place))


# CPython 3.11 and later specialise instructions in place, so that two offsets can be one
# call: only their source position compares. On 3.10 there are no columns, and offsets hold.
if sys.version_info >= (3, 11):

    def _exact_position(code: CodeType, lasti: int) -> Token:
        return next(islice(code.co_positions(), lasti // 2, None), lasti)

else:

    def _exact_position(code: CodeType, lasti: int) -> Token:
        return lasti


def line_of(code: CodeType, lasti: int) -> int:
    """The source line of an instruction offset; the first line where it is unknown."""
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return line
    return code.co_firstlineno


# --- library or user ------------------------------------------------------------------


def _library_roots() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    roots = {sysconfig.get_path(name) for name in names}
    roots.update(site.getsitepackages())
    roots.add(site.getusersitepackages())
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    roots.add(package)
    roots.add(os.path.join(os.path.dirname(package), "pytest_plugin"))
    return tuple(sorted({os.path.join(_real(root), "") for root in roots if root}))


def _real(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))


LIBRARY_ROOTS: Final = _library_roots()


def is_user_code(code: CodeType) -> bool:
    """Whether ``code`` belongs to the application rather than to something installed."""
    filename = code.co_filename
    if filename.startswith("<"):
        return filename.startswith(_TYPED)
    return not _is_library_file(filename)


@functools.lru_cache(maxsize=4096)
def _is_library_file(filename: str) -> bool:
    return _real(filename).startswith(LIBRARY_ROOTS)
