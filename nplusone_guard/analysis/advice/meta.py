"""What Django knows of a model: relations and their real names, constraints, what saving does."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.text import camel_case_to_spaces

#: A model class of Django, a field or relation: Django is untyped here.
Model = Any
Field = Any


def model_of(label: str) -> Model | None:
    """The model class of ``app.Model``; those made for migrations or tests may be gone."""
    from django.apps import apps

    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return _through_model(label)


def _through_model(label: str) -> Model | None:
    from django.apps import apps

    for model in apps.get_models(include_auto_created=True):
        if model._meta.label == label:
            return model
    return None


def is_model(value: object) -> bool:
    """Whether this is a model class."""
    from django.db.models import Model as Base

    return isinstance(value, type) and issubclass(value, Base)


def same_rows(one: Model, other: Model) -> bool:
    """Whether two models are one, or one inherits from the other (proxies do, too)."""
    if one is None or other is None:
        return False
    return issubclass(one, other) or issubclass(other, one)


def leads_to(owner: str, accessor: str, label: str) -> bool:
    """Whether a relation leads to rows of a model, by their labels, or that cannot be told."""
    parent, rows = model_of(owner), model_of(label)
    field = relation(parent, accessor) if parent is not None else None
    target = related_model(field) if field is not None else None
    return target is None or rows is None or same_rows(target, rows)


def relation(model: Model, name: str) -> Field | None:
    """The relation that instances of ``model`` read by ``name``."""
    for field in model._meta.get_fields(include_hidden=False):
        accessor = getattr(field, "get_accessor_name", None)
        read_as = accessor() if accessor is not None else field.name
        if read_as == name and (field.is_relation or hasattr(field, "ct_field")):
            return field
    return None


def is_collection(field: Field) -> bool:
    """Whether reading the relation gives a manager rather than one object."""
    return bool(field.one_to_many or field.many_to_many)


def through(field: Field) -> Model:
    """The model of a many-to-many relation's own table, from either end."""
    remote = field.remote_field
    return field.through if hasattr(field, "through") else remote.through


def is_generic(field: Field) -> bool:
    """Whether this is a GenericForeignKey."""
    return hasattr(field, "ct_field") and hasattr(field, "fk_field")


def related_model(field: Field) -> Model | None:
    """The model at the other end; none for a GenericForeignKey."""
    found = getattr(field, "related_model", None)
    return found if is_model(found) else None


def query_name(model: Model, accessor: str) -> str:
    """How look-ups and aggregates name what is read as ``accessor``: ``entry``, ``entries``."""
    field = relation(model, accessor)
    return str(field.name) if field is not None else accessor


def reverse(model: Model, field_path: str) -> tuple[str, Model] | None:
    """The accessor that leads back from the target of ``field_path``, and that target.

    ``entry__author`` leads back by ``entries__chapter_set``. ``None`` where a relation on
    the way has no way back (``related_name="+"``).
    """
    accessors: list[str] = []
    current = model
    for name in field_path.split("__"):
        field = field_of(current, name)
        if field is None or not field.is_relation:
            return None
        back = way_back(field)
        target = related_model(field)
        if not back or target is None:
            return None
        accessors.append(back)
        current = target
    return "__".join(reversed(accessors)), current


def through_table(field: Field) -> str:
    """The table that a many-to-many relation is kept in, from either side; else empty."""
    if not field.many_to_many:
        return ""
    forward = field.field if field.auto_created else field
    return str(forward.m2m_db_table())


def way_back(field: Field) -> str:
    """The accessor that leads back over a relation; empty where there is none."""
    remote = field.remote_field
    if field.auto_created and not field.concrete:  # a relation seen from its target
        return str(field.field.name)
    name = remote.get_accessor_name() if remote is not None else None
    return readable(name)


def readable(accessor: str | None) -> str:
    """The accessor; empty where there is none, or a hidden one (``related_name="+"``)."""
    return "" if not accessor or accessor.endswith("+") else str(accessor)


def field_of(model: Model, name: str) -> Field | None:
    """The field that look-ups call ``name``; ``author_id`` is the field ``author``."""
    from django.core.exceptions import FieldDoesNotExist

    if name == "pk":
        return model._meta.pk
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        by_column = (one for one in model._meta.concrete_fields if one.attname == name)
        return next(by_column, None)


def attribute(model: Model, name: str) -> str:
    """What a row calls the value of a field: ``author_id`` of a foreign key asks for nothing."""
    return str(getattr(field_of(model, name), "attname", name)) if name != "pk" else "pk"


def has_attribute(model: Model, name: str) -> bool:
    """Whether a class has an attribute, told without reading it."""
    return any(name in vars(base) for base in model.__mro__)


def is_unique(model: Model, name: str) -> bool:
    """Whether one value of a field has at most one row, so that ``in_bulk`` takes it."""
    field = field_of(model, name)
    return field is not None and bool(getattr(field, "unique", False))


def unique_together(model: Model, names: Iterable[str]) -> list[str]:
    """The fields among ``names`` that a unique constraint covers; none where there is none."""
    wanted = {field.name for name in names if (field := field_of(model, name)) is not None}
    for name in sorted(wanted):
        if is_unique(model, name) and not model._meta.get_field(name).primary_key:
            return [name]
    groups = [list(group) for group in model._meta.unique_together]
    groups += [list(one.fields) for one in model._meta.total_unique_constraints]
    return next((group for group in groups if set(group) <= wanted), [])


def only_unique_field(model: Model) -> str:
    """The one field that validation asks the database about; empty where it asks for more.

    Foreign keys are looked up, too; a primary key that the database gives is not.
    """
    options = model._meta
    asked = [one for one in options.concrete_fields if one.unique and not one.primary_key]
    more = (
        options.unique_together
        or options.constraints
        or any(one.is_relation for one in options.concrete_fields)
        or any(
            one.unique_for_date or one.unique_for_month or one.unique_for_year
            for one in options.concrete_fields
        )
        or not options.auto_field
        or _overrides(model, "full_clean")
        or _overrides(model, "validate_unique")
    )
    return str(asked[0].name) if len(asked) == 1 and not more else ""


def paths(model: Model, target: Model, longest: int = 3) -> Iterator[tuple[str, ...]]:
    """The ways from ``model`` to ``target`` by relations to one object, the short ones first."""
    level: list[tuple[Model, tuple[str, ...]]] = [(model, ())]
    for _ in range(longest):
        following: list[tuple[Model, tuple[str, ...]]] = []
        for current, way in level:
            for field in current._meta.get_fields():
                other = related_model(field) if field.is_relation else None
                if other is None or is_collection(field):
                    continue
                longer = (*way, _read_as(field))
                if same_rows(other, target):
                    yield longer
                following.append((other, longer))
        level = following


def _read_as(field: Field) -> str:
    accessor = getattr(field, "get_accessor_name", None)
    return str(accessor() if accessor is not None else field.name)


def manager_name(model: Model) -> str:
    """``objects``, or what the model calls its default manager."""
    return str(model._default_manager.name or "objects")


def narrows(manager: Any) -> bool:
    """Whether a manager may leave rows out, or add to them: it makes its queryset by itself."""
    from django.db.models.manager import BaseManager

    return type(manager).get_queryset is not BaseManager.get_queryset


def plural(model: Model) -> str:
    """``entries`` for ``Entry``, as a variable is called."""
    words = str(model._meta.verbose_name_plural or "").lower()
    name = re.sub(r"\W+", "_", words).strip("_")
    made = snake(model.__name__)
    default = f"{made.replace('_', ' ')}s"
    if "_" in model.__name__ and words == f"{camel_case_to_spaces(model.__name__)}s":
        return f"{made}s"  # Django has made "a l_ nodes" of ``AL_Node``
    if words == default and made.endswith("y") and made[-2:-1] not in set("aeiou"):
        return f"{made[:-1]}ies"
    return _no_keyword(name if name.isidentifier() else f"{made}s")


def variable(model: Model) -> str:
    """``journal_entry`` for ``JournalEntry``, as one of its rows is called."""
    return _no_keyword(snake(model.__name__))


def _no_keyword(name: str) -> str:
    """``class_`` for ``class``, as PEP 8 has it."""
    return f"{name}_" if keyword.iskeyword(name) else name


def snake(name: str) -> str:
    """``journal_entry`` for ``JournalEntry``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


# -- what is lost ----------------------------------------------------------------------


def deletes_unseen(model: Model) -> bool:
    """Whether rows are deleted by one statement: nothing cascades, and no signal wants them."""
    from django.db.models.deletion import Collector

    return bool(Collector("default").can_fast_delete(model._base_manager.all()))


def is_text(model: Model, name: str) -> bool:
    """Whether the values of a field are texts."""
    from django.db import models

    return isinstance(field_of(model, name), (models.CharField, models.TextField))


def losses(model: Model, signals: Iterable[str], methods: Iterable[str], *, auto_now: bool) -> str:
    """What a statement over many rows passes by: signals, overridden methods, ``auto_now``."""
    told = [text for name in signals if (text := _receivers(model, name))]
    told += [f"{_owner(model, name)}.{name}()" for name in methods if _overrides(model, name)]
    if auto_now:
        told += [f"auto_now of {field}" for field in _automatic(model)]
    return ", ".join(told)


def _receivers(model: Model, name: str) -> str:
    from django.db.models import signals

    signal = getattr(signals, name)
    try:
        found = signal._live_receivers(model)
    except Exception:  # a weakly referenced sender may be on its way out
        return ""
    # Django ≥ 5.0 tells synchronous and asynchronous receivers apart.
    count = sum(map(len, found)) if isinstance(found, tuple) else len(found)
    if not count:
        return ""
    return f"{name} of {model.__name__} ({count} receiver{'s' if count > 1 else ''})"


def _overrides(model: Model, name: str) -> bool:
    from django.db.models import Model as Base

    return getattr(model, name) is not getattr(Base, name)


def _owner(model: Model, name: str) -> str:
    return next(str(one.__name__) for one in model.__mro__ if name in vars(one))


def _automatic(model: Model) -> list[str]:
    return [
        field.name for field in model._meta.concrete_fields if getattr(field, "auto_now", False)
    ]
