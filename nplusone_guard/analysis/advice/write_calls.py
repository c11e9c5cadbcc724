"""The call that writes one row a turn, and the edits that write all rows behind the loop."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Final

from nplusone_guard.analysis.advice import meanwhile
from nplusone_guard.analysis.advice.case import Plan, Subject, after, before, replace
from nplusone_guard.analysis.advice.chains import Query, parse
from nplusone_guard.analysis.advice.trees import (
    COMPREHENSIONS,
    Spot,
    names_in,
    own_nodes,
    stored_in,
)
from nplusone_guard.analysis.findings import Step

ASYNC: Final = frozenset(
    "asave acreate adelete aupdate aget_or_create aupdate_or_create abulk_create abulk_update "
    "aadd aremove aset aclear".split()
)


@dataclass(eq=False)
class Write:
    """One call that writes, and the loop that it is in."""

    subject: Subject
    spot: Spot
    loop: ast.AST
    call: ast.Call
    #: What the method is called on.
    owner: ast.expr
    name: str

    @property
    def node(self) -> ast.expr:
        """The call, with its ``await``."""
        parent = self.spot.tree.parents.get(self.call)
        return parent if isinstance(parent, ast.Await) else self.call

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.Await)

    @property
    def statement(self) -> ast.stmt | None:
        """The statement that the call is, where nobody reads what it gives."""
        parent = self.spot.tree.parents.get(self.node)
        return parent if isinstance(parent, ast.Expr) else None

    @property
    def query(self) -> Query | None:
        return parse(self.spot, self.call)

    def varies(self, node: ast.AST) -> bool:
        return self.subject.varies(node)

    def awaited(self, text: str, method: str) -> str:
        """``await rows.abulk_create(…)`` where the call was awaited."""
        if not self.is_async:
            return text
        head, _, tail = text.rpartition(f".{method}(")
        return f"await {head}.a{method}({tail}"


def collected(
    write: Write,
    wanted: str,
    item: str,
    behind: str,
    kind: str,
    *,
    method: str = "append",
    loses: str = "",
    conflicts: bool = False,
    imports: tuple[str, ...] = (),
) -> Plan | None:
    """``rows = []`` before the loop, ``rows.append(…)`` in it, one statement behind it.

    ``{name}`` in ``behind`` is what the collection is called. With ``conflicts`` it passes over
    rows that are there, as the loop does. ``None`` where the order of statements matters.
    """
    subject = write.subject
    name = subject.fresh(wanted)
    last = behind.format(name=name)
    loop = _outermost(write, last)
    if meanwhile.may_leave(loop) or meanwhile.is_read(subject, loop):
        return None
    if not conflicts and meanwhile.is_tried(subject, write.call):
        return None
    steps = _edits(write, loop, name, f"{name}.{method}({item})", item, last)
    if steps is None:
        return None
    return Plan(
        kind=kind,
        file=write.spot.tree.file,
        line=int(getattr(loop, "lineno", 0)),
        expression=last,
        read=f"{name}.{method}({item})",
        steps=steps,
        imports=imports,
        loses=loses,
        place="behind the loop at",
    )


def _outermost(write: Write, last: str) -> ast.AST:
    """The loop around all turns: behind an inner one, each turn of the outer one would write."""
    chosen, read = write.loop, names_in(ast.parse(last.removeprefix("await ")))
    for loop in write.spot.tree.loops(write.loop):
        if not isinstance(loop, (ast.For, ast.AsyncFor, ast.While)) or read & stored_in(loop):
            break
        chosen = loop
    return chosen


def _edits(
    write: Write, loop: ast.AST, name: str, inside: str, item: str, last: str
) -> tuple[Step, ...] | None:
    spot = write.spot
    around = (before(spot, loop, f"{name} = []"),)
    behind = (after(spot, loop, last),)
    if isinstance(loop, COMPREHENSIONS):
        return None
    if write.statement is not None:
        return (*around, replace(spot, inside, write.node), *behind)
    parent = spot.tree.parents.get(write.node)
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        if not _only_kept(write, parent.targets[0].id):
            return None
        kept = inside.replace(item, parent.targets[0].id)
        return (*around, replace(spot, item, write.node), after(spot, parent, kept), *behind)
    return None


def _only_kept(write: Write, name: str) -> bool:
    """Whether the loop does nothing with a new object that needs it to be saved."""
    parents = write.spot.tree.parents
    for node in own_nodes(write.loop):
        if not isinstance(node, ast.Name) or node.id != name or not isinstance(node.ctx, ast.Load):
            continue
        user = parents.get(node)
        if isinstance(user, ast.Attribute):
            called_on = isinstance(parents.get(user), ast.Call) and user.attr != "append"
            if user.attr in {"pk", "id"} or called_on:
                return False
        elif not isinstance(user, ast.Call) or ast.unparse(user.func).rpartition(".")[2] not in {
            "append",
            "add",
        }:
            return False
    return True
