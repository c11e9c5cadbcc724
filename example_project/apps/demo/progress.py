"""Progress that moves on a terminal and stays one line a stage anywhere else."""

from __future__ import annotations

import shutil
import time
from typing import IO

#: Seconds between two drawings of the line.
INTERVAL = 0.1


class Progress:
    """One stage of a longer job: ``people  [#####-----]  200 of 400``."""

    def __init__(self, stream: IO[str], label: str, total: int) -> None:
        self.stream = stream
        self.label = label
        self.total = total
        self.done = 0
        self._live = stream.isatty()
        self._drawn_at = 0.0

    def advance(self, steps: int) -> None:
        """Count ``steps`` more, and redraw the line if it is time to.

        More than were expected raise the total.
        """
        self.done += steps
        self.total = max(self.total, self.done)
        now = time.monotonic()
        if self._live and now - self._drawn_at >= INTERVAL:
            self._drawn_at = now
            self._write("\r" + self.line())

    def finish(self) -> None:
        """Leave the finished line standing."""
        self._write(("\r" if self._live else "") + self.line() + "\n")

    def line(self) -> str:
        """The line as it stands, in at most 79 columns and never wider than the terminal."""
        count = f"{self.done:>9,} of {self.total:,}"
        head = f"  {self.label:<16}"
        if not self._live:
            return f"{head}{self.done:>9,}"
        room = min(79, shutil.get_terminal_size().columns - 1) - len(head) - len(count) - 2
        return head + _bar(self.done, self.total, room) + count

    def _write(self, text: str) -> None:
        # Django's OutputWrapper would end every write with a newline; its stream does not.
        stream = getattr(self.stream, "_out", self.stream)
        stream.write(text)
        stream.flush()


def _bar(done: int, total: int, room: int) -> str:
    if room < 10:
        return ""
    filled = room * done // total if total else room
    return f"[{'#' * filled}{'-' * (room - filled)}]"
