"""A query for the rows of one parent: ``author.entries.filter(…)``, and what it is made of."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Subject
from nplusone_guard.analysis.advice.chains import CONDITIONS, Link, Relative, query_of, relative_of
from nplusone_guard.analysis.advice.imported import value_at
from nplusone_guard.analysis.advice.roots import Root, root_of
from nplusone_guard.analysis.advice.values import is_of_the_database


@dataclass(eq=False)
class Ask:
    """One query for the rows of a parent, with all that its advice is made of."""

    subject: Subject
    relative: Relative
    root: Root
    #: What holds the rows in Python, where that is not the accessor.
    loaded_as: str = ""

    @property
    def parent(self) -> str:
        return ast.unparse(self.relative.parent)

    @property
    def accessor(self) -> str:
        return self.relative.accessor

    @property
    def model(self) -> Any:
        return self.relative.query.model

    @property
    def links(self) -> tuple[Link, ...]:
        return self.relative.body

    @property
    def terminal(self) -> Link | None:
        return self.relative.terminal

    @property
    def operation(self) -> str:
        return self.terminal.name if self.terminal is not None else "filter"

    @property
    def single(self) -> bool:
        """Whether the parent reads one object by the accessor."""
        model = self.relative.parent_model
        for name in self.accessor.split("__"):
            field = meta.relation(model, name) if model is not None else None
            if field is None or meta.is_collection(field):
                return False
            model = meta.related_model(field)
        return True

    @property
    def raises(self) -> bool:
        """Whether a row that is missing is an error."""
        return self.operation in {"get", "latest", "earliest"}

    @property
    def deep(self) -> bool:
        return "__" in self.accessor

    @property
    def whole(self) -> bool:
        """Nothing but the rows of the parent."""
        return not self.links and not self.narrowed

    @property
    def narrowed(self) -> bool:
        """Whether the query goes on from a queryset that has a name."""
        return isinstance(self.relative.query.root, ast.Name)

    @property
    def row(self) -> str:
        """What to call one row where Python goes through them."""
        name = meta.variable(self.model)
        return name if name not in self.subject.varying and name != self.parent else "row"

    @property
    def rows(self) -> str:
        """``author.entries.all()``."""
        return self.loaded_as or f"{self.parent}.{self.accessor}.all()"

    @property
    def fixed(self) -> bool:
        """Whether nothing besides the parent changes from turn to turn."""
        links = [*self.links, *([self.terminal] if self.terminal is not None else [])]
        values = [value for link in links for value in link.values]
        return not any(self.subject.varies(value) for value in values)

    @property
    def of_the_database(self) -> bool:
        """Whether a condition compares with what Python does not know."""
        spot = self.relative.query.spot
        links = [*self.links, *([self.terminal] if self.terminal is not None else [])]
        asked = [value for link in links if link.name in CONDITIONS for value in link.values]
        return any(is_of_the_database(spot, value) for value in asked)

    @property
    def editable(self) -> bool:
        """Whether changing the call site harms no other caller of it."""
        return self.subject.local

    @property
    def looped(self) -> bool:
        """Whether ``async for`` runs over the rows, which a list does not take."""
        query = self.relative.query
        parent = query.spot.tree.parents.get(query.node)
        return isinstance(parent, (ast.AsyncFor,)) or (
            isinstance(parent, ast.comprehension) and bool(parent.is_async)
        )


def ask_of(subject: Subject) -> Ask | None:
    """The query of a candidate, where it is for the rows of one parent whose root is known."""
    query = query_of(subject)
    relative = relative_of(subject, query) if query is not None else None
    if relative is None or relative.parent_model is None:
        return None
    spot = relative.query.spot.at(relative.parent)
    root = root_of(subject, spot, relative.parent_model)
    if root is None:
        return None
    ask = Ask(subject, relative, root)
    return ask if _reads_the_same_rows(ask) else None


def _reads_the_same_rows(ask: Ask) -> bool:
    """Whether the accessor has no other manager than the query, which might hide rows."""
    root, model = ask.relative.query.root, ask.model
    if ask.relative.query.value.kind == "related" or not isinstance(root, ast.Attribute):
        return True
    used = model._meta.managers_map.get(root.attr)
    other = model._base_manager if ask.single else model._default_manager
    same = used is None or (used.name == other.name and not ask.single)
    return same or not (meta.narrows(used) or meta.narrows(other))


def all_rows(ask: Ask) -> str:
    """What the rows of all parents are asked from: ``Entry.objects``."""
    query = ask.relative.query
    if query.value.kind == "related":
        return f"{ask.model.__name__}.{meta.manager_name(ask.model)}"
    return ast.unparse(query.root)


def model_import(ask: Ask) -> tuple[str, ...]:
    """What imports the model where the file of the root does not know it."""
    model = ask.model
    for feed in ask.root.feeds:
        if value_at(feed.spot.tree, model.__name__, feed.node) is model:
            return ()
    return (f"from {model.__module__} import {model.__name__}",)
