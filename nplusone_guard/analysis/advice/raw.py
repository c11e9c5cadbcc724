"""Advice for SQL written by hand: one statement for all the keys, ``executemany()`` for writes."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, Subject, after, before, replace
from nplusone_guard.analysis.advice.rows import Rows, inlined, rows_of
from nplusone_guard.analysis.advice.trees import LOOPS, Spot, own_nodes
from nplusone_guard.analysis.advice.values import called, value_of
from nplusone_guard.analysis.findings import Step

#: ``… WHERE author_id = %s`` to the end of the statement.
_EQUALITY: Final = re.compile(r"\bWHERE\s+(?P<column>[\w.\"`]+)\s*=\s*%s\s*$", re.IGNORECASE)
_COUNT: Final = re.compile(r"SELECT\s+COUNT\([^)]*\)\s+FROM\b", re.IGNORECASE)
_SUMMARY: Final = re.compile(r"\b(COUNT|SUM|AVG|MIN|MAX)\s*\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One call of ``execute()`` or ``raw()``: its SQL with ``%s`` for what changes."""

    spot: Spot
    call: ast.Call
    sql: str
    #: The parameters, in their order; those of f-strings among them.
    params: tuple[ast.expr, ...]


def plans(subject: Subject) -> list[Plan]:
    """The ways to send one statement."""
    spot, loop = subject.spot, subject.loop
    if spot is None or not isinstance(loop, LOOPS) or not subject.local:
        return []
    for node in ast.walk(spot.node):
        if isinstance(node, ast.Call) and called(node) in {"execute", "executemany", "raw"}:
            found = _plan(subject, spot, loop, node)
            return [found] if found is not None else []
    return []


def _plan(subject: Subject, spot: Spot, loop: ast.AST, call: ast.Call) -> Plan | None:
    if subject.group.fingerprint.kind != "select":
        return _executed_many(subject, spot, loop, call)
    statement = _statement(spot, call)
    rows = rows_of(subject)
    match = _EQUALITY.search(statement.sql) if statement is not None else None
    if statement is None or match is None or rows is None or len(statement.params) != 1:
        return None
    key = inlined(spot, statement.params[0], rows)
    if key is None:
        return None
    keys = f"[{ast.unparse(key)} {rows.clause}]"
    if called(call) == "raw":
        return _raw(subject, statement, match, rows, keys)
    return _selected(subject, statement, match, rows, keys)


def _statement(spot: Spot, call: ast.Call) -> Statement | None:
    if not call.args:
        return None
    sql, params = call.args[0], call.args[1] if len(call.args) > 1 else None
    given = tuple(params.elts) if isinstance(params, (ast.List, ast.Tuple)) else ()
    if isinstance(sql, ast.Constant) and isinstance(sql.value, str):
        return Statement(spot, call, sql.value, given)
    if isinstance(sql, ast.JoinedStr) and not given:
        text, values = "", []
        for part in sql.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                text += "%s"
                values.append(part.value)
        return Statement(spot, call, text, tuple(values))
    return None


# -- writes ----------------------------------------------------------------------------


def _executed_many(subject: Subject, spot: Spot, loop: ast.AST, call: ast.Call) -> Plan | None:
    if len(call.args) != 2 or not isinstance(call.func, ast.Attribute):
        return None
    sql, params = call.args
    if subject.varies(sql) or not isinstance(loop, (ast.For, ast.While)):
        return None
    name = subject.fresh("parameters")
    method = "extend" if called(call) == "executemany" else "append"
    cursor = ast.unparse(call.func.value)
    behind = f"{cursor}.executemany({ast.unparse(sql)}, {name})"
    opening = _opened_inside(spot, loop, cursor)
    if opening:
        behind = f"with {opening} as {cursor}:\n    {behind}"
    inside = f"{name}.{method}({ast.unparse(params)})"
    return Plan(
        kind="executemany",
        file=spot.tree.file,
        line=int(getattr(loop, "lineno", 0)),
        expression=behind,
        read=inside,
        steps=(
            before(spot, loop, f"{name} = []"),
            replace(spot, inside, call),
            after(spot, loop, behind),
        ),
        place="behind the loop at",
    )


def _opened_inside(spot: Spot, loop: ast.AST, cursor: str) -> str:
    """What opens the cursor, where the loop itself does."""
    for node in own_nodes(loop):
        for item in node.items if isinstance(node, ast.With) else ():
            if item.optional_vars is not None and ast.unparse(item.optional_vars) == cursor:
                return ast.unparse(item.context_expr)
    return ""


# -- reads -----------------------------------------------------------------------------


def _raw(
    subject: Subject, statement: Statement, match: re.Match[str], rows: Rows, keys: str
) -> Plan | None:
    """``raw()`` with ``IN``, its rows by the column that was asked for."""
    call = statement.call
    model = value_of(statement.spot, call).model
    column = match["column"].rpartition(".")[2].strip('"`')
    field = _field_of_column(model, column) if model is not None else None
    if field is None or not isinstance(call.func, ast.Attribute):
        return None
    name = subject.fresh(f"{meta.plural(model)}_by_{column}")
    keys_name = subject.fresh("keys")
    sql = _in(statement.sql, match, keys_name)
    row = meta.snake(model.__name__)
    text = (
        f"{keys_name} = {keys}\n"
        f"{name} = {{}}\n"
        f"for {row} in {ast.unparse(call.func.value)}.raw({sql}, {keys_name}) if {keys_name} else ():\n"
        f"    {name}.setdefault({row}.{field}, []).append({row})"
    )
    read = f"{name}.get({ast.unparse(statement.params[0])}, [])"
    return _made(statement, rows, text, read, (replace(statement.spot, read, call),), "raw")


def _field_of_column(model: Any, column: str) -> str | None:
    found = (one.attname for one in model._meta.concrete_fields if one.column == column)
    return next(found, None)


def _in(sql: str, match: re.Match[str], keys: str) -> str:
    """The statement with ``IN (…)`` as many placeholders as there are keys, as an f-string."""
    head = sql[: match.start()].replace("{", "{{").replace("}", "}}")
    text = f"{head}WHERE {match['column']} IN ({{', '.join(['%s'] * len({keys}))}})"
    return f'f"{text}"' if '"' not in text else f"f'''{text}'''"


def _selected(
    subject: Subject, statement: Statement, match: re.Match[str], rows: Rows, keys: str
) -> Plan | None:
    """``execute()`` with ``IN``, its rows by the key; the ``fetch`` in the loop reads them."""
    call, column = statement.call, match["column"]
    cursor = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    fetches = _fetches(rows.loop, cursor)
    head = re.match(r"\s*SELECT\s+(?!DISTINCT)", statement.sql, re.IGNORECASE)
    if head is None or not cursor or not isinstance(rows.loop, ast.For):
        return None
    name, keys_name = subject.fresh(f"rows_by_{column.rpartition('.')[2]}"), subject.fresh("keys")
    wider = f"SELECT {column}, {statement.sql[head.end() :]}"
    moved = _EQUALITY.search(wider)
    assert moved is not None
    sql = _in(wider, moved, keys_name)
    if _SUMMARY.search(statement.sql):
        sql = f"{sql[:-1]} GROUP BY {column}{sql[-1]}"
    missing = "[(0,)]" if _COUNT.match(statement.sql.strip()) else "[]"
    inner = (
        f"{cursor}.execute({sql}, {keys_name})\n"
        f"for key, *row in {cursor}.fetchall():\n"
        f"    {name}.setdefault(key, []).append(tuple(row))"
    )
    opening = _opened_inside(statement.spot, rows.loop, cursor)
    if opening:
        inner = f"with {opening} as {cursor}:\n" + "\n".join(f"    {x}" for x in inner.split("\n"))
    text = f"{keys_name} = {keys}\n{name} = {{}}\n{inner}"
    found = subject.fresh("found")
    read = f"{found} = {name}.get({ast.unparse(statement.params[0])}, {missing})"
    steps = [Step("replace", statement.spot.tree.file, call.lineno, ast.unparse(call), read)]
    steps += [replace(statement.spot, _fetched(fetch, found), fetch) for fetch in fetches]
    return _made(statement, rows, text, read, tuple(steps), "in")


def _fetches(loop: ast.AST, cursor: str) -> list[ast.Call]:
    return [
        node
        for node in own_nodes(loop)
        if isinstance(node, ast.Call)
        and called(node) in {"fetchone", "fetchall"}
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == cursor
    ]


def _fetched(fetch: ast.Call, found: str) -> str:
    return found if called(fetch) == "fetchall" else f"next(iter({found}), None)"


def _made(
    statement: Statement, rows: Rows, text: str, read: str, steps: tuple[Step, ...], kind: str
) -> Plan:
    return Plan(
        kind=kind,
        file=rows.spot.tree.file,
        line=int(getattr(rows.loop, "lineno", 0)),
        expression=text,
        read=read,
        steps=(*rows.steps, before(rows.spot, rows.loop, text), *steps),
        place="before the loop at",
    )
