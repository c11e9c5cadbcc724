"""Which types are told apart, and of which one the values of a field, or values at hand, are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import EnumMeta
from typing import Any, Final
from uuid import UUID

#: A collection of the module that is looked through has at most so many entries.
_LARGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a value; ``None`` where the source leaves it open."""

    type: type | None = None
    #: Whether the value may be ``None`` all the same.
    optional: bool = False


UNKNOWN: Final = Kind(None, optional=True)
TEXT: Final = Kind(str)
NUMBER: Final = Kind(int)
_NONE: Final = Kind(type(None), optional=True)
#: Types whose values are told apart; a date and time is a date, too, so it comes first.
TYPES: Final = (bool, int, float, Decimal, UUID, str, dt.datetime, dt.date, dt.time, dt.timedelta)


def kind_of_field(field: Any) -> Kind:
    """What rows answer with; of a field of the application's own, or of others, its class."""
    while getattr(field, "is_relation", False) and getattr(field, "concrete", False):
        target = getattr(field, "target_field", None)
        if target is None or target is field:
            return UNKNOWN
        field, optional = target, bool(field.null)
        if optional:
            return Kind(kind_of_field(field).type, optional=True)
    made = _field_types()
    found = next((kind for base, kind in made if isinstance(field, base)), None)
    plain = type(field).__module__.startswith("django.db.models.") or _is_plain(field)
    return Kind(found if plain and found is not None else type(field), bool(field.null))


def _is_plain(field: Any) -> bool:
    """Whether a field of others' reads and writes its values as Django's own do."""
    own = ("from_db_value", "to_python", "get_prep_value", "get_db_prep_value")
    bases = [one for one in type(field).__mro__ if not one.__module__.startswith("django.db.")]
    return not any(name in vars(base) for base in bases for name in own)


def _field_types() -> list[tuple[type, type]]:
    from django.db import models

    return [
        (models.BooleanField, bool),
        (models.IntegerField, int),
        (models.FloatField, float),
        (models.DecimalField, Decimal),
        (models.UUIDField, UUID),
        (models.DateTimeField, dt.datetime),
        (models.DateField, dt.date),
        (models.TimeField, dt.time),
        (models.DurationField, dt.timedelta),
        (models.CharField, str),
        (models.TextField, str),
    ]


def common(kinds: Iterable[Kind]) -> Kind:
    """What values of several places have in common; ``None`` among them is told apart."""
    found = set(kinds)
    types = {one.type for one in found if one is not _NONE}
    if len(types) != 1 or None in types:
        return UNKNOWN
    return Kind(types.pop(), any(one.optional for one in found))


def kind_of_value(value: object) -> Kind:
    """The type of a value that is at hand."""
    if value is None:
        return _NONE
    return next((Kind(one) for one in TYPES if isinstance(value, one)), UNKNOWN)


def kind_of_entries(value: object) -> Kind:
    """The entries of a collection that the module has."""
    if isinstance(value, EnumMeta):
        return common(map(kind_of_value, list(value)))
    if not isinstance(value, (list, tuple, set, frozenset, dict, str, range)):
        return UNKNOWN
    return common(map(kind_of_value, value)) if 0 < len(value) <= _LARGEST else UNKNOWN
