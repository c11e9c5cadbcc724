"""Advice for relations that the loop assigns: to load them with the rows would not reach them.

``entry.author_id = pk`` drops the author that came with the entry, so the authors are read by the
keys that are assigned.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from nplusone_guard.analysis.advice import meanwhile, meta
from nplusone_guard.analysis.advice.assignments import Assigned, assigned
from nplusone_guard.analysis.advice.case import Plan, Subject, after
from nplusone_guard.analysis.advice.chains import parent_spot
from nplusone_guard.analysis.advice.matching import PLAIN, match, owner_of
from nplusone_guard.analysis.advice.nesting import told_honestly
from nplusone_guard.analysis.advice.relations import eager, quoted
from nplusone_guard.analysis.advice.roots import root_by_source
from nplusone_guard.analysis.advice.rows import inlined, may_fail, rows_of
from nplusone_guard.analysis.advice.wording import one_line


def plans(subject: Subject) -> list[Plan]:
    """Nothing where the relation, and what leads to it, is left as it was loaded."""
    found = assigned(subject, parent_spot(subject), subject.facts.accessor)
    if found is None:
        return []
    plan = _by_keys(subject, found)
    if not _is_read(subject, found):
        # What the plan of the relation that leads to it loads as well.
        first = _first(subject, found) if plan is not None else None
        made = replace(plan, steps=(), costs=0) if plan is not None and first else None
        return [made or _with_what_is_assigned(subject, found) or _further(subject, found)]
    return [plan if plan is not None else _in_words(subject, found)]


def _is_read(subject: Subject, found: Assigned) -> bool:
    """Whether the relation itself is assigned, and not one on the way to it."""
    parent = parent_spot(subject)
    read = f"{parent.text}.{subject.facts.accessor}" if parent is not None else ""
    return read == found.relation


def _first(subject: Subject, found: Assigned) -> Subject | None:
    """The candidate that reads what is assigned."""
    others = (one for one in subject.case.subjects if one.candidate.rule == "lazy-relation")
    return next((one for one in others if _is_read(one, found)), None)


def _by_keys(subject: Subject, found: Assigned) -> Plan | None:
    """All objects by ``in_bulk()`` before the loop, each assigned behind its key."""
    known, number = subject.case.assigned, id(found.statement)
    if number not in known:
        known[number] = _made(_first(subject, found) or subject, found)
    plan: Plan | None = known[number]
    return plan


def _made(subject: Subject, found: Assigned) -> Plan | None:
    spot, rows, target = subject.spot, rows_of(subject), meta.related_model(found.field)
    if spot is None or rows is None or target is None or found.value is None:
        return None
    if not found.by_key or not found.always or isinstance(subject.loop, ast.AsyncFor):
        return None
    column = found.field.target_field
    key = inlined(spot, found.value, rows)
    # Another type than the column's would change what the attribute holds afterwards.
    alike = match(subject, spot, found.value, target, column.name) == PLAIN
    skipped = meanwhile.is_conditional(subject, spot, found.statement)
    if key is None or not alike or (skipped and may_fail(spot, found.value)):
        return None
    name = subject.fresh(meta.plural(target), alone=True)
    model, imports = owner_of(spot, target)
    field = "" if column.primary_key else f", field_name={quoted(column.name)}"
    loaded = f"{model}.{meta.manager_name(target)}{_loading(subject, found, target)}"
    statement = f"{name} = {loaded}.in_bulk({rows.each(key)}{field})"
    attribute = f"{ast.unparse(found.owner)}.{found.field.attname}"
    new = f"if {attribute} in {name}:\n    {found.relation} = {name}[{attribute}]"
    steps = [after(spot, found.statement, new)]
    plan = rows.before_loop(statement, "", steps, kind="in_bulk", imports=imports)
    plan = told_honestly(plan, subject)
    # Other branches may assign it on another line.
    plan.costs += subject.count - subject.group.count
    written = f"put {one_line(plan.expression)} {plan.place} {_at(subject, plan.line)}"
    over = f", loop over {plan.over}" if plan.over else ""
    line = found.statement.lineno
    told = f"{_why(subject, found)}: {written}{over}, and write {one_line(new)} behind line {line}"
    return replace(plan, text=told, place="", over="")


def _loading(subject: Subject, found: Assigned, target: Any) -> str:
    """``.select_related("country")`` for what is read of the objects in its turn."""
    names = []
    for one in subject.case.subjects:
        parent = parent_spot(one) if one.candidate.rule == "lazy-relation" else None
        if parent is not None and parent.text == found.relation:
            names.append(one.facts.accessor)
    told = {name: meta.relation(target, name) for name in dict.fromkeys(names)}
    joined = [name for name, one in told.items() if one and one.concrete and not one.many_to_many]
    others = [name for name, one in told.items() if one and name not in joined]
    links = {"select_related": joined, "prefetch_related": others}
    return "".join(f".{m}({', '.join(map(quoted, names))})" for m, names in links.items() if names)


def _at(subject: Subject, line: int) -> str:
    file = subject.site.file.replace(chr(92), "/").rpartition("/")[2]
    return f"{file}:{line}"


def _why(subject: Subject, found: Assigned) -> str:
    """``entry.author_id is assigned at views.py:43, which drops what was loaded``."""
    if found.is_new:
        return f"{ast.unparse(found.owner)} is new at {_at(subject, found.statement.lineno)}"
    name = found.field.attname if found.by_key else found.field.name
    told = f"{ast.unparse(found.owner)}.{name} is assigned at"
    dropped = ", which drops what was loaded" if found.by_key else ""
    return f"{told} {_at(subject, found.statement.lineno)}{dropped}"


def _in_words(subject: Subject, found: Assigned) -> Plan:
    target = meta.related_model(found.field)
    model = target.__name__ if target is not None else "the"
    loaded = "" if found.always else ", and the others with the rows"
    what = (
        f"read the {model} rows by these keys before the loop, with one in_bulk(), and assign "
        f"{found.relation} from it{loaded}"
    )
    return _told(subject, f"{_why(subject, found)}: {what}", 1)


def _with_what_is_assigned(subject: Subject, found: Assigned) -> Plan | None:
    """``entry.author = author``: what is read of it comes with the authors."""
    parent = parent_spot(subject)
    if parent is None or parent.text != found.relation or found.value is None or found.by_key:
        return None
    if not found.always:
        return None
    root = root_by_source(parent.at(found.value), meta.related_model(found.field))
    return eager(subject, root, subject.facts.accessor) if root and root.feeds else None


def _further(subject: Subject, found: Assigned) -> Plan:
    """What is read of an object that is assigned: its own query has to load it."""
    name = subject.facts.accessor
    what = f"load {quoted(name)} with what is assigned there, not with the rows of the loop"
    return _told(subject, f"{_why(subject, found)}: {what}", 1)


def _told(subject: Subject, text: str, costs: int) -> Plan:
    return Plan("words", subject.site.file, subject.site.line, costs=costs, text=text, place="")
