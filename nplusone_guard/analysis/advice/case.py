"""What a piece of advice draws on: the candidates of one finding, their source, their parents."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from nplusone_guard.analysis.advice.trees import (
    COMPREHENSIONS,
    LOOPS,
    LoopNode,
    Spot,
    fresh,
    names_in,
    spot_of,
    stored_in,
    targets,
)
from nplusone_guard.analysis.findings import Origin, Step
from nplusone_guard.analysis.location import Location
from nplusone_guard.analysis.places import asking_places
from nplusone_guard.analysis.rules import facts_of
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture.landmarks import Facts
from nplusone_guard.capture.scope import Group, Scope


class Candidate(Protocol):
    """One statement of a loop, as the judge has it."""

    @property
    def group(self) -> Group: ...
    @property
    def location(self) -> Location: ...
    @property
    def rule(self) -> str: ...
    @property
    def relation(self) -> str: ...
    @property
    def groups(self) -> list[Group]: ...
    @property
    def count(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Branches:
    """Those branches of a candidate that load one and the same relation."""

    group: Group
    location: Location
    rule: str
    relation: str
    groups: list[Group]

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)


@dataclass(frozen=True, slots=True)
class Parents:
    """The read that loaded the parents, and what is told of it."""

    origin: Origin
    read: Group


@dataclass(eq=False)
class Case:
    """One finding, while advice is made for it."""

    scope: Scope
    candidates: Sequence[Candidate]
    main: Candidate
    parents: Parents | None
    #: The parents of any group of the scope, and its site and loop.
    find_parents: Callable[[Group], Parents | None]
    #: The site and the loop of any group of the scope.
    locate: Callable[[Group], Location]
    #: All groups of the scope, in their order.
    groups: Sequence[Group] = ()
    #: The rows of its loops, by the loop's node, once they were asked for.
    rows: dict[int, Any] = field(default_factory=dict)
    #: The plans for relations that the loop assigns, by the statement that does.
    assigned: dict[int, Any] = field(default_factory=dict)
    #: The plans for reads of a table that the loop fills, by the candidate.
    known: dict[int, Any] = field(default_factory=dict)
    #: The groups that such a plan takes away, by their identity.
    answered: set[int] = field(default_factory=set)
    #: The names that were given to rows.
    taken: set[str] = field(default_factory=set)
    #: What the names of annotations stand for.
    annotations: dict[str, str] = field(default_factory=dict)
    #: Names that stand alone, by the candidate that they were given to.
    given: dict[str, Candidate] = field(default_factory=dict)

    @cached_property
    def subjects(self) -> list[Subject]:
        """The candidates, each with its source; the main one first.

        One statement can load several relations, such as ``author`` and ``editor``: each is
        a subject of its own, since each is loaded by a look-up of its own.
        """
        ordered = sorted(self.candidates, key=lambda one: one is not self.main)
        return [Subject(self, part) for one in ordered for part in self._by_relation(one)]

    def _by_relation(self, candidate: Candidate) -> list[Candidate]:
        relations: dict[str, list[Group]] = {}
        for group in candidate.groups:
            relations.setdefault(facts_of(group).relation, []).append(group)
        if candidate.rule != "lazy-relation" or len(relations) == 1:
            return [candidate]
        return [
            Branches(groups[0], self.locate(groups[0]), candidate.rule, relation, groups)
            for relation, groups in relations.items()
        ]

    def loops(self, spot: Spot) -> list[LoopNode]:
        """The loops that a node stands in, the innermost first; not those around the scope."""
        return loops_inside(self.scope, spot)

    @property
    def total(self) -> int:
        """All queries of the finding."""
        return sum(one.count for one in self.candidates)


@dataclass(eq=False)
class Subject:
    """One candidate and the source around its call site."""

    case: Case
    candidate: Candidate
    #: Names that were given to new variables.
    taken: set[str] = field(default_factory=set)
    #: What the conversions of keys are called, by model and field.
    conversions: dict[tuple[Any, str], str] = field(default_factory=dict)
    #: A loop around its own that advice is made for in its place.
    around: LoopNode | None = None

    @property
    def group(self) -> Group:
        return self.candidate.group

    @cached_property
    def facts(self) -> Facts:
        return facts_of(self.group)

    @property
    def count(self) -> int:
        return self.candidate.count

    @cached_property
    def parents(self) -> Parents | None:
        """The read that loaded what the query is asked for."""
        mine = self.case.parents if self.candidate is self.case.main else None
        return mine or self.case.find_parents(self.group)

    @property
    def reads(self) -> int:
        """How often that ran: by one query for all turns, or for each turn its own."""
        return self.parents.read.count if self.parents is not None else 1

    @property
    def site(self) -> Site:
        return self.candidate.location.site

    @cached_property
    def spot(self) -> Spot | None:
        """The node that sends the query, with its callers."""
        return spot_of_group(self.group)

    @cached_property
    def spots(self) -> list[Spot]:
        """The nodes of all branches that send it."""
        found = (spot_of_group(group) for group in self.candidate.groups)
        return [spot for spot in found if spot is not None]

    @cached_property
    def loop(self) -> LoopNode | ast.Call | None:
        """The loop in the tree of its file, or the one around it that advice is made for."""
        return self.around or self.own_loop

    @cached_property
    def nest(self) -> list[LoopNode]:
        """The loop, and those inside it that lead to the query, the outermost first."""
        spot, loop = (self.spot if self.local else self.loop_spot), self.loop
        if spot is None or not isinstance(loop, LOOPS):
            return []
        found, own = list(spot.tree.loops(spot.node)), self.own_loop
        if not spot.exact and isinstance(own, COMPREHENSIONS):
            found = [own, *spot.tree.loops(own)]  # inside of the statement that the spot is
        lead = next((number for number, one in enumerate(found) if one is loop), -1)
        return [loop, *reversed(found[:lead])] if lead >= 0 else [loop]

    @cached_property
    def own_loop(self) -> LoopNode | ast.Call | None:
        """The innermost loop that the query is sent in."""
        location = self.candidate.location
        place = location.loop_place
        if location.loop is None or place is None or place.spot is not None:
            return None
        spot = spot_of(((place.code, place.lasti),))
        return _loop_above(spot, location.loop.line) if spot is not None else None

    @cached_property
    def loop_spot(self) -> Spot | None:
        """The place in the loop's own frame from which the query is reached."""
        place = self.candidate.location.loop_place
        if place is None or place.spot is not None:
            return None
        frames = _frames(self.group)
        for number, (code, lasti) in enumerate(frames):
            if code is place.code and lasti == place.lasti:
                return spot_of(frames[number:])
        return spot_of(((place.code, place.lasti),))

    @cached_property
    def local(self) -> bool:
        """Whether the query is sent by the body of the loop itself, not by a helper."""
        spot, loop = self.spot, self.loop
        if spot is None or loop is None or self.candidate.location.loop is None:
            return False
        if spot.tree.file != self.candidate.location.loop.file:
            return False
        return spot.node is loop or any(one is loop for one in spot.tree.above(spot.node))

    @cached_property
    def varying(self) -> set[str]:
        """Names that have another value in each turn."""
        loop = self.loop
        if self.local and isinstance(loop, LOOPS):
            return stored_in(loop)
        function = self.spot.tree.function(self.spot.node) if self.spot is not None else None
        names = {"self", "cls"}
        if function is not None:
            names |= {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
            names |= stored_in(function)
        if self.spot is not None:
            for one in self.spot.tree.above(self.spot.node):
                if isinstance(one, ast.Lambda):
                    names |= {arg.arg for arg in ast.walk(one.args) if isinstance(arg, ast.arg)}
        return names

    @property
    def vendor(self) -> str:
        """The database that the statement is sent to, as Django calls it."""
        from django.db import connections

        return connections[self.group.alias].vendor

    def varies(self, node: ast.AST) -> bool:
        """Whether an expression may have another value in each turn."""
        return bool(names_in(node) & self.varying)

    @property
    def targets(self) -> list[str]:
        """The loop variables."""
        loop = self.loop
        if isinstance(loop, (ast.For, ast.AsyncFor)):
            return [name for name, _ in targets(loop.target)]
        if isinstance(loop, COMPREHENSIONS):
            return [name for part in loop.generators for name, _ in targets(part.target)]
        return []

    @property
    def name(self) -> str:
        """The loop variable as the user calls it, or ``obj``."""
        found = self.targets
        return found[0] if len(found) == 1 else "obj"

    def fresh(self, wanted: str, *, alone: bool = False) -> str:
        """A name for a new variable before the loop.

        Several statements of one write share the names of its plan; one that stands ``alone``
        is given to no other candidate.
        """
        spot, given = self.loop_spot or self.spot, self.case.given
        if spot is None:
            return wanted
        others = {name for name, one in given.items() if alone and one is not self.candidate}
        name = fresh(spot.tree, spot.node, wanted, self.taken | self.case.taken | others)
        self.taken.add(name)
        if alone:
            given.setdefault(name, self.candidate)
        return name


def _loop_above(spot: Spot, line: int) -> LoopNode | ast.Call | None:
    nodes = [spot.node, *spot.tree.above(spot.node)]
    # What a loop runs over is read once: a loop around it may stand on the same line.
    around = [one for one in spot.tree.loops(spot.node) if line in _lines(one)]
    if around and spot.exact:
        return around[0]
    for node in nodes:
        if isinstance(node, LOOPS) and line in _lines(node):
            return node
    for node in nodes:
        if isinstance(node, ast.Call) and node.lineno == line:
            return node
    return next(
        (one for one in spot.tree.nodes_on(line) if isinstance(one, LOOPS)),
        None,
    )


def _lines(node: LoopNode) -> set[int]:
    lines = {node.lineno}
    if isinstance(node, COMPREHENSIONS):
        lines |= {part.target.lineno for part in node.generators}
    return lines


def _frames(group: Group) -> tuple[Any, ...]:
    # Places of templates and serializers are no code that steps could change.
    places = (place for place in asking_places(group.path) if place.spot is None)
    return tuple((place.code, place.lasti) for place in places)


def loops_inside(scope: Scope, spot: Spot) -> list[LoopNode]:
    """The loops that a node stands in, the innermost first; not those around ``scope``."""
    opened, root = scope.root_line, scope.root_code
    mine = root is not None and root.co_filename == spot.tree.file
    return [
        one
        for one in spot.tree.loops(spot.node)
        if not mine or not one.lineno < opened <= (one.end_lineno or 0)
    ]


def spot_of_group(group: Group) -> Spot | None:
    """The node that a group's queries are sent from."""
    frames = _frames(group)
    return spot_of(frames) if frames else None


# -- edits -----------------------------------------------------------------------------


def append(spot: Spot, new: str) -> Step:
    """``new`` right after the expression of a spot."""
    return Step("append", spot.tree.file, spot.line, spot.text, new)


def replace(spot: Spot, new: str, node: ast.AST | None = None) -> Step:
    """The expression or statement of a spot becomes ``new``."""
    spot = spot.at(node) if node is not None else spot
    return Step("replace", spot.tree.file, spot.line, spot.text, new)


def before(spot: Spot, node: ast.AST, new: str) -> Step:
    """A statement before the one that ``node`` is, or stands in."""
    return _around("insert-before", spot, node, new)


def after(spot: Spot, node: ast.AST, new: str) -> Step:
    """A statement after the one that ``node`` is, or stands in."""
    return _around("insert-after", spot, node, new)


def _around(action: str, spot: Spot, node: ast.AST, new: str) -> Step:
    statement = spot.tree.statement(node)
    line = statement.lineno if statement is not None else 0
    return Step(action, spot.tree.file, line, "", new)


# -- plans -----------------------------------------------------------------------------


@dataclass(eq=False)
class Plan:
    """One way to remove the queries of one candidate, before it is told."""

    kind: str
    file: str
    line: int
    #: Calls to append to the querysets: (method, argument).
    calls: tuple[tuple[str, str], ...] = ()
    #: The querysets they are appended to.
    feeds: tuple[Any, ...] = ()
    #: What to write, where it is no call to append.
    expression: str = ""
    read: str = ""
    steps: tuple[Step, ...] = ()
    imports: tuple[str, ...] = ()
    #: Queries that remain.
    costs: int = 1
    loses: str = ""
    #: What is wrong, where the sentence has to begin with it.
    why: str = ""
    #: The whole sentence, where the usual one does not fit.
    text: str = ""
    #: The statement that it is about, where that is not the finding's own: ``for SELECT blog: ``.
    about: str = ""
    #: What is read in the place of the other statements that the option removes.
    also: tuple[str, ...] = ()
    #: What they write behind the loop, as sentences.
    behind: tuple[str, ...] = ()
    #: Where ``expression`` goes: ``to the queryset at``, ``before the loop at`` …
    place: str = "to the queryset at"
    #: What handlers of a missing row have to take besides: ``KeyError``.
    catches: str = ""
    #: What a missing row does then, where nothing takes it: ``raises KeyError, no longer …``.
    missing: str = ""
    #: How often its statement runs, where not once: ``once for each turn of the loop at …``.
    repeated: str = ""
    #: What else is to be known of it: ``loads all Category rows: where they are many, …``.
    note: str = ""
    #: What the loop adds to what is known before it: ``known_slugs.add(slug) where …``.
    adds: str = ""
    #: What the loop then runs over, where ``expression`` gives its rows a name.
    over: str = ""


def before_loop(
    spot: Spot, loop: ast.AST, statement: str, read: str, steps: Sequence[Step], **more: Any
) -> Plan:
    """``statement`` before the loop, and ``read`` in it, which ``steps`` see to."""
    told = {"expression": statement, "place": "before the loop at", **more}
    return Plan(
        file=spot.tree.file,
        line=int(getattr(loop, "lineno", 0)),
        read=read,
        steps=(before(spot, loop, statement), *steps),
        **told,
    )
