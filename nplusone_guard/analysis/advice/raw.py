"""Advice for SQL written by hand: one statement for all the keys, ``executemany()`` for writes."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, Subject, after, before, replace
from nplusone_guard.analysis.advice.rows import Rows, inlined, rows_of
from nplusone_guard.analysis.advice.trees import LOOPS, Spot, binding_of, own_nodes
from nplusone_guard.analysis.advice.values import called, value_of
from nplusone_guard.analysis.findings import Step

_WHERE: Final = re.compile(
    r"^(?P<head>.*?)\bWHERE\b(?P<where>.*?)(?P<tail>\bORDER\s+BY\b.*)?$", re.IGNORECASE | re.DOTALL
)
#: ``author_id = %s``
_EQUALITY: Final = re.compile(r"\s*(?P<column>[\w.\"`]+)\s*=\s*%s\s*", re.IGNORECASE)
#: What makes rows depend on more than the one key.
_OTHER: Final = re.compile(
    r"\b(OR|SELECT|LIMIT|OFFSET|FETCH|GROUP|HAVING|UNION|EXCEPT|INTERSECT|FOR)\b", re.IGNORECASE
)
_COUNT: Final = re.compile(r"SELECT\s+COUNT\([^)]*\)\s+FROM\b", re.IGNORECASE)
_SUMMARY: Final = re.compile(r"\b(COUNT|SUM|AVG|MIN|MAX)\s*\(", re.IGNORECASE)
_COMMENT: Final = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_NAMED: Final = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Statement:
    """One call of ``execute()`` or ``raw()``: its SQL with ``%s`` for what changes."""

    spot: Spot
    call: ast.Call
    sql: str
    #: The parameters, in their order; those of f-strings among them.
    params: tuple[ast.expr, ...]


@dataclass(frozen=True, slots=True)
class Keyed:
    """A statement for the rows of one key, which changes from turn to turn."""

    statement: Statement
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
        first, last = (
            text.replace("{", "{{").replace("}", "}}")
            for text in (self.head if head is None else head, self.tail if tail is None else tail)
        )
        text = f"{first}{self.column} IN ({{', '.join(['%s'] * len({keys}))}}){last}"
        plain = '"' not in text and "\n" not in text
        return f'f"{text}"' if plain else f"f'''{text}'''"

    def params(self, keys: str) -> str:
        if not self.before and not self.behind:
            return keys
        given = [*map(ast.unparse, self.before), f"*{keys}", *map(ast.unparse, self.behind)]
        return f"[{', '.join(given)}]"


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
    statement = _statement(spot, call)
    rows = rows_of(subject)
    keyed = _keyed(subject, statement) if statement is not None else None
    if keyed is None or rows is None:
        return None
    key = inlined(spot, keyed.key, rows)
    if key is None:
        return None
    keys = f"[{ast.unparse(key)} {rows.clause}]"
    if called(call) == "raw":
        return _raw(subject, keyed, rows, keys)
    return _selected(subject, keyed, rows, keys)


def _keyed(subject: Subject, statement: Statement) -> Keyed | None:
    """The one ``column = %s`` that changes, where all other conditions stay as they are."""
    match = _WHERE.match(statement.sql.strip().removesuffix(";"))
    changing = [n for n, one in enumerate(statement.params) if subject.varies(one)]
    if match is None or len(changing) != 1:
        return None
    where, tail = match["where"], match["tail"] or ""
    if _OTHER.search(where) or _OTHER.search(tail) or _OTHER.search(match["head"][7:]):
        return None
    number = changing[0]
    place = match["head"].count("%s")
    for part in re.split(r"(\bAND\b)", where, flags=re.IGNORECASE):
        found = _EQUALITY.fullmatch(part)
        if found is not None and place == number:
            at = where.index(part)
            spaces = part[: len(part) - len(part.lstrip())], part[len(part.rstrip()) :]
            head = f"{match['head']}WHERE{where[:at]}{spaces[0]}"
            rest = f"{spaces[1]}{where[at + len(part) :]}{tail}".rstrip()
            given = statement.params
            return Keyed(
                statement,
                found["column"],
                given[number],
                head,
                rest,
                given[:number],
                given[number + 1 :],
            )
        place += part.count("%s")
    return None


def _statement(spot: Spot, call: ast.Call) -> Statement | None:
    if not call.args:
        return None
    sql, params = _meant(spot, call.args[0]), call.args[1] if len(call.args) > 1 else None
    if isinstance(sql, ast.Constant) and isinstance(sql.value, str):
        if isinstance(params, ast.Dict):
            return _by_name(spot, call, sql.value, params)
        given = tuple(params.elts) if isinstance(params, (ast.List, ast.Tuple)) else ()
        complete = sql.value.replace("%%", "").count("%s") == len(given)
        return Statement(spot, call, sql.value, given) if complete else None
    return _of_f_string(spot, call, sql) if isinstance(sql, ast.JoinedStr) and not params else None


def _meant(spot: Spot, sql: ast.expr) -> ast.expr:
    """A statement that has a name, where the name has one value."""
    if not isinstance(sql, ast.Name):
        return sql
    bound = binding_of(spot.tree, sql.id, sql)
    if bound is None:
        found = spot.tree.global_value(sql.id)
        return ast.Constant(found) if isinstance(found, str) else sql
    return bound.value if bound.how == "value" and bound.value is not None else sql


def _by_name(spot: Spot, call: ast.Call, sql: str, given: ast.Dict) -> Statement | None:
    """``%(name)s`` in the order of the statement."""
    values = {
        key.value: value
        for key, value in zip(given.keys, given.values, strict=True)
        if isinstance(key, ast.Constant)
    }
    names = _NAMED.findall(sql)
    if not all(name in values for name in names):
        return None
    return Statement(spot, call, _NAMED.sub("%s", sql), tuple(values[name] for name in names))


def _of_f_string(spot: Spot, call: ast.Call, sql: ast.JoinedStr) -> Statement | None:
    """The values of an f-string as parameters; those inside a literal with the text around."""
    text, values = "", list[ast.FormattedValue]()
    for part in sql.values:
        if isinstance(part, ast.Constant):
            text += str(part.value).replace("%", "%%")
        elif (
            isinstance(part, ast.FormattedValue) and part.conversion == -1 and not part.format_spec
        ):
            text += f"\0{len(values)}\0"
            values.append(part)
        else:
            return None
    given: list[ast.expr] = []

    def literal(match: re.Match[str]) -> str:
        if "\0" not in match[0]:
            return match[0]
        pieces = re.split(r"\0(\d+)\0", match[0][1:-1].replace("''", "'").replace("%%", "%"))
        parts: list[ast.expr] = [
            values[int(piece)] if number % 2 else ast.Constant(piece)
            for number, piece in enumerate(pieces)
            if piece
        ]
        given.append(ast.JoinedStr(parts))
        return "%s"

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return literal(match)
        given.append(values[int(match[1])].value)
        return "%s"

    told = re.sub(rf"\0(\d+)\0|{_LITERAL.pattern}", value, _COMMENT.sub("", text).strip())
    return Statement(spot, call, told, tuple(given))


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


def _raw(subject: Subject, keyed: Keyed, rows: Rows, keys: str) -> Plan | None:
    """``raw()`` with ``IN``, its rows by the column that was asked for."""
    statement = keyed.statement
    call = statement.call
    model = value_of(statement.spot, call).model
    field = _field_of_column(model, keyed.name) if model is not None else None
    if field is None or not isinstance(call.func, ast.Attribute):
        return None
    name = subject.fresh(f"{meta.plural(model)}_by_{keyed.name}")
    keys_name = subject.fresh("keys")
    row = meta.snake(model.__name__)
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
    head = re.match(r"\s*SELECT\s+(?!DISTINCT)", keyed.head, re.IGNORECASE)
    if head is None or not cursor or (subject.local and not isinstance(rows.loop, ast.For)):
        return None
    if not _only_fetched(statement, around, cursor, fetches):
        return None
    name, keys_name = subject.fresh(f"rows_by_{keyed.name}"), subject.fresh("keys")
    tail = keyed.tail
    if _SUMMARY.search(statement.sql):
        if "ORDER BY" in tail.upper():
            return None
        tail = f"{tail} GROUP BY {column}"
    sql = keyed.text(keys_name, f"SELECT {column}, {keyed.head[head.end() :]}", tail)
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
    found = subject.fresh("found")
    read = f"{found} = {name}.get({ast.unparse(keyed.key)}, {_missing(statement.sql)})"
    steps = [Step("replace", statement.spot.tree.file, call.lineno, ast.unparse(call), read)]
    steps += [replace(statement.spot, _fetched(fetch, found), fetch) for fetch in fetches]
    return _made(keyed, rows, text, read, tuple(steps), "in")


def _missing(sql: str) -> str:
    """What a statement without GROUP BY answers for a key that has no rows."""
    if _COUNT.match(sql.strip()):
        return "[(0,)]"
    columns = re.match(r"\s*SELECT\s+(.*?)\s+FROM\b", sql, re.IGNORECASE | re.DOTALL)
    told = columns[1] if columns is not None else ""
    alone = bool(_SUMMARY.match(told)) and told.count("(") == 1 and "," not in told
    return "[(None,)]" if alone else "[]"


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
    known = {id(one.func.value) for one in [statement.call, *fetches]}  # type: ignore[attr-defined]
    others = (
        node
        for node in own_nodes(around)
        if isinstance(node, (ast.Name, ast.Attribute))
        and isinstance(node.ctx, ast.Load)
        and ast.unparse(node) == cursor
        and id(node) not in known
    )
    tree = statement.spot.tree
    mine = list(tree.loops(statement.call))
    return next(others, None) is None and all(list(tree.loops(one)) == mine for one in fetches)


def _fetched(fetch: ast.Call, found: str) -> str:
    return found if called(fetch) == "fetchall" else f"next(iter({found}), None)"


def _made(
    keyed: Keyed, rows: Rows, text: str, read: str, steps: tuple[Step, ...], kind: str
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
