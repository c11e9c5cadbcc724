"""Source text that is compiled from a real file and run, and the frames that it was seen in.

A snippet calls ``q(value, tag)`` where a query would be sent. Lines are named by a comment:
``# loop`` at the end of a line makes that line ``loop`` in what a test expects.
"""

import importlib.util
import re
import sys
import textwrap
from itertools import count

from nplusone_guard.analysis.loops import (
    Position,
    call_loop,
    enclosing_loops,
    exclusive,
    position_of,
)

_numbers = count()
MARK = re.compile(r"#\s*(\w+)\s*$")


class Snippet:
    """A module made from source text, and what its probe saw when it ran."""

    def __init__(self, path, source, lines_only=False):
        self.source = textwrap.dedent(source).strip("\n") + "\n"
        self.lines_only = lines_only
        self.seen = {}
        path.write_text(self.source, encoding="utf-8")
        self.name = f"snippet_{next(_numbers)}"
        spec = importlib.util.spec_from_file_location(self.name, path)
        self.module = importlib.util.module_from_spec(spec)
        self.module.q = self.probe
        sys.modules[self.name] = self.module
        spec.loader.exec_module(self.module)

    def probe(self, value=None, tag="q", frame=None):
        if tag not in self.seen:
            self.seen[tag] = list(self._frames(frame or sys._getframe(1)))
        return value

    def _frames(self, frame):
        while frame is not None and frame.f_code.co_filename == self.module.__file__:
            yield frame.f_code, self._position(frame)
            frame = frame.f_back

    def _position(self, frame):
        position = position_of(frame.f_code, frame.f_lasti)
        return Position(position.line) if self.lines_only else position

    # -- what the tests ask for

    def name_of(self, line):
        """The name that a comment gives a line; the number where there is none."""
        found = MARK.search(self.source.split("\n")[line - 1])
        return found.group(1) if found else line

    def loops(self, tag="q"):
        """The loops of all frames at a probe, innermost first."""
        return [
            loop for code, position in self.seen[tag] for loop in enclosing_loops(code, position)
        ]

    def names(self, tag="q"):
        return " ".join(str(self.name_of(loop.line)) for loop in self.loops(tag))

    def loop(self, tag="q"):
        return self.loops(tag)[0]

    def call(self, tag="q", frame=1):
        return call_loop(*self.seen[tag][frame])

    def exclusive(self, one, other):
        (code, first), (_, second) = self.seen[one][0], self.seen[other][0]
        return exclusive(code, first, second)
