"""Advice for related rows that the loop itself writes: what is loaded before it is not them.

``blog.owner = author; blog.save()`` gives an author one more blog than was prefetched, and
``entry.author.save()`` is lost on the next entry where each has an author of its own by a join.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from nplusone_guard.analysis.advice import meanwhile, meta
from nplusone_guard.analysis.advice.case import Plan, Subject, spot_of_group
from nplusone_guard.analysis.advice.dropping import CREATING, in_words, not_shown, relation_of
from nplusone_guard.analysis.advice.relations import quoted
from nplusone_guard.analysis.advice.trees import own_nodes
from nplusone_guard.analysis.advice.values import called
from nplusone_guard.analysis.advice.wording import double_quoted, one_line, stands_in
from nplusone_guard.analysis.rules import facts_of
from nplusone_guard.capture.scope import WRITES, Group

_RULES: Final = frozenset({"lazy-relation", "bypassed-prefetch"})


def up_to_date(plans: list[Plan], subject: Subject) -> list[Plan]:
    """``plans``; in words alone where the loop changes the rows before it reads them.

    Rows that share one object keep it by a prefetch, and by a join each has its own.
    """
    field = relation_of(subject) if subject.candidate.rule in _RULES else None
    if field is None or not any(plan.calls or plan.steps for plan in plans):
        return plans
    written = list(_written(subject, field))
    outdating = [group for group in written if _outdates(subject, group, field)]
    if not outdating:
        shared = any(map(_is_kept_on, written)) and _is_forward(field)
        return [_shared(plan) for plan in plans] if shared else plans
    first = min(outdating, key=lambda group: meanwhile.line_of(subject, group))
    call = _call(subject, first)
    if call is None or meanwhile.line_of(subject, first) >= _read_on(subject):
        return [not_shown(subject, first)]
    return [in_words(plans[0], subject, call, "makes it outdated")]


def behind_writes(plans: list[Plan], subject: Subject) -> list[Plan]:
    """``plans``; in words alone where what the parents' queryset prefetches is written before the loop."""
    by_method = {method: plan for plan in reversed(plans) for method, _ in plan.calls}
    plan = by_method.get("prefetch_related")
    group = _written_since(subject) if plan is not None else None
    if group is None or plan is None:
        return plans
    site = subject.case.locate(group).site
    where = f"{os.path.basename(site.file.replace(chr(92), '/'))}:{site.line}"
    read = one_line(double_quoted(plan.read))
    same = not read or stands_in(read, double_quoted(subject.site.source))
    text = (
        f"load {quoted(subject.facts.accessor or 'them')} right before the loop, with "
        f"prefetch_related_objects(){'' if same else f', and read {read}'}: the rows are written at "
        f"{where}, after their parents are loaded"
    )
    return [Plan("words", subject.site.file, subject.site.line, text=text, place="")]


def _written_since(subject: Subject) -> Group | None:
    """The first write to the rows that a loop asks for, between the read of its parents and it."""
    parents, tables = subject.parents, subject.group.fingerprint.tables
    if parents is None:
        return None
    between = range(parents.read.sequence + 1, subject.group.sequence)
    own = {id(group) for table in tables for group in meanwhile.writing(subject, table)}
    writes = (
        group
        for group in subject.case.groups
        if group.sequence in between
        and group.fingerprint.kind in WRITES
        and group.fingerprint.main_table in tables
        and id(group) not in own
    )
    return min(writes, key=lambda group: group.sequence, default=None)


def _written(subject: Subject, field: Any) -> Iterator[Group]:
    """What the loop writes to the tables of the related rows."""
    for table in sorted({*subject.group.fingerprint.tables} - {meta.through_table(field)}):
        yield from meanwhile.writing(subject, table)


def _is_forward(field: Any) -> bool:
    """Whether the key stands on the rows of the loop: several of them may lead to one row."""
    return bool(field.many_to_one or (field.one_to_one and field.concrete))


def _outdates(subject: Subject, group: Group, field: Any) -> bool:
    kind = group.fingerprint.kind
    if kind == "insert" and _is_forward(field):
        return False  # no row of the loop leads to a new one
    call = _call(subject, group)
    if kind == "insert" and call is not None and called(call) in CREATING:
        return False  # of those it is known for whom they are
    written, read = meanwhile.line_of(subject, group), _read_on(subject)
    if written < read:
        return True
    if field.one_to_many:
        return subject.loop is not None and _is_moved(subject.loop, field)
    return _is_forward(field) and not _is_kept_on(group)


def _read_on(subject: Subject) -> int:
    """The last line of the loop that leads to a read."""
    return max(meanwhile.line_of(subject, group) for group in subject.candidate.groups)


def _is_kept_on(group: Group) -> bool:
    """Whether the very object is saved, and knows what it wrote."""
    return group.fingerprint.kind == "update" and facts_of(group).operation == "save"


def _is_moved(loop: ast.AST, field: Any) -> bool:
    """``blog.owner = heir``: the row goes to another parent, which may have its turn yet."""
    generic = not field.auto_created
    key = {field.object_id_field_name} if generic else {field.field.name, field.field.attname}
    return any(
        isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in key
        for node in own_nodes(loop)
    )


def _call(subject: Subject, group: Group) -> ast.Call | None:
    """``blog.save()``, where it stands in the loop itself."""
    spot = spot_of_group(group)
    if spot is None or not any(one is subject.loop for one in spot.tree.above(spot.node)):
        return None
    calls = (one for one in ast.walk(spot.node) if isinstance(one, ast.Call))
    return next((one for one in calls if isinstance(one.func, ast.Attribute)), None)


def _shared(plan: Plan) -> Plan:
    """By a prefetch rows that lead to one row have one object for it, which a join gives to each."""
    if not any(method == "select_related" for method, _ in plan.calls):
        return plan
    calls = tuple(("prefetch_related", argument) for _, argument in plan.calls)
    return replace(plan, kind="prefetch_related", calls=calls, costs=plan.costs + len(calls))
