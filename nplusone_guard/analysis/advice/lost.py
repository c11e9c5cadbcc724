"""Advice for prefetches that do not reach what the loop reads.

The rows were loaded, but onto another object, onto an attribute that nobody reads, or onto an
object that has dropped them since.
"""

from __future__ import annotations

import ast
import os
from dataclasses import replace as changed

from nplusone_guard.analysis.advice import meta, queries
from nplusone_guard.analysis.advice.asks import Ask, ask_of
from nplusone_guard.analysis.advice.case import Plan, Subject, replace, spot_of_group
from nplusone_guard.analysis.advice.feeds import Feed, feeds
from nplusone_guard.analysis.advice.picking import picked, raised
from nplusone_guard.analysis.advice.prefetches import missing_row
from nplusone_guard.analysis.advice.relations import quoted, singly_loaded
from nplusone_guard.analysis.advice.trees import Spot, own_nodes
from nplusone_guard.analysis.advice.values import called
from nplusone_guard.analysis.advice.wording import double_quoted
from nplusone_guard.analysis.rules import facts_of
from nplusone_guard.capture.scope import Group


def prefetch_of(subject: Subject) -> Group | None:
    """The prefetch that had loaded what a candidate asks for; one by its own name first."""
    wanted = subject.candidate.relation or subject.facts.relation
    found = [
        group
        for group in reversed(subject.case.groups)
        if group.sequence < subject.group.sequence and _relation_of(group) == wanted
    ]
    return next((one for one in found if not _attribute_of(one)), found[0] if found else None)


def _relation_of(group: Group) -> str:
    prefetch = facts_of(group).prefetch
    return f"{prefetch[0]}.{prefetch[1]}" if prefetch is not None else ""


def _attribute_of(group: Group) -> str:
    """The attribute that rows were prefetched to, where it is not the accessor."""
    facts = facts_of(group)
    name = str(facts.prefetch_to.rpartition("__")[2])
    return name if facts.prefetch is not None and name != facts.prefetch[1] else ""


def to_attr(subject: Subject) -> str:
    """The attribute that the only prefetch of what is asked for went to."""
    prefetch = prefetch_of(subject)
    return _attribute_of(prefetch) if prefetch is not None else ""


def at(subject: Subject, line: int | None = None) -> str:
    """``:43`` in the file of the prefetch, ``views.py:43`` in another one."""
    prefetch, line = prefetch_of(subject), subject.site.line if line is None else line
    spot = spot_of_group(prefetch) if prefetch is not None else None
    same = spot is not None and spot.tree.file == subject.site.file
    return f":{line}" if same else f"{os.path.basename(subject.site.file)}:{line}"


def loaded(subject: Subject) -> str:
    """``"entries" is prefetched at reports.py:41``."""
    accessor = subject.candidate.relation.rpartition(".")[2] or subject.facts.accessor
    prefetch = prefetch_of(subject)
    spot = spot_of_group(prefetch) if prefetch is not None else None
    where = ""
    if spot is not None:
        where = f" at {os.path.basename(spot.tree.file)}:{_written_at(spot)}"
    return f"{quoted(accessor)} is prefetched{where}"


def _written_at(spot: Spot) -> int:
    """The line of the only ``prefetch_related()`` that the rows come by; else where they do."""
    calls = {
        node.lineno: node
        for feed in feeds(spot)
        for node in ast.walk(feed.node)
        if isinstance(node, ast.Call) and called(node) == "prefetch_related"
    }
    return next(iter(calls)) if len(calls) == 1 else spot.line


# -- onto another object ---------------------------------------------------------------


def is_elsewhere(subject: Subject) -> bool:
    """Whether the object that the loop reads from never had the prefetched rows, or lost them."""
    facts = subject.facts
    by_manager = bool(facts.parent_key and facts.accessor and facts.relation)
    return by_manager and not facts.prefetched and not to_attr(subject)


def elsewhere(ask: Ask) -> list[Plan]:
    """The same prefetch for the objects that the loop reads from."""
    subject = ask.subject
    why = where_it_went(subject, ask.parent)
    if refreshes(subject):
        return [_told(ask, why, "prefetch it for the rows that are read again")]
    if singly_loaded(subject) or any("get" in feed.endings for feed in ask.root.feeds):
        return [_told(ask, why, "read it on the object that has it")]
    found = queries.plans(subject)
    if any(map(_is_there, found)):
        return [_told(ask, why, "read it on the object that has it")]
    return [changed(plan, why=why) for plan in found]


def _is_there(plan: Plan) -> bool:
    """Whether the querysets that a plan is for name its look-ups already."""
    names = [argument for _, argument in plan.calls]
    texts = [double_quoted(feed.text) for feed in plan.feeds]
    return bool(names and texts) and all(name in text for name in names for text in texts)


def _told(ask: Ask, why: str, what: str) -> Plan:
    return Plan(
        kind="prefetched",
        file=ask.relative.query.spot.tree.file,
        line=ask.subject.site.line,
        text=f"{why}: {what}",
        place="",
        costs=0,
    )


def where_it_went(subject: Subject, parent: str) -> str:
    """Why the prefetch is of no use to ``parent``."""
    start = f"{loaded(subject)}, but"
    refresh = next(iter(refreshes(subject)), None)
    if refresh is not None:
        return f"{start} refresh_from_db() {_line(subject, refresh)} drops it"
    if _is_same_row(subject):
        return f"{start} {parent} at {at(subject)} is a fresh instance of the same row, without it"
    return f"{start} {parent} at {at(subject)} is another object, without it"


def _line(subject: Subject, other: Subject) -> str:
    return f"at {at(subject, other.site.line)}"


def _is_same_row(subject: Subject) -> bool:
    prefetch, group = prefetch_of(subject), subject.group
    sightings = [one for one in (group.first, group.second) if one is not None]
    known = facts_of(prefetch).prefetched_for if prefetch is not None else frozenset()
    return any(one.facts.parent_key in known for one in sightings)


def refreshes(subject: Subject) -> list[Subject]:
    """The statements of the finding that read the same rows again, and drop what they had."""
    model = meta.model_of(subject.facts.parent_model)
    return [
        one
        for one in subject.case.subjects
        if one.facts.operation == "refresh_from_db"
        and meta.same_rows(meta.model_of(one.facts.model), model)
    ]


def dropped(subject: Subject) -> list[Subject]:
    """The statements that ask again for what ``refresh_from_db()`` of a candidate drops."""
    return [
        one
        for one in subject.case.subjects
        if one.candidate.rule == "bypassed-prefetch" and subject in refreshes(one)
    ]


def dropped_by(subject: Subject) -> str:
    """The start of the sentence for a ``refresh_from_db()``; empty where it drops nothing."""
    return next((where_it_went(one, "") for one in dropped(subject)), "")


# -- onto an attribute -----------------------------------------------------------------


def in_attribute(ask: Ask, attribute: str) -> list[Plan]:
    """Read the attribute where it holds what is asked for; else load that, too."""
    subject = ask.subject
    why = (
        f"{loaded(subject)} into to_attr={quoted(attribute)}, {_use(ask, attribute)} "
        f"{asked(ask)} at {at(subject)} asks the database again"
    )
    calls = [_prefetch_to(feed, attribute) for feed in ask.root.feeds]
    rows = f"{ask.parent}.{attribute}"
    if calls and all(call is not None and _holds_the_same(ask, call) for call in calls):
        return [read_in_python(ask, rows, why)] if ask.operation in {"filter", "iterator"} else []
    if calls and all(call is not None and not _links_of(call) for call in calls):
        read = picked(changed(ask, loaded_as=rows))
        if ask.whole and ask.operation in {"filter", "iterator"}:
            read = rows
        return [read_in_python(ask, read, why)] if read is not None else []
    return [changed(plan, why=why) for plan in queries.plans(subject)]


def _use(ask: Ask, attribute: str) -> str:
    """Whether anything in the source around the loop reads the attribute."""
    trees = {id(spot.tree): spot.tree for spot in (ask.subject.spot, ask.subject.loop_spot) if spot}
    read = any(
        isinstance(node, ast.Attribute) and node.attr == attribute
        for tree in trees.values()
        for node in ast.walk(_around(tree, ask))
    )
    return "but" if read else "which this code never reads, and"


def _around(tree: object, ask: Ask) -> ast.AST:
    for spot in (ask.subject.loop_spot, ask.subject.spot):
        if spot is not None and spot.tree is tree:
            return spot.tree.function(spot.node) or spot.tree.module
    return ast.Pass()


def _prefetch_to(feed: Feed, attribute: str) -> ast.Call | None:
    """``Prefetch(…, to_attr="loaded")`` in the function that makes the queryset, or its module."""
    tree = feed.spot.tree
    function = tree.function(feed.node) or tree.module
    for node in [*ast.walk(feed.node), *own_nodes(function), *own_nodes(tree.module)]:
        if isinstance(node, ast.Call) and called(node) == "Prefetch":
            given = {one.arg: one.value for one in node.keywords}
            name = given.get("to_attr") or (node.args[2] if len(node.args) > 2 else None)
            if isinstance(name, ast.Constant) and name.value == attribute:
                return node
    return None


def _links_of(call: ast.Call) -> list[str]:
    """What the queryset of a Prefetch adds to all the rows, as it is written."""
    given = next((one.value for one in call.keywords if one.arg == "queryset"), None)
    given = given or (call.args[1] if len(call.args) > 1 else None)
    links: list[str] = []
    while isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute):
        bare = ast.Call(ast.Name(given.func.attr, ast.Load()), given.args, given.keywords)
        links.append(f".{ast.unparse(bare)}")
        given = given.func.value
    if given is not None and not isinstance(given, ast.Attribute):
        links.append(ast.unparse(given))
    return [link for link in reversed(links) if link != ".all()"]


def _holds_the_same(ask: Ask, call: ast.Call) -> bool:
    return bool(ask.links) and _links_of(call) == [link.text for link in ask.links]


def read_in_python(ask: Ask, read: str, why: str) -> Plan:
    """What the query gives, from rows that are loaded already."""
    query = ask.relative.query
    handlers, missing = missing_row(ask, raised(ask))
    return Plan(
        kind="prefetched",
        file=query.spot.tree.file,
        line=query.where().line,
        expression=read,
        read=read,
        steps=(replace(query.where(), read), *handlers),
        costs=0,
        text=f"{why}: read {read}",
        place="",
        **missing,
    )


def asked(ask: Ask | None) -> str:
    """``.filter(active=True)``; the whole expression where nothing is asked besides."""
    if ask is None:
        return "the loop"
    links = [link.text for link in ask.relative.links if link.name != "all"]
    return "".join(links) or ast.unparse(ask.relative.query.node)


# -- a fresh instance of the row in hand -------------------------------------------------


def fresh_instance(subject: Subject, call: ast.Call, same: str) -> str:
    """The start of the sentence for ``get(pk=row.pk)`` where ``row`` is at hand."""
    for other in subject.case.subjects:
        if other.candidate.rule == "bypassed-prefetch" and is_elsewhere(other):
            ask = ask_of(other)
            name = ask.parent if ask is not None else ast.unparse(call)
            return where_it_went(other, name)
    return f"{ast.unparse(call)} at {at(subject)} reads {same} again"
