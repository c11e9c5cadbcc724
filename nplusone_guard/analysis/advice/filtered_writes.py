"""Advice for rows that are deleted or updated by a key of the loop."""

from __future__ import annotations

import ast

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan
from nplusone_guard.analysis.advice.chains import Query, conditions, without
from nplusone_guard.analysis.advice.values import value_of
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
    return collected(
        write,
        f"{meta.snake(found.model.__name__)}_keys",
        f"{owner}.pk",
        write.awaited(behind, "delete"),
        "delete",
        loses=meta.losses(found.model, (), ["delete"], auto_now=False),
    )


def _deleting_filtered(write: Write, query: Query) -> Plan | None:
    found = _one_key(write, query)
    if found is None:
        return None
    field, value, rest = found
    behind = f"{rest}.filter({field}__in={{name}}).delete()"
    return collected(write, f"{_word(field)}s", value, write.awaited(behind, "delete"), "delete")


def _word(field: str) -> str:
    return field.replace("__", "_") if field not in {"pk", "id"} else "key"


def _one_key(write: Write, query: Query) -> tuple[str, str, str] | None:
    """Field, value and the rest of a chain whose one changing condition is an equality."""
    found = [one for one in conditions(query.links) if write.varies(one.value)]
    if len(found) != 1 or found[0].lookup != "exact":
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
    if not any(write.varies(one.value) for one in given):
        told = ", ".join(ast.unparse(one) for one in given).replace("{", "{{").replace("}", "}}")
        behind = f"{rest}.filter({field}__in={{name}}).update({told})"
        return collected(
            write, f"{_word(field)}s", value, write.awaited(behind, "update"), "update"
        )
    return _updating_by_case(write, field, value, rest)


def _updating_by_case(write: Write, field: str, value: str, rest: str) -> Plan | None:
    given = write.call.keywords
    if len(given) != 1 or given[0].arg is None:
        return None
    then = ast.unparse(given[0].value)
    column = given[0].arg
    behind = (
        f"{rest}.filter({field}__in=[key for key, _ in {{name}}]).update("
        f"{column}=Case(*[When({field}=key, then=Value(value)) for key, value in {{name}}]))"
    )
    return collected(
        write,
        f"{column}_by_{_word(field)}",
        f"({value}, {then})",
        write.awaited(behind, "update"),
        "update",
        imports=("from django.db.models import Case, Value, When",),
    )
