"""Of which type a value is by what it is called: the name of a function, a method, an annotation."""

from __future__ import annotations

import ast
import datetime as dt
from decimal import Decimal
from typing import Final
from uuid import UUID

from nplusone_guard.analysis.advice.callables import (
    function_called,
    is_method_of_text,
    method_called,
    type_called,
)
from nplusone_guard.analysis.advice.field_kinds import TYPES, UNKNOWN, Kind
from nplusone_guard.analysis.advice.trees import FUNCTIONS, Bound, Spot

#: Classes that make values of their own; a date and time may lack its zone.
_CLASSES: Final = frozenset({bool, int, float, Decimal, UUID, str, dt.date, dt.timedelta})
#: What functions make: builtins, and those of the standard library and Django.
_FUNCTIONS: Final[dict[str, type]] = {
    **dict.fromkeys("len ord hash".split(), int),
    **dict.fromkeys(
        "repr input format chr hex slugify getenv getpass force_str smart_str join".split(), str
    ),
    **dict.fromkeys("uuid1 uuid3 uuid4 uuid5".split(), UUID),
}
#: What methods make of texts, dates and querysets.
_METHODS: Final[dict[str, type]] = {
    "count": int,
    **dict.fromkeys(
        "strip lstrip rstrip lower upper title capitalize casefold swapcase zfill ljust rjust "
        "join format hex removeprefix removesuffix decode isoformat strftime".split(),
        str,
    ),
    "date": dt.date,
}
#: What hands on one of the values of what it is called on.
OF_TEXTS: Final = frozenset("get pop setdefault replace group".split())
#: What gives a collection of texts.
TEXTS: Final = frozenset(
    "split rsplit splitlines partition rpartition getlist findall readlines namelist listdir "
    "findtext groups".split()
)
#: Mappings and collections of texts, by the name of the attribute: ``request.GET``, ``sys.argv``.
HELD_TEXTS: Final = frozenset(
    "GET POST COOKIES META headers query_params environ argv stdin".split()
)
#: What passes the entries of its first argument on.
PASSING: Final = frozenset(
    "list tuple set frozenset sorted reversed iter deque fromkeys islice cycle chain "
    "from_iterable sample batched".split()
)
#: Annotations of collections, by what their entries are.
_WRAPPERS: Final = frozenset(
    "list set tuple frozenset Iterable Iterator Sequence List Set Tuple Collection".split()
)


def annotation_of(bound: Bound, name: str) -> ast.expr | None:
    """What a function says of its parameter ``name``."""
    if not isinstance(bound.node, FUNCTIONS):
        return None
    given = bound.node.args
    found = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return next((one.annotation for one in found if one.arg == name), None)


def annotated(node: ast.expr | None) -> Kind:
    """``int``, ``uuid.UUID``: what the author of a function says of a parameter."""
    name = getattr(node, "id", getattr(node, "attr", ""))
    found = next((one for one in TYPES if one.__name__ == name), None)
    return Kind(found) if found is not None else UNKNOWN


def annotated_items(node: ast.expr | None) -> Kind:
    """``list[int]``, ``Iterable[str]``."""
    if not isinstance(node, ast.Subscript):
        return UNKNOWN
    name = getattr(node.value, "id", getattr(node.value, "attr", ""))
    inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
    return annotated(inner) if name in _WRAPPERS else UNKNOWN


def made_by(spot: Spot, function: ast.expr) -> type | None:
    """``int``, ``uuid.UUID``, ``slugify``, ``text.strip``, ``str.strip``: what calling it gives."""
    made = type_called(spot, function)
    if made is not None:
        return made if made in _CLASSES else None
    if isinstance(function, ast.Attribute) and is_method_of_text(spot, function):
        return _METHODS.get(function.attr)
    found = _FUNCTIONS.get(function_called(spot, function))
    return found or _METHODS.get(method_called(spot, function))
