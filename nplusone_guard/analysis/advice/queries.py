"""Advice for queries for the rows of one parent: ``author.entries.filter(…)`` and the like."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Any, Final

from nplusone_guard.analysis.advice import meta, relations
from nplusone_guard.analysis.advice.case import Plan, Subject, replace
from nplusone_guard.analysis.advice.chains import (
    CONDITIONS,
    Link,
    Relative,
    query_of,
    relative_of,
)
from nplusone_guard.analysis.advice.handlers import caught
from nplusone_guard.analysis.advice.python import key_of, test_of
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.roots import Root, root_of
from nplusone_guard.analysis.advice.values import is_of_the_database
from nplusone_guard.analysis.findings import Step

_AGGREGATES: Final = frozenset("Avg Count Max Min StdDev Sum Variance".split())


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
        name = meta.snake(self.model.__name__)
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


def plans(subject: Subject) -> list[Plan]:
    """The ways to load what the query asks for with the parents."""
    ask = ask_of(subject)
    if ask is None:
        return _by_record(subject)
    if ask.single:
        return _single(ask)
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
    return [changed_plan(relations.eager(subject, root, facts.accessor), read="")]


def _single(ask: Ask) -> list[Plan]:
    """``Profile.objects.get(author=author)`` is ``author.profile``."""
    if ask.links or ask.operation not in {"get", "filter", "first", "in_bulk"}:
        return []
    if ask.operation == "get" and ask.terminal is not None and ask.terminal.keywords:
        return []
    read = f"{ask.parent}.{ask.accessor}"
    shapes = {"filter": f"[{read}]"}
    return [_eager(ask, read=shapes.get(ask.operation, read))]


# -- prefetch --------------------------------------------------------------------------


def _eager(ask: Ask, read: str, argument: str = "", imports: tuple[str, ...] = ()) -> Plan:
    plan = relations.eager(ask.subject, ask.root, ask.accessor, argument)
    steps: tuple[Step, ...] = (replace(ask.relative.query.where(), read),)
    query = ast.unparse(ask.relative.query.node)
    if ask.operation == "get" and not ask.single:
        steps = (
            *steps,
            *caught(ask.subject, ask.relative.query.spot, ask.relative.query.node, "IndexError"),
        )
    return changed_plan(plan, read=read, steps=() if query == read else steps, imports=imports)


def changed_plan(plan: Plan, **changes: Any) -> Plan:
    """A plan with some fields changed."""
    return changed(plan, **changes)


def plain(ask: Ask) -> Plan | None:
    """``prefetch_related("entries")``, read by ``.all()``; ``count()`` and ``exists()`` use it."""
    if not ask.whole or ask.deep:
        return None
    if ask.operation in {"count", "exists"} and ask.relative.condition is None:
        query = ask.relative.query
        return changed_plan(_eager(ask, read=ast.unparse(query.node)), steps=())
    if ask.operation in {"filter", "iterator"}:
        return _eager(ask, read=ask.rows)
    return None


def filtered(ask: Ask) -> Plan | None:
    """``Prefetch(…, queryset=…, to_attr=…)`` for what is filtered, ordered or sliced."""
    plainly = ask.operation in {"filter", "iterator"} and ask.editable
    if not plainly or not ask.fixed or ask.whole or ask.deep:
        return None
    if any(link.name in _VALUES for link in ask.links) or not _can_slice(ask):
        return None
    links, index = ask.links, _index_of(ask)
    if index is None:
        return _prefetched(ask, _queryset(ask, links), _attribute(ask), "{rows}")
    if index < 0:
        return None
    one = f"[{index or ''}:{index + 1}]"
    return _prefetched(ask, _queryset(ask, links[:-1]) + one, _attribute(ask), "{rows}[0]")


def _index_of(ask: Ask) -> int | None:
    """The index of a queryset that is asked for one row; -1 where it is not written out."""
    last = ask.links[-1].node if ask.links else None
    if not isinstance(last, ast.Subscript) or isinstance(last.slice, ast.Slice):
        return None
    at = last.slice.value if isinstance(last.slice, ast.Constant) else None
    return at if isinstance(at, int) else -1


_VALUES: Final = frozenset("values values_list dates datetimes union".split())


def _can_slice(ask: Ask) -> bool:
    sliced = any(isinstance(link.node, ast.Subscript) for link in ask.links)
    return not sliced or not _is_generic_relation(ask)


def _is_generic_relation(ask: Ask) -> bool:
    field = meta.relation(ask.relative.parent_model, ask.accessor)
    return field is not None and hasattr(field, "object_id_field_name")


def _prefetched(ask: Ask, queryset: str, attribute: str, shape: str) -> Plan:
    way = "__".join((*ask.root.way, ask.accessor))
    plain_read = ask.looped
    to_attr = "" if plain_read else f", to_attr={quoted(attribute)}"
    argument = f"Prefetch({quoted(way)}, queryset={queryset}{to_attr})"
    rows = ask.rows if plain_read else f"{ask.parent}.{attribute}"
    imports = ("from django.db.models import Prefetch", *_model_import(ask))
    return _eager(ask, shape.format(rows=rows), argument, imports)


def _queryset(ask: Ask, links: tuple[Link, ...]) -> str:
    """The rows of all parents: ``Entry.objects.filter(status="live")``."""
    base = _base(ask)
    return base + "".join(link.text for link in links)


def _base(ask: Ask) -> str:
    query = ask.relative.query
    if query.value.kind == "related":
        return f"{ask.model.__name__}.{meta.manager_name(ask.model)}"
    return ast.unparse(query.root)


def _model_import(ask: Ask) -> tuple[str, ...]:
    """What imports the model where the file of the root does not know it."""
    model = ask.model
    for feed in ask.root.feeds:
        if feed.spot.tree.global_value(model.__name__) is model:
            return ()
    return (f"from {model.__module__} import {model.__name__}",)


def _attribute(ask: Ask) -> str:
    """A name for the rows that no attribute of the model has."""
    accessor = ask.accessor.removesuffix("_set")
    word = {"first": "first", "last": "last", "latest": "latest", "earliest": "earliest"}.get(
        ask.operation
    ) or _word(ask)
    name = f"{word}_{accessor}"
    while meta.has_attribute(ask.relative.parent_model, name):
        name += "_loaded"
    return name


def _word(ask: Ask) -> str:
    """``live`` for ``filter(status="live")``, ``ordered`` for ``order_by()``."""
    from django.db.models import QuerySet

    for link in ask.links:
        constants = [one.value for one in link.keywords if isinstance(one.value, ast.Constant)]
        texts = [str(one.value) for one in constants if isinstance(one.value, str)]
        alone = link.name == "filter" and len(texts) == len(link.keywords) == 1
        if alone and texts[0].isidentifier():
            return texts[0].lower()
    names = {link.name for link in ask.links}
    own = [name for name in names if not hasattr(QuerySet, name) and name.isidentifier()]
    if len(own) == 1:
        return own[0]  # a method of the user's own says best what it gives
    return "ordered" if names == {"order_by"} else "filtered" if "filter" in names else "loaded"


# -- one row ---------------------------------------------------------------------------


def first_row(ask: Ask) -> Plan | None:
    """A sliced Prefetch (Django ≥ 4.2) for the first or last row of each parent."""
    if not ask.fixed or ask.deep or _is_generic_relation(ask) or not ask.editable:
        return None
    order = _order(ask)
    if order is None or any(link.name in _VALUES for link in ask.links):
        return None
    queryset = _queryset(ask, ask.links) + order + "[:1]"
    shape = "{rows}[0]" if ask.operation in {"latest", "earliest"} else "next(iter({rows}), None)"
    return _prefetched(ask, queryset, _attribute(ask), shape)


def _order(ask: Ask) -> str | None:
    operation, terminal = ask.operation, ask.terminal
    ordered = any(link.name == "order_by" for link in ask.links) or ask.model._meta.ordering
    if operation in {"first", "last"}:
        if not ordered:
            return f'.order_by("{"-" if operation == "last" else ""}pk")'
        return ".reverse()" if operation == "last" else ""
    names = (
        [one.value for one in terminal.args if isinstance(one, ast.Constant)] if terminal else []
    )
    if not names or len(names) != len(terminal.args):  # type: ignore[union-attr]
        return None
    down = operation == "latest"
    told = [_turned(str(name)) if down else str(name) for name in names]
    return f".order_by({', '.join(map(quoted, told))})"


def _turned(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


# -- annotations -----------------------------------------------------------------------


def annotated(ask: Ask) -> Plan | None:
    """``annotate(Count(…))``, or another aggregate, with the filter in it."""
    if not _can_annotate(ask):
        return None
    path = _query_path(ask)
    condition = _q(ask, path)
    if condition is None or ask.deep or _regroups(ask):
        return subqueried(ask, path)
    made = _aggregates(ask, path, condition)
    if not made:
        return subqueried(ask, path)
    names = dict(made)
    read = _read_annotations(ask, list(names))
    arguments = ", ".join(f"{name}={text}" for name, text in names.items())
    functions = sorted(
        {text.partition("(")[0] for text in names.values()} | ({"Q"} if condition else set())
    )
    return _annotation(ask, arguments, read, functions)


def _can_annotate(ask: Ask) -> bool:
    simple = ask.fixed and not ask.root.way and ask.editable and not ask.narrowed
    query = ask.relative.query
    if any(feed.kind != "queryset" or "union" in feed.endings for feed in ask.root.feeds):
        return False
    return simple and (query.awaited or not query.is_async)


def _regroups(ask: Ask) -> bool:
    """Whether one more join would spoil aggregates that are there, or drop a manager's filter."""
    parents = ask.subject.case.find_parents(ask.subject.group)
    sent = parents.read.fingerprint.text if parents is not None else ""
    grouped = " GROUP BY " in sent or any(".annotate(" in feed.text for feed in ask.root.feeds)
    locked = any("select_for_update" in feed.text for feed in ask.root.feeds)
    return grouped or locked or meta.narrows(ask.model._default_manager)


def subqueried(ask: Ask, path: str) -> Plan | None:
    """``annotate(…=Subquery(…))``: no join of its own, so that it suits any queryset."""
    joined = _outer_condition(ask)
    plain = all(hasattr(link.node, "func") and link.name not in _NO_ROWS for link in ask.links)
    if not joined or not plain or _is_generic_relation(ask):
        return None
    back = joined.partition("=")[0]
    rows = _of_the_outer(ask, joined)
    names = {}
    for key, aggregate in _wanted(ask):
        inner = "total" if meta.field_of(ask.model, "total") is None else "subtotal"
        told = ast.unparse(aggregate) if isinstance(aggregate, ast.Call) else aggregate
        inner_query = f"{rows}.order_by().values({quoted(back)}).annotate({inner}={told})"
        value = f"Subquery({inner_query}.values({quoted(inner)}))"
        counts = told.startswith(("Count(", "models.Count("))
        names[_free(ask, f"{path}_{key}")] = f"Coalesce({value}, 0)" if counts else value
    if not names:
        return None
    arguments = ", ".join(f"{name}={text}" for name, text in names.items())
    functions = ["OuterRef", "Subquery", *(["Count"] if ask.operation == "count" else [])]
    plan = _annotation(ask, arguments, _read_annotations(ask, list(names)), sorted(functions))
    coalesce = "from django.db.models.functions import Coalesce"
    more = [coalesce] if "Coalesce(" in arguments else []
    return changed_plan(plan, imports=(*plan.imports, *more, *_model_import(ask)))


_NO_ROWS: Final = frozenset("values values_list dates datetimes union distinct annotate".split())


def _wanted(ask: Ask) -> list[tuple[str, str | ast.Call]]:
    """The aggregates by what they are called."""
    if ask.operation == "count":
        return [("count", 'Count("pk")')]
    return list(_named_aggregates(ask))


def _outer_condition(ask: Ask) -> str:
    """``author=OuterRef("pk")``: how the rows name their parent; empty where they cannot."""
    condition = ask.relative.condition
    if ask.deep:
        return f'{condition.field}=OuterRef("pk")' if condition is not None else ""
    field = meta.relation(ask.relative.parent_model, ask.accessor)
    back, outer = _back_condition(field) if field is not None else ("", "")
    return f"{back}=OuterRef({quoted(outer)})" if back else ""


def _of_the_outer(ask: Ask, joined: str) -> str:
    """The rows of one parent of the outer query, with the filters that the loop has."""
    links = "".join(link.text for link in ask.links)
    first, _, rest = links.partition(".filter(")
    positional = any(
        link.name == "filter" and (link.args or any(one.arg is None for one in link.keywords))
        for link in ask.links
    )
    inner = f"{first}.filter({joined}, {rest}" if rest else None
    if inner is None or positional:
        inner = f".filter({joined}){links}"
    return f"{_base(ask)}{inner}"


def _annotation(ask: Ask, arguments: str, read: str, functions: list[str]) -> Plan:
    root = ask.root
    return Plan(
        kind="annotate",
        file=root.file,
        line=root.line,
        calls=(("annotate", arguments),),
        feeds=root.feeds,
        read=read,
        steps=(replace(ask.relative.query.where(), read),),
        imports=(f"from django.db.models import {', '.join(functions)}",),
        costs=0,
    )


def _query_path(ask: Ask) -> str:
    return meta.query_name(ask.relative.parent_model, ask.accessor)


def _q(ask: Ask, path: str) -> str | None:
    """The conditions as a ``Q``, on the path; empty where there are none."""
    parts = []
    for link in ask.links:
        if link.name in {"distinct", "order_by"} and not link.args:
            continue
        if link.name not in {"filter", "exclude"} or link.args:
            return None
        if ask.of_the_database or any(one.arg is None for one in link.keywords):
            return None  # an F() would have to follow the path, too; so would ``**names``
        inner = ", ".join(f"{path}__{one.arg}={ast.unparse(one.value)}" for one in link.keywords)
        parts.append(f"{'~' if link.name == 'exclude' else ''}Q({inner})")
    return " & ".join(parts)


def _aggregates(ask: Ask, path: str, condition: str) -> list[tuple[str, str]]:
    limit = f", filter={condition}" if condition else ""
    if ask.operation == "count":
        distinct = ", distinct=True" if _joins(ask) else ""
        return [(_free(ask, f"{path}_count"), f"Count({quoted(path)}{distinct}{limit})")]
    made = []
    for name, call in _named_aggregates(ask):
        function = call.func.id if isinstance(call.func, ast.Name) else ""
        field = call.args[0] if call.args else None
        if function not in _AGGREGATES or not isinstance(field, ast.Constant):
            return []
        if _joins(ask) and function not in {"Max", "Min", "Count"}:
            return []
        target = path if field.value in {"*", "pk", "id"} else f"{path}__{field.value!s}"
        made.append((_free(ask, f"{path}_{name}"), f"{function}({quoted(target)}{limit})"))
    return made


def _named_aggregates(ask: Ask) -> list[tuple[str, ast.Call]]:
    """The aggregates by the keys that ``aggregate()`` answers with."""
    terminal = ask.terminal
    if terminal is None or terminal.name != "aggregate":
        return []
    given: list[tuple[str, ast.expr]] = [(one.arg or "", one.value) for one in terminal.keywords]
    for one in terminal.args:
        if isinstance(one, ast.Call) and one.args and isinstance(one.args[0], ast.Constant):
            function = one.func.id if isinstance(one.func, ast.Name) else ""
            given.append((f"{one.args[0].value!s}__{function.lower()}", one))
    return [(name, call) for name, call in given if isinstance(call, ast.Call)]


def _joins(ask: Ask) -> bool:
    """Whether other joins of the queryset may multiply the rows that are counted."""
    others = [one for one in ask.subject.case.subjects if one is not ask.subject]
    more = any(one.facts.operation in {"count", "aggregate"} for one in others)
    return more or any("annotate(" in feed.text or "__" in feed.text for feed in ask.root.feeds)


def _free(ask: Ask, name: str) -> str:
    name = name.replace("__", "_")
    while meta.has_attribute(ask.relative.parent_model, name) or _is_field(
        ask.relative.parent_model, name
    ):
        name = f"{name}_total" if not name.endswith("_total") else f"{name}_"
    return name


def _is_field(model: Any, name: str) -> bool:
    return meta.field_of(model, name) is not None


def _read_annotations(ask: Ask, names: list[str]) -> str:
    if ask.operation == "count":
        return f"{ask.parent}.{names[0]}"
    keys = [name for name, _ in _named_aggregates(ask)]
    pairs = ", ".join(
        f"{quoted(key)}: {ask.parent}.{name}" for key, name in zip(keys, names, strict=True)
    )
    return f"{{{pairs}}}"


def existing(ask: Ask) -> Plan | None:
    """``annotate(Exists(…))``."""
    if not _can_annotate(ask) or _is_generic_relation(ask):
        return None
    joined = _outer_condition(ask)
    if not joined:
        return None
    name = _free(ask, f"has_{ask.accessor.rpartition('__')[2].removesuffix('_set')}")
    argument = f"{name}=Exists({_of_the_outer(ask, joined)})"
    found = _annotation(ask, argument, f"{ask.parent}.{name}", ["Exists", "OuterRef"])
    return changed_plan(found, imports=(*found.imports, *_model_import(ask)))


def _back_condition(field: Any) -> tuple[str, str]:
    """How the rows name their parent in a condition, and what of the parent it is compared to."""
    if field.many_to_many:
        if field.auto_created:
            return str(field.field.name), "pk"
        return str(field.related_query_name()), "pk"
    target = field.field.target_field
    return str(field.field.name), "pk" if target.primary_key else str(target.attname)


# -- in Python -------------------------------------------------------------------------


def in_python(ask: Ask) -> Plan | None:
    """Load the rows whole, and pick from them in the loop."""
    if ask.narrowed or (ask.relative.query.is_async and not _can_replace_async(ask)):
        return None
    read = picked(ask)
    if read is None:
        return None
    return _eager(ask, read=read)


def _can_replace_async(ask: Ask) -> bool:
    return ask.relative.query.awaited


def picked(ask: Ask) -> str | None:
    """What the query gives, from the loaded rows; ``None`` where Python cannot say it."""
    shape = _SHAPES.get(ask.operation)
    if shape is None or ask.of_the_database or _ignores_case(ask):
        return None
    return shape(ask)


def _ignores_case(ask: Ask) -> bool:
    """Whether the database compares text by LIKE, to which "a" and "A" are one (SQLite)."""
    from django.db import connections

    if connections[ask.subject.group.alias].vendor != "sqlite":
        return False
    links = [*ask.links, *([ask.terminal] if ask.terminal is not None else [])]
    names = (one.arg or "" for link in links if link.name in CONDITIONS for one in link.keywords)
    return any(name.rpartition("__")[2] in _BY_LIKE for name in names)


_BY_LIKE: Final = frozenset("contains startswith endswith".split())


def _source(ask: Ask) -> tuple[str, str]:
    """What to go through, as ``for row in rows``, and how a row is called in it."""
    names = ask.accessor.split("__")
    if len(names) == 1:
        return f"for {ask.row} in {ask.rows}", ask.row
    parts, owner = [], ask.parent
    for name in names[:-1]:
        inner = name.rstrip("s") if name.rstrip("s").isidentifier() else "part"
        inner = _singular(name)
        parts.append(f"for {inner} in {owner}.{name}.all()")
        owner = inner
    parts.append(f"for {ask.row} in {owner}.{names[-1]}.all()")
    return " ".join(parts), ask.row


def _singular(name: str) -> str:
    name = name.removesuffix("_set")
    return f"{name[:-3]}y" if name.endswith("ies") else name.removesuffix("s") or name


def _filters(links: tuple[Link, ...]) -> tuple[Link, ...]:
    return tuple(link for link in links if link.name in {"filter", "exclude", "get"})


def _chosen(ask: Ask, links: tuple[Link, ...], element: str) -> str | None:
    """``element for row in rows if condition``."""
    source, row = _source(ask)
    condition = test_of(_filters(links), row, ask.model)
    if condition is None:
        return None
    return f"{element.format(row=row)} {source}" + (f" if {condition}" if condition else "")


def _only(links: tuple[Link, ...], *names: str) -> bool:
    return all(link.name in {"filter", "exclude", *names} for link in links)


def _rows_shape(ask: Ask) -> str | None:
    links = ask.links
    slices = [link for link in links if isinstance(link.node, ast.Subscript)]
    orders = [link for link in links if link.name == "order_by"]
    last = links[-1] if links else None
    if last is not None and last.name in {"values", "values_list", "dates"}:
        return _values_shape(ask, last)
    if not _only(links, "order_by", "[]", "distinct") or len(orders) > 1 or len(slices) > 1:
        return None
    if slices and slices[0] is not last:
        return None
    if not _filters(links) and not ask.deep:
        rows: str | None = ask.rows
        rows = f"list({rows})" if slices and not orders else rows
    else:
        chosen = _chosen(ask, links, "{row}")
        rows = f"[{chosen}]" if chosen is not None else None
    if rows is None:
        return None
    if orders:
        key = key_of(orders[0], ask.row, ask.model)
        if key is None:
            return None
        rows = f"sorted({rows}, key={key[0]}{', reverse=True' if key[1] else ''})"
    return rows + (slices[0].text if slices else "")


def _values_shape(ask: Ask, last: Link) -> str | None:
    names = [str(one.value) for one in last.args if isinstance(one, ast.Constant)]
    if len(names) != len(last.args) or not _only(ask.links[:-1]):
        return None
    if last.name == "dates":
        return _dates_shape(ask, names)
    # The value of a foreign key is the key, not the object.
    read = {name: getattr(meta.field_of(ask.model, name), "attname", "") for name in names}
    if not all(read.values()):
        return None
    flat = any(one.arg == "flat" for one in last.keywords)
    if not names or (last.keywords and not flat):
        return None
    if flat:
        element = f"{{row}}.{read[names[0]]}"
    elif last.name == "values":
        pairs = ", ".join(f"{quoted(name)}: {{row}}.{read[name]}" for name in names)
        element = f"{{{{{pairs}}}}}"
    else:
        element = "(" + ", ".join(f"{{row}}.{read[name]}" for name in names) + ",)"
    chosen = _chosen(ask, ask.links[:-1], element)
    return f"[{chosen}]" if chosen is not None else None


def _dates_shape(ask: Ask, names: list[str]) -> str | None:
    parts = {"year": "month=1, day=1", "month": "day=1", "day": ""}
    if len(names) != 2 or names[1] not in parts:
        return None
    chosen = _chosen(ask, ask.links[:-1], f"{{row}}.{names[0]}.replace({parts[names[1]]})")
    return f"sorted({{{chosen}}})" if chosen is not None else None


def _count_shape(ask: Ask) -> str | None:
    if not _only(ask.links, "order_by"):
        return None
    if not _filters(ask.links) and not ask.deep:
        return f"len({ask.rows})"
    chosen = _chosen(ask, ask.links, "1")
    return f"sum({chosen})" if chosen is not None else None


def _exists_shape(ask: Ask) -> str | None:
    if not _only(ask.links, "order_by"):
        return None
    if not _filters(ask.links) and not ask.deep:
        return f"bool({ask.rows})"
    chosen = _chosen(ask, ask.links, "True")
    return f"any({chosen})" if chosen is not None else None


def _get_shape(ask: Ask) -> str | None:
    assert ask.terminal is not None
    if not _only(ask.links, "order_by"):
        return None
    chosen = _chosen(ask, (*ask.links, ask.terminal), "{row}")
    # No StopIteration: it would end a generator around the loop, and nobody would notice.
    return f"[{chosen}][0]" if chosen is not None else None


def _end_shape(ask: Ask) -> str | None:
    """``first()``, ``last()``, ``latest()``, ``earliest()`` by ``min()`` or ``max()``."""
    orders = [link for link in ask.links if link.name == "order_by"]
    if not _only(ask.links, "order_by") or len(orders) > 1:
        return None
    order = orders[0] if orders else None
    if ask.operation in {"latest", "earliest"} and ask.terminal is not None:
        order = Link("order_by", ask.terminal.node, ask.terminal.args)
    if order is None and ask.model._meta.ordering:
        return None
    by_key = (f"lambda {ask.row}: {ask.row}.pk", False)
    key = key_of(order, ask.row, ask.model) if order is not None else by_key
    if key is None:
        return None
    largest = key[1] != (ask.operation in {"last", "latest"})
    chosen = _chosen(ask, ask.links, "{row}")
    if chosen is None:
        return None
    rows = f"({chosen})" if _filters(ask.links) or ask.deep else ask.rows
    missing = "" if ask.operation in {"latest", "earliest"} else ", default=None"
    return f"{'max' if largest else 'min'}({rows}, key={key[0]}{missing})"


def _aggregate_shape(ask: Ask) -> str | None:
    parts = []
    for key, call in _named_aggregates(ask):
        function = call.func.id if isinstance(call.func, ast.Name) else ""
        field = call.args[0] if call.args else None
        if not isinstance(field, ast.Constant) or not _only(ask.links):
            return None
        if function != "Count" or field.value not in {"pk", "id", "*"}:
            return None
        counted = _count_shape(ask)
        if counted is None:
            return None
        parts.append(f"{quoted(key)}: {counted}")
    return "{" + ", ".join(parts) + "}" if parts else None


_SHAPES: Final[dict[str, Callable[[Ask], str | None]]] = {
    "filter": _rows_shape,
    "iterator": _rows_shape,
    "count": _count_shape,
    "exists": _exists_shape,
    "get": _get_shape,
    "first": _end_shape,
    "last": _end_shape,
    "latest": _end_shape,
    "earliest": _end_shape,
    "aggregate": _aggregate_shape,
}

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
