"""What Django's ORM was doing: the rows of its query sets, relations, models and caches."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterator
from itertools import repeat
from types import FrameType
from typing import Any, Final

from nplusone_guard.capture import callpath
from nplusone_guard.capture.landmarks.facts import (
    Facts,
    ForeignKeyCondition,
    Reader,
    label,
    row_digest,
)
from nplusone_guard.capture.landmarks.overrides import past_overrides
from nplusone_guard.capture.steps import STOP

#: Objects of a prefetch that are remembered: a loop's first two are looked for among them.
_SAMPLE: Final = 16


def read(frame: FrameType | None, path: callpath.Path, *, deep: bool) -> Facts:
    """The facts of the landmark frames between a query and the first user frame.

    ``deep`` also looks at the parent object and the WHERE clause; that is done at the
    second sighting only.
    """
    facts = Facts()
    for steps, reader, name in _plan(path) if path.plan is None else path.plan:
        if reader is None:
            facts.operation = name
            continue
        for _ in repeat(None, steps):
            frame = frame.f_back  # type: ignore[union-attr]
        reader(frame, facts, deep)
    return facts


def _plan(path: callpath.Path) -> callpath.Plan:
    """Which frames of a path are worth reading, found out once for each.

    The innermost method of a query set tells all but what the outer ones are called. The
    iterable's frame tells it as well, but to read its locals costs time for each name
    that has no value yet, and that is most of them.
    """
    readers = _readers(path)
    methods = [index for index, reader in readers if _is_method(reader)]
    plan: list[tuple[int, Any, str]] = []
    at = 0
    for index, reader in readers:
        if methods and (reader is _iterable or (reader is _fetch and index > methods[0])):
            continue
        if reader.__class__ is Operation and index > methods[0]:
            plan.append((0, None, reader.name))
        else:
            plan.append((index - at, reader, ""))
            at = index
    path.plan = tuple(plan)
    return path.plan


def _readers(path: callpath.Path) -> list[tuple[int, Any]]:
    """Index and reader of each landmark up to whoever asked: the first place of the user's."""
    found: list[tuple[int, Any]] = []
    for index, place in past_overrides(path):
        if place.reader is STOP:
            break
        if place.reader is not None:
            found.append((index, place.reader))
    return found


def _is_method(reader: Any) -> bool:
    return reader is _fetch or reader.__class__ is Operation


# --- readers --------------------------------------------------------------------------


class Operation:
    """A QuerySet method: the innermost gives the queryset, the outermost the name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, frame: FrameType, facts: Facts, deep: bool) -> None:
        facts.operation = self.name
        if not facts.model:
            _note_queryset(frame.f_locals["self"], facts, deep)


def _batch_operation(name: str, argument: str) -> Reader:
    plain = Operation(name)

    def reader(frame: FrameType, facts: Facts, deep: bool) -> None:
        plain(frame, facts, deep)
        facts.batch = _length_of(frame.f_locals.get(argument))

    return reader


def _length_of(objects: Any) -> int:
    """How many rows the operation is for; 0 as long as Django has not made its own list of them.

    A query set is fetched inside the operation that it is given to. To ask it for its length
    then, or a lazy object for its class, is to send that query once more, from this frame.
    """
    return len(objects) if issubclass(type(objects), (list, tuple)) else 0


def _fetch(frame: FrameType, facts: Facts, deep: bool) -> None:
    if facts.operation == "sql":
        facts.operation = "filter"
    if not facts.model:
        _note_queryset(frame.f_locals["self"], facts, deep)


def _iterable(frame: FrameType, facts: Facts, deep: bool) -> None:
    """Under ``aiterator()`` these are the only frames of the queryset on the stack."""
    if facts.operation == "sql":
        facts.operation = "filter"
    _note_queryset(frame.f_locals["self"].queryset, facts, deep)


def _raw(frame: FrameType, facts: Facts, deep: bool) -> None:
    local = frame.f_locals
    facts.operation = "raw"
    facts.model = label(local["self"].model)
    facts.queryset = weakref.ref(local["self"])


def _forward(frame: FrameType, facts: Facts, deep: bool) -> None:
    local = frame.f_locals
    field = local["self"].field
    _note_relation(field.model, field.name, local["instance"], facts)
    facts.eager = "select_related"
    if field.related_model is not None and not facts.cached:
        facts.model = label(field.related_model)


def _reverse_one(frame: FrameType, facts: Facts, deep: bool) -> None:
    local = frame.f_locals
    related = local["self"].related
    _note_relation(related.model, related.get_accessor_name(), local["instance"], facts)
    facts.eager = "select_related"


def _generic(frame: FrameType, facts: Facts, deep: bool) -> None:
    local = frame.f_locals
    owner = local["self"]
    field: Any = getattr(owner, "field", owner)
    _note_relation(field.model, field.name, local["instance"], facts)
    facts.eager = "prefetch_related"


def _deferred(frame: FrameType, facts: Facts, deep: bool) -> None:
    local = frame.f_locals
    field = local["self"].field
    _note_relation(field.model, field.name, local["instance"], facts)
    facts.operation = "deferred"
    facts.deferred = True
    facts.model = label(field.model)


def _note_relation(model: Any, name: str, instance: Any, facts: Facts) -> None:
    facts.operation = "lazy"
    facts.relation = f"{label(model)}.{name}"
    facts.accessor = name
    facts.parent = instance
    facts.parent_model = label(type(instance))


def _instance_operation(name: str) -> Reader:
    def reader(frame: FrameType, facts: Facts, deep: bool) -> None:
        local = frame.f_locals
        facts.operation = name
        facts.parent = local["self"]
        facts.parent_model = label(type(local["self"]))
        if not facts.collected:
            facts.model = facts.parent_model

    return reader


def _validation(frame: FrameType, facts: Facts, deep: bool) -> None:
    facts.validation = True


def _cache(frame: FrameType, facts: Facts, deep: bool) -> None:
    facts.cached = True


def _process_cache(frame: FrameType, facts: Facts, deep: bool) -> None:
    facts.cached = facts.fills_process = True


def _cascade(frame: FrameType, facts: Facts, deep: bool) -> None:
    facts.operation = "delete"
    facts.cascade = True


def _collect(frame: FrameType, facts: Facts, deep: bool) -> None:
    _cascade(frame, facts, deep)
    asked = facts.queryset() if facts.queryset is not None else None
    if asked is None or asked is not frame.f_locals.get("objs"):
        facts.collected = True


def _related_write(name: str) -> Reader:
    def reader(frame: FrameType, facts: Facts, deep: bool) -> None:
        local = frame.f_locals
        manager = local["self"]
        facts.operation = name
        facts.accessor = _accessor_of(manager)
        facts.parent = manager.instance
        facts.parent_model = label(type(manager.instance))
        facts.relation = f"{facts.parent_model}.{facts.accessor}"

    return reader


def _related_read(name: str) -> Reader:
    """``count`` and ``exists`` of a many-to-many manager, which may ask the through table."""

    def reader(frame: FrameType, facts: Facts, deep: bool) -> None:
        local = frame.f_locals
        manager = local["self"]
        facts.operation = name
        facts.plain = False
        facts.model = label(manager.model)
        facts.accessor = _accessor_of(manager)
        facts.parent = manager.instance
        facts.parent_model = label(type(manager.instance))

    return reader


def _prefetch(frame: FrameType, facts: Facts, deep: bool) -> None:
    local = frame.f_locals
    instances, lookup, level = local["instances"], local["lookup"], local["level"]
    accessor = lookup.prefetch_through.split("__")[level]
    facts.operation = "prefetch"
    facts.batch = len(instances)
    facts.prefetch_to = lookup.get_current_prefetch_to(level)
    facts.prefetch = (
        label(type(instances[0])),
        accessor,
        _fk_of_manager(local["prefetcher"]),
    )
    facts.prefetched_for = frozenset(map(row_digest, instances[:_SAMPLE]))


def _prefetch_key(frame: FrameType) -> Hashable:
    local = frame.f_locals
    return (local["lookup"].prefetch_to, local["level"])


def _descriptor_key(frame: FrameType) -> Hashable:
    return id(frame.f_locals["self"])


# --- what a queryset says ---------------------------------------------------------------


def _note_queryset(queryset: Any, facts: Facts, deep: bool) -> None:
    model = queryset.model
    if model is None:  # ``EmptyQuerySet`` and the like
        return
    facts.model = label(model)
    if queryset._fields is not None:
        facts.values = True
    if deep:
        _note_conditions(queryset, facts)
    else:
        facts.queryset = weakref.ref(queryset)


def _note_conditions(queryset: Any, facts: Facts) -> None:
    exact = _exact_conditions(queryset.query.where)
    for field, value in exact:
        if field.primary_key:
            facts.by_key = True
        if field.is_relation and isinstance(field.related_model, type):
            facts.fks += (_foreign_key(field, value),)
    if facts.fks:
        facts.whole = _is_plain(queryset, conditions=1)
    instance = queryset._hints.get("instance")
    known = queryset._known_related_objects
    if known and instance is not None:
        field = next(iter(known))
        _note_manager(instance, field.remote_field.get_accessor_name(), facts)
        facts.plain = _is_plain(queryset, conditions=1)
    elif instance is not None:
        _note_many_to_many(instance, queryset, exact, facts)
    elif len(exact) > 1:
        _note_generic_relation(queryset, exact, facts)


def _foreign_key(field: Any, value: Any) -> ForeignKeyCondition:
    return ForeignKeyCondition(
        _field_label(field), label(field.related_model), _reverse_accessor(field), value
    )


def _note_manager(instance: Any, accessor: str, facts: Facts, cache_name: str = "") -> None:
    facts.parent = instance
    facts.parent_model = label(type(instance))
    facts.accessor = accessor
    facts.eager = "prefetch_related"
    facts.relation = f"{facts.parent_model}.{accessor}"
    cache = instance.__dict__.get("_prefetched_objects_cache") or {}
    facts.prefetched = (cache_name or accessor) in cache


def _note_many_to_many(instance: Any, queryset: Any, exact: list[Any], facts: Facts) -> None:
    throughs = {field.model for field, _ in exact}
    for name, accessor, through in _many_to_many(type(instance)):
        if through in throughs:
            _note_manager(instance, accessor, facts, cache_name=name)
            facts.plain = _is_plain(queryset, conditions=1)
            return


def _many_to_many(model: Any) -> Iterator[tuple[str, str, Any]]:
    """(prefetch cache name, accessor, through model) of every many-to-many of ``model``."""
    for field in model._meta.many_to_many:
        yield field.name, field.name, field.remote_field.through
    for relation in model._meta.related_objects:
        if relation.many_to_many and relation.get_accessor_name():
            yield (
                relation.field.related_query_name(),
                relation.get_accessor_name(),
                relation.through,
            )


def _note_generic_relation(queryset: Any, exact: list[Any], facts: Facts) -> None:
    """A GenericRelation's manager leaves no hint; its two conditions tell."""
    values = {field.name: value for field, value in exact}
    for field in queryset.model._meta.private_fields:
        ct_field = getattr(field, "ct_field", None)
        if ct_field in values and field.fk_field in values:
            parent = _content_type_model(values[ct_field])
            accessor = _generic_accessor(parent, queryset.model)
            facts.parent_model = label(parent) if parent else ""
            facts.accessor = accessor
            facts.relation = f"{facts.parent_model}.{accessor}" if accessor else ""
            facts.eager = "prefetch_related"
            facts.plain = bool(accessor) and _is_plain(queryset, conditions=2)
            name = f"{label(queryset.model)}.{field.name}"
            facts.fks = (ForeignKeyCondition(name, facts.parent_model, accessor),)


def _content_type_model(pk: Any) -> Any:
    from django.contrib.contenttypes.models import ContentType

    for known in ContentType.objects._cache.values():
        if pk in known:
            return known[pk].model_class()
    return None


def _generic_accessor(parent: Any, target: Any) -> str:
    if parent is not None:
        for field in parent._meta.private_fields:
            if getattr(field, "related_model", None) is target:
                return str(field.name)
    return ""


def _exact_conditions(where: Any) -> list[tuple[Any, Any]]:
    """(field, value) of each ``column = value`` that holds for every row."""
    if where.negated or where.connector != "AND":
        return []
    found: list[tuple[Any, Any]] = []
    for child in where.children:
        if hasattr(child, "children"):
            found += _exact_conditions(child)
        elif getattr(child, "lookup_name", "") == "exact":
            field = getattr(getattr(child, "lhs", None), "target", None)
            if field is not None:
                found.append((field, child.rhs))
    return found


def _is_plain(queryset: Any, conditions: int) -> bool:
    """Whether a related manager's rows are read whole and in the model's own order."""
    query = queryset.query
    return (
        _leaves(query.where) <= conditions
        and not query.is_sliced
        and not query.order_by
        and not query.distinct
        and not query.annotations
        and query.values_select == ()
    )


def _leaves(where: Any) -> int:
    return sum(_leaves(child) if hasattr(child, "children") else 1 for child in where.children)


def _accessor_of(manager: Any) -> str:
    name = getattr(manager, "prefetch_cache_name", "")
    if name and not getattr(manager, "reverse", False):
        return str(name)
    if name:
        for cache_name, accessor, through in _many_to_many(type(manager.instance)):
            if cache_name == name and through is manager.through:
                return accessor
        return str(name)
    field = getattr(manager, "field", None)
    return str(field.remote_field.get_accessor_name()) if field is not None else ""


def _fk_of_manager(prefetcher: Any) -> str:
    """``app.Model.fk`` behind a related manager; empty where one object is prefetched.

    That of a many-to-many is its through table's; a GenericRelation goes by its
    GenericForeignKey.
    """
    if getattr(prefetcher, "instance", None) is None:
        return ""
    if hasattr(prefetcher, "content_type_field_name"):
        for field in prefetcher.model._meta.private_fields:
            if getattr(field, "ct_field", None) == prefetcher.content_type_field_name:
                return f"{label(prefetcher.model)}.{field.name}"
    field = getattr(prefetcher, "source_field", None) or getattr(prefetcher, "field", None)
    return _field_label(field) if field is not None else ""


def _reverse_accessor(field: Any) -> str:
    name = field.remote_field.get_accessor_name() if field.remote_field is not None else None
    return str(name or "")


def _field_label(field: Any) -> str:
    return f"{label(field.model)}.{field.name}"


# --- the table ------------------------------------------------------------------------

_QUERY: Final = "django.db.models.query:"
_RELATED: Final = "django.db.models.fields.related_descriptors:"
_REVERSE: Final = f"{_RELATED}create_reverse_many_to_one_manager.RelatedManager."
_MANY: Final = f"{_RELATED}create_forward_many_to_many_manager.ManyRelatedManager."
_MODEL: Final = "django.db.models.base:Model."
_GENERIC: Final = "django.contrib.contenttypes.fields:"

_OPERATIONS: Final = (
    "get first last earliest latest count exists contains aggregate update delete create "
    "get_or_create update_or_create explain"
).split()

_ITERABLES: Final = (
    "ModelIterable ValuesIterable ValuesListIterable FlatValuesListIterable NamedValuesListIterable"
).split()

#: Function → reader. Several spellings of one row are the names of several versions.
READERS: Final[dict[str, Reader]] = {
    f"{_QUERY}QuerySet._fetch_all": _fetch,
    f"{_QUERY}QuerySet._iterator": Operation("iterator"),
    **{f"{_QUERY}{name}.__iter__": _iterable for name in _ITERABLES},
    **{f"{_QUERY}QuerySet.{name}": Operation(name) for name in _OPERATIONS},
    f"{_QUERY}QuerySet._raw_delete": Operation("delete"),
    f"{_QUERY}QuerySet.in_bulk": _batch_operation("in_bulk", "id_list"),
    f"{_QUERY}QuerySet.bulk_create": _batch_operation("bulk_create", "objs"),
    f"{_QUERY}QuerySet.bulk_update": _batch_operation("bulk_update", "objs"),
    f"{_QUERY}RawQuerySet._fetch_all": _raw,
    f"{_QUERY}RawQuerySet.iterator": _raw,
    f"{_QUERY}prefetch_one_level": _prefetch,
    f"{_RELATED}ForwardManyToOneDescriptor.__get__": _forward,
    f"{_RELATED}ReverseOneToOneDescriptor.__get__": _reverse_one,
    f"{_GENERIC}GenericForeignKey.__get__": _generic,
    f"{_GENERIC}GenericForeignKeyDescriptor.__get__": _generic,
    "django.db.models.query_utils:DeferredAttribute.__get__": _deferred,
    f"{_MODEL}save_base": _instance_operation("save"),
    f"{_MODEL}refresh_from_db": _instance_operation("refresh_from_db"),
    f"{_MODEL}delete": _instance_operation("delete"),
    "django.db.models.deletion:Collector.collect": _collect,
    "django.db.models.deletion:Collector.delete": _cascade,
    **{
        f"{_REVERSE}{name}": _related_write(name)
        for name in "add remove clear set create get_or_create update_or_create".split()
    },
    **{
        f"{_MANY}{name}": _related_write(name)
        for name in "add remove clear set create get_or_create update_or_create".split()
    },
    f"{_MANY}count": _related_read("count"),
    f"{_MANY}exists": _related_read("exists"),
    f"{_MODEL}full_clean": _validation,
    f"{_MODEL}validate_unique": _validation,
    f"{_MODEL}validate_constraints": _validation,
    "django.forms.models:BaseModelFormSet.save_existing_objects": _validation,
    "django.forms.models:BaseModelFormSet.save_new_objects": _validation,
    "django.contrib.contenttypes.models:ContentTypeManager.get_for_model": _process_cache,
    "django.contrib.contenttypes.models:ContentTypeManager.get_for_models": _process_cache,
    "django.contrib.contenttypes.models:ContentTypeManager.get_for_id": _process_cache,
    "django.contrib.contenttypes.models:ContentTypeManager.get_by_natural_key": _process_cache,
    "django.contrib.sites.models:SiteManager._get_site_by_id": _process_cache,
    "django.contrib.sites.models:SiteManager._get_site_by_request": _process_cache,
    **{
        f"django.core.cache.backends.db:DatabaseCache.{name}": _cache
        for name in "get_many _base_set _base_delete_many has_key clear".split()
    },
    **{
        f"django.contrib.sessions.backends.db:SessionStore.{name}": _cache
        for name in "_get_session_from_db load exists save delete".split()
    },
}

#: Landmarks whose frames tell two turns of Django's own loops apart.
KEYS: Final[dict[str, Callable[[FrameType], Hashable]]] = {
    f"{_QUERY}prefetch_one_level": _prefetch_key,
    f"{_RELATED}ForwardManyToOneDescriptor.__get__": _descriptor_key,
    f"{_RELATED}ReverseOneToOneDescriptor.__get__": _descriptor_key,
    f"{_GENERIC}GenericForeignKey.__get__": _descriptor_key,
    f"{_GENERIC}GenericForeignKeyDescriptor.__get__": _descriptor_key,
}
