"""What landmark frames say about a query."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NamedTuple


class Facts:
    """What the landmarks between a query and its call site say about it.

    The defaults stand on the class: most sightings set few of them.
    """

    #: The outermost ORM operation below the call site; ``sql`` for a raw cursor.
    operation = "sql"
    #: ``app.Model`` that is read or written.
    model = ""
    #: ``app.Model.field`` of a lazily read relation or deferred field.
    relation = ""
    #: How the relation is read on the parent: ``author``, ``people_set``.
    accessor = ""
    #: Whether a related manager is read as it is, by ``.all()``.
    plain = False
    deferred = False
    #: The rows are dictionaries, tuples or values, and no objects.
    values = False
    #: The queryset method that would load the relation with the parents.
    eager = ""
    #: Objects asked for at once, where the operation says so.
    batch = 0
    cached = False
    #: What is cached is kept by the process: from test to test, from request to request.
    fills_process = False
    cascade = False
    #: Django asked for rows that a deletion takes along, by a queryset of its own.
    collected = False
    validation = False
    #: The relation had been prefetched onto the parent.
    prefetched = False
    #: At the first sighting only.
    queryset: weakref.ref[Any] | None = None
    #: Every ``fk = value`` in the WHERE.
    fks: tuple[ForeignKeyCondition, ...] = ()
    #: The WHERE asks for one row by its primary key.
    by_key = False
    #: Nothing but that one condition: no filter, order, slice or annotation besides.
    whole = False
    parent_model = ""
    #: The parent object; only while a sighting is being noted.
    parent: Any = None
    #: A digest of the parent's type and primary key; 0 where no parent was at hand.
    parent_key = 0
    #: No query loaded the parent: it is a new row, not saved yet.
    unsaved = False
    #: The group that loaded the parent, where its identity could be found.
    parent_group: Any = None
    #: (parent model, accessor, ``app.Model.fk`` or "") of a prefetch.
    prefetch: tuple[str, str, str] | None = None
    #: The whole look-up of a prefetch, from the rows that it was begun with; a ``to_attr``
    #: stands in it as such.
    prefetch_to = ""
    #: Digests, as of ``parent_key``, of the first objects that a prefetch was for.
    prefetched_for: frozenset[int] = frozenset()

    @property
    def lasting(self) -> bool:
        """Whether they hold for every query of that path and shape.

        They do where the rows asked for have no parent, and the table tells the model.
        """
        of_parents = self.parent is not None or self.relation or self.fks or self.prefetch
        return not (of_parents or self.batch) and (not self.model or _alone(self.model))

    def forget_values(self) -> None:
        """Let go of the objects and values that were only needed while looking."""
        if self.parent is not None:
            self.parent_key = row_digest(self.parent)
            self.unsaved = _is_unsaved(self.parent)
            self.parent = None
        self.fks = tuple(one._replace(value=None) for one in self.fks)


class ForeignKeyCondition(NamedTuple):
    """One ``fk = value`` of a WHERE clause."""

    #: ``app.Model.fk``
    field: str
    parent_model: str
    #: How the parent reads these rows: ``people_set``; empty where it cannot.
    accessor: str
    #: Only while a sighting is being noted.
    value: Any = None


#: Reads one frame into facts; ``deep`` at the second sighting.
Reader = Callable[[FrameType, Facts, bool], None]


def _is_unsaved(instance: Any) -> bool:
    state = getattr(instance, "__dict__", {}).get("_state")
    return bool(getattr(state, "adding", False))


def row_digest(instance: Any) -> int:
    """What equal rows share: their type and primary key."""
    return hash((type(instance), str(primary_key(instance))))


def primary_key(instance: Any) -> Any:
    """The primary key as it is loaded, without a query; ``NO_KEY`` where it is not."""
    meta = getattr(instance, "_meta", None)
    return instance.__dict__.get(meta.pk.attname, NO_KEY) if meta is not None else NO_KEY


NO_KEY: Final = object()


@functools.lru_cache(maxsize=4096)
def _alone(name: str) -> bool:
    """Whether no other model, such as a proxy, has the table of ``app.Model``."""
    from django.apps import apps

    tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True)]
    try:
        return tables.count(apps.get_model(name)._meta.db_table) == 1
    except LookupError:
        return False


def _label(model: Any) -> str:
    meta = getattr(model, "_meta", None)
    return str(meta.label) if meta is not None else ""


#: ``app.Model``; empty for what is no model.
label: Final[Callable[[Any], str]] = functools.lru_cache(maxsize=4096)(_label)
