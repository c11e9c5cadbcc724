"""Who asked for a query: the frames on the stack, folded into a hashable key.

A path runs from the frame nearest to the query out to the frame that opened the scope.
Each frame becomes one token, a :class:`Place`, which is equal only to itself:

* user code: one for each code object and exact position;
* library code (standard library, site-packages, this package): one for each code object
  and line. Never one for each ``f_lasti``: on CPython 3.11 and later one call site
  reports several values while the interpreter specialises it;
* a keyed landmark: one for each thing that tells two turns of a framework's own loop
  apart (see ``landmarks``).

Two queries with one statement and one path come from a loop, or from recursion.
"""

from __future__ import annotations

import functools
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from types import CodeType, FrameType
from typing import Any, Final

#: Code objects remembered before the table is started anew (dynamic code could fill it).
MAX_CODES: Final = 50_000

#: The same for places: what keys a landmark (``to_attr``) may be made up at run time.
MAX_PLACES: Final = 200_000

#: Frames that are synthesised by the compiler for a comprehension or a lambda.
INNER_CODES: Final = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>"})

#: File names of code typed by a person, though no file stands behind them.
_TYPED: Final = ("<stdin>", "<console>", "<ipython", "<doctest", "<input", "<string>", "<shell>")


#: The reader of places at which the landmarks end.
STOP: Final[Any] = object()


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that the user wrote for a framework to run: a template's tag, a serializer's field.

    Spots that are equal are one place, however often the framework makes its objects anew.
    """

    #: ``template``, ``serializer``, ``admin``, ``form`` …
    kind: str
    file: str
    #: From 1; 0 where it is not known.
    line: int
    #: What it is called: ``{{ entry.author.name }}``, ``EntrySerializer.author``.
    name: str
    #: The source line or tag, stripped; empty where it is not known.
    source: str = ""
    #: Its frame is inside the body of a loop that it makes: ``{% for %}``, ``many=True``.
    loop: bool = False
    #: What else tells two places apart that look the same, such as their order in a line.
    order: Hashable = None


class Place:
    """One step of a path; equal only to itself, so that it is a cheap token."""

    __slots__ = ("code", "key", "lasti", "reader", "spot", "user")

    def __init__(
        self, code: CodeType, lasti: int, mark: Mark, *, user: bool, spot: Spot | None = None
    ) -> None:
        self.code = code
        self.lasti = lasti
        self.user = user
        #: What a framework's frame stands for in the user's own terms.
        self.spot = spot
        #: Equal for all places of one user function, and for each spot its own; 0 in other
        #: library code. Code objects themselves hash slowly, by their contents.
        self.key = id(code) if user else id(self) if spot is not None else 0
        stops = user or mark.bridge or spot is not None
        #: What reads the frames of this place, if it is a landmark; ``STOP`` where no
        #: frame beyond says more of the ORM.
        self.reader = STOP if stops else mark.reader

    @property
    def line(self) -> int:
        """The source line."""
        return self.spot.line if self.spot is not None else line_of(self.code, self.lasti)

    def __repr__(self) -> str:
        return f"<Place {self.code.co_name} {self.code.co_filename}:{self.line}>"


Path = tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """What is special about the frames of a library function."""

    #: Reads the frame's locals for the facts of a sighting.
    reader: Any = None
    #: Tells two turns of a framework's own loop apart.
    key: Callable[[FrameType], Hashable] | None = None
    #: Says what the frame is in the user's own terms; ``None`` where it is nothing special.
    spot: Callable[[FrameType], Spot | None] | None = None
    #: Under it the path goes on in another thread or task.
    bridge: bool = False


PLAIN: Final = Mark()


class Carried:
    """The path of a caller whose frames are gone by the time the query runs."""

    __slots__ = ("path", "task")

    def __init__(self, path: Path, task: Any) -> None:
        self.path = path
        self.task = task


carried: ContextVar[Carried | None] = ContextVar("nplusone_guard_carried", default=None)


class CodeTable:
    """The places of each code object, by its ``id``; keeps the code objects alive."""

    __slots__ = ("codes", "places", "steps")

    def __init__(self) -> None:
        #: ``id`` of a code object → instruction offset → place. Those of keyed landmarks
        #: and bridges stay empty, so that the hot path leaves them to ``step``.
        self.steps: dict[int, dict[int, Place]] = {}
        self.codes: dict[int, tuple[CodeType, Mark, bool]] = {}
        self.places: dict[tuple[int, Hashable], Place] = {}

    def step(self, frame: FrameType) -> tuple[Place, bool]:
        """The place of a frame that the hot path does not know, and if it is a bridge."""
        code, lasti = frame.f_code, frame.f_lasti
        known = self.codes.get(id(code))
        if known is None:
            self.steps.setdefault(id(code), {})
            known = self.codes[id(code)] = (code, _marks.get(code, PLAIN), is_user_code(code))
        _, mark, user = known
        if mark.spot is not None:
            spot = mark.spot(frame)
            if spot is not None:
                return self._place(code, lasti, spot, mark, user=False, spot=spot), False
            return self._place(code, lasti, line_of(code, lasti), mark, user=False), False
        if mark.key is not None:
            return self._place(code, lasti, ("key", mark.key(frame)), mark, user=False), False
        position = _exact_position(code, lasti) if user else line_of(code, lasti)
        place = self._place(code, lasti, position, mark, user=user)
        if not mark.bridge:
            self.steps[id(code)][lasti] = place
        return place, mark.bridge

    def _place(
        self,
        code: CodeType,
        lasti: int,
        position: Hashable,
        mark: Mark,
        *,
        user: bool,
        spot: Spot | None = None,
    ) -> Place:
        name = (id(code), position)
        place = self.places.get(name)
        if place is None:
            # One call, so that two threads cannot end up with two places for one.
            place = self.places.setdefault(name, Place(code, lasti, mark, user=user, spot=spot))
        return place


table = CodeTable()
_marks: dict[CodeType, Mark] = {}


def mark_landmarks(marks: Mapping[CodeType, Mark]) -> None:
    """Say which library functions are special.

    Paths that are known stay as they are, unless one of these functions is on them.
    """
    global table
    _marks.update(marks)
    if any(id(code) in table.codes for code in marks):
        table = CodeTable()


def renew_table_if_full() -> None:
    """Start a new table once the old one is full."""
    global table
    if len(table.codes) > MAX_CODES or len(table.places) > MAX_PLACES:
        table = CodeTable()


def call_path(frame: FrameType | None, root: FrameType | None) -> Path:
    """The places from ``frame`` out to ``root`` (included) or to the end of the stack.

    The hot path of the guard: two dictionary look-ups a frame, and as few instructions
    as can be. What the look-ups miss, ``step`` tells.
    """
    steps = table.steps
    identity = id
    path: list[Place] = []
    append = path.append
    while True:
        try:
            while frame is not root:
                append(steps[identity(frame.f_code)][frame.f_lasti])  # type: ignore[union-attr]
                frame = frame.f_back  # type: ignore[union-attr]
            if frame is not None:
                append(steps[identity(frame.f_code)][frame.f_lasti])
            return tuple(path)
        except (KeyError, AttributeError):  # noqa: PERF203 - the misses end soon
            if frame is None:  # the root is on another stack
                return tuple(path)
            place, is_bridge = table.step(frame)
            append(place)
            beyond = carried.get() if is_bridge else None
            if beyond is not None:
                return (*path, *beyond.path)
            if frame is root:
                return tuple(path)
            frame = frame.f_back


def carry(frame: FrameType, root: FrameType | None, task: Any) -> Carried:
    """Note the path at ``frame``, for a query that another thread or task will send."""
    return Carried(call_path(frame, root), task)


_key_of = attrgetter("key")


def fold(path: Path) -> Path:
    """``path`` with recursion of user code folded.

    A function that calls itself, directly or through library code and its own
    comprehensions, leaves one frame; so does a cycle that repeats exactly. What lies
    between two calls of *other* user code is never dropped: a decorator's wrapper is on
    the stack twice without any recursion.
    """
    keys = tuple(filter(None, map(_key_of, path)))
    if len(set(keys)) == len(keys):
        return path
    return _fold_cycles(_fold_direct(path))


def _fold_direct(path: Path) -> Path:
    kept: list[Place] = []
    last_user = -1
    for place in path:
        if place.user:
            if last_user >= 0 and kept[last_user].code is place.code:
                del kept[last_user + 1 :]
                continue
            if place.code.co_name not in INNER_CODES:
                last_user = len(kept)
        kept.append(place)
    return tuple(kept)


def _fold_cycles(path: Path) -> Path:
    kept: list[Place] = []
    latest: dict[Place, int] = {}
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
    return (place for place in path if place.user)


def named_places(path: Path) -> Iterable[Place]:
    """The places in user code and those that the user wrote for a framework to run."""
    return (place for place in path if place.user or place.spot is not None)


# CPython 3.11 and later specialise instructions in place, so that two offsets can be one
# call: only their source position compares. On 3.10 there are no columns, and offsets hold.
if sys.version_info >= (3, 11):

    def _exact_position(code: CodeType, lasti: int) -> Hashable:
        return next(islice(code.co_positions(), lasti // 2, None), lasti)

else:

    def _exact_position(code: CodeType, lasti: int) -> Hashable:
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
