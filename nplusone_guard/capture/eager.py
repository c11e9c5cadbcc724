"""Whether anybody reads what was loaded eagerly, by ``select_related`` or ``prefetch_related``.

Installed only where the rule asks for it. A queryset that was evaluated in a scope has the
two dictionaries in which Django keeps the related objects of an instance replaced by ones
that notice when they are read; what is read leads on to the objects behind it. Nothing else
is touched, and a copy or a pickle of an instance has plain dictionaries again.

What is noticed is kept for each relation and line, for as long as the process lives: a place
whose relations have all been read is not looked at again.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any, Final

from nplusone_guard.capture import bridges, callpath, steps
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.landmarks.overrides import past_overrides
from nplusone_guard.capture.scope import Scope, current_scope

RULE: Final = "unused-eager-load"

#: Relations and lines that one process remembers; later ones are not judged.
MAX_LOADS: Final = 5_000


class Load:
    """One relation that is loaded eagerly at one place."""

    __slots__ = ("lookup", "method", "model", "place", "read", "rows")

    def __init__(self, place: steps.Place, method: str, model: str, lookup: str) -> None:
        self.place = place
        #: ``select_related`` or ``prefetch_related``.
        self.method = method
        #: ``app.Model`` of the queryset.
        self.model = model
        #: ``author__country``.
        self.lookup = lookup
        #: Whether any object came with it: without one there was nothing to read.
        self.rows = False
        self.read = False


class Node:
    """A relation of a queryset, and the relations behind it."""

    __slots__ = ("children", "load", "slots")

    def __init__(self, load: Load) -> None:
        self.load = load
        self.children: Tree = {}
        #: Those of ``children`` by the model that has them.
        self.slots: dict[type, tuple[Slots, Slots]] = {}

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to notice."""
        return self.load.read and all(child.settled for child in self.children.values())

    def note_read(self, value: Any) -> None:
        """The relation was read: so was the line's, and what is behind it may be next."""
        if not self.load.read:
            self.load.read = True
            _lately_read.append(self.load)
        if self.children and not self.settled:
            watch_objects(_objects(value), self.children, self.slots)


Tree = dict[str, Node]
Slots = dict[str, tuple[Node, ...]]

_loads: dict[tuple[steps.Place, str, str, str], Load] = {}
_lately_read: list[Load] = []


class Watched(dict[str, Any]):
    """A dictionary of related objects that notices which of them are read.

    Whatever hands on all of them reads all of them. ``in`` reads nothing.
    """

    __slots__ = ("slots",)
    slots: Slots

    def __getitem__(self, key: str) -> Any:
        value = dict.__getitem__(self, key)
        nodes = self.slots.get(key)
        if nodes is not None:
            try:
                for node in nodes:
                    node.note_read(value)
            except Exception as error:
                contain("capture.eager", error)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401 - this is what ``get`` is

    def pop(self, key: str, *default: Any) -> Any:
        self.get(key)
        return dict.pop(self, key, *default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self[key]

    def __iter__(self) -> Iterator[str]:
        # With an ``__iter__`` of its own, ``dict(this)`` asks for each item.
        return dict.__iter__(self)

    def copy(self) -> dict[str, Any]:
        return {key: self[key] for key in self}

    def items(self) -> Any:
        return self.copy().items()

    def values(self) -> Any:
        return self.copy().values()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (self.copy(),)

    def also(self, slots: Slots) -> None:
        """Notice for other querysets, too, that have loaded the same object."""
        if slots is self.slots:
            return
        merged = dict(self.slots)
        for key, nodes in slots.items():
            known = merged.get(key, ())
            merged[key] = known + tuple(node for node in nodes if node not in known)
        self.slots = merged


# --- what a queryset loads eagerly --------------------------------------------------------


def install() -> None:
    """Look at querysets from now on. The hook's ``uninstall()`` undoes it."""
    from django.db.models import QuerySet

    if not bridges.is_wrapped(QuerySet, "_fetch_all"):
        bridges.wrap("django.db.models", "QuerySet._fetch_all", _fetch_all)
        bridges.wrap("django.db.models", "QuerySet._iterator", _iterator)


def _fetch_all(wrapped: Any, queryset: Any, args: Any, kwargs: Any) -> Any:
    known: Any = queryset._result_cache
    wrapped(*args, **kwargs)
    tree = _tree(queryset, sys._getframe()) if known is None else {}
    if tree:
        try:
            watch_objects(queryset._result_cache, tree, {})
        except Exception as error:
            contain("capture.eager", error)
    return None


def _iterator(wrapped: Any, queryset: Any, args: Any, kwargs: Any) -> Any:
    rows = wrapped(*args, **kwargs)
    tree = _tree(queryset, sys._getframe())
    return _watched_rows(rows, tree) if tree else rows


def _watched_rows(rows: Iterable[Any], tree: Tree) -> Iterator[Any]:
    slots: dict[type, tuple[Slots, Slots]] = {}
    for row in rows:
        try:
            watch_objects([row], tree, slots)
        except Exception as error:
            contain("capture.eager", error)
        yield row


def _tree(queryset: Any, frame: Any) -> Tree:
    """What ``queryset`` loads eagerly and nobody is known to have read; mostly nothing."""
    query = queryset.query
    if not (query.select_related or queryset._prefetch_related_lookups):
        return {}
    scope = current_scope.get()
    if scope is None or scope.closed or not scope.policy.judges(RULE):
        return {}
    try:
        return _unread(queryset, frame, scope)
    except Exception as error:
        contain("capture.eager", error, scope.errors)
        return {}


def _unread(queryset: Any, frame: Any, scope: Scope) -> Tree:
    from django.db.models.query import ModelIterable

    if not issubclass(queryset._iterable_class, ModelIterable):
        return {}
    path, _ = callpath.call_path(frame, scope.recorders[-1].root)
    place = next((one for _, one in past_overrides(path) if one.user), None)
    if place is None:
        return {}
    tree: Tree = {}
    load = partial(_load, scope, place, queryset.model._meta.label)
    # A row that is locked needs its join, whoever reads it.
    if isinstance(queryset.query.select_related, dict) and not queryset.query.select_for_update:
        _grow_joins(tree, queryset.query.select_related, load, ())
    for lookup in _lookups(queryset._prefetch_related_lookups):
        _grow(tree, lookup.split("__"), load)
    return {name: node for name, node in tree.items() if not node.settled}


def _grow_joins(tree: Tree, names: dict[str, Any], load: Any, above: tuple[str, ...]) -> None:
    for name, below in names.items():
        path = (*above, name)
        node = tree[name] = Node(load("select_related", "__".join(path)))
        _grow_joins(node.children, below, load, path)


def _lookups(lookups: Iterable[Any]) -> Iterator[str]:
    """The lookups that end in Django's own caches; nobody can tell who reads a ``to_attr``."""
    for lookup in lookups:
        if isinstance(lookup, str):
            yield lookup
        elif lookup.prefetch_to == lookup.prefetch_through:
            yield lookup.prefetch_through


def _grow(tree: Tree, names: list[str], load: Any) -> None:
    for depth, name in enumerate(names, start=1):
        if name not in tree:
            tree[name] = Node(load("prefetch_related", "__".join(names[:depth])))
        tree = tree[name].children


def _load(scope: Scope, place: steps.Place, model: str, method: str, lookup: str) -> Load:
    key = (place, method, model, lookup)
    load = _loads.get(key) or Load(*key)
    if len(_loads) < MAX_LOADS:
        _loads[key] = load
    for recorder in scope.recorders:
        recorder.eager.add(load)
    return load


# --- what is put on the objects -------------------------------------------------------------


def watch_objects(
    objects: Collection[Any], tree: Tree, slots: dict[type, tuple[Slots, Slots]]
) -> None:
    """Notice what is read of ``objects``, whose relations in ``tree`` were loaded.

    ``slots`` remembers what ``tree`` means for each model.
    """
    known: tuple[Slots, Slots] | None
    single: Slots = {}
    many: Slots = {}
    model = None
    # One loop without a call in it: it runs once for each row.
    for one in objects:
        if one.__class__ is not model:
            model = one.__class__
            known = slots.get(model)
            if known is None:
                known = slots[model] = _slots(model, tree)
            single, many = known
        if single:
            state = one._state
            cache = state.fields_cache
            if cache.__class__ is Watched:
                cache.also(single)
            else:
                state.fields_cache = cache = Watched(cache)
                cache.slots = single
        if many:
            attributes = one.__dict__
            cache = attributes.get("_prefetched_objects_cache")
            if cache.__class__ is Watched:
                cache.also(many)
            elif cache is not None:
                attributes["_prefetched_objects_cache"] = cache = Watched(cache)
                cache.slots = many
    _note_rows(objects, slots)


def _note_rows(objects: Iterable[Any], slots: dict[type, tuple[Slots, Slots]]) -> None:
    """Note which relations have brought an object to any of ``objects``."""
    for model, found in slots.items():
        for kind, part in zip(("fields_cache", "_prefetched_objects_cache"), found, strict=True):
            for key, nodes in part.items():
                missing = [node.load for node in nodes if not node.load.rows]
                if missing and _any_has(objects, model, kind, key):
                    for load in missing:
                        load.rows = True


def _any_has(objects: Iterable[Any], model: Any, kind: str, key: str) -> bool:
    for one in objects:
        if one.__class__ is model:
            cache = getattr(one._state if kind == "fields_cache" else one, kind, {})
            if _any_rows(dict.get(cache, key)):
                return True
    return False


def _any_rows(value: Any) -> bool:
    return bool(_objects(value))


def _objects(value: Any) -> list[Any]:
    """The objects of a relation: those of a queryset that was fetched, or the one."""
    if value is None:
        return []
    fetched = getattr(value, "_result_cache", value)
    if isinstance(fetched, list):
        return fetched
    return [] if fetched is None else [fetched]


def _slots(model: type, tree: Tree) -> tuple[Slots, Slots]:
    """By the keys of Django's caches: what is one object, and what are many."""
    single: Slots = {}
    many: Slots = {}
    for name, node in tree.items():
        found = _cache_key(model, name)
        if found is not None:
            (many if found[0] else single)[found[1]] = (node,)
    return single, many


def _cache_key(model: Any, name: str) -> tuple[bool, str] | None:
    """Whether relation ``name`` has many objects, and the key that they are cached by."""
    from django.core.exceptions import FieldDoesNotExist

    descriptor = getattr(model, name, None)
    relation = getattr(descriptor, "rel", None)
    if relation is not None:
        return True, _key_of_many(descriptor, relation)
    field = getattr(descriptor, "related", None)
    if field is None:
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            return None
    return False, _name_of(field)


def _key_of_many(descriptor: Any, relation: Any) -> str:
    from django.contrib.contenttypes.fields import ReverseGenericManyToOneDescriptor
    from django.db.models.fields.related_descriptors import ManyToManyDescriptor

    field = relation.field
    if isinstance(descriptor, ReverseGenericManyToOneDescriptor):
        return str(field.attname)
    if isinstance(descriptor, ManyToManyDescriptor):
        return str(field.related_query_name() if descriptor.reverse else field.name)
    return _name_of(relation)


def _name_of(field: Any) -> str:
    """The key of one object; by a method before Django 5.1."""
    name = getattr(field, "cache_name", None)
    return str(name if name is not None else field.get_cache_name())


# --- what a report tells of it ----------------------------------------------------------------


def drain(scope: Scope) -> set[Load]:
    """What ``scope`` loaded, and what was read since a report was last made."""
    late = {_lately_read.pop() for _ in range(len(_lately_read))}
    return scope.eager | late


def forget() -> None:
    """Know nothing of any place (for tests)."""
    _loads.clear()
    _lately_read.clear()
