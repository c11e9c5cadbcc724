"""Which loop a frame is in: found in the source by ``ast``, from code object and position.

On Python 3.10, and where columns are switched off (``-X no_debug_ranges``), a position is
a line. Where a line holds more than a loop's body (``for row in rows: fetch(row)``, from 3.12
on a comprehension, too), it is then taken for the body.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from types import CodeType

from nplusone_guard.analysis.bounds import turns
from nplusone_guard.analysis.iteration import called_name, is_lazy, joined
from nplusone_guard.analysis.jumps import has_loop
from nplusone_guard.analysis.scopes import Binding, CallNode, LoopNode, Point, Region, Scope
from nplusone_guard.analysis.sources import remember, scope_of

#: Positions kept; each holds its code object alive.
_POSITIONS = 16_384


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a source file; lines from 1, columns in utf-8 bytes from 0.

    Columns are ``None`` on Python 3.10 and with ``-X no_debug_ranges``.
    """

    line: int
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop in source code."""

    file: str
    #: The line of its ``for``, ``while`` or call.
    line: int
    end_line: int
    #: The qualified name of the function around; comprehensions have none of their own.
    function: str
    #: That line, stripped.
    source: str
    #: ``for``, ``async for``, ``while``, ``comprehension``, ``generator`` or ``call``.
    kind: str
    #: How many turns it makes, where the source shows it; ``None``: as many as there is data.
    bounded: int | None
    #: What it runs over, as written; empty where that does not show.
    iterates: str
    #: First and last line of what it runs over.
    iter_lines: tuple[int, int]
    #: The line that last assigned the name it runs over, in the same function.
    assigned: int | None
    #: The loop variable, as written.
    target: str
    #: What each of the items is called, where they are written out: ``a`` and ``b`` of
    #: ``gather(a(), b())`` and of ``for check in (a, b)``; empty where they are not.
    items: tuple[str, ...] = ()

    def turns_of(self, function: str) -> int | None:
        """How many of the turns can have called ``function``; ``None`` as in ``bounded``."""
        return (self.items.count(function) or self.bounded) if self.bounded else None


_positions: dict[tuple[int, int], tuple[CodeType, Position]] = {}


def position_of(code: CodeType, lasti: int) -> Position:
    """The place in source of the instruction at ``lasti`` (``frame.f_lasti``)."""
    key = (id(code), lasti)
    hit = _positions.get(key)
    if hit is None:
        hit = remember(_positions, key, (code, _read_position(code, lasti)), _POSITIONS)
    return hit[1]


if sys.version_info >= (3, 11):

    def _read_position(code: CodeType, lasti: int) -> Position:
        number = max(lasti, 0) // 2
        place = next(islice(code.co_positions(), number, None), (None,) * 4)
        line, end_line, column, end_column = place
        if line is None:
            return Position(code.co_firstlineno)
        return Position(line, end_line, column, end_column)

else:

    def _read_position(code: CodeType, lasti: int) -> Position:
        for start, end, line in code.co_lines():
            if start <= lasti < end and line is not None:
                return Position(line)
        return Position(code.co_firstlineno)


def enclosing_loops(code: CodeType, position: Position) -> tuple[Loop, ...]:
    """The loops of this frame whose body the position is in, innermost first.

    The body of a ``for`` is neither what it runs over nor its ``else``; that of a
    ``while`` has its test in it; that of a comprehension is all but what it runs over.
    Empty where the source is missing or no longer fits the code.
    """
    # Most functions do not loop, and to read the source of each takes milliseconds a file.
    scope = _scope_at(code, position) if has_loop(code) else None
    if scope is None:
        return ()
    return tuple(
        _described(loop)
        for loop in reversed(scope.loops)
        if loop.runs_at(position.line, position.column)
    )


def call_loop(code: CodeType, position: Position) -> Loop | None:
    """The loop without a statement that the frame is in: ``sorted()``, ``map()``, ``join()`` …

    Its kind is ``call``. ``iterates`` is empty if the call is not known to run through
    an argument. A frame that is fetching the next item of a ``for`` or a comprehension
    gets that loop. ``bounded`` of a ``zip`` or ``chain`` of collections is the number of
    collections, each of which may be read by a query. ``None`` where the source is missing or no longer fits the code.
    """
    scope = _scope_at(code, position)
    if scope is None:
        return None
    for loop in reversed(scope.loops):
        if _fetches(loop, position):
            return _fetching(loop)
    for call in scope.calls:
        if _is_at(call, position):
            return _described_call(call)
    return _call_at(scope, position)


def exclusive(code: CodeType, a: Position, b: Position) -> bool:
    """Whether one turn cannot run both places, so that having run both proves two turns.

    True for the branches of one ``if``, ``match``, conditional expression or ``try``
    (its handlers and its ``else``), and for a branch that ends in ``continue``,
    ``break``, ``return`` or ``raise`` and what follows it in the block.
    """
    scope = _scope_at(code, a)
    if scope is None or scope is not _scope_at(code, b):
        return False
    return any(_splits(fork, a, b) or _splits(fork, b, a) for fork in scope.forks)


def _scope_at(code: CodeType, position: Position) -> Scope | None:
    scope = scope_of(code)
    fits = scope is not None and scope.region.holds(position.line, None)
    return scope if fits else None


def _splits(fork: tuple[Region, Region], a: Position, b: Position) -> bool:
    one, other = fork
    if not (one.holds(a.line, a.column) and other.holds(b.line, b.column)):
        return False
    # By lines alone, a branch may share its line with the other one.
    ambiguous = a.column is None and (other.holds(a.line, None) or one.holds(b.line, None))
    return not ambiguous


def _is_at(call: CallNode, position: Position) -> bool:
    if position.column is None:
        return position.line in (call.start[0], call.region.start[0])
    starts = (position.line, position.column) in (call.start, call.region.start)
    return starts and _ends_at(call.region, position)


def _ends_at(region: Region, position: Position) -> bool:
    return position.end_line is None or (position.end_line, position.end_column) == region.end


def _fetches(loop: LoopNode, position: Position) -> bool:
    """Whether the position is that of ``FOR_ITER``: up to 3.12 the loop, then its iterable.

    The latter says little where the iterable is a call that does something: the frame may
    be inside it.
    """
    if loop.iterable is None:
        return False
    clear = not isinstance(loop.iterable, ast.Call) or is_lazy(loop.iterable)
    if position.column is None:
        return clear and position.line == loop.line
    place = (position.line, position.column)
    regions = [loop.region, _region(loop.iterable)] if clear else [loop.region]
    return any(place == region.start and _ends_at(region, position) for region in regions)


def _region(node: ast.expr) -> Region:
    end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
    return Region((node.lineno, node.col_offset), end)


# -- describing -----------------------------------------------------------------------


def _described(loop: LoopNode) -> Loop:
    if loop.described is None:
        # The iterable's own scope: that of a comprehension's first one is the function.
        loop.described = _loop(loop)
    found: Loop = loop.described
    return found


def _fetching(loop: LoopNode) -> Loop:
    """The loop, seen from its header."""
    collections = joined(loop.iterable) if loop.iterable is not None else None
    found = _described(loop)
    return replace(found, bounded=collections) if collections is not None else found


def _loop(loop: LoopNode) -> Loop:
    index = loop.scope.index
    return Loop(
        file=index.file,
        line=loop.line,
        end_line=loop.region.end[0],
        function=loop.scope.qualname,
        source=index.line(loop.line),
        kind=loop.kind,
        bounded=turns(loop.iterable, loop.scope) if loop.iterable is not None else None,
        iterates=index.text(loop.iterable) if loop.iterable is not None else "",
        iter_lines=_lines(loop.iterable, loop.line),
        assigned=_assigned(loop.iterable, loop.scope, loop.region.start),
        target=index.text(loop.target) if loop.target is not None else "",
        items=_items(loop.iterable),
    )


def _described_call(call: CallNode) -> Loop:
    index, line = call.scope.index, call.start[0]
    return Loop(
        file=index.file,
        line=line,
        end_line=call.region.end[0],
        function=call.scope.qualname,
        source=index.line(line),
        kind="call",
        bounded=turns(call.iterable, call.scope) if call.joined is None else call.joined,
        iterates=index.text(call.iterable),
        iter_lines=_lines(call.iterable, line),
        assigned=_assigned(call.iterable, call.scope, call.region.start),
        target="",
        items=_items(call.iterable),
    )


def _call_at(scope: Scope, position: Position) -> Loop:
    return Loop(
        file=scope.index.file,
        line=position.line,
        end_line=position.end_line or position.line,
        function=scope.qualname,
        source=scope.index.line(position.line),
        kind="call",
        bounded=None,
        iterates="",
        iter_lines=(position.line, position.line),
        assigned=None,
        target="",
    )


def _items(iterable: ast.expr | None) -> tuple[str, ...]:
    if not isinstance(iterable, (ast.Tuple, ast.List, ast.Set)):
        return ()
    return tuple(
        called_name(item.func if isinstance(item, ast.Call) else item) for item in iterable.elts
    )


def _lines(iterable: ast.expr | None, line: int) -> tuple[int, int]:
    if iterable is None:
        return (line, line)
    return (iterable.lineno, iterable.end_lineno or iterable.lineno)


# -- where the name was assigned --------------------------------------------------------


def _assigned(iterable: ast.expr | None, scope: Scope, start: Point) -> int | None:
    """The line of the last assignment, before the loop, to the name that it runs over."""
    name = _root(iterable) if iterable is not None else ""
    owner = scope.owner_of(name) if name else None
    if iterable is None or owner is None or owner.function is not scope.function:
        return None
    before = _assignments(owner.bindings[name], start, _region(iterable).end)
    return max(before, key=lambda binding: binding.at).line if before else None


def _assignments(bindings: Iterable[Binding], start: Point, end: Point) -> list[Binding]:
    """Those that happen before the loop, or (a walrus) in what it runs over."""
    return [
        binding
        for binding in bindings
        if (binding.at < start and binding.kind in ("value", "item"))
        or (start < binding.at < end and binding.kind == "value")
    ]


def _root(iterable: ast.expr) -> str:
    """The name under ``enumerate(rows)``, ``rows.items()``, ``rows[1:]``, ``page.object_list``."""
    if isinstance(iterable, ast.Attribute):
        iterable = iterable.value
    for node in _unwrapped(iterable):
        iterable = node
    if isinstance(iterable, ast.NamedExpr):
        return iterable.target.id
    if not isinstance(iterable, ast.Name) or _is_class(iterable.id):
        return ""
    return iterable.id


def _is_class(name: str) -> bool:
    """Whether a name says that it is a model, ``rows_of(Entry)``, and no rows of one."""
    capitalised = name[:1].isupper() and not (name.isupper() and len(name) > 1)
    return capitalised or name in {"model", "cls", "klass"} or name.endswith("_model")


def _unwrapped(node: ast.expr) -> Iterator[ast.expr]:
    """What a chain of calls and subscripts is built on, step by step.

    Other attributes end it: in ``Tenant.objects.all()`` the rows come from no variable.
    """
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            node = node.args[0]
        elif isinstance(node, (ast.Subscript, ast.Await)):
            node = node.value
        elif isinstance(node, ast.BoolOp):
            node = node.values[0]
        elif isinstance(node, (ast.GeneratorExp, ast.ListComp)):
            node = node.generators[0].iter
        else:
            return
        yield node
