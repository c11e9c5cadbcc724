"""A query as it is written: the manager it starts from, and the calls behind it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Subject
from nplusone_guard.analysis.advice.kinds import kind_of
from nplusone_guard.analysis.advice.trees import Spot, binding_of, possible_bindings
from nplusone_guard.analysis.advice.values import ASYNC_METHODS, Value, value_of

#: Methods that send the query, and answer with something else than rows.
TERMINALS: Final = frozenset(
    "get first last latest earliest count exists contains aggregate create update delete "
    "get_or_create update_or_create bulk_create bulk_update in_bulk iterator add remove set "
    "clear explain".split()
)
CONDITIONS: Final = frozenset("filter get exclude".split())
#: Methods of a related manager that write, and drop what was prefetched for it.
RELATION_WRITES: Final = frozenset("add remove set clear aadd aremove aset aclear".split())


@dataclass(frozen=True, slots=True)
class Link:
    """One call, or a slice, of a chain."""

    name: str
    node: ast.expr
    args: tuple[ast.expr, ...] = ()
    keywords: tuple[ast.keyword, ...] = ()

    @property
    def text(self) -> str:
        """``.filter(status="live")``, as it is written; ``[:3]`` for a slice."""
        if isinstance(self.node, ast.Subscript):
            return f"[{ast.unparse(self.node.slice)}]"
        parts = [ast.unparse(one) for one in self.args]
        parts += [ast.unparse(one) for one in self.keywords]
        return f".{self.name}({', '.join(parts)})"

    @property
    def values(self) -> list[ast.expr]:
        """Everything that is given to it."""
        if isinstance(self.node, ast.Subscript):
            return [self.node.slice]
        return [*self.args, *(one.value for one in self.keywords)]


@dataclass(frozen=True, slots=True)
class Query:
    """A chain, and what it starts from."""

    spot: Spot
    #: The expression to replace: with its ``await``.
    node: ast.expr
    #: ``author.entries``, ``Entry.objects``, or a name that stands for a queryset.
    root: ast.expr
    value: Value
    links: tuple[Link, ...] = field(default=())
    is_async: bool = False

    @property
    def model(self) -> Any:
        return self.value.model

    @property
    def awaited(self) -> bool:
        return isinstance(self.node, ast.Await)

    @property
    def terminal(self) -> Link | None:
        """The call that sends it, where it is not read row by row."""
        last = self.links[-1] if self.links else None
        return last if last is not None and last.name in TERMINALS else None

    @property
    def body(self) -> tuple[Link, ...]:
        """The links before the terminal; ``all()`` says nothing."""
        links = self.links[:-1] if self.terminal is not None else self.links
        return tuple(link for link in links if link.name != "all")

    def where(self) -> Spot:
        return self.spot.at(self.node)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a query besides its source."""

    #: A helper's names for querysets are followed, though a loop of its own reads them.
    helper: bool = False
    #: The related manager that the run showed, and the model of its rows.
    accessor: str = ""
    model: Any = None


NOTHING: Final = Known()


def query_of(subject: Subject) -> Query | None:
    """The chain at the call site of a candidate."""
    spot, facts = subject.spot, subject.facts
    if spot is None:
        return None
    accessor = facts.accessor if facts.relation else ""
    known = Known(not subject.local, accessor, meta.model_of(facts.model) if accessor else None)
    return query_at(spot, facts.operation, known)


def shortcut_of(subject: Subject) -> Query | None:
    """``get_object_or_404(Author, slug=slug)`` as the ``get()`` that it sends."""
    from django.shortcuts import get_object_or_404

    spot = subject.spot
    if spot is None:
        return None
    for node in _expressions(spot.node):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and len(node.args) == 1
            and spot.tree.global_value(node.func.id) is get_object_or_404
        ):
            return _shortcut(spot, node)
    return None


def _shortcut(spot: Spot, node: ast.Call) -> Query | None:
    given = node.args[0]
    link = Link("get", node, (), tuple(node.keywords))
    value = value_of(spot, given)
    if value.kind == "model":
        root = ast.Attribute(given, meta.manager_name(value.model), ast.Load())
        return Query(spot, node, root, Value("queryset", value.model), (link,))
    found = parse(spot, given)
    if found is None or found.is_async:
        return None
    return Query(spot, node, found.root, found.value, (*found.links, link))


def query_at(spot: Spot, operation: str, known: Known = NOTHING) -> Query | None:
    """The outermost chain in what a spot stands on that does ``operation``."""
    for node in _expressions(spot.node):
        found = parse(spot, node, known)
        if found is not None and _does(found, operation):
            return found
    return None


def parent_spot(subject: Subject) -> Spot | None:
    """The expression of the object that the relation is read on."""
    spot, accessor = subject.spot, subject.facts.accessor
    if spot is None:
        return None
    found = [
        node
        for node in ast.walk(spot.node)
        if isinstance(node, ast.Attribute) and node.attr == accessor
    ]
    if subject.facts.operation not in RELATION_WRITES:
        # ``copy.tags.add(*entry.tags.all())`` reads the other one.
        found.sort(key=lambda node: _is_written(spot, node))
    if found:
        return spot.at(found[0].value)
    named = _read_by_name(spot, accessor)
    if named is not None:
        return spot.at(named.args[0])
    query = query_at(spot, "filter")
    if query is not None and query.value.parent is not None:
        return spot.at(query.value.parent)
    return None


def _read_by_name(spot: Spot, accessor: str) -> ast.Call | None:
    """``getattr(entry.editor, "profile")``, or the only ``getattr()`` by a name that varies."""
    found = [node for node in ast.walk(spot.node) if is_read_by_name(node)]
    for node in found:
        if isinstance(node.args[1], ast.Constant) and node.args[1].value == accessor:
            return node
    varying = [node for node in found if not isinstance(node.args[1], ast.Constant)]
    return varying[0] if len(varying) == 1 else None


def is_read_by_name(node: ast.AST | None) -> TypeGuard[ast.Call]:
    """Whether a node is a call of ``getattr()``."""
    if not isinstance(node, ast.Call) or len(node.args) < 2:
        return False
    return isinstance(node.func, ast.Name) and node.func.id == "getattr"


def _is_written(spot: Spot, node: ast.Attribute) -> bool:
    method = spot.tree.parents.get(node)
    return isinstance(method, ast.Attribute) and method.attr in RELATION_WRITES


def _does(query: Query, operation: str) -> bool:
    terminal = query.terminal.name if query.terminal is not None else ""
    if operation in {"filter", "lazy", "prefetch"}:
        return terminal in {"", "iterator", "in_bulk"}
    if operation in {"save", "bulk_create"}:
        return terminal in {"create", "bulk_create", operation, "get_or_create", "update_or_create"}
    return terminal == operation or (terminal == "" and operation not in TERMINALS)


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions of a node, outer ones first; of a loop its header alone."""
    queue = [node]
    while queue:
        one = queue.pop(0)
        if isinstance(one, ast.expr):
            yield one
        if isinstance(one, (ast.For, ast.AsyncFor)):
            queue.append(one.iter)
        elif isinstance(one, (ast.While, ast.If)):
            queue.append(one.test)
        else:
            queue.extend(
                child
                for child in ast.iter_child_nodes(one)
                if not isinstance(child, ast.stmt) or isinstance(node, (ast.With, ast.AsyncWith))
            )


def parse(spot: Spot, node: ast.expr, known: Known = NOTHING, depth: int = 0) -> Query | None:
    """The chain that an expression is; names are followed to where they were assigned."""
    if isinstance(node, ast.Await):
        found = parse(spot, node.value, known, depth)
        return None if found is None else _replaced(found, node)
    links: list[Link] = []
    inner, is_async = node, False
    while True:
        value = _value(spot, inner, known)
        if value.is_queryset and not isinstance(inner, (ast.Call, ast.Subscript)):
            break
        step = _link(inner)
        if step is None:
            return None
        link, inner, plain = step
        is_async = is_async or not plain
        links.append(link)
    found = Query(spot, _awaited(spot, node), inner, value, tuple(reversed(links)), is_async)
    return _followed(found, known, depth)


def _value(spot: Spot, node: ast.expr, known: Known) -> Value:
    value = value_of(spot, node)
    by_run = value.kind == "unknown" and isinstance(node, ast.Attribute) and known.accessor
    if by_run and node.attr == known.accessor:  # type: ignore[attr-defined]
        return Value("related", known.model, node.value, node.attr)  # type: ignore[attr-defined]
    return value


def _awaited(spot: Spot, node: ast.expr) -> ast.expr:
    parent = spot.tree.parents.get(node)
    return parent if isinstance(parent, ast.Await) else node


def _replaced(query: Query, node: ast.expr) -> Query:
    return Query(query.spot, node, query.root, query.value, query.links, query.is_async)


def _link(node: ast.expr) -> tuple[Link, ast.expr, bool] | None:
    if isinstance(node, ast.Subscript):
        return Link("[]", node), node.value, True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name = node.func.attr
        plain = ASYNC_METHODS.get(name) or _ASYNC_WRITES.get(name) or name
        link = Link(plain, node, tuple(node.args), tuple(node.keywords))
        return link, node.func.value, plain == name
    return None


_ASYNC_WRITES: Final = {f"a{name}": name for name in "add remove set clear".split()}


def _followed(query: Query, known: Known, depth: int) -> Query:
    """With what a name inside the loop was assigned put in the place of the name."""
    root = query.root
    if not isinstance(root, ast.Name) or depth > 5:
        return query
    bound = binding_of(query.spot.tree, root.id, root)
    if bound is None or bound.how != "value" or bound.value is None:
        return query
    if len(possible_bindings(query.spot.tree, root.id, root)) > 1:
        return query
    loops = list(query.spot.tree.loops(root))
    mine = [one for one in loops if any(up is one for up in query.spot.tree.above(bound.node))]
    function = query.spot.tree.function(root)
    if loops and not mine and not known.helper and function is query.spot.tree.function(bound.node):
        return query
    base = parse(query.spot.at(bound.value), bound.value, known, depth + 1)
    if base is None:
        return query
    node = query.node if query.links else base.node
    return Query(query.spot, node, base.root, base.value, base.links + query.links, query.is_async)


# -- conditions ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Condition:
    """One ``name=value`` of ``filter()`` or ``get()``."""

    name: str
    value: ast.expr
    link: Link

    @property
    def field(self) -> str:
        return self.name.rpartition("__")[0] if self.lookup != "exact" else self._bare

    @property
    def _bare(self) -> str:
        return self.name.removesuffix("__exact")

    @property
    def lookup(self) -> str:
        last = self.name.rpartition("__")[2]
        return last if "__" in self.name and last in LOOKUPS else "exact"


LOOKUPS: Final = frozenset(
    "exact in gt gte lt lte startswith endswith contains icontains istartswith iendswith iexact "
    "isnull range".split()
)


def conditions(links: tuple[Link, ...]) -> list[Condition]:
    """The conditions that all rows must meet."""
    return [
        Condition(one.arg, one.value, link)
        for link in links
        if link.name in {"filter", "get"}
        for one in link.keywords
        if one.arg is not None
    ]


def without(links: tuple[Link, ...], dropped: list[Condition]) -> tuple[Link, ...]:
    """The links without some conditions; a filter that is left empty goes."""
    gone = {id(one.value) for one in dropped}
    kept = []
    for link in links:
        keywords = tuple(one for one in link.keywords if id(one.value) not in gone)
        if keywords == link.keywords:
            kept.append(link)
        elif keywords or link.args or link.name == "get":
            kept.append(Link(link.name, link.node, link.args, keywords))
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class Relative:
    """A query for the rows that belong to one parent."""

    query: Query
    #: The parent's expression, and its model.
    parent: ast.expr
    parent_model: Any
    #: How the parent reads the rows: ``entries``, ``entries__chapter_set``, ``profile``.
    accessor: str
    #: The links besides the condition on the parent, the terminal among them.
    links: tuple[Link, ...]
    #: The condition that names the parent; none for a related manager.
    condition: Condition | None = None

    @property
    def terminal(self) -> Link | None:
        last = self.links[-1] if self.links else None
        return last if last is not None and last.name in TERMINALS else None

    @property
    def body(self) -> tuple[Link, ...]:
        links = self.links[:-1] if self.terminal is not None else self.links
        return tuple(link for link in links if link.name != "all")


def relative_of(subject: Subject, query: Query) -> Relative | None:
    """The parent of a query's rows, by the related manager or by a condition."""
    if query.value.kind == "related" and query.value.parent is not None:
        parent = query.value.parent
        model = value_of(query.spot, parent).model or meta.model_of(subject.facts.parent_model)
        return Relative(query, parent, model, query.value.accessor, query.links)
    for one in conditions(query.links):
        found = _by_condition(subject, query, one)
        if found is not None:
            return found
    return None


def _by_condition(subject: Subject, query: Query, one: Condition) -> Relative | None:
    if one.lookup != "exact" or "__pk" in one.name:
        return None
    parent = _object(one.value)
    back = _back(query, one, parent) or _recorded(subject, query, one, parent)
    if back is None:
        return None
    accessor, target, parent = back
    return Relative(query, parent, target, accessor, without(query.links, [one]), one)


def _back(query: Query, one: Condition, parent: ast.expr) -> tuple[str, Any, ast.expr] | None:
    """Accessor, parent model and parent of ``fk=parent``, ``fk_id=parent.pk``, ``pk=row.fk_id``."""
    if one.name in {"pk", "id"}:
        return _forward(query, one)
    found = value_of(query.spot, parent)
    if found.kind != "object":
        return None
    back = meta.reverse(query.model, one.name.removesuffix("__pk").removesuffix("__id"))
    if back is None or not meta.same_rows(back[1], found.model):
        return None
    return back[0], found.model, parent


def _recorded(
    subject: Subject, query: Query, one: Condition, parent: ast.expr
) -> tuple[str, Any, ast.expr] | None:
    """By what the run showed, where the source does not tell what the parent is."""
    if value_of(query.spot, parent).kind != "unknown" or parent is not one.value:
        return None
    if is_a_key(query.spot, parent):
        return None
    asked = {condition.field.rpartition(".")[2] for condition in subject.facts.fks}
    back = meta.reverse(query.model, one.name) if one.name in asked else None
    return (back[0], back[1], parent) if back is not None else None


def is_a_key(spot: Spot, node: ast.expr) -> bool:
    """Whether a value is a key, by its type or by what it is called, and not an object."""
    if kind_of(spot, node).type is not None:
        return True
    if isinstance(node, ast.Name):
        bound = binding_of(spot.tree, node.id, node)
        source = bound.value if bound is not None and bound.how == "item" else None
        listed = source is not None and value_of(spot, source).kind == "values"
        return listed or node.id in {"pk", "id"} or node.id.endswith(("_id", "_pk"))
    if isinstance(node, ast.Attribute):
        return node.attr in {"pk", "id"} or node.attr.endswith("_id")
    return isinstance(node, (ast.Constant, ast.Subscript, ast.JoinedStr))


def _object(node: ast.expr) -> ast.expr:
    """``author`` for ``author.pk``."""
    if isinstance(node, ast.Attribute) and node.attr in {"pk", "id"}:
        return node.value
    return node


def _forward(query: Query, one: Condition) -> tuple[str, Any, ast.expr] | None:
    """``Author.objects.get(pk=entry.author_id)`` is ``entry.author``."""
    node = one.value
    if not isinstance(node, ast.Attribute) or not node.attr.endswith("_id"):
        return None
    owner = value_of(query.spot, node.value)
    if owner.kind != "object" or owner.model is None:
        return None
    field = meta.field_of(owner.model, node.attr)
    if field is None or not field.is_relation or meta.related_model(field) is None:
        return None
    if not meta.same_rows(meta.related_model(field), query.model):
        return None
    return str(field.name), owner.model, node.value
