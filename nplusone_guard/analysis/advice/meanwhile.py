"""What else a loop does to the rows that it asks for, or writes: then one query is not as good.

Rows that are read before the loop are those from before its writes, and rows that are written
behind it are none for the reads in it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from nplusone_guard.analysis.advice.case import Subject
from nplusone_guard.analysis.advice.trees import COMPREHENSIONS, FUNCTIONS, Spot, own_nodes
from nplusone_guard.analysis.loops import position_of
from nplusone_guard.analysis.places import asking_places
from nplusone_guard.capture import steps
from nplusone_guard.capture.scope import WRITES, Group


def is_written(subject: Subject) -> bool:
    """Whether the loop writes to a table that the candidate reads."""
    tables = subject.group.fingerprint.tables
    return any(
        group.fingerprint.kind in WRITES and group.fingerprint.main_table in tables
        for group in _others(subject)
    )


def writing(subject: Subject, table: str) -> list[Group]:
    """The other statements of the loop that write to a table."""
    return [
        group
        for group in _others(subject)
        if group.fingerprint.kind in WRITES and group.fingerprint.main_table == table
    ]


def is_seen_writing(subject: Subject, spot: Spot) -> bool:
    """Whether an expression, or what it calls, has sent a write in this scope: a method, a signal."""
    return any(
        group.fingerprint.kind in WRITES and any(_is_within(spot, place) for place in group.path)
        for group in subject.case.groups
    )


def _is_within(spot: Spot, place: steps.Place) -> bool:
    """Whether a place lies in an expression; on its lines, where there are no columns."""
    if not place.user or place.code.co_filename != spot.tree.file:
        return False
    at, node = position_of(place.code, place.lasti), spot.node
    first, last = _lines(node)
    if not first <= at.line <= last or at.column is None:
        return first <= at.line <= last
    start, end = getattr(node, "col_offset", 0), getattr(node, "end_col_offset", None) or 0
    return (first, start) <= (at.line, at.column) < (last, end)


def is_read(subject: Subject, loop: ast.AST | None = None) -> bool:
    """Whether its loop, or one around it, reads by another call a table that it writes."""
    table = subject.group.fingerprint.main_table
    return any(
        group.fingerprint.kind == "select"
        and table in group.fingerprint.tables
        and not _is_same_call(subject, group)
        and id(group) not in subject.case.answered
        for group in _others(subject, loop)
    )


def _is_same_call(subject: Subject, group: Group) -> bool:
    """Whether one call sends both: ``get_or_create()`` reads and writes."""
    mine, other = (next(asking_places(one.path), None) for one in (subject.group, group))
    if mine is None or other is None or mine.spot is not None or other.spot is not None:
        return subject.case.locate(group).site == subject.site
    at, where = position_of(mine.code, mine.lasti), position_of(other.code, other.lasti)
    # Without columns (Python 3.10) the instruction tells.
    told = at.column is not None or mine.lasti == other.lasti
    return mine.code is other.code and at == where and told


def _others(subject: Subject, around: ast.AST | None = None) -> Iterator[Group]:
    """The other statements that the loop sends, however often."""
    place, loop = subject.candidate.location.loop_place, around or subject.loop
    if place is None or loop is None:
        return
    first, last = _lines(loop)
    if isinstance(loop, (ast.For, ast.AsyncFor, ast.While)):
        first = loop.body[0].lineno
    yield from _between(subject, place.code.co_filename, first, last)


def sent_from(subject: Subject, nodes: Iterable[ast.AST]) -> int:
    """How often another statement was sent from the lines of expressions of the loop's file.

    Of several statements that of which there were most counts.
    """
    place = subject.candidate.location.loop_place
    file = place.code.co_filename if place is not None else ""
    counts: Counter[tuple[int, str]] = Counter()
    for number, node in enumerate(nodes):
        for group in _between(subject, file, *_lines(node)):
            counts[number, group.fingerprint.text] += group.count
    return max(counts.values(), default=0)


def _lines(node: ast.AST) -> tuple[int, int]:
    first = int(getattr(node, "lineno", 0))
    return first, int(getattr(node, "end_lineno", None) or first)


def _between(subject: Subject, file: str, first: int, last: int) -> Iterator[Group]:
    """The other statements that are sent from some lines of a file, or by what they call."""
    mine = {id(group) for group in subject.candidate.groups}
    for group in subject.case.groups:
        if id(group) not in mine and any(
            one.code.co_filename == file and first <= position_of(one.code, one.lasti).line <= last
            for one in group.path
        ):
            yield group


def line_of(subject: Subject, group: Group) -> int:
    """The line of the loop that leads to a statement; 0 where none does."""
    place, loop = subject.candidate.location.loop_place, subject.loop
    if place is None or loop is None:
        return 0
    first, last = _lines(loop)
    found = [
        position_of(one.code, one.lasti).line
        for one in group.path
        if one.code.co_filename == place.code.co_filename
    ]
    return max((line for line in found if first <= line <= last), default=0)


def may_leave(loop: ast.AST) -> bool:
    """Whether a loop may be left so that what is behind it does not run, or runs too late."""
    return any(isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)) for node in _body(loop))


def _body(loop: ast.AST) -> Iterator[ast.AST]:
    for node in own_nodes(loop):
        if not isinstance(node, FUNCTIONS):
            yield node


def is_conditional(subject: Subject, spot: Spot, node: ast.AST) -> bool:
    """Whether some turns do not come to a node: a condition around it, a ``continue`` before it."""
    below, inner = node, {id(one) for one in subject.nest[1:]}
    for one in spot.tree.above(node):
        if one is subject.loop:
            return _skips(one, node)
        if id(one) not in inner and not _leads_to(one, below):
            return True
        below = one
    return True


def _leads_to(around: ast.AST, below: ast.AST) -> bool:
    """Whether what comes to a node comes to a part of it: to a test, to what a loop runs over."""
    if isinstance(around, (ast.If, ast.IfExp, ast.While)):
        return below is around.test
    if isinstance(around, ast.BoolOp):
        return below is around.values[0]
    if isinstance(around, ast.Try):
        return below in around.body
    if isinstance(around, (ast.For, ast.AsyncFor, ast.comprehension)):
        return below is around.iter
    if isinstance(around, COMPREHENSIONS):
        return below is around.generators[0]
    return not isinstance(around, (*FUNCTIONS, ast.Lambda))


def _skips(loop: ast.AST, node: ast.AST) -> bool:
    """Whether a turn, or the whole loop, may end before it comes to a node."""
    place = getattr(node, "lineno", 0)
    return any(
        isinstance(one, (ast.Continue, ast.Break, ast.Return, ast.Raise)) and one.lineno < place
        for one in own_nodes(loop)
    ) or any(isinstance(one, (ast.Break, ast.Return)) for one in own_nodes(loop))


def is_changed(loop: ast.AST, node: ast.expr) -> bool:
    """Whether a loop changes what an expression goes through, or hands it to who might."""
    text, parts = ast.unparse(node), list(own_nodes(loop))
    changed = {one for part in parts for one in _changed(part)}
    handed = {one.id for part in parts for one in _handed(part)}
    return any(text == one or text.startswith((f"{one}.", f"{one}[")) for one in changed) or any(
        text == one or text.startswith(f"{one}[") for one in handed
    )


def changed_names(loop: ast.AST) -> set[str]:
    """The names of what a loop changes in place: ``context`` of ``context["user"] = user``."""
    return {one for part in own_nodes(loop) for one in _changed(part) if one.isidentifier()}


def _changed(node: ast.AST) -> Iterator[str]:
    """``rows`` of ``rows.append(…)``, ``rows[0] = …``, ``del rows[0]``, ``rows += …``."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            yield ast.unparse(node.func.value)
    elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        yield ast.unparse(node.value)
    elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        yield ast.unparse(node)
    elif isinstance(node, ast.AugAssign):
        yield ast.unparse(node.target)


def _handed(node: ast.AST) -> list[ast.Name]:
    """``fill(rows)``."""
    given = node.args if isinstance(node, ast.Call) else []
    looking = isinstance(node, ast.Call) and getattr(node.func, "id", "") in _LOOKING
    return [one for one in given if isinstance(one, ast.Name) and not looking]


#: Methods that change what they are called on.
CHANGING: Final = frozenset(
    "append extend insert pop popitem remove clear sort reverse add discard update setdefault set "
    "difference_update intersection_update symmetric_difference_update appendleft popleft".split()
)
#: Functions that only look at what they are given.
_LOOKING: Final = frozenset(
    "len list tuple set sorted enumerate zip reversed sum min max any all str repr print".split()
)


def is_tried(subject: Subject, call: ast.AST, spot: Spot | None = None) -> bool:
    """Whether the loop goes on where one of its statements fails: outside, all of them would."""
    spot, below = spot or subject.spot, call
    for one in spot.tree.above(call) if spot is not None else ():
        if one is subject.loop:
            return False
        if isinstance(one, ast.Try) and one.handlers and below in one.body:
            return True
        if isinstance(one, (ast.With, ast.AsyncWith)) and any(
            isinstance(item.context_expr, ast.Call)
            and ast.unparse(item.context_expr.func).rpartition(".")[2] == "suppress"
            for item in one.items
        ):
            return True
        below = one
    return False
