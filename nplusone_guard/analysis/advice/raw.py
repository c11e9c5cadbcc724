"""Advice for SQL written by hand: one statement for all the keys, ``executemany()`` for writes."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from nplusone_guard.analysis.advice import meanwhile, meta
from nplusone_guard.analysis.advice.case import Plan, Subject, after, before, replace
from nplusone_guard.analysis.advice.field_kinds import kind_of_field
from nplusone_guard.analysis.advice.kinds import kind_of
from nplusone_guard.analysis.advice.matching import is_exact
from nplusone_guard.analysis.advice.rows import Rows, inlined, may_fail, rows_of
from nplusone_guard.analysis.advice.selects import Select, select_of
from nplusone_guard.analysis.advice.statements import Statement, statement_of
from nplusone_guard.analysis.advice.trees import LOOPS, Spot, own_nodes, stored_in
from nplusone_guard.analysis.advice.values import called, value_of
from nplusone_guard.analysis.findings import Step


@dataclass(frozen=True, slots=True)
class Keyed:
    """A statement for the rows of one key, which changes from turn to turn."""

    statement: Statement
    select: Select
    column: str
    key: ast.expr
    #: The SQL before and behind ``author_id = %s``, and the parameters on either side.
    head: str
    tail: str
    before: tuple[ast.expr, ...]
    behind: tuple[ast.expr, ...]

    @property
    def name(self) -> str:
        """The column as Python can name it."""
        return self.column.rpartition(".")[2].strip('"`')

    def text(self, keys: str, head: str | None = None, tail: str | None = None) -> str:
        """The statement with ``IN (…)`` as many placeholders as there are keys, as an f-string."""
        first = f"{self.head if head is None else head}{self.column} IN ("
        last = f"){self.tail if tail is None else tail}"
        placeholders = f"', '.join(['%s'] * len({keys}))"
        if "\\" in first + last or "'''" in first + last or last.endswith("'"):
            return f"{first!r} + {placeholders} + {last!r}"  # no f-string can hold it
        quotes = "'''" if '"' in first + last or "\n" in first + last else '"'
        return f"f{quotes}{_braced(first)}{{{placeholders}}}{_braced(last)}{quotes}"

    def params(self, keys: str) -> str:
        if not self.before and not self.behind:
            return keys
        given = [*map(ast.unparse, self.before), f"*{keys}", *map(ast.unparse, self.behind)]
        return f"[{', '.join(given)}]"


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def plans(subject: Subject) -> list[Plan]:
    """The ways to send one statement."""
    spot, loop = subject.spot, subject.loop
    if spot is None or not isinstance(loop, LOOPS):
        return []
    if not subject.local and not _is_only_helper(subject):
        return []
    for node in ast.walk(spot.node):
        if isinstance(node, ast.Call) and called(node) in {"execute", "executemany", "raw"}:
            found = _plan(subject, spot, loop, node)
            return [found] if found is not None else []
    return []


def _is_only_helper(subject: Subject) -> bool:
    """Whether the call site is in a function that the loop's function defines for itself alone."""
    spot, loop = subject.spot, subject.loop_spot
    if spot is None or loop is None or spot.tree is not loop.tree:
        return False
    helper, outer = spot.tree.function(spot.node), loop.tree.function(loop.node)
    if helper is None or outer is None or spot.tree.parents.get(helper) is not outer:
        return False
    uses = [one for one in ast.walk(outer) if isinstance(one, ast.Name) and one.id == helper.name]
    return len(uses) == 1


def _plan(subject: Subject, spot: Spot, loop: ast.AST, call: ast.Call) -> Plan | None:
    if subject.group.fingerprint.kind != "select":
        return _executed_many(subject, spot, loop, call) if subject.local else None
    statement = statement_of(spot, call, subject.vendor)
    rows = rows_of(subject)
    keyed = _keyed(subject, statement) if statement is not None else None
    if keyed is None or rows is None:
        return None
    key = inlined(spot, keyed.key, rows)
    skipped = meanwhile.is_conditional(subject, spot, call) and may_fail(spot, keyed.key)
    if key is None or skipped:
        return None
    keys = rows.listed(key)
    if called(call) == "raw":
        return _raw(subject, keyed, rows, keys)
    return _selected(subject, keyed, rows, keys)


def _keyed(subject: Subject, statement: Statement) -> Keyed | None:
    """The one ``column = %s`` that changes, where all other conditions stay as they are."""
    select = select_of(statement.sql, subject.vendor)
    changing = [n for n, one in enumerate(statement.params) if subject.varies(one)]
    if select is None or len(changing) != 1:
        return None
    (number,) = changing
    given = statement.params
    for found in select.equalities():
        if found.number == number and _matches(
            subject, statement.spot, found.column, given[number]
        ):
            return Keyed(
                statement,
                select,
                found.column,
                given[number],
                head=select.sql[: found.start],
                tail=select.sql[found.end :].removesuffix(";").rstrip(),
                before=given[:number],
                behind=given[number + 1 :],
            )
    return None


def _matches(subject: Subject, spot: Spot, column: str, key: ast.expr) -> bool:
    """Whether Python finds the key among the rows: ``'7'`` is 7 to a column of numbers alone."""
    given = kind_of(spot, key).type
    fields = _fields(subject, column.rpartition(".")[2].strip('"`'))
    if given is None or (not fields and isinstance(key, ast.JoinedStr)):
        return False
    if given is str and not _is_exact(subject, fields):
        return False
    return all(_answers(subject, one) in _ALIKE.get(given, (given,)) for one in fields)


def _is_exact(subject: Subject, fields: list[Any]) -> bool:
    return all(is_exact(subject, one) for one in fields) if fields else subject.vendor != "mysql"


#: Types that are equal by their values.
_ALIKE: Final[dict[type, tuple[type, ...]]] = {bool: (bool, int), int: (bool, int)}


def _fields(subject: Subject, column: str) -> list[Any]:
    """The fields of that column, of all models whose tables the statement reads."""
    from django.apps import apps

    tables = subject.group.fingerprint.tables
    models = [one for one in apps.get_models() if one._meta.db_table in tables]
    return [one for model in models for one in model._meta.concrete_fields if one.column == column]


def _answers(subject: Subject, field: Any) -> type | None:
    """What a cursor gives for a column: SQLite keeps a UUID as text."""
    found = kind_of_field(field).type
    return str if found is UUID and subject.vendor == "sqlite" else found


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
    if not _only_by(loop, cursor, [call]):
        return None  # ``lastrowid``, ``rowcount``, RETURNING; or the next statement needs this one
    if meanwhile.may_leave(loop) or meanwhile.is_read(subject) or meanwhile.is_tried(subject, call):
        return None
    behind = f"{cursor}.executemany({ast.unparse(sql)}, {name})"
    opening = _opened_inside(spot, loop, cursor)
    if opening:
        behind = f"with {opening} as {cursor}:\n    {behind}"
    if isinstance(params, ast.Name) and params.id not in stored_in(loop):
        return None  # one list, filled anew in each turn
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


def _raw(subject: Subject, keyed: Keyed, rows: Rows, keys: str) -> Plan | None:
    """``raw()`` with ``IN``, its rows by the column that was asked for."""
    statement = keyed.statement
    call = statement.call
    model = value_of(statement.spot, call).model
    field = _field_of_column(model, keyed.name) if model is not None else None
    if field is None or not isinstance(call.func, ast.Attribute):
        return None
    if not keyed.select.gives(keyed.name) or not keyed.select.takes_a_column:
        return None
    name = subject.fresh(f"{meta.plural(model)}_by_{keyed.name}", alone=True)
    keys_name = subject.fresh("keys", alone=True)
    row = meta.variable(model)
    sent = f"{keyed.text(keys_name)}, {keyed.params(keys_name)}"
    text = (
        f"{keys_name} = {keys}\n"
        f"{name} = {{}}\n"
        f"for {row} in {ast.unparse(call.func.value)}.raw({sent}) if {keys_name} else ():\n"
        f"    {name}.setdefault({row}.{field}, []).append({row})"
    )
    read = f"{name}.get({ast.unparse(keyed.key)}, [])"
    return _made(keyed, rows, text, read, (replace(statement.spot, read, call),), "raw")


def _field_of_column(model: Any, column: str) -> str | None:
    found = (one.attname for one in model._meta.concrete_fields if one.column == column)
    return next(found, None)


def _selected(subject: Subject, keyed: Keyed, rows: Rows, keys: str) -> Plan | None:
    """``execute()`` with ``IN``, its rows by the key; the ``fetch`` in the loop reads them."""
    statement = keyed.statement
    call, column = statement.call, keyed.column
    cursor = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    around = (None if subject.local else statement.spot.tree.function(call)) or rows.loop
    fetches = _fetches(around, cursor)
    missing = keyed.select.missing()
    if missing is None or not keyed.select.takes_a_column:
        return None
    if len(fetches) != 1:
        return None  # the second would get what is left
    if not cursor or (subject.local and not isinstance(rows.loop, ast.For)):
        return None
    if not _only_fetched(statement, around, cursor, fetches):
        return None
    name, keys_name = (
        subject.fresh(f"rows_by_{keyed.name}", alone=True),
        subject.fresh("keys", alone=True),
    )
    at = keyed.select.behind_select
    tail = f"{keyed.tail} GROUP BY {column}" if missing else keyed.tail
    sql = keyed.text(keys_name, f"{keyed.head[:at]} {column},{keyed.head[at:]}", tail)
    inner = (
        f"{cursor}.execute({sql}, {keyed.params(keys_name)})\n"
        f"for key, *row in {cursor}.fetchall():\n"
        f"    {name}.setdefault(key, []).append(tuple(row))"
    )
    opening = _opened_inside(statement.spot, around, cursor)
    if opening:
        inner = f"with {opening} as {cursor}:\n" + "\n".join(f"    {x}" for x in inner.split("\n"))
    elif not subject.local:
        return None
    # ``IN ()`` is no SQL everywhere: without keys nothing is asked.
    inner = "\n".join(f"    {line}" for line in inner.split("\n"))
    text = f"{keys_name} = {keys}\n{name} = {{}}\nif {keys_name}:\n{inner}"
    found = subject.fresh("found", alone=True)
    read = f"{found} = {name}.get({ast.unparse(keyed.key)}, {_rows_of(missing)})"
    steps = [Step("replace", statement.spot.tree.file, call.lineno, ast.unparse(call), read)]
    steps += [replace(statement.spot, _fetched(fetch, found), fetch) for fetch in fetches]
    return _made(keyed, rows, text, read, tuple(steps), "in")


def _rows_of(missing: list[str]) -> str:
    """``[(0,)]``: what ``fetchall()`` gives for a key that has no rows."""
    return f"[({', '.join(missing)}{',' * (len(missing) == 1)})]" if missing else "[]"


def _fetches(loop: ast.AST, cursor: str) -> list[ast.Call]:
    return [
        node
        for node in own_nodes(loop)
        if isinstance(node, ast.Call)
        and called(node) in {"fetchone", "fetchall"}
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) == cursor
    ]


def _only_fetched(
    statement: Statement, around: ast.AST, cursor: str, fetches: list[ast.Call]
) -> bool:
    """Whether nothing else is done with the cursor, and each answer is fetched in one go."""
    tree = statement.spot.tree
    mine = list(tree.loops(statement.call))
    alone = _only_by(around, cursor, [statement.call, *fetches])
    return alone and all(list(tree.loops(one)) == mine for one in fetches)


def _only_by(around: ast.AST, cursor: str, calls: list[ast.Call]) -> bool:
    """Whether ``calls`` are all that is done with the cursor."""
    known = {id(one.func.value) for one in calls if isinstance(one.func, ast.Attribute)}
    return not any(
        isinstance(node, (ast.Name, ast.Attribute))
        and isinstance(node.ctx, ast.Load)
        and ast.unparse(node) == cursor
        and id(node) not in known
        for node in own_nodes(around)
    )


def _fetched(fetch: ast.Call, found: str) -> str:
    return found if called(fetch) == "fetchall" else f"next(iter({found}), None)"


def _made(
    keyed: Keyed, rows: Rows, text: str, read: str, steps: tuple[Step, ...], kind: str
) -> Plan:
    return rows.before_loop(text, read, steps, kind=kind)
