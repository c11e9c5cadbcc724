"""Advice for rows that are written one by one: collect them in the loop, write them behind it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nplusone_guard.analysis.advice import meta
from nplusone_guard.analysis.advice.case import Plan, Subject, after, before, replace
from nplusone_guard.analysis.advice.chains import Query, conditions, parse, without
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.rows import Rows, inlined, rows_of
from nplusone_guard.analysis.advice.trees import COMPREHENSIONS, Spot, binding_of, own_nodes
from nplusone_guard.analysis.advice.values import value_of
from nplusone_guard.analysis.findings import Step
from nplusone_guard.capture.scope import WRITES

_SAVED: Final = ("pre_save", "post_save")
_DELETED: Final = ("pre_delete", "post_delete")
_ASYNC: Final = frozenset(
    "asave acreate adelete aupdate aget_or_create aupdate_or_create abulk_create abulk_update "
    "aadd aremove aset aclear".split()
)


@dataclass(eq=False)
class Write:
    """One call that writes, and the loop that it is in."""

    subject: Subject
    spot: Spot
    loop: ast.AST
    call: ast.Call
    #: What the method is called on.
    owner: ast.expr
    name: str

    @property
    def node(self) -> ast.expr:
        """The call, with its ``await``."""
        parent = self.spot.tree.parents.get(self.call)
        return parent if isinstance(parent, ast.Await) else self.call

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.Await)

    @property
    def statement(self) -> ast.stmt | None:
        """The statement that the call is, where nobody reads what it gives."""
        parent = self.spot.tree.parents.get(self.node)
        return parent if isinstance(parent, ast.Expr) else None

    @property
    def query(self) -> Query | None:
        return parse(self.spot, self.call)

    def varies(self, node: ast.AST) -> bool:
        return self.subject.varies(node)

    def awaited(self, text: str, method: str) -> str:
        """``await rows.abulk_create(…)`` where the call was awaited."""
        if not self.is_async:
            return text
        head, _, tail = text.rpartition(f".{method}(")
        return f"await {head}.a{method}({tail}"


def plans(subject: Subject) -> list[Plan]:
    """The ways to write the rows of all turns at once."""
    write = _write_of(subject)
    if write is None:
        return []
    makers = _MAKERS.get(write.name, ())
    found = [plan for maker in makers if (plan := maker(write)) is not None]
    if found and _is_echo(subject):
        # The same call sends this statement, too: one edit removes both.
        for plan in found:
            plan.costs = 0
    return found


def _is_echo(subject: Subject) -> bool:
    first = next(one for one in subject.case.subjects if one.site == subject.site)
    return first is not subject


def _write_of(subject: Subject) -> Write | None:
    spot, loop = subject.spot, subject.loop
    if spot is None or loop is None or not subject.local or isinstance(loop, ast.Call):
        return None
    for node in ast.walk(spot.node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            plain = name[1:] if name in _ASYNC else name
            if plain in _MAKERS:
                return Write(subject, spot, loop, node, node.func.value, plain)
    return None


# -- how edits are put together ----------------------------------------------------------


def _collected(
    write: Write,
    wanted: str,
    item: str,
    behind: str,
    kind: str,
    *,
    method: str = "append",
    loses: str = "",
    imports: tuple[str, ...] = (),
) -> Plan | None:
    """``rows = []`` before the loop, ``rows.append(…)`` in it, one statement behind it.

    ``{name}`` in ``behind`` is what the collection is called.
    """
    name = write.subject.fresh(wanted)
    last = behind.format(name=name)
    steps = _edits(write, name, f"{name}.{method}({item})", item, last)
    if steps is None:
        return None
    return Plan(
        kind=kind,
        file=write.spot.tree.file,
        line=int(getattr(write.loop, "lineno", 0)),
        expression=last,
        read=f"{name}.{method}({item})",
        steps=steps,
        imports=imports,
        loses=loses,
        place="behind the loop at",
    )


def _edits(write: Write, name: str, inside: str, item: str, last: str) -> tuple[Step, ...] | None:
    spot, loop = write.spot, _outermost(write)
    around = (before(spot, loop, f"{name} = []"),)
    behind = (after(spot, loop, last),)
    if isinstance(loop, COMPREHENSIONS):
        return None
    if write.statement is not None:
        return (*around, replace(spot, inside, write.node), *behind)
    parent = spot.tree.parents.get(write.node)
    if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
        if not _only_kept(write, parent.targets[0].id):
            return None
        kept = inside.replace(item, parent.targets[0].id)
        return (*around, replace(spot, item, write.node), after(spot, parent, kept), *behind)
    return None


def _only_kept(write: Write, name: str) -> bool:
    """Whether the loop does nothing with a new object that needs it to be saved."""
    parents = write.spot.tree.parents
    for node in own_nodes(write.loop):
        if not isinstance(node, ast.Name) or node.id != name or not isinstance(node.ctx, ast.Load):
            continue
        user = parents.get(node)
        if isinstance(user, ast.Attribute):
            called_on = isinstance(parents.get(user), ast.Call) and user.attr != "append"
            if user.attr in {"pk", "id"} or called_on:
                return False
        elif not isinstance(user, ast.Call) or ast.unparse(user.func).rpartition(".")[2] not in {
            "append",
            "add",
        }:
            return False
    return True


def _outermost(write: Write) -> ast.AST:
    return write.loop


# -- new rows --------------------------------------------------------------------------


def _creating(write: Write) -> Plan | None:
    query = write.query
    if query is None or query.model is None:
        return None
    item = _instance(query)
    options = ", ignore_conflicts=True" if _conflicts_are_caught(write) else ""
    behind = f"{_base(query)}.bulk_create({{name}}{options})"
    kept_in = _appended_to(write)
    if kept_in and not options:
        return _creating_those_in(write, query, kept_in, item, behind.format(name=kept_in))
    return _collected(
        write,
        meta.plural(query.model),
        item,
        write.awaited(behind, "bulk_create"),
        "bulk_create",
        loses=_lost_by_saving(query.model),
    )


def _appended_to(write: Write) -> str:
    """The list that the loop fills with the new objects, and with nothing else."""
    call = write.spot.tree.parents.get(write.node)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return ""
    rows = call.func.value
    around = write.spot.tree.parents.get(call)
    if call.func.attr != "append" or not isinstance(rows, ast.Name):
        return ""
    bound = binding_of(write.spot.tree, rows.id, rows)
    empty = bound is not None and isinstance(bound.value, ast.List) and not bound.value.elts
    inside = bound is not None and any(
        one is write.loop for one in write.spot.tree.above(bound.node)
    )
    function = write.spot.tree.function(write.call) or write.spot.tree.module
    filled = [
        one
        for one in own_nodes(function)
        if isinstance(one, ast.Attribute)
        and isinstance(one.value, ast.Name)
        and one.value.id == rows.id
        and one.attr in {"append", "extend", "insert"}
    ]
    alone = empty and not inside and len(filled) == 1 and isinstance(around, ast.Expr)
    return rows.id if alone else ""


def _creating_those_in(
    write: Write, query: Query, rows: str, item: str, behind: str
) -> Plan | None:
    """``made.append(Tag.objects.create(…))``: the list is there already."""
    from django.db import connections

    features = connections[write.subject.group.alias].features
    if not features.can_return_rows_from_bulk_insert:
        return None  # the objects would go without their keys
    last = write.awaited(behind, "bulk_create")
    return Plan(
        kind="bulk_create",
        file=write.spot.tree.file,
        line=int(getattr(write.loop, "lineno", 0)),
        expression=last,
        read=f"{rows}.append({item})",
        steps=(
            replace(write.spot, item, write.node),
            after(write.spot, write.loop, last),
        ),
        loses=_lost_by_saving(query.model),
        place="behind the loop at",
    )


def _conflicts_are_caught(write: Write) -> bool:
    """Whether an ``IntegrityError`` of one row is passed over."""
    for node in write.spot.tree.above(write.call):
        if node is write.loop:
            return False
        for handler in node.handlers if isinstance(node, ast.Try) else ():
            if handler.type is not None and "IntegrityError" in ast.unparse(handler.type):
                return True
    return False


def _instance(query: Query, extra: str = "") -> str:
    """``Tag(name=…)`` for ``create(name=…)``; with the parent of a related manager."""
    link = query.links[-1]
    given = [ast.unparse(one) for one in link.keywords if one.arg != "defaults"]
    if query.value.kind == "related" and query.value.parent is not None:
        parent_model = value_of(query.spot, query.value.parent).model
        field = meta.relation(parent_model, query.value.accessor) if parent_model else None
        if field is not None and field.one_to_many:
            given.append(f"{field.field.name}={ast.unparse(query.value.parent)}")
    given += [extra] if extra else []
    return f"{query.model.__name__}({', '.join(given)})"


def _base(query: Query) -> str:
    """``Tag.objects``, with ``using()`` where it is given."""
    if query.value.kind == "related":
        return f"{query.model.__name__}.{meta.manager_name(query.model)}"
    kept = [link.text for link in query.links if link.name == "using"]
    return ast.unparse(query.root) + "".join(kept)


def _lost_by_saving(model: Any) -> str:
    return meta.losses(model, _SAVED, ["save"], auto_now=False)


def _gathering(write: Write) -> Plan | None:
    """``bulk_create([one])`` in a loop."""
    query = write.query
    if query is None or not write.call.args:
        return None
    rows = ast.unparse(write.call.args[0])
    rest = [ast.unparse(one) for one in [*write.call.args[1:], *write.call.keywords]]
    if any(write.varies(one) for one in [*write.call.args[1:], *write.call.keywords]):
        return None
    behind = f"{_base(query)}.{write.name}({', '.join(['{name}', *rest])})"
    behind = behind.replace("{", "{{").replace("}", "}}").replace("{{name}}", "{name}")
    return _collected(
        write,
        meta.plural(query.model),
        rows,
        write.awaited(behind, write.name),
        write.name,
        method="extend",
    )


def _get_or_creating(write: Write) -> Plan | None:
    query = write.query
    if query is None:
        return None
    if write.statement is None:
        return _known_before(write, query)
    link = query.links[-1]
    names = [one.arg for one in link.keywords if one.arg and one.arg != "defaults"]
    defaults = _defaults(write)
    if defaults is None:
        return None
    item = _instance(query, ", ".join(f"{name}={value}" for name, value in defaults.items()))
    unique = meta.unique_together(query.model, names)
    if not unique:
        return _create_missing(write, query, names, item)
    options = "ignore_conflicts=True"
    if write.name == "update_or_create":
        options = _upsert(write, unique, list(defaults))
    behind = f"{_base(query)}.bulk_create({{name}}, {options})"
    return _collected(
        write,
        meta.plural(query.model),
        item,
        write.awaited(behind, "bulk_create"),
        "bulk_create",
        loses=_lost_by_saving(query.model),
    )


def _known_before(write: Write, query: Query) -> Plan | None:
    """Where the object is used: create what is missing before the loop, and look it up."""
    parent = write.spot.tree.parents.get(write.node)
    rows = rows_of(write.subject)
    names = [one for one in query.links[-1].keywords if one.arg != "defaults"]
    defaults = _defaults(write)
    if write.name != "get_or_create" or rows is None or len(names) != 1 or defaults is None:
        return None
    if not isinstance(parent, ast.Assign) or not _ignores_created(write, parent.targets[0]):
        return None
    field, key = str(names[0].arg), inlined(write.spot, names[0].value, rows)
    if key is None or not meta.unique_together(query.model, [field]):
        return None
    name = write.subject.fresh(f"{meta.plural(query.model)}_by_{field}")
    keys, base, wait = write.subject.fresh(f"{field}s"), _base(query), ""
    bulk_create, in_bulk = "bulk_create", "in_bulk"
    if write.is_async:
        wait, bulk_create, in_bulk = "await ", "abulk_create", "ain_bulk"
    item = f"{query.model.__name__}({field}=key)"
    made = f"[{item} for key in {keys}]"
    if defaults:
        item = _with_defaults(write, rows, f"{query.model.__name__}({field}={ast.unparse(key)}")
        made = f"[{item} {rows.clause}]"
    if not item:
        return None
    statement = (
        f"{keys} = [{ast.unparse(key)} {rows.clause}]\n"
        f"{wait}{base}.{bulk_create}({made}, ignore_conflicts=True)\n"
        f"{name} = {wait}{base}.{in_bulk}({keys}, field_name={quoted(field)})"
    )
    read = f"({name}[{ast.unparse(names[0].value)}], False)"
    return Plan(
        kind="bulk_create",
        file=write.spot.tree.file,
        line=int(getattr(write.loop, "lineno", 0)),
        expression=statement,
        read=read,
        steps=(
            *rows.steps,
            before(rows.spot, rows.loop, statement),
            replace(write.spot, read, write.node),
        ),
        costs=2,
        loses=_lost_by_saving(query.model),
        place="before the loop at",
    )


def _with_defaults(write: Write, rows: Rows, start: str) -> str:
    """A new row in terms of the loop; empty where its defaults cannot be said so."""
    given = next(one.value for one in write.call.keywords if one.arg == "defaults")
    assert isinstance(given, ast.Dict)
    parts = [start]
    for name, value in zip(given.keys, given.values, strict=True):
        meant = inlined(write.spot, value, rows)
        if meant is None or not isinstance(name, ast.Constant):
            return ""
        parts.append(f"{name.value!s}={ast.unparse(meant)}")
    return f"{', '.join(parts)})"


def _ignores_created(write: Write, target: ast.expr) -> bool:
    """Whether nobody reads if the row was created."""
    if not isinstance(target, ast.Tuple) or len(target.elts) != 2:
        return False
    created = ast.unparse(target.elts[1])
    function = write.spot.tree.function(write.call) or write.loop
    read = (one for one in ast.walk(function) if isinstance(one, ast.Name))
    return not any(one.id == created and isinstance(one.ctx, ast.Load) for one in read)


def _defaults(write: Write) -> dict[str, str] | None:
    """The defaults that are written out; ``None`` where they are not."""
    given = next((one.value for one in write.call.keywords if one.arg == "defaults"), None)
    if given is None:
        return {}
    if not isinstance(given, ast.Dict):
        return None
    keys = [key.value for key in given.keys if isinstance(key, ast.Constant)]
    if len(keys) != len(given.values):
        return None
    return {str(key): ast.unparse(value) for key, value in zip(keys, given.values, strict=True)}


def _upsert(write: Write, unique: list[str], changed: list[str]) -> str:
    """MySQL and MariaDB take no ``unique_fields``: any unique key conflicts there."""
    from django.db import connections

    features = connections[write.subject.group.alias].features
    target = ""
    if getattr(features, "supports_update_conflicts_with_target", True):
        target = f"unique_fields=[{', '.join(map(quoted, unique))}], "
    fields = ", ".join(map(quoted, changed or unique))
    return f"update_conflicts=True, {target}update_fields=[{fields}]"


def _create_missing(write: Write, query: Query, names: list[str], item: str) -> Plan | None:
    """Without a constraint: read what there is, create the rest."""
    if len(names) != 1 or write.name != "get_or_create" or write.is_async:
        return None
    field, base = str(names[0]), _base(query)
    known = write.subject.fresh(f"known_{field}s")
    missing = write.subject.fresh("missing")
    row = meta.snake(query.model.__name__)
    behind = (
        f"{known} = {base}.filter({field}__in=[{row}.{field} for {row} in {{name}}])\n"
        f"{known} = set({known}.values_list({quoted(field)}, flat=True))\n"
        f"{missing} = {{{{{row}.{field}: {row} for {row} in {{name}} "
        f"if {row}.{field} not in {known}}}}}\n"
        f"{base}.bulk_create({missing}.values())"
    )
    plan = _collected(
        write,
        meta.plural(query.model),
        item,
        behind,
        "bulk_create",
        loses=_lost_by_saving(query.model),
    )
    if plan is not None:
        plan.costs = 2
    return plan


# -- rows that are there ---------------------------------------------------------------


def _saving(write: Write) -> Plan | None:
    found = value_of(write.spot, write.owner)
    model = found.model if found.kind == "object" else meta.model_of(write.subject.facts.model)
    if model is None or not isinstance(write.owner, ast.Name):
        return None
    if write.subject.group.fingerprint.kind == "insert" and _is_new(write):
        behind = f"{model.__name__}.{meta.manager_name(model)}.bulk_create({{name}})"
        method = "bulk_create"
    else:
        fields = _changed_fields(write, model)
        if not fields:
            return None
        told = ", ".join(map(quoted, fields))
        behind = f"{model.__name__}.{meta.manager_name(model)}.bulk_update({{name}}, [{told}])"
        method = "bulk_update"
    return _collected(
        write,
        f"changed_{meta.plural(model)}" if method == "bulk_update" else meta.plural(model),
        write.owner.id,
        write.awaited(behind, method),
        method,
        loses=meta.losses(model, _SAVED, ["save"], auto_now=method == "bulk_update"),
    )


def _is_new(write: Write) -> bool:
    assert isinstance(write.owner, ast.Name)
    bound = binding_of(write.spot.tree, write.owner.id, write.owner)
    value = bound.value if bound is not None and bound.how == "value" else None
    return isinstance(value, ast.Call) and value_of(write.spot, value.func).kind == "model"


def _changed_fields(write: Write, model: Any) -> list[str]:
    """``update_fields``, else the fields that the loop assigns."""
    assert isinstance(write.owner, ast.Name)
    for one in write.call.keywords:
        if one.arg == "update_fields" and isinstance(one.value, (ast.List, ast.Tuple)):
            return [str(part.value) for part in one.value.elts if isinstance(part, ast.Constant)]
    if _may_change_elsewhere(write, write.owner.id):
        return []
    found = [
        node.attr
        for node in own_nodes(write.loop)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == write.owner.id
    ]
    fields = (meta.field_of(model, name) for name in found)
    return list(dict.fromkeys(str(field.name) for field in fields if field is not None))


def _may_change_elsewhere(write: Write, name: str) -> bool:
    """Whether a method or a function gets the object, and may set fields of its own choice."""
    parents = write.spot.tree.parents
    for node in own_nodes(write.loop):
        if not isinstance(node, ast.Name) or node.id != name:
            continue
        user = parents.get(node)
        if isinstance(user, ast.Attribute):
            call = parents.get(user)
            methods = isinstance(call, ast.Call) and call.func is user
            if methods and user.attr not in _HARMLESS and not user.attr.startswith("get_"):
                return True
        elif isinstance(user, ast.Call) and ast.unparse(user.func) not in {"str", "repr", "print"}:
            return True
    return False


_HARMLESS: Final = frozenset("save asave full_clean clean_fields refresh_from_db".split())


def _deleting(write: Write) -> Plan | None:
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
    return _collected(
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
    return _collected(write, f"{_word(field)}s", value, write.awaited(behind, "delete"), "delete")


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


def _updating(write: Write) -> Plan | None:
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
        return _collected(
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
    return _collected(
        write,
        f"{column}_by_{_word(field)}",
        f"({value}, {then})",
        write.awaited(behind, "update"),
        "update",
        imports=("from django.db.models import Case, Value, When",),
    )


# -- many-to-many ----------------------------------------------------------------------


def _adding(write: Write) -> Plan | None:
    """``add()`` of all objects at once, from the end that stays the same."""
    found = value_of(write.spot, write.owner)
    if found.kind != "related" or found.parent is None or len(write.call.args) != 1:
        return None
    one = write.call.args[0]
    if isinstance(one, ast.Starred):
        return None
    if not write.varies(found.parent):
        behind = f"{ast.unparse(write.owner)}.{write.name}(*{{name}})"
        wanted = f"{write.name}ed_{meta.plural(found.model)}".replace("removeed", "removed")
        return _collected(
            write, wanted, ast.unparse(one), write.awaited(behind, write.name), write.name
        )
    return _adding_backwards(write, found, one)


def _adding_backwards(write: Write, found: Any, one: ast.expr) -> Plan | None:
    parent = value_of(write.spot, found.parent).model
    field = meta.relation(parent, found.accessor) if parent is not None else None
    if field is None or not field.many_to_many or write.varies(one):
        return None
    back = meta.way_back(field)
    if not back:
        return None
    behind = f"{ast.unparse(one)}.{back}.{write.name}(*{{name}})"
    wanted = f"{write.name}ed_{meta.plural(parent)}".replace("removeed", "removed")
    return _collected(
        write, wanted, ast.unparse(found.parent), write.awaited(behind, write.name), write.name
    )


def _setting(write: Write) -> Plan | None:
    """The rows of the through table: those there are deleted, the new ones made at once."""
    sides = _through(write)
    if sides is None or len(write.call.args) != 1 or write.is_async:
        return None
    through, source, target, parent = sides
    wanted = ast.unparse(write.call.args[0])
    if write.varies(write.call.args[0]):
        return None
    behind = (
        f"{through}.objects.filter({source}__in={{name}}).exclude({target}__in={wanted}).delete()\n"
        f"{through}.objects.bulk_create(\n"
        f"    [{through}({source}=one, {target}=other) for one in {{name}} for other in {wanted}],\n"
        f"    ignore_conflicts=True,\n)"
    )
    plan = _collected(
        write,
        "parents",
        parent,
        behind,
        "bulk_create",
        loses=_lost_m2m(write),
    )
    if plan is not None:
        plan.costs = 2
    return plan


def _clearing(write: Write) -> Plan | None:
    sides = _through(write)
    if sides is None:
        return None
    through, source, _, parent = sides
    behind = f"{through}.objects.filter({source}__in={{name}}).delete()"
    return _collected(
        write,
        "cleared",
        parent,
        write.awaited(behind, "delete"),
        "delete",
        loses=_lost_m2m(write),
    )


def _through(write: Write) -> tuple[str, str, str, str] | None:
    """The through model as it is written, the names of its two sides, and the parent."""
    found = value_of(write.spot, write.owner)
    if found.kind != "related" or found.parent is None:
        return None
    parent = value_of(write.spot, found.parent).model
    field = meta.relation(parent, found.accessor) if parent is not None else None
    if field is None or not field.many_to_many:
        return None
    forward = field.field if field.auto_created else field
    source, target = forward.m2m_field_name(), forward.m2m_reverse_field_name()
    if field.auto_created:
        source, target = target, source
    through = f"{parent.__name__}.{found.accessor}.through"
    return through, str(source), str(target), ast.unparse(found.parent)


def _lost_m2m(write: Write) -> str:
    model = value_of(write.spot, write.owner).model
    return meta.losses(model, ("m2m_changed",), (), auto_now=False) if model is not None else ""


# -- validation ------------------------------------------------------------------------


def _validating(write: Write) -> Plan | None:
    """Ask once which values are taken; without that, say what is lost."""
    if write.call.args or write.call.keywords or write.is_async:
        return None
    return _validating_once(write) or _not_validating(write)


def _validating_once(write: Write) -> Plan | None:
    """For new objects of a model with one unique field, while the loop saves none of them."""
    made, rows = write.owner, rows_of(write.subject)
    model = value_of(write.spot, made.func).model if isinstance(made, ast.Call) else None
    if not isinstance(made, ast.Call) or model is None or rows is None or write.statement is None:
        return None
    field = meta.only_unique_field(model)
    given = next((one.value for one in made.keywords if one.arg == field), None)
    key = inlined(write.spot, given, rows) if field and given is not None else None
    if key is None or made.args or _writes_to(write, model):
        return None
    name = write.subject.fresh(f"taken_{field}s")
    base = f"{model.__name__}._base_manager"
    statement = (
        f"{name} = set({base}.filter({field}__in=[{ast.unparse(key)} {rows.clause}])"
        f".values_list({quoted(field)}, flat=True))"
    )
    one = write.subject.fresh(meta.snake(model.__name__))
    read = (
        f"{one} = {ast.unparse(made)}\n"
        f"{one}.full_clean(validate_unique=False, validate_constraints=False)\n"
        f"if {one}.{field} in {name}:\n"
        f"    error = {one}.unique_error_message({model.__name__}, ({quoted(field)},))\n"
        f"    raise ValidationError({{{quoted(field)}: error}})"
    )
    return Plan(
        kind="full_clean",
        file=rows.spot.tree.file,
        line=int(getattr(rows.loop, "lineno", 0)),
        expression=statement,
        read=read,
        steps=(
            *rows.steps,
            before(rows.spot, rows.loop, statement),
            replace(write.spot, read, write.statement),
        ),
        imports=("from django.core.exceptions import ValidationError",),
        place="before the loop at",
    )


def _writes_to(write: Write, model: Any) -> bool:
    """Whether rows of the model are written meanwhile, so that more values are taken."""
    return any(
        group.fingerprint.kind in WRITES and group.fingerprint.main_table == model._meta.db_table
        for group in write.subject.case.groups
    )


def _not_validating(write: Write) -> Plan:
    """Another result, which the words have to say; so there is no edit to follow blindly."""
    new = (
        f"{ast.unparse(write.owner)}.full_clean(validate_unique=False, validate_constraints=False)"
    )
    return Plan(
        kind="full_clean",
        file=write.spot.tree.file,
        line=write.call.lineno,
        expression=new,
        read=new,
        costs=0,
        text=f"full_clean() asks by itself whether each value is taken: ask once for all rows "
        f"before the loop; or {new}, which changes the result (a value that is taken no longer "
        "raises ValidationError here, but IntegrityError when it is saved),",
        place="at",
    )


_Maker = Callable[[Write], Plan | None]

_MAKERS: Final[dict[str, tuple[_Maker, ...]]] = {
    "create": (_creating,),
    "save": (_saving,),
    "bulk_create": (_gathering,),
    "bulk_update": (_gathering,),
    "get_or_create": (_get_or_creating,),
    "update_or_create": (_get_or_creating,),
    "update": (_updating,),
    "delete": (_deleting,),
    "add": (_adding,),
    "remove": (_adding,),
    "set": (_setting,),
    "clear": (_clearing,),
    "full_clean": (_validating,),
}
