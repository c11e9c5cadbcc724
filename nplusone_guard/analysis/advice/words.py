"""The sentence for what the source does not show how to change."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

from nplusone_guard.analysis.advice import meanwhile, meta, recursion
from nplusone_guard.analysis.advice.case import Case, Subject
from nplusone_guard.analysis.advice.chains import Condition, conditions, query_of
from nplusone_guard.analysis.advice.handlers import instead
from nplusone_guard.analysis.advice.told import Told
from nplusone_guard.analysis.advice.wording import double_quoted
from nplusone_guard.analysis.findings import Advice
from nplusone_guard.analysis.rules import OF_PARENTS, facts_of
from nplusone_guard.capture.landmarks import files


def advise(case: Case) -> Advice:
    """The advice for the main candidate of ``case`` in words, about one branch of the loop."""
    rule, told = case.main.rule, Told(Subject(case, case.main))
    parents = told.subject.parents
    if parents is not None and facts_of(parents.read).collected and rule in OF_PARENTS:
        return Advice(_collected(told), saves=0, of=told.group.count)
    text = _WORDING[rule](told)
    if rule == "query-in-loop":
        text += _kept_up(told) + _missing(told)
    return Advice(text, saves=_saves(rule, told), of=told.group.count)


def _kept_up(told: Told) -> str:
    """What else is known in each turn, where the loop writes rows of the table that it reads."""
    written = meanwhile.writing(told.subject, told.group.fingerprint.main_table)
    if not written:
        return ""
    made = all(one.fingerprint.kind == "insert" for one in written)
    return ", and add to that what the loop makes" if made else _UP_TO_DATE


_UP_TO_DATE: Final = ", and keep that up to date with what the loop writes"


def _missing(told: Told) -> str:
    """What becomes of a row that is missing, where it was an error."""
    if any(files.runs_one_of(place.code, files.OR_404) for place in told.group.path):
        return ", and raise Http404 where there is no row"
    spot, model = told.subject.spot, meta.model_of(told.facts.model)
    if told.facts.operation != "get" or spot is None or model is None:
        return ""
    if told.back and told.leads_to_one(told.back):
        return ""
    gives = "raises nothing by itself" if told.back and not told.facts.by_key else ""
    missing = instead(told.subject, spot, spot.node, "KeyError", model, gives=gives)
    return f" (a missing row {missing})" if missing else ""


def _saves(rule: str, told: Told) -> int:
    joined = told.facts.eager == "select_related" and rule != "duplicate-query"
    if rule == "bypassed-prefetch" or joined:
        return told.group.count
    return told.group.count - 1


def _collected(told: Told) -> str:
    return (
        f'do without "{told.facts.accessor}" of each {told.parent} here: Django itself collects the rows that a '
        "deletion takes along, and no queryset of the project's loads more with them"
    )


def _lazy(told: Told) -> str:
    method = told.facts.eager or "prefetch_related"
    if told.singly and method == "prefetch_related":
        return (
            f"read the {told.parent} rows of all turns by one query before the loop, with "
            f'.prefetch_related("{told.facts.accessor}"): they come one by one from {told.queryset}'
        )
    return f'add .{method}("{told.facts.accessor}") to {told.queryset}'


def _deferred(told: Told) -> str:
    name = told.facts.accessor
    return f'load "{name}" with the rows: add it to .only(), or drop it from .defer(), at {told.queryset}'


def _bypassed(told: Told) -> str:
    """Of the model that has the prefetched rows, which the loop need not run over."""
    owner, _, accessor = told.subject.candidate.relation.rpartition(".")
    mine = told.origin is not None and meta.same_rows(
        meta.model_of(owner), meta.model_of(told.origin.model)
    )
    rows = (
        told.rows_by(accessor) if mine else f".{accessor}.all() of the {owner.rpartition('.')[2]}"
    )
    return f"read {rows}, or use Prefetch(queryset=…): {accessor} is prefetched, then bypassed"


def _asked(told: Told) -> str:
    walks = recursion.is_walk(told.subject) or _looks_up_the_next(told)
    return _recursive(told) if walks else _query(told)


def _query(told: Told) -> str:
    facts = told.facts
    special = _OPERATIONS.get(facts.operation)
    if special is not None:
        return special(told)
    if facts.by_key:
        return _in_bulk(told)
    accessor = told.back
    if facts.eager and accessor:
        return (
            f'add .prefetch_related(Prefetch("{accessor}", queryset=…, to_attr=…)) to '
            f"{told.queryset}, and read that attribute"
        )
    if accessor and told.leads_to_one(accessor):
        return _query_one(told, accessor)
    if accessor:
        what = f'"{accessor}"' if facts.whole else f'Prefetch("{accessor}", queryset=…)'
        return (
            f"add .prefetch_related({what}) to {told.queryset}, and read {told.rows_by(accessor)}"
        )
    return _looked_up(told)


def _looks_up_the_next(told: Told) -> bool:
    """Whether a ``while`` loop looks rows of a tree up by their keys, which no line knows before it."""
    model = meta.model_of(told.facts.model)
    if not told.facts.by_key or model is None or not isinstance(told.subject.loop, ast.While):
        return False
    return any(one.related_model is model for one in model._meta.concrete_fields)


def _query_one(told: Told, accessor: str) -> str:
    return f'add .select_related("{accessor}") to {told.queryset}, and read {told.one_by(accessor)}'


def _looked_up(told: Told) -> str:
    return f"fetch all {_model(told)} rows of the loop in one query before it, and look them up"


def _in_bulk(told: Told) -> str:
    call = f"{_model(told)}.objects.in_bulk(keys)"
    if told.awaits:
        call = "await " + call.replace("in_bulk", "ain_bulk")
    return f"fetch them before the loop with {call}, and look them up by keys of the field's type"


def _get(told: Told) -> str:
    accessor = told.back
    if accessor and told.leads_to_one(accessor):
        return _query_one(told, accessor)
    if told.facts.by_key or not accessor:
        return _in_bulk(told) if told.facts.by_key else _looked_up(told)
    return (
        f'add .prefetch_related("{accessor}") to {told.queryset}, and pick the row from '
        f"{told.rows_by(accessor)}"
    )


def _summary(told: Told, call: str) -> str:
    """An annotation of the parents, where they have a way to the rows; else one grouped query."""
    if told.back:
        return f"add .annotate(…={call}) to {told.queryset}, and read the annotation"
    return (
        f"ask {_model(told)} once before the loop, grouped by the values that change, "
        "and look them up"
    )


def _count(told: Told) -> str:
    return _summary(told, "Count(…)")


def _exists(told: Told) -> str:
    key = _key(told)
    if told.back or key is None:
        return _summary(told, "Exists(…)")
    field, value = key.field, double_quoted(ast.unparse(key.value))
    kinds = (
        ""
        if meta.is_text(meta.model_of(told.facts.model), field)
        else ", by values of the field's type"
    )
    return (
        f"put known = set({_model(told)}.objects.filter({field}__in=…)"
        f'.values_list("{field}", flat=True)) before the loop, and read {value} in known{kinds}'
    )


def _key(told: Told) -> Condition | None:
    """The only condition that differs from turn to turn, where it asks for one value."""
    query = query_of(told.subject)
    asked = conditions(query.links) if query is not None else []
    varying = [one for one in asked if told.subject.varies(one.value)]
    return varying[0] if len(varying) == 1 and varying[0].lookup == "exact" else None


def _aggregate(told: Told) -> str:
    return _summary(told, "Subquery(…)")


def _first(told: Told) -> str:
    if not told.back and _key(told) is not None:
        return _looked_up(told)
    if not told.back:
        return "read the rows of all turns by one query, with .iterator() where they are many"
    return (
        f"add .prefetch_related(Prefetch(…, queryset=…[:1], to_attr=…)) or a Subquery annotation "
        f"to {told.queryset}"
    )


def _refresh(told: Told) -> str:
    return f"read the rows again in one query: {_model(told)}.objects.in_bulk(keys)"


def _prefetch(told: Told) -> str:
    accessor = told.facts.prefetch[1] if told.facts.prefetch else "…"
    return f'call prefetch_related_objects(objects, "{accessor}") once, with the whole list'


def _once(told: Told) -> str:
    return "ask once before the loop, with all the keys"


def _raw_queryset(told: Told) -> str:
    return "fetch all rows in one raw() query with IN before the loop, and look them up"


def _raw(told: Told) -> str:
    if told.group.fingerprint.kind == "select":
        return "fetch all rows in one statement with IN (…) before the loop, and look them up"
    return "send one statement with executemany(), or one that covers all the rows"


def _recursive(told: Told) -> str:
    return (
        f"load all {_model(told)} rows of the tree at once; where they are many, ask level by "
        "level with filter(…__in=level), or use a recursive CTE"
    )


def _write(told: Told) -> str:
    text = _WRITES.get(told.facts.operation, "write all the rows in one statement")
    model = meta.model_of(told.facts.model)
    if told.facts.operation not in _SAVING or model is None:
        return text
    updates = told.facts.operation == "save"
    lost = meta.losses(model, ("pre_save", "post_save"), ["save"], auto_now=updates)
    return f"{text} (skips {lost})" if lost else text


def _duplicate(told: Told) -> str:
    return "ask once and keep the answer, the same every time (a variable, cached_property)"


def _model(told: Told) -> str:
    return told.facts.model.rsplit(".", 1)[-1] or "the"


_OPERATIONS: Final[dict[str, Callable[[Told], str]]] = {
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

_WORDING: Final[dict[str, Callable[[Told], str]]] = {
    "lazy-relation": _lazy,
    "deferred-field": _deferred,
    "bypassed-prefetch": _bypassed,
    "query-in-loop": _asked,
    "raw-sql-in-loop": _raw,
    "recursive-query": _recursive,
    "write-in-loop": _write,
    "duplicate-query": _duplicate,
}
