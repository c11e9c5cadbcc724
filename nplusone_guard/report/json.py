"""The report as JSON and back, by the schema in ``docs/report.schema.json``.

Every field of the dataclasses is written, in their order, under its own name, below
``schema_version``. Reading follows the same dataclasses: a field with a default may be
missing and a key that is not known is passed over, so releases that only add fields
read each other's files and the version stays. It grows when a field is renamed,
removed or changes its meaning.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from nplusone_guard.exceptions import ConfigError
from nplusone_guard.report import columns
from nplusone_guard.report.model import Report

SCHEMA_VERSION = 1


def dumps(report: Report, indent: int | None = None) -> str:
    """``report`` as JSON text in ASCII, its keys in a fixed order.

    Of ``extra`` only JSON values are written; another object is named by its type.
    """
    document = {"schema_version": SCHEMA_VERSION, **_plain(report)}
    return json.dumps(document, indent=indent, allow_nan=False, skipkeys=True, default=_type_name)


def loads(text: str) -> Report:
    """The report that ``dumps`` wrote.

    Raises ``ConfigError`` for anything else, naming the key (as a JSON Pointer, RFC 6901),
    the value found there and what is allowed.
    """
    document = _parsed(text)
    _check_version(document)
    report: Report = _record(Report, document, "")
    _check_timeline(report)
    return report


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        return dict(sorted(value.items(), key=lambda item: str(item[0])))
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _type_name(value: object) -> str:
    # Never repr(): it may hold a parameter's value.
    return f"<{type(value).__qualname__}>"


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text, parse_constant=_reject, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"report JSON: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise _error("", document, "an object")
    return document


def _reject(number: str) -> None:
    raise ValueError(f"{number[:20]} is not a number that can be read")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        _reject(number)
    return value


def _check_version(document: Mapping[str, Any]) -> None:
    version = document.get("schema_version", _MISSING)
    if type(version) is not int or version < 1:
        raise _error("/schema_version", version, f"{SCHEMA_VERSION}")
    if version > SCHEMA_VERSION:
        raise ConfigError(
            f"report JSON: /schema_version is {_shown(version)}, but this release of "
            f"nplusone-guard reads version {SCHEMA_VERSION}; read it with a newer release"
        )


def _check_timeline(report: Report) -> None:
    kept = len(report.shapes)
    for index, entry in enumerate(report.timeline):
        if not -1 <= entry.shape < kept:
            where = f"/timeline/{index}/shape"
            raise _error(where, entry.shape, f"an index into /shapes ({kept} long), or -1")


_MISSING = object()


def _error(where: str, found: object, allowed: str) -> ConfigError:
    state = "is missing" if found is _MISSING else f"is {_shown(found)}"
    key = columns.clean(where) or "the document"
    return ConfigError(f"report JSON: {key} {state}; allowed: {allowed}")


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _record(kind: Any, value: object, where: str) -> Any:
    if not isinstance(value, dict):
        raise _error(where, value, "an object")
    return kind(
        **{
            name: _read(hint, value.get(name, _MISSING), f"{where}/{name}")
            for name, hint, optional in _fields(kind)
            if name in value or not optional
        }
    )


@cache
def _fields(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    """Name, type and whether there is a default, of each field."""
    hints = get_type_hints(kind)
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
        return _record(hint, value, where)
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
    raise _error(where, value, _NAMES[hint])


def _as_float(value: int, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _error(where, value, _NAMES[float]) from None


def _read_tuple(hint: Any, value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _error(where, value, "a list")
    kind = get_args(hint)[0]
    return tuple(_read(kind, each, f"{where}/{index}") for index, each in enumerate(value))


def _read_mapping(hint: Any, value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _error(where, value, "an object")
    kind = get_args(hint)[1]
    return {key: _read(kind, each, f"{where}/{_escaped(key)}") for key, each in value.items()}


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _read_optional(hint: Any, value: object, where: str) -> Any:
    if value is not None and not isinstance(value, dict):
        raise _error(where, value, "an object or null")
    return None if value is None else _read(get_args(hint)[0], value, where)


def _read_literal(hint: Any, value: object, where: str) -> object:
    allowed = get_args(hint)
    if value not in allowed:
        raise _error(where, value, " or ".join(json.dumps(each) for each in allowed))
    return value


_NAMES = {str: "a string", int: "an integer", float: "a number"}
_READERS: dict[Any, Callable[[Any, Any, str], Any]] = {
    str: _read_scalar,
    int: _read_scalar,
    float: _read_scalar,
    tuple: _read_tuple,
    Mapping: _read_mapping,
    Union: _read_optional,
    types.UnionType: _read_optional,
    Literal: _read_literal,
}
