"""What is kept of a source file: its scopes, with their loops, branches and names.

Only what the look-ups need: regions, and the few expressions that may turn out to be
literal collections. The syntax tree itself is dropped.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

#: Line (from 1) and utf-8 column (from 0), as ``ast`` and ``co_positions`` count them.
Point: TypeAlias = tuple[int, int]

#: Characters of source that are shown of one expression.
_LONGEST_TEXT = 200
_CODE_NAMES = frozenset("<lambda> <listcomp> <setcomp> <dictcomp> <genexpr>".split())


class Region(NamedTuple):
    """A stretch of source, its end not included."""

    start: Point
    end: Point

    def holds(self, line: int, column: int | None) -> bool:
        """Whether the place lies inside; by line alone where the column is not known."""
        if column is None:
            return self.start[0] <= line <= self.end[0]
        return self.start <= (line, column) < self.end


@dataclass(frozen=True, slots=True)
class Binding:
    """One place where a scope gives a name a value."""

    #: ``value`` (assigned), ``item`` (loop variable), ``import``, ``class`` or ``other``.
    kind: str
    at: Point
    #: The line of the statement.
    line: int
    #: The assigned expression, or the iterable of a loop variable, if it may be a literal.
    value: ast.expr | None = None
    #: Where the name stands inside an unpacked loop variable: ``k, (a, b)`` has b at (1, 1).
    path: tuple[int, ...] = ()
    #: ``module``, ``name`` (empty: the module itself) and ``level`` of an import.
    imported: tuple[str, str, int] = ("", "", 0)
    #: The scope of a class, or the scope that a loop variable's iterable is read in.
    scope: Scope | None = None
    #: Bound by a function that declares the name global or nonlocal.
    foreign: bool = False


@dataclass(eq=False, slots=True)
class LoopNode:
    """A loop as the walk met it; ``described`` holds what was made of it later."""

    kind: str
    region: Region
    #: The line of the ``for`` or ``while``.
    line: int
    target: ast.expr | None
    iterable: ast.expr | None
    bodies: tuple[Region, ...]
    #: The scope that the iterable's names are looked up in.
    scope: Scope
    described: Any = None

    def runs_at(self, line: int, column: int | None) -> bool:
        """Whether the place is run once a turn."""
        return any(body.holds(line, column) for body in self.bodies)


@dataclass(eq=False, slots=True)
class CallNode:
    """A call of something that is known to run through one of its arguments."""

    region: Region
    #: Where the interpreter places the call: a method on a later line counts from its name.
    start: Point
    iterable: ast.expr
    #: Of how many collections it is the first one, where ``zip`` or ``chain`` is given more.
    joined: int | None
    scope: Scope


@dataclass(eq=False, slots=True)
class Scope:
    """A module, class, function, lambda or comprehension, with what it holds."""

    #: ``module``, ``class``, ``function`` (lambdas, too) or ``comprehension``.
    kind: str
    #: As the code object is named, and its first line: a decorator's, if it has one.
    name: str
    first_line: int
    region: Region
    qualname: str
    parent: Scope | None
    index: SourceIndex
    #: The first parameter of a function: what ``self`` is called.
    first_parameter: str = ""
    #: Loops that run in this scope's own frame, outer ones before inner ones.
    loops: list[LoopNode] = field(default_factory=list)
    calls: list[CallNode] = field(default_factory=list)
    #: Pairs of which one turn runs at most one.
    forks: list[tuple[Region, Region]] = field(default_factory=list)
    children: list[Scope] = field(default_factory=list)
    bindings: dict[str, tuple[Binding, ...]] = field(default_factory=dict)
    #: Names of collections that code of this scope changes in place.
    mutations: frozenset[str] = frozenset()
    globals: frozenset[str] = frozenset()
    nonlocals: frozenset[str] = frozenset()

    @property
    def function(self) -> Scope:
        """The nearest scope that is no comprehension."""
        scope = self
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        return scope

    def owner_of(self, name: str) -> Scope | None:
        """The scope that binds ``name`` when it is read here; ``None`` for builtins."""
        scope: Scope | None = self
        reader = self.function
        while scope is not None:
            if name in scope.globals:
                return self.index.module
            # Functions do not see the names of a class around them.
            visible = scope.kind != "class" or scope is reader
            if visible and name in scope.bindings and name not in scope.nonlocals:
                return scope
            scope = scope.parent
        return None

    def mutates(self, name: str) -> bool:
        """Whether code here or in scopes inside changes this scope's ``name`` in place."""
        if name in self.mutations:
            return True
        return any(
            child.mutates(name)
            for child in self.children
            # The functions of a class look past its names.
            if child.kind == "class" or name not in child.bindings or name in child.nonlocals
        )


class SourceIndex:
    """Everything that is known of one source file; a walk over its tree fills it."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        # Not splitlines(): a form feed does not end a line of source.
        self.lines = text.split("\n")
        self.module = _module_scope(self)
        self.scopes: dict[tuple[str, int], list[Scope]] = {}
        #: Identifiers inside scopes that cannot be told apart by name and line.
        self.identifiers: dict[int, frozenset[str]] = {}
        #: Names of attributes that the file assigns, or changes in place, anywhere.
        self.attribute_stores: set[str] = set()

    def line(self, number: int) -> str:
        """One line of source, stripped; empty where there is none."""
        return self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""

    def text(self, node: ast.expr) -> str:
        """An expression as it is written, or as one line where it takes several."""
        if node.lineno != node.end_lineno or node.lineno > len(self.lines):
            text = ast.unparse(node)
        else:
            line = self.lines[node.lineno - 1].encode()
            text = line[node.col_offset : node.end_col_offset].decode(errors="replace")
        return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"

    def class_scope(self, qualname: str) -> Scope | None:
        """The scope of a class, by its qualified name."""
        scope: Scope | None = self.module
        for name in qualname.split("."):
            bindings = scope.bindings.get(name, ()) if scope else ()
            scope = bindings[-1].scope if bindings and bindings[-1].kind == "class" else None
        return scope


def _module_scope(index: SourceIndex) -> Scope:
    region = Region((0, 0), (len(index.lines) + 1, 0))
    return Scope("module", "<module>", 1, region, "<module>", None, index)


def is_code_name(name: str) -> bool:
    """Whether a code object of this name is a function, class, lambda or comprehension.

    The rest (``<module>``, IPython's ``<cell line: 1>``) run a module's own statements.
    """
    return not name.startswith("<") or name in _CODE_NAMES
