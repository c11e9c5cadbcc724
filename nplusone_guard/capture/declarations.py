"""Where a class, its attributes and their entries are written; each file is read once."""

from __future__ import annotations

import ast
import functools
import linecache
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from nplusone_guard.capture.codes import is_library_file, package_of_file
from nplusone_guard.capture.parsing import parse
from nplusone_guard.capture.steps import Spot

#: Source files of which the classes are remembered.
_MAX_FILES: Final = 256

#: Modules that declare nothing for a project: their classes are there to be derived from.
_BASES: Final = (
    "builtins",
    "django.contrib.admin.",
    "django.db.",
    "django.forms.",
    "django.views.",
    "rest_framework.",
)


class Declaration(NamedTuple):
    """One line of source."""

    file: str
    line: int
    source: str


@dataclass(frozen=True, slots=True)
class _Class:
    line: int
    #: Attribute or method → line.
    attributes: dict[str, int] = field(default_factory=dict)
    #: (Attribute, string inside its value) → line.
    entries: dict[tuple[str, str], int] = field(default_factory=dict)


def declaration(cls: type, *attributes: str, entry: str = "") -> Declaration | None:
    """The line that declares the first of ``attributes`` that the project gives ``cls``.

    With ``entry`` the line of that string inside the attribute's value, where it is
    written out. Else the line of the class itself, or of the nearest base that is the
    project's, or that of an installed package other than the framework. ``None`` for
    classes made at run time.
    """
    written = list(_written(cls))
    own = [one for one in written if not is_library_file(one[0])] or written
    for attribute in attributes:
        for file, found in own:
            line = found.entries.get((attribute, entry)) or found.attributes.get(attribute)
            if line is not None:
                return _declaration(file, line)
    return _declaration(own[0][0], own[0][1].line) if own else None


def spot_of(
    kind: str, name: str, written: Declaration | None, *, loop: bool = False
) -> Spot | None:
    """The spot at a declaration; ``None`` where there is none."""
    if written is None:
        return None
    package = package_of_file(written.file)
    return Spot(kind, written.file, written.line, name, written.source, loop, package=package)


def _declaration(file: str, line: int) -> Declaration:
    return Declaration(file, line, linecache.getline(file, line).strip())


def _written(cls: type) -> Iterator[tuple[str, _Class]]:
    for base in cls.__mro__:
        module = sys.modules.get(base.__module__)
        file = getattr(module, "__file__", None)
        if file is not None and not base.__module__.startswith(_BASES):
            found = _classes(file).get(base.__qualname__)
            if found is not None:
                yield file, found


@functools.lru_cache(maxsize=_MAX_FILES)
def _classes(file: str) -> Mapping[str, _Class]:
    """Every class of a source file, by qualified name."""
    try:
        tree = parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return {}
    found: dict[str, _Class] = {}
    _collect(tree, "", found)
    return found


def _collect(node: Any, prefix: str, found: dict[str, _Class]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            found[prefix + child.name] = _class(child)
            _collect(child, f"{prefix}{child.name}.", found)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            _collect(child, f"{prefix}{child.name}.<locals>.", found)
        elif isinstance(child, ast.stmt):
            _collect(child, prefix, found)


def _class(node: ast.ClassDef) -> _Class:
    made = _Class(node.lineno)
    for statement in node.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            made.attributes[statement.name] = statement.lineno
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            for name in _targets(statement):
                made.attributes[name] = statement.lineno
                made.entries.update(_entries(name, statement.value))
    return made


def _targets(statement: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return (one.id for one in targets if isinstance(one, ast.Name))


def _entries(name: str, value: ast.expr | None) -> Iterator[tuple[tuple[str, str], int]]:
    for node in ast.walk(value) if value is not None else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield (name, node.value), node.lineno
