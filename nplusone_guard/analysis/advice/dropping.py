"""Advice for related rows that are read after the loop has written what was loaded.

``entry.tags.add(…)`` forgets what was prefetched for ``entry.tags``, and so do the other methods
that write through a related manager: a prefetch serves no read behind them. ``tag.entries.add(entry)``
and ``Blog.objects.create(owner=author)`` leave it as it was, and no longer true.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from nplusone_guard.analysis.advice import lost, meanwhile, meta, relations
from nplusone_guard.analysis.advice.case import Plan, Subject, spot_of_group
from nplusone_guard.analysis.advice.chains import RELATION_WRITES
from nplusone_guard.analysis.advice.trees import own_nodes
from nplusone_guard.capture.scope import Group

#: What makes a row; some of them drop what was loaded, on some versions of Django.
CREATING: Final = frozenset(
    "create get_or_create update_or_create acreate aget_or_create aupdate_or_create".split()
)


def undropped(plans: list[Plan], subject: Subject) -> list[Plan]:
    """``plans``; in words alone where a prefetch is dropped, or outdated, before the loop reads it.

    Then the read has to come first, and whether it may is for the user to say. Where the loop
    reads before and behind, the plans save the reads before.
    """
    if subject.spot is None or not any("prefetch" in plan.kind for plan in plans):
        return plans
    call = _dropping(subject)
    if call is None:
        created = _creating(subject)
        if created is not None and created.lineno < _last_line(subject):
            return [in_words(plans[0], subject, created, "makes it outdated")]
        return _up_to_date(plans, subject)
    if call.lineno < subject.spot.line:
        return [in_words(plans[0], subject, call, "drops it")]
    behind = sum(one.count for one in subject.candidate.groups if _line(one) > call.lineno)
    return [replace(plan, costs=plan.costs + behind) for plan in plans]


def _up_to_date(plans: list[Plan], subject: Subject) -> list[Plan]:
    """``plans`` where nothing else writes to the relation in between.

    A row that a turn adds from the other side is no matter of later turns, and what it adds to
    another object is none of this one's.
    """
    field = relation_of(subject)
    table = meta.through_table(field) if field is not None else ""
    if not table:
        return plans
    earlier: list[ast.Call] = []
    for group in meanwhile.writing(subject, table):
        call = _writing(subject, group)
        if call is not None and _is_of_another(subject, call, field):
            continue
        if call is None or [ast.unparse(one) for one in call.args] != [_parent(subject)]:
            return [not_shown(subject, group)]
        earlier += [call] if call.lineno < _last_line(subject) else []
    first = _first(earlier)
    if first is None:
        return plans
    return [in_words(plans[0], subject, first, "makes it outdated")]


def relation_of(subject: Subject) -> Any:
    """The relation that a candidate reads; ``None`` where it reads none."""
    model = meta.model_of(subject.facts.parent_model)
    return meta.relation(model, subject.facts.accessor) if model is not None else None


def _parent(subject: Subject) -> str:
    """``entry`` of ``entry.tags``."""
    return _rows(subject).rpartition(".")[0]


def _writing(subject: Subject, group: Group) -> ast.Call | None:
    """``tag.entries.add(entry)``, where it stands in the loop itself."""
    spot = spot_of_group(group)
    if spot is None or not any(one is subject.loop for one in spot.tree.above(spot.node)):
        return None
    calls = (one for one in ast.walk(spot.node) if isinstance(one, ast.Call))
    return next((one for one in calls if _method(one) in RELATION_WRITES | CREATING), None)


def _is_of_another(subject: Subject, call: ast.Call, field: Any) -> bool:
    """``copy.tags.set(…)`` beside ``entry.tags``: the same side, of what is no row of later turns."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    forward = field.field if field.auto_created else field
    both = bool(forward.remote_field.symmetrical)
    return isinstance(owner, ast.Attribute) and owner.attr == subject.facts.accessor and not both


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def not_shown(subject: Subject, group: Group) -> Plan:
    """What to do where something else than the loop's own body writes."""
    site = subject.case.locate(group).site
    same = site.file == subject.site.file
    where = f":{site.line}" if same else f"{os.path.basename(site.file)}:{site.line}"
    text = (
        f"no prefetch before the loop shows what is written at {where}: read "
        f"{relations.reading(subject) or 'it'} once for all rows behind the loop, or write there"
    )
    return Plan(
        "prefetched", subject.site.file, subject.site.line, costs=subject.count, text=text, place=""
    )


def in_words(plan: Plan, subject: Subject, call: ast.Call, why: str) -> Plan:
    """``plan`` as a sentence: the read has to come first, and whether it may is for the user."""
    read = f"read {relations.reading(subject) or 'it'} before {_method(call)}() at :{call.lineno} {why}"
    text, costs = f"{lost.loaded(subject)}: {read}", 0
    if lost.prefetch_of(subject) is None:
        where = f"{os.path.basename(plan.file)}:{plan.line}"
        calls = "".join(f".{method}({argument})" for method, argument in plan.calls)
        what = plan.text or (f"add {calls}" if calls else f"put {plan.expression}")
        text, costs = f"{what} {plan.place} {where}, and {read}", plan.costs
    if subject is not subject.case.subjects[0]:
        costs = subject.count  # the sentence is about another statement
    return Plan("prefetched", subject.site.file, call.lineno, costs=costs, text=text, place="")


def _rows(subject: Subject) -> str:
    """``entry.tags``, as it is written."""
    return relations.reading(subject).removesuffix(".all()")


def _dropping(subject: Subject) -> ast.Call | None:
    """The first call in the loop that drops what its related manager has loaded."""
    calls = (one for one in _calls(subject) if _method(one) in RELATION_WRITES)
    return _first(one for one in calls if _owner(one) == _rows(subject))


def _creating(subject: Subject) -> ast.Call | None:
    """``author.blogs.create(…)``, ``Blog.objects.create(owner=author)``: the first in the loop."""
    field, parent = relation_of(subject), _parent(subject)
    # A GenericRelation has a key of two columns, and stands on its model itself.
    reverse = field is not None and field.one_to_many and field.auto_created
    key = field.field if reverse else None
    own = {key.name: parent, key.attname: f"{parent}.pk"} if key is not None else {}
    calls = (one for one in _calls(subject) if _method(one) in CREATING)
    return _first(
        one
        for one in calls
        if _owner(one) == _rows(subject)
        or any(own.get(given.arg or "") == ast.unparse(given.value) for given in one.keywords)
    )


def _calls(subject: Subject) -> Iterator[ast.Call]:
    """The calls in the loop, where it reads the relation itself."""
    if subject.loop is not None and subject.local and _rows(subject):
        yield from (one for one in own_nodes(subject.loop) if isinstance(one, ast.Call))


def _owner(call: ast.Call) -> str:
    return ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def _first(calls: Iterable[ast.Call]) -> ast.Call | None:
    return min(calls, key=lambda call: call.lineno, default=None)


def _last_line(subject: Subject) -> int:
    """Of the last read in the loop."""
    return max(map(_line, subject.candidate.groups), default=0)


def _line(group: Group) -> int:
    spot = spot_of_group(group)
    return spot.line if spot is not None else 0
