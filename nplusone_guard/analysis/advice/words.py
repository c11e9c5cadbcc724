"""The sentence for what the source does not show how to change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.declared import place_of
from nplusone_guard.analysis.findings import Advice, Origin, Site
from nplusone_guard.analysis.location import Location
from nplusone_guard.analysis.rules import facts_of
from nplusone_guard.capture.landmarks import Facts
from nplusone_guard.capture.scope import Group


@dataclass(frozen=True, slots=True)
class Case:
    """What a piece of advice may draw on."""

    group: Group
    facts: Facts
    origin: Origin | None
    #: The name of the loop variable, or ``obj``.
    name: str
    #: The accessor of the relation that the finding is about.
    accessor: str
    loop: Site | None = None

    @property
    def back(self) -> str:
        """How the parents read the rows; empty where the loop goes over no parents, but over keys."""
        facts = self.facts
        if facts.accessor or self.origin is None:
            return str(facts.accessor)
        return next((one.accessor for one in facts.fks if one.accessor), "")

    @property
    def queryset(self) -> str:
        """``the queryset at reports.py:41``."""
        if self.origin is None:
            return "the queryset that the loop runs over"
        site = self.origin.assigned or self.origin.site
        what = place_of(site.kind, site.function, self.loop)
        return f"{what} at {site.file.replace(chr(92), '/').rsplit('/', 1)[-1]}:{site.line}"


def advise(
    rule: str, group: Group, location: Location, origin: Origin | None, relation: str
) -> Advice:
    """The advice for one candidate in words; ``relation`` is what it is about, if anything."""
    accessor = relation.rpartition(".")[2]
    case = Case(group, facts_of(group), origin, _loop_name(location), accessor, location.loop)
    text = _WORDING[rule](case)
    return Advice(text, saves=_saves(rule, case), of=group.count)


def _loop_name(location: Location) -> str:
    target = location.node.target if location.node is not None else ""
    return target if target.isidentifier() else "obj"


def _saves(rule: str, case: Case) -> int:
    if rule == "bypassed-prefetch" or case.facts.eager == "select_related":
        return case.group.count
    return case.group.count - 1


def _lazy(case: Case) -> str:
    method = case.facts.eager or "prefetch_related"
    return f'add .{method}("{case.facts.accessor}") to {case.queryset}'


def _deferred(case: Case) -> str:
    name = case.facts.accessor
    return f'load "{name}" with the rows: add it to .only(), or drop it from .defer(), at {case.queryset}'


def _bypassed(case: Case) -> str:
    """The prefetch costs a query more and saves none: worse than without it."""
    accessor = case.accessor
    return (
        f"read {case.name}.{accessor}.all(), or use Prefetch(queryset=…): {accessor} is "
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
    if accessor:
        what = f'"{accessor}"' if facts.whole else f'Prefetch("{accessor}", queryset=…)'
        return (
            f"add .prefetch_related({what}) to {case.queryset}, and read "
            f"{case.name}.{accessor}.all()"
        )
    return _looked_up(case)


def _looked_up(case: Case) -> str:
    return f"fetch all {_model(case)} rows of the loop in one query before it, and look them up"


def _in_bulk(case: Case) -> str:
    call = f"{_model(case)}.objects.in_bulk(keys)"
    return f"fetch them before the loop with {call}, and look them up by keys of the field's type"


def _get(case: Case) -> str:
    accessor = case.back
    if case.facts.by_key or not accessor:
        return _in_bulk(case) if case.facts.by_key else _looked_up(case)
    return (
        f'add .prefetch_related("{accessor}") to {case.queryset}, and pick the row from '
        f"{case.name}.{accessor}.all()"
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
