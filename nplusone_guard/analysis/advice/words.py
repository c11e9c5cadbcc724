"""The sentence for what the source does not show how to change."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Parents
from nplusone_guard.analysis.advice.declared import place_of
from nplusone_guard.analysis.advice.trees import tree_of
from nplusone_guard.analysis.findings import Advice, Origin, Site
from nplusone_guard.analysis.location import Location
from nplusone_guard.analysis.rules import OF_PARENTS, facts_of
from nplusone_guard.capture.codes import INNER_CODES
from nplusone_guard.capture.landmarks import Facts
from nplusone_guard.capture.landmarks.facts import ForeignKeyCondition
from nplusone_guard.capture.scope import Group

#: Flags of the code of ``async def``, with ``yield`` in it and without.
_COROUTINE: Final = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


@dataclass(frozen=True, slots=True)
class Case:
    """What a piece of advice may draw on."""

    group: Group
    facts: Facts
    origin: Origin | None
    #: The loop variable, where it is known to hold the parents.
    name: str
    #: The accessor of the relation that the finding is about.
    accessor: str
    loop: Site | None = None
    #: The loop runs over values of the parents, not over objects.
    values: bool = False
    #: How often the parents were read: each turn its own, or all by one query.
    reads: int = 1
    #: Whether the loop runs in a coroutine, where to ask without ``await`` is an error.
    awaits: bool = False

    @property
    def back(self) -> str:
        """How the parents read the rows; empty where the loop goes over no parents, but over keys."""
        facts = self.facts
        if self.values:
            return ""
        if facts.accessor or self.origin is None:
            return _readable(facts.accessor)
        return next((_readable(one.accessor) for one in facts.fks if self._leads(one)), "")

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
        return self.reads > 1 and self.group.count <= self.reads

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
        if self.origin is None:
            return "the queryset that the loop runs over"
        site = self.origin.assigned or self.origin.site
        what = place_of(site.kind, site.function, self.loop)
        return f"{what} at {site.file.replace(chr(92), '/').rsplit('/', 1)[-1]}:{site.line}"


def advise(
    rule: str, group: Group, location: Location, parents: Parents | None, relation: str
) -> Advice:
    """The advice for one candidate in words; ``relation`` is what it is about, if anything."""
    origin = parents.origin if parents is not None else None
    case = Case(
        group,
        facts_of(group),
        origin,
        name=_loop_name(location, origin),
        accessor=relation.rpartition(".")[2],
        loop=location.loop,
        values=parents is not None and facts_of(parents.read).values,
        reads=parents.read.count if parents is not None else 1,
        awaits=_in_coroutine(location),
    )
    collected = parents is not None and facts_of(parents.read).collected
    if collected and rule in OF_PARENTS:
        return Advice(_collected(case), saves=0, of=group.count)
    text = _WORDING[rule](case)
    return Advice(text, saves=_saves(rule, case), of=group.count)


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


def _readable(accessor: str) -> str:
    """The accessor, unless it is hidden (``related_name="+"``)."""
    return "" if accessor.endswith("+") else str(accessor)


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


def _saves(rule: str, case: Case) -> int:
    if rule == "bypassed-prefetch" or case.facts.eager == "select_related":
        return case.group.count
    return case.group.count - 1


def _collected(case: Case) -> str:
    return (
        f'do without "{case.facts.accessor}" of each {case.parent} here: Django itself collects the rows that a '
        "deletion takes along, and no queryset of the project's loads more with them"
    )


def _lazy(case: Case) -> str:
    method = case.facts.eager or "prefetch_related"
    if case.singly and method == "prefetch_related":
        return (
            f"read the {case.parent} rows of all turns by one query before the loop, with "
            f'.prefetch_related("{case.facts.accessor}"): they come one by one from {case.queryset}'
        )
    return f'add .{method}("{case.facts.accessor}") to {case.queryset}'


def _deferred(case: Case) -> str:
    name = case.facts.accessor
    return f'load "{name}" with the rows: add it to .only(), or drop it from .defer(), at {case.queryset}'


def _bypassed(case: Case) -> str:
    """The prefetch costs a query more and saves none: worse than without it."""
    accessor = case.accessor
    return (
        f"read {case.rows_by(accessor)}, or use Prefetch(queryset=…): {accessor} is "
        "prefetched, then bypassed, one query more and none saved"
    )


def _query(case: Case) -> str:
    facts = case.facts
    special = _OPERATIONS.get(facts.operation)
    if special is not None:
        return special(case)
    if facts.by_key:
        return _in_bulk(case)
    accessor = case.back
    if facts.eager and accessor:
        return (
            f'add .prefetch_related(Prefetch("{accessor}", queryset=…, to_attr=…)) to '
            f"{case.queryset}, and read that attribute"
        )
    if accessor and case.leads_to_one(accessor):
        return _query_one(case, accessor)
    if accessor:
        what = f'"{accessor}"' if facts.whole else f'Prefetch("{accessor}", queryset=…)'
        return (
            f"add .prefetch_related({what}) to {case.queryset}, and read {case.rows_by(accessor)}"
        )
    return _looked_up(case)


def _query_one(case: Case, accessor: str) -> str:
    return f'add .select_related("{accessor}") to {case.queryset}, and read {case.one_by(accessor)}'


def _looked_up(case: Case) -> str:
    return f"fetch all {_model(case)} rows of the loop in one query before it, and look them up"


def _in_bulk(case: Case) -> str:
    call = f"{_model(case)}.objects.in_bulk(keys)"
    if case.awaits:
        call = "await " + call.replace("in_bulk", "ain_bulk")
    return f"fetch them before the loop with {call}, and look them up by keys of the field's type"


def _get(case: Case) -> str:
    accessor = case.back
    if accessor and case.leads_to_one(accessor):
        return _query_one(case, accessor)
    if case.facts.by_key or not accessor:
        return _in_bulk(case) if case.facts.by_key else _looked_up(case)
    return (
        f'add .prefetch_related("{accessor}") to {case.queryset}, and pick the row from '
        f"{case.rows_by(accessor)}"
    )


def _summary(case: Case, call: str) -> str:
    """An annotation of the parents, where they have a way to the rows; else one grouped query."""
    if case.back:
        return f"add .annotate(…={call}) to {case.queryset}, and read the annotation"
    return (
        f"ask {_model(case)} once before the loop, grouped by the values that change, "
        "and look them up"
    )


def _count(case: Case) -> str:
    return _summary(case, "Count(…)")


def _exists(case: Case) -> str:
    return _summary(case, "Exists(…)")


def _aggregate(case: Case) -> str:
    return _summary(case, "Subquery(…)")


def _first(case: Case) -> str:
    if not case.back:
        return "read the rows of all turns by one query, with .iterator() where they are many"
    return (
        f"add .prefetch_related(Prefetch(…, queryset=…[:1], to_attr=…)) or a Subquery annotation "
        f"to {case.queryset}"
    )


def _refresh(case: Case) -> str:
    return f"read the rows again in one query: {_model(case)}.objects.in_bulk(keys)"


def _prefetch(case: Case) -> str:
    accessor = case.facts.prefetch[1] if case.facts.prefetch else "…"
    return f'call prefetch_related_objects(objects, "{accessor}") once, with the whole list'


def _once(case: Case) -> str:
    return "ask once before the loop, with all the keys"


def _raw_queryset(case: Case) -> str:
    return "fetch all rows in one raw() query with IN before the loop, and look them up"


def _raw(case: Case) -> str:
    if case.group.fingerprint.kind == "select":
        return "fetch all rows in one statement with IN (…) before the loop, and look them up"
    return "send one statement with executemany(), or one that covers all the rows"


def _recursive(case: Case) -> str:
    return f"load all {_model(case)} rows of the tree at once, or by one recursive CTE"


def _write(case: Case) -> str:
    told = _WRITES.get(case.facts.operation, "write all the rows in one statement")
    model = meta.model_of(case.facts.model)
    if case.facts.operation not in _SAVING or model is None:
        return told
    updates = case.facts.operation == "save"
    lost = meta.losses(model, ("pre_save", "post_save"), ["save"], auto_now=updates)
    return f"{told} (skips {lost})" if lost else told


def _duplicate(case: Case) -> str:
    return "ask once and keep the answer, the same every time (a variable, cached_property)"


def _model(case: Case) -> str:
    return case.facts.model.rsplit(".", 1)[-1] or "the"


_OPERATIONS: Final[dict[str, Callable[[Case], str]]] = {
    "get": _get,
    "count": _count,
    "exists": _exists,
    "contains": _exists,
    "aggregate": _aggregate,
    "first": _first,
    "last": _first,
    "earliest": _first,
    "latest": _first,
    "refresh_from_db": _refresh,
    "prefetch": _prefetch,
    "in_bulk": _once,
    "raw": _raw_queryset,
}

_SAVING: Final = frozenset("save create get_or_create update_or_create".split())

_WRITES: Final[dict[str, str]] = {
    "save": "collect the objects and write them with bulk_create() or bulk_update()",
    "create": "collect the objects and write them with one bulk_create()",
    "get_or_create": "read what exists in one query, then bulk_create() the rest "
    "(ignore_conflicts= where a constraint allows)",
    "update_or_create": "use one bulk_create(update_conflicts=True, …) where a constraint allows",
    "update": "use one update() over all the rows, with Case/When or bulk_update()",
    "delete": "use one delete() on a queryset of all the rows",
    "add": "give add() all the objects at once, or bulk_create() the through rows",
    "remove": "give remove() all the objects at once, or delete the through rows in one query",
    "set": "write the through rows of all the parents in one bulk_create()",
    "clear": "delete the through rows of all the parents in one query",
    "bulk_create": "collect the objects of all turns for one bulk_create()",
    "bulk_update": "collect the objects of all turns for one bulk_update()",
}

_WORDING: Final[dict[str, Callable[[Case], str]]] = {
    "lazy-relation": _lazy,
    "deferred-field": _deferred,
    "bypassed-prefetch": _bypassed,
    "query-in-loop": _query,
    "raw-sql-in-loop": _raw,
    "recursive-query": _recursive,
    "write-in-loop": _write,
    "duplicate-query": _duplicate,
}
