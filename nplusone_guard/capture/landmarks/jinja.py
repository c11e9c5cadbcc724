"""Jinja2: the template's line that a compiled frame stands for, and the loop around it.

Jinja2 compiles a template to Python, whose frames carry the template's file but lines of
their own; a table in the module leads back. Which ``{% for %}`` a frame is in the body of
is read off the compiled code: the source that it was made from is not kept.
"""

from __future__ import annotations

import dis
import functools
import linecache
import re
from collections.abc import Hashable
from itertools import islice
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

from nplusone_guard.capture.codes import exact_position, line_of, package_of_file
from nplusone_guard.capture.steps import NO_FILE, Mark, Spot

_KIND: Final = "template"

#: How Jinja2 names what an included template yields: a loop that nobody wrote.
_INCLUDED: Final = "event"

#: Tags at which nothing is looked up.
_SILENT: Final = re.compile(r"\W*(end\w+|else|raw|macro|block|filter|autoescape)\b")
_FOR: Final = re.compile(r"\W*for\b")


def find(frame: FrameType) -> Mark | None:
    """The mark of code that Jinja2 compiled; ``None`` for any other code."""
    template = frame.f_globals.get("__jinja_template__")
    if template is None:
        return None
    return Mark(spot=functools.partial(_spot, _compiled(frame.f_code, template)), fixed=True)


class _Compiled(NamedTuple):
    """What there is to know of one code object that a template was compiled to."""

    file: str
    #: The template's name, where it has no file.
    name: str
    #: (Line of the template, first line of the code), in the code's order.
    lines: tuple[tuple[int, int], ...]
    #: (First and last offset of the body, line of the code) of each loop, outer ones first.
    loops: tuple[tuple[int, int, int], ...]
    tag: re.Pattern[str]
    unit: Hashable

    def written_at(self, line: int) -> int:
        """The template's line that a line of the code was made from."""
        return next((one for one, first in reversed(self.lines) if first <= line), 1)


def _compiled(code: CodeType, template: Any) -> _Compiled:
    file = template.filename or NO_FILE
    known = file != NO_FILE
    linecache.checkcache(file)
    return _Compiled(
        file=file if known else template.name or NO_FILE,
        name=template.name or "",
        lines=tuple(template.debug_info),
        loops=tuple(_loops(code)),
        tag=_tags(template.environment),
        # Templates that are compiled anew each time are equal, and their code is.
        unit=(_KIND, file, code.co_name, code.co_firstlineno if known else hash(code)),
    )


def _loops(code: CodeType) -> list[tuple[int, int, int]]:
    found = []
    instructions = list(dis.get_instructions(code))
    for one, following in zip(instructions, islice(instructions, 1, None), strict=False):
        if one.opname == "FOR_ITER" and following.argval != _INCLUDED:
            found.append((following.offset, one.argval, line_of(code, one.offset)))
    return found


def _tags(environment: Any) -> re.Pattern[str]:
    pairs = (
        (environment.variable_start_string, environment.variable_end_string),
        (environment.block_start_string, environment.block_end_string),
    )
    return re.compile("|".join(f"{re.escape(start)}.*?{re.escape(end)}" for start, end in pairs))


def _spot(compiled: _Compiled, frame: FrameType) -> Spot:
    code, lasti = frame.f_code, frame.f_lasti
    around = [one for one in compiled.loops if one[0] <= lasti < one[1]]
    line = line_of(code, lasti)
    heads = [one[2] for one in compiled.loops]
    tag = _head(compiled, line) if line in heads else _tag(compiled, line)
    return _made(
        compiled,
        line,
        tag,
        order=(code.co_name, exact_position(code, lasti)),
        within=_loop(compiled, around[-1][2]) if around else None,
    )


def _loop(compiled: _Compiled, line: int) -> Spot:
    return _made(compiled, line, _head(compiled, line), order=line, loop=True)


def _made(compiled: _Compiled, line: int, tag: str, **more: Any) -> Spot:
    package = package_of_file(compiled.file) if compiled.file != NO_FILE else ""
    return Spot(
        _KIND,
        compiled.file,
        compiled.written_at(line),
        tag or compiled.name or NO_FILE,
        tag,
        package=package,
        unit=compiled.unit,
        **more,
    )


def _head(compiled: _Compiled, line: int) -> str:
    """The ``{% for %}`` that a loop of the code was made from."""
    written = compiled.written_at(line)
    text = _line(compiled, written)
    tags = [one for one in compiled.tag.findall(text) if _FOR.match(one)]
    beside = [one[2] for one in compiled.loops if compiled.written_at(one[2]) == written]
    index = sorted(set(beside)).index(line)
    return tags[index] if index < len(tags) else text


def _tag(compiled: _Compiled, line: int) -> str:
    """The only tag of the template's line that can look something up, else the whole line."""
    text = _line(compiled, compiled.written_at(line))
    tags = dict.fromkeys(one for one in compiled.tag.findall(text) if not _SILENT.match(one))
    # What a loop leaves out is asked for in its own tag.
    inside = [one for one in tags if not _FOR.match(one)] or list(tags)
    return inside[0] if len(inside) == 1 else text


def _line(compiled: _Compiled, line: int) -> str:
    return linecache.getline(compiled.file, line).strip()
