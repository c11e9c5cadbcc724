"""How a key of the loop is written so that Python finds it among the values that rows answer with.

The database takes ``"7"`` for 7 and ``"A"`` for ``"a"``; a dict does not. So a key that is of
another type than the field is converted, and one that cannot be said to be found is not looked up.
"""

from __future__ import annotations

import ast
import datetime as dt
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Subject
from nplusone_guard.analysis.advice.field_kinds import Kind, kind_of_field
from nplusone_guard.analysis.advice.handlers import takes_invalid
from nplusone_guard.analysis.advice.imported import value_at
from nplusone_guard.analysis.advice.kinds import kind_of, kind_of_items
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.trees import Spot
from nplusone_guard.analysis.advice.values import value_of


@dataclass(frozen=True, slots=True)
class Match:
    """What a key has to go through, and what has to be written before for that."""

    #: ``int``, ``UUID``, ``to_key``; empty where the key is of the right type.
    call: str = ""
    statement: str = ""
    imports: tuple[str, ...] = ()
    #: What the conversion raises for a key that the database would not take either.
    errors: tuple[str, ...] = ()
    #: Whether the code goes on where it is raised.
    caught: bool = False
    #: Whether Python tells apart what the database does; collations may find two texts equal.
    exact: bool = True

    def of(self, text: str) -> str:
        """The key as it is looked up."""
        return f"{self.call}({text})" if self.call else text

    def each(self, texts: str) -> str:
        """Many keys as they are looked up."""
        return f"map({self.call}, {texts})" if self.call else texts


PLAIN: Final = Match()

#: By the types of key and field: nothing to do.
_EQUAL: Final = frozenset(
    {(bool, int), (int, bool), (int, float), (bool, float), (int, Decimal), (bool, Decimal)}
)
_BY_CALL: Final[dict[tuple[type | None, type], tuple[str, tuple[str, ...]]]] = {
    (str, int): ("int", ()),
    (str, float): ("float", ()),
    (str, UUID): ("UUID", ("from uuid import UUID",)),
    (str, Decimal): ("Decimal", ("from decimal import Decimal",)),
    (int, str): ("str", ()),
    (UUID, str): ("str", ()),
}
#: Types of fields whose own conversion answers as the database does, whatever the key is. That
#: of text leaves a member of ``(str, Enum)`` as it is, of which ``str()`` makes ``Colour.RED``.
_BY_FIELD: Final = frozenset({int, float, Decimal, UUID, dt.date, bool, str})
_ERRORS: Final = ("TypeError", "ValueError", "ValidationError")


def match(
    subject: Subject, spot: Spot, node: ast.expr, model: Any, name: str, *, many: bool = False
) -> Match | None:
    """How ``node`` is looked up among the values of a field; ``None`` where that is not known."""
    field = meta.field_of(model, name)
    if field is None:
        return None
    if not many and field.is_relation and value_of(spot, node).kind == "object":
        return PLAIN  # it is looked up by its key
    given = kind_of_items(spot, node) if many else kind_of(spot, node)
    wanted = kind_of_field(field)
    if wanted.optional and given.optional:
        return None
    return _match(subject, spot, node, given, (model, field, name), wanted)


def asks_for_null(spot: Spot, node: ast.expr, model: Any, name: str) -> bool:
    """Whether the key may be ``None``, which asks for NULL: no list of keys finds that."""
    field = meta.field_of(model, name)
    if field is None or value_of(spot, node).kind == "object":
        return False
    return kind_of_field(field).optional and kind_of(spot, node).optional


def _match(
    subject: Subject,
    spot: Spot,
    node: ast.expr,
    given: Kind,
    column: tuple[Any, Any, str],
    wanted: Kind,
) -> Match | None:
    if wanted.type is None:
        return None
    exact = wanted.type is not str or is_exact(subject, column[1])
    if given.type is wanted.type or (given.type, wanted.type) in _EQUAL:
        return Match(exact=exact)
    call, imports = _BY_CALL.get((given.type, wanted.type), ("", ()))
    caught = takes_invalid(subject, spot, node)
    if call and (not caught or call in {"int", "str"}):
        errors = () if call == "str" else ("ValueError",)
        return Match(call, imports=imports, errors=errors, caught=caught, exact=exact)
    if wanted.type not in _BY_FIELD:
        return None
    return _by_field(subject, spot, column, Match(caught=caught, exact=exact))


def _by_field(subject: Subject, spot: Spot, column: tuple[Any, Any, str], found: Match) -> Match:
    """The key as the field itself hands it to the database."""
    model, field, name = column
    if (model, name) not in subject.conversions:
        subject.conversions[model, name] = subject.fresh("to_key", alone=True)
    to_key = subject.conversions[model, name]
    owner, imports = owner_of(spot, model)
    statement = f"{to_key} = {owner}._meta.{_named(field, name)}.get_prep_value"
    # Whatever it is, there is a text for it.
    errors = () if kind_of_field(field).type is str else _ERRORS
    return replace(found, call=to_key, statement=statement, imports=imports, errors=errors)


def _named(field: Any, name: str) -> str:
    if field.primary_key and name in {"pk", "id"}:
        return "pk"
    return f"get_field({quoted(field.name)})"


def owner_of(spot: Spot, model: Any) -> tuple[str, tuple[str, ...]]:
    """The model as the file of the look-up can name it, and what that has to import."""
    name = str(model.__name__)
    known = value_at(spot.tree, name, spot.node) is model
    return name, () if known else (f"from {model.__module__} import {name}",)


def is_exact(subject: Subject, field: Any) -> bool:
    """Whether two texts are equal to the database only where Python finds them equal."""
    while field.is_relation and getattr(field, "target_field", None) is not None:
        field = field.target_field
    if any(base.__name__ == "CIText" for base in type(field).__mro__):
        return False
    collation = str(getattr(field, "db_collation", None) or "")
    if not collation:
        return subject.vendor != "mysql"
    return collation.lower() in {"binary", "c", "posix", "ucs_basic"} or collation.endswith("_bin")
