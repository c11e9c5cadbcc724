"""Frozen dataclasses as JSON and back, and what is wrong with a document that is neither.

Every field is written, in its order, under its own name. Reading follows the same
dataclasses: a field with a default may be missing, and a key that is not known is passed
over unless the document is one that people edit (``strict``). A message names the key as
a JSON Pointer (RFC 6901), the value found there and what is allowed; ``naming`` puts the
document's own name before it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from nplusone_guard.analysis import findings
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.report import columns

T = TypeVar("T")

MISSING: Final = object()


@contextmanager
def naming(document: str) -> Iterator[None]:
    """Put the name of a document before what is wrong with it."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{document}: {error}") from error.__cause__


# ── writing ─────────────────────────────────────────────────────────────────────────


def dumps(value: object, indent: int | None = None, **first: object) -> str:
    """``value`` as JSON text in ASCII, its keys in a fixed order, those of ``first`` first.

    An object that is no JSON value is written as the name of its type.
    """
    document = {**first, **plain(value)}
    return json.dumps(document, indent=indent, allow_nan=False, skipkeys=True, default=_type_name)


def plain(value: object) -> Any:
    """``value`` with dictionaries for dataclasses and lists for tuples."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return dict(sorted(value.items(), key=lambda item: str(item[0])))
    return [plain(each) for each in value] if isinstance(value, tuple) else value


def _type_name(value: object) -> str:
    # Never repr(): it may hold a parameter's value.
    return f"<{type(value).__qualname__}>"


# ── reading ─────────────────────────────────────────────────────────────────────────


def parse(text: str, *, once: bool = False) -> Mapping[str, Any]:
    """The object that ``text`` is in JSON; with ``once`` no key may stand in it twice."""
    pairs = _unique if once else None
    try:
        document = json.loads(
            text, parse_constant=_reject, parse_float=_finite, object_pairs_hook=pairs
        )
    except ConfigError:  # a ValueError, too
        raise
    except (ValueError, RecursionError) as error:
        raise ConfigError(_conflict(text) or f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise fault("", document, "an object")
    return document


def _conflict(text: str) -> str:
    """Where git has left both sides of a merge, in words; else nothing."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("<<<<<<< "):
            return (
                f"a merge conflict is left at line {number}; "
                "take either side, or all lines of both, then update it"
            )
    return ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets the last one count: what people or a merge wrote twice would be lost."""
    read: dict[str, Any] = {}
    for key, value in pairs:
        if key in read:
            raise ConfigError(f"the key {shown(key)} stands twice; allowed: once in an object")
        read[key] = value
    return read


def _reject(number: str) -> None:
    raise ValueError(f"{number[:20]} is not a number that can be read")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        _reject(number)
    return value


#: Every file has a version of its own, so what it is comes first.
BASELINE, BUDGETS, REPORT = "a baseline", "budgets of tests", "a report or a session"


def check_kind(document: Mapping[str, Any], wanted: str) -> None:
    """Refuse a file that is one of the others."""
    kinds = {
        BASELINE: {*document} == {"schema_version", "findings"},
        BUDGETS: {*document} == {"schema_version", "queries"},
        REPORT: "query_count" in document or document.get("kind") == "session",
    }
    found = next((kind for kind, is_one in kinds.items() if is_one), wanted)
    if found != wanted:
        raise ConfigError(f"the document is {found}; allowed: {wanted}")


def check_version(document: Mapping[str, Any], known: int) -> None:
    """Refuse a document without a ``schema_version``, and one of a later release."""
    version = document.get("schema_version", MISSING)
    if type(version) is not int or version < 1:
        raise fault("/schema_version", version, f"{known}" if known == 1 else f"1 to {known}")
    if version > known:
        read = f"version {known}" if known == 1 else f"versions 1 to {known}"
        raise ConfigError(
            f"/schema_version is {shown(version)}, but this release of "
            f"nplusone-guard reads {read}; read it with a newer release"
        )


def fault(where: str, found: object, allowed: str) -> ConfigError:
    """``/query_count is "22"; allowed: an integer``."""
    state = "is missing" if found is MISSING else f"is {shown(found)}"
    key = columns.clean(where) or "the document"
    return ConfigError(f"{key} {state}; allowed: {allowed}")


def shown(value: object) -> str:
    """``value`` as JSON, shortened to 60 characters."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def pointer(where: str, key: str) -> str:
    """The JSON Pointer of ``key`` in the object at ``where``."""
    return f"{where}/{key.replace('~', '~0').replace('/', '~1')}"


def read(kind: type[T], value: object, where: str = "", *, strict: bool = False) -> T:
    """The dataclass ``kind`` from a JSON object; ``strict`` refuses keys it does not know."""
    if not isinstance(value, dict):
        raise fault(where, value, "an object")
    if strict:
        check_keys(value, [name for name, _, _ in _fields(cast("Any", kind))], where)
    return kind(**_values(kind, value, where))


def _values(kind: Any, value: Mapping[str, object], where: str) -> dict[str, Any]:
    return {
        name: _read(hint, value.get(name, MISSING), f"{where}/{name}")
        for name, hint, optional in _fields(kind)
        if name in value or not optional
    }


def check_keys(value: Mapping[str, object], known: Collection[str], where: str = "") -> None:
    """Refuse a key that is not ``known``: people misspell."""
    for key in value:
        if key not in known:
            at = columns.clean(pointer(where, key))
            raise ConfigError(f"{at} is not a key; allowed: {', '.join(known)}")


def hints_of(kind: type) -> dict[str, Any]:
    """The types of its fields by name; its module need not have loaded findings to name them."""
    names = {**vars(findings), **vars(sys.modules[kind.__module__])}
    return get_type_hints(kind, localns=names)


@cache
def _fields(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Name, type and whether there is a default, of each field."""
    hints = hints_of(kind)
    missing = dataclasses.MISSING
    return tuple(
        (
            field.name,
            hints[field.name],
            field.default is not missing or field.default_factory is not missing,
        )
        for field in dataclasses.fields(kind)
    )


def _read(hint: Any, value: object, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return read(cast("type[Any]", hint), value, where)
    reader = _READERS.get(get_origin(hint) or hint)
    return reader(hint, value, where) if reader else value


def _read_scalar(hint: type, value: object, where: str) -> object:
    if type(value) is hint:
        return value
    # JSON has one kind of number: 1 and 1.0 are the same to it.
    if hint is float and type(value) is int:
        return _as_float(value, where)
    if hint is int and type(value) is float and value.is_integer():
        return int(value)
    raise fault(where, value, _NAMES[hint])


def _as_float(value: int, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise fault(where, value, _NAMES[float]) from None


def _read_tuple(hint: Any, value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise fault(where, value, "a list")
    kind = get_args(hint)[0]
    return tuple(_read(kind, each, f"{where}/{index}") for index, each in enumerate(value))


def _read_mapping(hint: Any, value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise fault(where, value, "an object")
    kind = get_args(hint)[1]
    return {key: _read(kind, each, pointer(where, key)) for key, each in value.items()}


def _read_optional(hint: Any, value: object, where: str) -> Any:
    if value is not None and not isinstance(value, dict):
        raise fault(where, value, "an object or null")
    return None if value is None else _read(get_args(hint)[0], value, where)


def _read_literal(hint: Any, value: object, where: str) -> object:
    allowed = get_args(hint)
    if value not in allowed:
        raise fault(where, value, " or ".join(json.dumps(each) for each in allowed))
    return value


_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
_READERS: dict[Any, Callable[[Any, Any, str], Any]] = {
    str: _read_scalar,
    int: _read_scalar,
    float: _read_scalar,
    bool: _read_scalar,
    tuple: _read_tuple,
    Mapping: _read_mapping,
    Union: _read_optional,
    types.UnionType: _read_optional,
    Literal: _read_literal,
}
