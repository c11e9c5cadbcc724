"""The main statement of a finding, as a sentence tells of it: its rows, their parents, its loop."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from typing import Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Subject
from nplusone_guard.analysis.advice.declared import place_of
from nplusone_guard.analysis.advice.trees import tree_of
from nplusone_guard.analysis.findings import Origin
from nplusone_guard.analysis.location import Location
from nplusone_guard.analysis.rules import OF_PARENTS, facts_of
from nplusone_guard.analysis.verdicts import Site
from nplusone_guard.capture.codes import INNER_CODES
from nplusone_guard.capture.landmarks import Facts
from nplusone_guard.capture.landmarks.facts import ForeignKeyCondition
from nplusone_guard.capture.scope import Group

#: Flags of the code of ``async def``, with ``yield`` in it and without.
_COROUTINE: Final = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


@dataclass(frozen=True, slots=True)
class Told:
    """The main candidate of a finding, as a sentence tells of it."""

    subject: Subject

    @property
    def group(self) -> Group:
        return self.subject.group

    @property
    def facts(self) -> Facts:
        return self.subject.facts

    @property
    def accessor(self) -> str:
        """The accessor of the relation that the finding is about."""
        return self.subject.candidate.relation.rpartition(".")[2]

    @property
    def origin(self) -> Origin | None:
        parents = self.subject.parents
        return parents.origin if parents is not None else None

    @property
    def name(self) -> str:
        """The loop variable, where the loop runs over what was read as the parents."""
        return "" if self._of_others() else _loop_name(self.subject.candidate.location, self.origin)

    @property
    def values(self) -> bool:
        """Whether the loop runs over values of the parents, not over objects."""
        parents = self.subject.parents
        return parents is not None and facts_of(parents.read).values

    @property
    def awaits(self) -> bool:
        """Whether the loop runs in a coroutine, where to ask without ``await`` is an error."""
        return _in_coroutine(self.subject.candidate.location)

    @property
    def back(self) -> str:
        """How the parents read the rows; empty where the loop goes over no parents, but over keys."""
        facts = self.facts
        if self.values:
            return ""
        if facts.accessor or self.origin is None:
            return meta.readable(facts.accessor)
        return next((meta.readable(one.accessor) for one in facts.fks if self._leads(one)), "")

    def _leads(self, condition: ForeignKeyCondition) -> bool:
        """Whether the rows asked for are those that a parent has by this foreign key.

        Another condition may be the same in every turn, or about a table that is joined.
        """
        owner = meta.model_of(condition.field.rpartition(".")[0])
        parent = meta.model_of(self.origin.model) if self.origin is not None else None
        return meta.same_rows(owner, meta.model_of(self.facts.model)) and meta.same_rows(
            parent, meta.model_of(condition.parent_model)
        )

    @property
    def singly(self) -> bool:
        """Whether the parents come one by one, so that each would be prefetched for alone."""
        return 1 < self.subject.reads >= self.group.count

    def rows_by(self, accessor: str) -> str:
        """``author.entries.all()``; without a name, whose it is."""
        return self.one_by(f"{accessor}.all()")

    def one_by(self, read: str) -> str:
        """``author.profile``; without a name, whose it is."""
        return f"{self.name}.{read}" if self.name else f".{read} of each {self.parent}"

    def leads_to_one(self, accessor: str) -> bool:
        """Whether a parent has one such row at most: by a one-to-one relation."""
        model = meta.model_of(self.origin.model) if self.origin is not None else None
        field = meta.relation(model, accessor) if model is not None else None
        return field is not None and not meta.is_collection(field)

    @property
    def parent(self) -> str:
        """``Author``: what the rows asked for belong to."""
        model = self.facts.parent_model or (self.origin.model if self.origin is not None else "")
        return model.rpartition(".")[2] or "object"

    @property
    def queryset(self) -> str:
        """``the queryset at reports.py:41``."""
        if self.origin is None or self._of_others():
            rows = (
                f"loads the {self.parent} rows" if self.facts.parent_model else "the loop runs over"
            )
            return f"the queryset that {rows}"
        site = self.origin.assigned or self.origin.site
        what = place_of(site.kind, site.function, self.subject.candidate.location.loop)
        return f"{what} at {site.file.replace(chr(92), '/').rsplit('/', 1)[-1]}:{site.line}"

    def _of_others(self) -> bool:
        """Whether a relation is read on rows of another model than the loop runs over."""
        parent = meta.model_of(self.facts.parent_model)
        rows = meta.model_of(self.origin.model) if self.origin is not None else None
        reads = self.subject.candidate.rule in OF_PARENTS or bool(self.facts.accessor)
        return (
            reads and parent is not None and rows is not None and not meta.same_rows(rows, parent)
        )


def _loop_name(location: Location, origin: Origin | None) -> str:
    """The loop variable, where the loop runs over what was read as the parents."""
    node = location.node
    if node is None or origin is None or not node.target.isidentifier():
        return ""
    lines = {*range(node.iter_lines[0], node.iter_lines[1] + 1), node.assigned}
    sites = [site for site in (origin.site, origin.assigned) if site is not None]
    return node.target if any(_is_on(site, node.file, lines) for site in sites) else ""


def _is_on(site: Site, file: str, lines: set[int | None]) -> bool:
    return site.file == file and site.line in lines


def _in_coroutine(location: Location) -> bool:
    place, node = location.loop_place, location.node
    if place is None:
        return False
    # Up to Python 3.11 a comprehension has code of its own, which does not tell.
    outer = tree_of(place.code.co_filename) if place.code.co_name in INNER_CODES else None
    if outer is None or node is None:
        return bool(place.code.co_flags & _COROUTINE)
    around = [outer.function(one) for one in outer.nodes_on(node.line)]
    return any(isinstance(one, ast.AsyncFunctionDef) for one in around)
