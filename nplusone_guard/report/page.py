"""Where a text goes: how wide, in which encoding, and rows and words that keep to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.report import columns

#: Narrower than this a finding cannot be told in six lines.
MIN_WIDTH = 60
#: Columns kept for the source line, however long its path is.
SOURCE_ROOM = 20

LABEL = 6
#: What stands before the text of a row.
INDENT = " " * (3 + LABEL + 2)

#: Label, place and text.
Row = tuple[str, str, str]


class Page(NamedTuple):
    """Where a text goes: how wide, in which encoding, below which directory."""

    width: int
    base: str
    encoding: str
    times: str
    ellipsis: str

    def clean(self, text: str, lines: int = 4) -> str:
        """``text`` without what a terminal would obey; of what ``lines`` cannot hold, a part."""
        # Every character takes a column: text that is cut here is shortened later.
        return columns.clean(text[: lines * self.width], self.encoding)

    def line(self, text: str) -> str:
        return columns.shorten(text, self.width, self.ellipsis).rstrip()

    def first_fitting(self, texts: Sequence[str]) -> str:
        """The first of ``texts`` that fits, else the last, cut."""
        fitting = (text for text in texts if columns.columns(text) <= self.width)
        return self.line(next(fitting, texts[-1]))

    def path(self, path: str, room: int) -> str:
        return columns.shorten_path(path, room, self.ellipsis)

    def middle(self, text: str, room: int) -> str:
        return columns.shorten_middle(text, room, self.ellipsis)

    def times_of(self, count: int, headline: str) -> str:
        return f"{count:,} {self.times} {self.clean(headline)}"

    def place(self, site: Site, beside: Site | None = None) -> str:
        """``file:line``; ``:line`` where ``beside`` is in the same file."""
        if beside is not None and beside.file == site.file:
            return f":{site.line}"
        return f"{columns.clean(self._shown(site), self.encoding)}:{site.line}"

    def _shown(self, site: Site) -> str:
        for folder in ("site-packages", "dist-packages") if site.package else ():
            before, found, after = site.file.rpartition(folder)
            if found and before and after:
                return after[1:]
        return self.relative(site.file)

    def relative(self, path: str) -> str:
        below = path.startswith(self.base) and path != self.base
        return path[len(self.base) :] if below else path


def page_of(width: int, base_dir: str | None, encoding: str | None) -> Page:
    """A page of at least ``MIN_WIDTH`` columns, by default below the working directory."""
    name = columns.usable(encoding)
    base = os.path.join(base_dir or _working_directory(), "")
    times, ellipsis = columns.clean("×", name), columns.clean("…", name)
    return Page(max(width, MIN_WIDTH), base, name, times, ellipsis)


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # It was removed while the process was in it.
        return ""


def row_of(label: str, text: str) -> str:
    """``text`` behind its label, indented below the first line of a finding."""
    return f"   {label:<{LABEL}}  {text}".rstrip()


def aligned(rows: Sequence[Row], page: Page) -> list[str]:
    """Rows of label, place and text, in columns where that costs no text."""
    rest = min(SOURCE_ROOM, max(columns.columns(text) for _, _, text in rows))
    room = page.width - len(INDENT) - (2 + rest if rest else 0)
    shown = [(label, page.path(place, room), text) for label, place, text in rows]
    longest = max(columns.columns(place) if text else 0 for _, place, text in shown)
    lines = [
        row_of(label, f"{columns.pad(place, longest)}  {text}") for label, place, text in shown
    ]
    if any(columns.columns(line) > page.width for line in lines):
        lines = [row_of(label, f"{place}  {text}") for label, place, text in shown]
    return [page.line(line) for line in lines]


def join_parts(separator: str, *parts: str) -> str:
    """``parts`` joined, without those that are empty."""
    return separator.join(filter(None, parts))


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 query``, ``2 queries``, ``1,200 queries``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """``0.4 ms``, ``18.2 ms``, ``340 ms``, ``1.25 s``."""
    if seconds < 0.09995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s"
