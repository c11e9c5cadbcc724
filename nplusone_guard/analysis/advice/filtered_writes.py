"""Advice for rows that are deleted or updated by a key of the loop."""

from __future__ import annotations

import ast
from typing import Any

from nplusone_guard.analysis.advice import matching, meta
from nplusone_guard.analysis.advice.case import Plan
from nplusone_guard.analysis.advice.chains import Query, conditions, without
from nplusone_guard.analysis.advice.values import ONE_OBJECT, is_of_the_database, value_of
from nplusone_guard.analysis.advice.write_calls import Write, collected


def deleting(write: Write) -> Plan | None:
    """One ``delete()`` of the rows whose keys the loop collects."""
    query = write.query
    if query is not None:
        return _deleting_filtered(write, query)
    found = value_of(write.spot, write.owner)
    if found.kind != "object" or found.model is None:
        return None
    owner, base = (
        ast.unparse(write.owner),
        f"{found.model.__name__}.{meta.manager_name(found.model)}",
    )
    behind = f"{base}.filter(pk__in={{name}}).delete()"
    plan = collected(
        write,
        f"{meta.snake(found.model.__name__)}_keys",
        f"{owner}.pk",
        write.awaited(behind, "delete"),
        "delete",
        loses=meta.losses(found.model, (), ["delete"], auto_now=False),
    )
    if plan is not None and not meta.deletes_unseen(found.model):
        plan.costs += 1  # the rows are read before they are deleted
    return plan


def _deleting_filtered(write: Write, query: Query) -> Plan | None:
    found = _one_key(write, query)
    if found is None:
        return None
    field, value, rest = found
    behind = f"{rest}.filter({field}__in={{name}}).delete()"
    return collected(write, f"{_word(field)}s", value, write.awaited(behind, "delete"), "delete")


def _word(field: str) -> str:
    if field in {"pk", "id"}:
        return "key"
    word = field.replace("__", "_")
    return f"{word}_key" if word.endswith("s") else word


def _one_key(write: Write, query: Query) -> tuple[str, str, str] | None:
    """Field, value and the rest of a chain whose one changing condition is an equality."""
    found = [one for one in conditions(query.links) if write.varies(one.value)]
    if len(found) != 1 or found[0].lookup != "exact":
        return None
    if any(link.name in ONE_OBJECT for link in query.body):
        return None
    if matching.asks_for_null(write.spot, found[0].value, query.model, found[0].field):
        return None
    links = without(query.body, found)
    if any(write.varies(value) for link in links for value in link.values):
        return None
    rest = ast.unparse(query.root) + "".join(link.text for link in links)
    return found[0].field, ast.unparse(found[0].value), rest.replace("{", "{{").replace("}", "}}")


def updating(write: Write) -> Plan | None:
    """One ``update()``: of the same values by ``IN``, of others by ``Case``."""
    query = write.query
    found = _one_key(write, query) if query is not None else None
    if query is None or found is None:
        return None
    field, value, rest = found
    given = write.call.keywords
    adds = any(is_of_the_database(write.spot, one.value) for one in given)
    if adds and not _keys_differ(write, query):
        return None  # what is added twice to one row must not be added once
    if not any(write.varies(one.value) for one in given):
        told = ", ".join(ast.unparse(one) for one in given).replace("{", "{{").replace("}", "}}")
        behind = f"{rest}.filter({field}__in={{name}}).update({told})"
        return collected(
            write, f"{_word(field)}s", value, write.awaited(behind, "update"), "update"
        )
    names = [str(one.arg) for one in given]
    if adds or field in names or not all(_fits_a_case(query.model, name) for name in names):
        return None
    return _updating_by_case(write, field, value, rest)


def _keys_differ(write: Write, query: Query) -> bool:
    """Whether no two turns can ask for one row."""
    (key,) = [one.value for one in conditions(query.links) if write.varies(one.value)]
    loop = write.loop
    if not isinstance(loop, ast.For):
        return False
    if isinstance(loop.iter, ast.Call) and ast.unparse(loop.iter.func) == "range":
        told = ast.unparse(loop.target)
        return ast.unparse(key) == told or (
            isinstance(key, ast.JoinedStr) and f"{{{told}}}" in ast.unparse(key)
        )
    rows = value_of(write.spot, loop.iter)
    return (
        rows.is_queryset
        and "__" not in ast.unparse(loop.iter)  # a join may give a row twice
        and isinstance(key, ast.Attribute)
        and ast.unparse(key.value) == ast.unparse(loop.target)
        and (key.attr == "pk" or meta.is_unique(rows.model, key.attr))
    )


def _fits_a_case(model: Any, name: str) -> bool:
    """Whether values of a field are told as they are, and what they are of can be seen in them."""
    from django.db import models

    field = meta.field_of(model, name)
    if isinstance(field, models.ForeignKey):
        return name == field.attname and not field.null
    plain = (
        models.CharField,
        models.TextField,
        models.IntegerField,
        models.BooleanField,
        models.FloatField,
        models.DecimalField,
        models.DateField,
    )
    return isinstance(field, plain) and not field.null


def _updating_by_case(write: Write, field: str, value: str, rest: str) -> Plan | None:
    """``update(text=Case(…), done=Case(…))``; of two writes to one row the later one counts."""
    given = write.call.keywords
    names = [str(one.arg) for one in given]
    plain = len(given) == 1
    pairs = ["value"] if plain else [f"new_{name}" for name in names]
    row = f"key, {', '.join(pairs)}"
    arms = [
        f"{name}=Case(*[When({field}=key, then=Value({pair})) for {row} in reversed({{name}})])"
        for name, pair in zip(names, pairs, strict=True)
    ]
    keys = f"[key for key, {', '.join('_' for _ in pairs)} in {{name}}]"
    behind = f"{rest}.filter({field}__in={keys}).update({', '.join(arms)})"
    return collected(
        write,
        f"{names[0] if plain else 'values'}_by_{_word(field)}",
        f"({value}, {', '.join(ast.unparse(one.value) for one in given)})",
        write.awaited(behind, "update"),
        "update",
        imports=("from django.db.models import Case, Value, When",),
    )
