"""Who asked for a query: the frames on the stack, folded into a hashable key.

A path runs from the frame nearest to the query out to the frame that opened the scope.
Each frame becomes one token, a ``steps.Place``, which is equal only to itself:

* user code: one for each code object and exact position;
* library code (standard library, site-packages, this package): one for each code object
  and line, a comprehension on that line apart. Never one for each ``f_lasti``: on
  CPython 3.11 and later one call site reports several values while the interpreter
  specialises it;
* a keyed landmark: one for each thing that tells two turns of a framework's own loop
  apart (see ``landmarks``).

Two queries with one statement and one path come from a loop, or from recursion.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import replace
from itertools import repeat
from types import CodeType, FrameType, MappingProxyType
from typing import Any, Final

from nplusone_guard.capture.codes import (
    exact_position,
    is_user_code,
    line_position,
    package_of_file,
)
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.kept_results import keeps_result
from nplusone_guard.capture.recursion import fold
from nplusone_guard.capture.steps import PLAIN, Mark, Place, Spot

#: Code objects remembered before the table is started anew (dynamic code could fill it).
MAX_CODES: Final = 50_000

#: The same for places: what keys a landmark (``to_attr``) may be made up at run time.
MAX_PLACES: Final = 200_000

#: Frames of remembered stacks and paths, all together; what comes on top is walked in full.
MAX_FRAMES: Final = 300_000

#: Stacks deeper than this are not remembered.
MAX_REMEMBERED: Final = 200

#: Steps of a path that are carried over to another thread or task.
MAX_CARRIED: Final = 400

Plan = tuple[tuple[int, Any, str], ...]


class Path(tuple[Place, ...]):  # noqa: SLOT001 - a tuple that keeps what was found out about it
    """The places from a query outwards, and what they tell without a frame."""

    #: What ``landmarks`` reads of such a stack: frames to walk, reader, or the name alone.
    #: ``None`` until it was asked for.
    plan: Plan | None = None

    #: Shape of a statement → what its frames tell here, if always the same: ``sightings``.
    told: Mapping[str, Any] = MappingProxyType({})

    #: The shape that a scope sent from here first, until the next one does.
    met: str | None = ""

    @functools.cached_property
    def folded(self) -> Path:
        """This path with recursion folded; the path itself where there is none."""
        folded = fold(self)
        return self if folded is self else table.path(folded)

    @functools.cached_property
    def fills(self) -> bool:
        """Whether the process keeps the result of one of its functions."""
        return any(id(place.code) in table.keeping for place in self)

    @functools.cached_property
    def users(self) -> tuple[tuple[int, CodeType], ...]:
        """Index and code of the user's frames on this stack, up to the first bridge."""
        found: list[tuple[int, CodeType]] = []
        for index, place in enumerate(self):
            if place.bridge is not None:
                break
            if place.user or (place.spot is not None and not place.keyed):
                found.append((index, place.code))
        return tuple(found)


class RememberedPath(Path):
    """The only path with its places, so that it is hashed at a glance."""

    __hash__ = object.__hash__


class Stack:
    """One stack that was seen: its code objects, and the paths they can stand for."""

    __slots__ = ("beyond", "codes", "keyed", "path", "plain", "variants")

    def __init__(self, codes: list[CodeType], path: Path) -> None:
        self.codes = codes
        self.path = path
        bridge = next((at for at, place in enumerate(path) if place.bridge is not None), None)
        #: Says how the path goes on in another thread or task, if it ends at a bridge.
        self.beyond = None if bridge is None else path[bridge].bridge
        #: Where keyed landmarks stand, whose frames have to be looked at each time.
        self.keyed = tuple([index for index, place in enumerate(path[:bridge]) if place.keyed])
        #: It stands for one path.
        self.plain = not self.keyed and self.beyond is None
        #: The places at these, and what is carried over → the path.
        self.variants: dict[tuple[tuple[Place, ...], tuple[Place, ...] | None], Path] = {}

    def variant(self, frame: Any) -> tuple[tuple[Place, ...], tuple[Place, ...] | None]:
        """What tells apart the paths that the stack stands for, at its innermost ``frame``."""
        beyond = self.beyond() if self.beyond is not None else None
        return _keyed_places(frame, self.keyed) if self.keyed else (), beyond


#: The path of a caller whose frames are gone by the time the query runs.
carried: ContextVar[Path | None] = ContextVar("nplusone_guard_carried", default=None)


class _Handed(threading.local):
    """The same for a function that runs in a copy of its caller's context: by thread."""

    path: Path | None = None


handed: Final = _Handed()


def handed_path() -> Path | None:
    """The path of whoever waits for what this thread runs."""
    return handed.path


class CodeTable:
    """The places of each code object, by its ``id``; keeps the code objects alive."""

    __slots__ = (
        "codes",
        "keeping",
        "lines",
        "lock",
        "paths",
        "places",
        "room",
        "spotted",
        "stacks",
        "steps",
    )

    def __init__(self) -> None:
        #: ``id`` of a code object → instruction offset → place. Those of keyed landmarks
        #: and bridges stay empty: ``step`` asks their frames.
        self.steps: dict[int, dict[int, Place]] = {}
        self.codes: dict[int, tuple[CodeType, Mark, bool]] = {}
        #: ``id`` of code objects whose results the process keeps.
        self.keeping: set[int] = set()
        self.places: dict[tuple[int, Hashable], Place] = {}
        #: ``id`` of a user's code object and a line → its places there.
        self.lines: dict[tuple[int, int], list[Place]] = {}
        self.lock = threading.RLock()
        #: ``id`` of a spot → its place, which keeps it alive.
        self.spotted: dict[int, Place] = {}
        #: Instruction offsets → the latest stack that had them.
        self.stacks: dict[tuple[int, ...], Stack] = {}
        self.paths: dict[tuple[Place, ...], RememberedPath] = {}
        #: Frames that may still be remembered.
        self.room = MAX_FRAMES

    def path(self, places: tuple[Place, ...]) -> Path:
        """The one path of these places; beyond the limits any that is equal to it."""
        known = self.paths.get(places)
        if known is not None:
            return known
        if len(places) > MAX_REMEMBERED or self.room <= 0:
            return Path(places)
        self.room -= len(places)
        return self.paths.setdefault(places, RememberedPath(places))

    def step(self, frame: FrameType) -> Place:
        """The place of a frame that the hot path does not know."""
        code, lasti = frame.f_code, frame.f_lasti
        known = self.codes.get(id(code))
        if known is None:
            self.steps.setdefault(id(code), {})
            mark = _marks.get(code) or _found_mark(frame)
            known = self.codes[id(code)] = (code, mark, is_user_code(code))
            if keeps_result(frame):
                self.keeping.add(id(code))
        _, mark, user = known
        if mark.spot is not None or mark.key is not None:
            return self._special(frame, mark)
        line = frame.f_lineno or code.co_firstlineno
        if user:
            place = self._user_place(code, lasti, line, mark)
        else:
            position = line_position(code, lasti, line)
            place = self._place(code, lasti, position, mark, user=False, line=line)
        if mark.bridge is None:
            self.steps[id(code)][lasti] = place
        return place

    def _special(self, frame: FrameType, mark: Mark) -> Place:
        """The place of a keyed landmark or a spot; that of its line where it fails to tell."""
        code, lasti = frame.f_code, frame.f_lasti
        spot: Spot | None = None
        position: Hashable = None
        try:
            if mark.spot is not None:
                position = spot = mark.spot(frame)
                known = self.spotted.get(id(spot))
                if known is not None and known.spot is spot and known.code is code:
                    return known  # a spot hashes slowly, by its contents
            elif mark.key is not None:
                position = ("key", mark.key(frame))
        except Exception as error:
            contain("capture.landmarks", error)
        if position is None:
            position = frame.f_lineno or code.co_firstlineno
        place = self._place(code, lasti, position, mark, user=False, spot=spot)
        if place.spot is spot is not None:
            self.spotted[id(spot)] = place
        if mark.fixed:
            self.steps[id(code)][lasti] = place
        return place

    def _user_place(self, code: CodeType, lasti: int, line: int, mark: Mark) -> Place:
        """The place of an exact position; asked for only where a line has several calls.

        Positions take time to look up, in proportion to the length of the function.
        """
        with self.lock:  # so that two threads cannot end up with two places for one
            on_line = self.lines.setdefault((id(code), line), [])
            for place in on_line:
                if exact_position(code, place.lasti) == exact_position(code, lasti):
                    return place
            position = (line, len(on_line))
            place = self._place(code, lasti, position, mark, user=True, line=line)
            on_line.append(place)
            return place

    def twin(self, place: Place, code: CodeType) -> Place:
        """What ``place`` is in ``code``, which is equal to its own and may be another file's."""
        spot, file = place.spot, code.co_filename
        if spot is None:
            self.codes.setdefault(id(code), (code, PLAIN, True))
            return self._user_place(code, place.lasti, place.line, PLAIN)
        if place.code.co_filename == file:
            return place
        within = replace(spot.within, file=file) if spot.within is not None else None
        moved = replace(spot, file=file, package=package_of_file(file), within=within)
        return self._place(code, place.lasti, moved, Mark(fixed=True), user=False, spot=moved)

    def _place(
        self,
        code: CodeType,
        lasti: int,
        position: Hashable,
        mark: Mark,
        *,
        user: bool,
        line: int | None = None,
        spot: Spot | None = None,
    ) -> Place:
        # Code that is compiled anew each time keeps its spots.
        name = (0 if spot is not None and mark.fixed else id(code), position)
        place = self.places.get(name)
        if place is None:
            # One call, so that two threads cannot end up with two places for one.
            place = Place(code, lasti, mark, user=user, line=line, spot=spot)
            place = self.places.setdefault(name, place)
        return place


table = CodeTable()
_marks: dict[CodeType, Mark] = {}
_finders: list[Callable[[FrameType], Mark | None]] = []


def mark_landmarks(marks: Mapping[CodeType, Mark]) -> None:
    """Say which library functions are special.

    Paths that are known stay as they are, unless one of these functions is on them.
    """
    global table
    _marks.update(marks)
    if any(id(code) in table.codes for code in marks):
        table = CodeTable()


def add_finder(finder: Callable[[FrameType], Mark | None]) -> None:
    """Ask ``finder`` about code that is made at run time; once for each code object."""
    global table
    if finder not in _finders:
        _finders.append(finder)
        table = CodeTable()


def _found_mark(frame: FrameType) -> Mark:
    for finder in _finders:
        try:
            mark = finder(frame)
        except Exception as error:  # noqa: PERF203 - once for each code object
            contain("capture.landmarks", error)
        else:
            if mark is not None:
                return mark
    return PLAIN


def renew_table_if_full() -> None:
    """Start a new table once the old one is full."""
    global table
    full = len(table.codes) > MAX_CODES or len(table.places) > MAX_PLACES
    if full or table.room <= 0:
        table = CodeTable()


def call_path(frame: Any, root: Any) -> tuple[Path, list[CodeType]]:
    """The path from ``frame`` out to ``root`` (included) or to the end of the stack.

    Beside it the code objects of the stack. The hot path of the guard, so it collects
    and no more: a stack that was seen before has its path ready. The offsets find it,
    since hashing code objects means hashing their contents; two lists of the same code
    objects compare at a glance. Equal code in two files compares as equal as well, and
    the path may then be the other file's: see ``is_path_of``.
    """
    codes: list[CodeType] = []
    lastis: list[int] = []
    at = frame
    try:
        while at is not root:
            codes.append(at.f_code)
            lastis.append(at.f_lasti)
            at = at.f_back
        codes.append(at.f_code)
        lastis.append(at.f_lasti)
    except AttributeError:  # the root is on another stack, and this one has ended
        pass
    offsets = tuple(lastis)
    return path_of(frame, codes, offsets, table.stacks.get(offsets)), codes


def path_of(
    frame: Any, codes: list[CodeType], offsets: tuple[int, ...], stack: Stack | None
) -> Path:
    """The path at ``frame``, given the code objects of its stack and the instruction offsets.

    ``stack`` is the one that is remembered by these offsets.
    """
    if stack is not None and stack.codes == codes:
        if stack.plain:
            return stack.path
        known = stack.variants.get(stack.variant(frame))
        if known is not None:
            return known
    return _walk(frame, codes, offsets)


def settle(path: Path, codes: list[CodeType]) -> Path:
    """``path``, through these very code objects where it runs through equal ones.

    A scope asks for that when it closes, once for each group. Until then queries of
    equal code in two files may count as one: they can only come from a loop that calls
    both, by the theorem, since the calling instruction is the same.
    """
    for index, code in path.users:
        if codes[index] is not code:
            return table.path(tuple(_settled(path, codes)))
    return path


def _settled(path: Path, codes: list[CodeType]) -> Iterator[Place]:
    users = dict(path.users)
    for index, place in enumerate(path):
        same = index not in users or codes[index] is place.code
        yield place if same else table.twin(place, codes[index])


def _walk(frame: Any, codes: list[CodeType], lastis: tuple[int, ...]) -> Path:
    path = table.path(_places(frame, codes, lastis))
    if table.room > 0 and path.__class__ is RememberedPath:
        _remember(frame, codes, lastis, path)
    return path


def _remember(frame: Any, codes: list[CodeType], lastis: tuple[int, ...], path: Path) -> None:
    stack = table.stacks.get(lastis)
    if stack is None or stack.codes != codes:
        table.room -= len(codes)
        stack = table.stacks[lastis] = Stack(codes, path)
    if not stack.plain:
        variant = stack.variant(frame)
        # Where nothing was carried over, the frames beyond the bridge are this path's own.
        if stack.beyond is not None and variant[1] is None and any(place.keyed for place in path):
            return
        table.room -= len(stack.keyed) + 1
        stack.variants[variant] = path


def _keyed_places(frame: Any, indices: tuple[int, ...]) -> tuple[Place, ...]:
    """The places of the keyed landmarks at these frames."""
    places: list[Place] = []
    at = 0
    for index in indices:
        for _ in repeat(None, index - at):
            frame = frame.f_back
        at = index
        places.append(table.step(frame))
    return tuple(places)


def _places(frame: Any, codes: list[CodeType], lastis: tuple[int, ...]) -> tuple[Place, ...]:
    """The places frame by frame, up to a bridge, and beyond it those that are carried over."""
    places: list[Place] = []
    steps, at = table.steps, 0
    for index, code in enumerate(codes):
        known = steps.get(id(code))
        place = known.get(lastis[index]) if known is not None else None
        if place is None:
            frame, at = _outwards(frame, index - at), index
            place = table.step(frame)
            beyond = place.bridge() if place.bridge is not None else None
            if beyond is not None:
                return (*places, place, *beyond)
        places.append(place)
    return tuple(places)


def _outwards(frame: Any, steps: int) -> Any:
    for _ in repeat(None, steps):
        frame = frame.f_back
    return frame


def shortened(path: Path) -> Path:
    """What another thread or task is given of a long ``path``.

    A task may start the next one, and so on: their paths do not grow without end.
    """
    return table.path(path.folded[:MAX_CARRIED])


def user_places(path: Path) -> Iterable[Place]:
    """The places in user code, nearest to the query first."""
    return (place for place in path if place.user)


def named_places(path: Path) -> Iterable[Place]:
    """The places in user code and those that the user wrote for a framework to run."""
    return (place for place in path if place.user or (place.spot is not None and place.spot.own))
