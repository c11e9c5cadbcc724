"""One step of a call path: a place in the code, and what is special about its frames."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

from nplusone_guard.capture.codes import line_of

#: The file of a template that was written in Python: its lines are those of a string.
NO_FILE: Final = "<template>"

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
    #: The installed package that it belongs to; empty for the user's own.
    package: str = ""
    #: What is being run here, where it may run itself again: a template, a macro. A path
    #: is folded by it, as by a function that calls itself. A spot without a name stands
    #: for nothing else.
    unit: Hashable = None
    #: The loop that the frame is in the body of, where that is no frame of its own.
    within: Spot | None = field(default=None, compare=False)

    @property
    def own(self) -> bool:
        """Whether it is a place of the user's that a person would look for."""
        return bool(self.name) and not self.package


class Mark(NamedTuple):
    """What is special about the frames of a library function."""

    #: Reads the frame's locals for the facts of a sighting.
    reader: Any = None
    #: Tells two turns of a framework's own loop apart.
    key: Callable[[FrameType], Hashable] | None = None
    #: Says what the frame is in the user's own terms; ``None`` where it is nothing special.
    spot: Callable[[FrameType], Spot | None] | None = None
    #: Under it the path goes on in another thread or task: gives that path, if it is known.
    bridge: Callable[[], tuple[Place, ...] | None] | None = None
    #: The spot of an instruction is always the same: it need not be asked for again.
    fixed: bool = False


PLAIN: Final = Mark()


class Place:
    """One step of a path; equal only to itself, so that it is a cheap token."""

    __slots__ = (
        "_line",
        "bridge",
        "code",
        "key",
        "keyed",
        "lasti",
        "reader",
        "spot",
        "unit",
        "user",
    )

    def __init__(
        self,
        code: CodeType,
        lasti: int,
        mark: Mark,
        *,
        user: bool,
        line: int | None = None,
        spot: Spot | None = None,
    ) -> None:
        self.code = code
        self.lasti = lasti
        self.user = user
        #: ``None`` until it is asked for, where it was not at hand.
        self._line = line if spot is None else spot.line
        #: What a framework's frame stands for in the user's own terms.
        self.spot = spot
        #: Equal for all places of one user function, and for each spot its own; 0 in other
        #: library code. Code objects themselves hash slowly, by their contents.
        self.key = id(code) if user else id(self) if spot is not None else 0
        #: Equal for what recursion is folded by: a user's function, a template.
        self.unit = id(code) if user else spot.unit if spot is not None else None
        if self.unit is not None and not user:
            self.key = hash(self.unit) or 1
        #: Frames of this code and offset can be other places, too.
        self.keyed = mark.key is not None or (mark.spot is not None and not mark.fixed)
        #: The path goes on in another thread or task: what says where.
        self.bridge = mark.bridge
        stops = user or mark.bridge is not None or spot is not None
        #: What reads the frames of this place, if it is a landmark; ``STOP`` where no
        #: frame beyond says more of the ORM.
        self.reader = STOP if stops else mark.reader

    @property
    def line(self) -> int:
        """The source line."""
        if self._line is None:  # a long function has many to look through
            self._line = line_of(self.code, self.lasti)
        return self._line

    def __repr__(self) -> str:
        return f"<Place {self.code.co_name} {self.code.co_filename}:{self.line}>"
