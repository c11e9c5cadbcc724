"""Advice for queries for the rows of one parent: which ways fit which operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as changed
from typing import Final

from nplusone_guard.analysis.advice import meta, relations
from nplusone_guard.analysis.advice.aggregated import annotated
from nplusone_guard.analysis.advice.asks import Ask, ask_of
from nplusone_guard.analysis.advice.case import Plan, Subject
from nplusone_guard.analysis.advice.handlers import instead, needs_its_error
from nplusone_guard.analysis.advice.picking import in_python
from nplusone_guard.analysis.advice.prefetches import (
    eager,
    filtered,
    first_row,
    plain,
)
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.roots import root_of
from nplusone_guard.analysis.advice.subqueries import existing


def plans(subject: Subject) -> list[Plan]:
    """The ways to load what the query asks for with the parents."""
    ask = ask_of(subject)
    if ask is None:
        return _by_record(subject)
    if ask.single:
        lazy = subject.facts.operation == "lazy"  # ``author.profile`` stays as it is
        return relations.plans(subject) if lazy else _single(ask)
    makers = [*_BY_OPERATION.get(ask.operation, ()), in_python]
    return [plan for maker in makers if (plan := maker(ask)) is not None]


def _by_record(subject: Subject) -> list[Plan]:
    """A related manager read whole in a helper: a prefetch answers without any other edit."""
    facts = subject.facts
    served = facts.operation in {"filter", "count", "exists"} and facts.plain
    if not (served and facts.accessor and facts.parent_model):
        return []
    if any(one is not subject and one.site == subject.site for one in subject.case.subjects):
        return []  # the same line asks in another way, too, which no prefetch answers
    root = root_of(subject, None, meta.model_of(facts.parent_model))
    if root is None:
        return []
    return [changed(relations.eager(subject, root, facts.accessor), read="")]


def _single(ask: Ask) -> list[Plan]:
    """``Profile.objects.get(author=author)`` is ``author.profile``."""
    if ask.links or ask.operation not in {"get", "filter", "first", "in_bulk"}:
        return []
    if ask.operation == "get" and ask.terminal is not None and ask.terminal.keywords:
        return []
    plain = f"{ask.parent}.{ask.accessor}"
    field = meta.relation(ask.relative.parent_model, ask.accessor)
    if field is None or (field.concrete and not field.null):
        return [eager(ask, read=f"[{plain}]" if ask.operation == "filter" else plain)]
    # A foreign key may be NULL; the other side of a one-to-one relation raises the same error.
    perhaps = plain if field.concrete else f"getattr({ask.parent}, {quoted(ask.accessor)}, None)"
    if ask.operation == "filter":
        return [
            eager(ask, read=f"[{ask.row} for {ask.row} in [{perhaps}] if {ask.row} is not None]")
        ]
    if ask.operation == "get":
        return _got(ask, plain, nullable=field.concrete)
    return [eager(ask, read=perhaps)]


def _got(ask: Ask, read: str, *, nullable: bool) -> list[Plan]:
    """One row that has to be there: a foreign key that is NULL raises nothing."""
    if not nullable:
        return [eager(ask, read=read)]
    query = ask.relative.query
    subject, spot, node = ask.subject, query.spot, query.node
    told = instead(subject, spot, node, "AttributeError", ask.model, gives="is None")
    if not told or needs_its_error(subject, spot, node):
        return []  # a handler takes it
    return [changed(eager(ask, read=read), missing=told)]


_Maker = Callable[[Ask], Plan | None]


_BY_OPERATION: Final[dict[str, tuple[_Maker, ...]]] = {
    "filter": (plain, filtered),
    "iterator": (plain, filtered),
    "count": (annotated, plain),
    "exists": (existing, plain),
    "aggregate": (annotated,),
    "first": (first_row,),
    "last": (first_row,),
    "latest": (first_row,),
    "earliest": (first_row,),
}
