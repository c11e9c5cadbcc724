"""What to change so that a loop goes away: where, what, what to read then, what it saves."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from nplusone_guard.analysis.advice import (
    bypassed,
    duplicates,
    keyed,
    known,
    made,
    meanwhile,
    meta,
    own_rows,
    queries,
    raw,
    reassigned,
    recursion,
    relations,
    rowwise,
    values,
    walks,
    words,
    writes,
)
from nplusone_guard.analysis.advice.case import Candidate as Candidate
from nplusone_guard.analysis.advice.case import Case as Case
from nplusone_guard.analysis.advice.case import Parents as Parents
from nplusone_guard.analysis.advice.case import Plan, Subject, append
from nplusone_guard.analysis.advice.declared import OR_BY_OPTION
from nplusone_guard.analysis.advice.dropping import undropped
from nplusone_guard.analysis.advice.feeds import Feed
from nplusone_guard.analysis.advice.nesting import outermost, told_honestly
from nplusone_guard.analysis.advice.outdating import behind_writes, up_to_date
from nplusone_guard.analysis.advice.trees import tree_of
from nplusone_guard.analysis.advice.wording import double_quoted, one_line, stands_in
from nplusone_guard.analysis.findings import Advice, Option, Step
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.landmarks import files

#: Ways that are told of one finding.
MAX_OPTIONS: Final = 4


def advise(case: Case) -> Advice:
    """The advice for one finding; a sentence alone where the source does not show enough."""
    try:
        with values.remembered():
            options = _options(case)
    except Exception as error:
        contain("analysis.advice", error, case.scope.errors)
        options = []
    if not options:
        return _for_package(case, _in_words(case))
    first = options[0]
    told = tuple(_outside_history(option) for option, _ in options)
    text = first[1].about + _sentence(case, first)
    advice = Advice(text, first[0].saves, first[0].of, told)
    return _for_package(case, advice)


def _outside_history(option: Option) -> Option:
    """Without edits where a migration would import a model, whose past is not that of today."""
    imported = [one for one in option.imports if not one.startswith("from django.")]
    tree = tree_of(option.file) if imported else None
    if tree is None or not any(map(_is_migration, tree.module.body)):
        return option
    return replace(option, steps=(), imports=())


def _is_migration(node: ast.stmt) -> bool:
    if not isinstance(node, ast.ClassDef) or node.name != "Migration":
        return False
    return any(ast.unparse(base).endswith("Migration") for base in node.bases)


def _for_package(case: Case, advice: Advice) -> Advice:
    """Where an installed package asks by itself, its code is not the user's to edit."""
    site = case.main.location.site
    if not site.package:
        return advice
    where = f"{os.path.basename(site.file.replace(chr(92), '/'))}:{site.line}"
    text = (
        f"no code of the project asks: override or configure what {site.package} does at "
        f"{where}, or leave it out (EXCLUDE); its own code would have to {advice.text}"
    )
    options = tuple(replace(option, steps=()) for option in advice.options)
    return replace(advice, text=text, options=options)


def _in_words(case: Case) -> Advice:
    main = case.main
    told = words.advise(case)
    # The words are about one branch of the loop: the others go with it, where anything does.
    # Of equal queries each may have a branch of its own.
    goes = told.saves or main.rule == "duplicate-query"
    others = main.count - main.group.count if goes else 0
    return replace(told, saves=told.saves + others, of=case.total)


# -- options ---------------------------------------------------------------------------

_Told = tuple[Option, Plan]


def _options(case: Case) -> list[_Told]:
    found = [(subject, _plans(subject)) for subject in case.subjects]
    made = [(subject, plans) for subject, plans in found if plans]
    if len(made) > 1 and own_rows.are_told(made[0][1][0]):
        del made[0]  # words about one statement are none about the others
    if not made:
        return []
    chosen = [(subject, plans[0]) for subject, plans in made]
    if _are_of_many_models(chosen):
        chosen = [(made[0][0], replace(made[0][1][0], feeds=()))]  # to be told, not edited
        made = made[:1]
    whole = _merged(case, chosen) or _merged(case, chosen[:1])  # one after the other
    told = [whole] if whole is not None else []
    subject, plans = made[0]
    others = [(one, chosen[0]) for one, chosen in made[1:]]
    for plan in plans[1:]:
        option = _merged(case, [(subject, plan), *others])
        if option is not None and option[0] not in [known for known, _ in told]:
            told.append(option)
    return told[:MAX_OPTIONS]


def _are_of_many_models(chosen: Sequence[tuple[Subject, Plan]]) -> bool:
    """Whether a queryset, whose model does not show, has rows of unrelated models in turn.

    A look-up of one of them would be an error for the others.
    """
    parents: dict[int, list[str]] = {}
    for subject, plan in chosen:
        for feed in plan.feeds:
            if feed.model is None and subject.facts.parent_model:
                parents.setdefault(id(feed.node), []).append(subject.facts.parent_model)
    return any(not _related(labels) for labels in parents.values())


def _related(labels: Sequence[str]) -> bool:
    first, *others = (meta.model_of(label) for label in dict.fromkeys(labels))
    return all(meta.same_rows(first, other) for other in others)


def _plans(subject: Subject) -> list[Plan]:
    if waits := duplicates.waiting(subject):
        return waits
    if own_rows.are_asked_for(subject):
        return own_rows.plans(subject)
    if _outdated(subject):
        return [told_honestly(plan, subject) for plan in known.plans(subject)]
    for maker in _MAKERS.get(subject.candidate.rule, ()):
        plans = [plan for plan in maker(subject) if not relations.is_in_vain(plan, subject)]
        if plans:
            plans = behind_writes(up_to_date(undropped(plans, subject), subject), subject)
            return [told_honestly(_on_branches(plan, subject), subject) for plan in plans]
    return []


def _outdated(subject: Subject) -> bool:
    """Whether the loop itself writes what rows that are read before it would not tell."""
    reads = subject.group.fingerprint.kind == "select"
    return reads and subject.candidate.rule in _ASKING and meanwhile.is_written(subject)


_ASKING: Final = frozenset({"query-in-loop", "raw-sql-in-loop"})


def _on_branches(plan: Plan, subject: Subject) -> Plan:
    """The same edits on the other branches of the loop's body."""
    spots = subject.spots
    if len(spots) < 2 or subject.spot is None:
        return plan
    file, line = subject.spot.tree.file, subject.spot.line
    mine = [one for one in plan.steps if one.action == "replace" and one.file == file]
    more = [
        Step("replace", spot.tree.file, node.lineno, step.old, step.new)
        for step in mine
        for spot in spots
        for node in ast.walk(spot.tree.statement(spot.node) or spot.node)
        if isinstance(node, ast.expr) and node.lineno != line and ast.unparse(node) == step.old
    ]
    plan.steps = tuple(dict.fromkeys((*plan.steps, *more)))
    return plan


_by_keys: Final = outermost(keyed.plans)
_by_raw_sql: Final = outermost(raw.plans)
_once: Final = outermost(duplicates.plans, by_rows=False)


def _with_or_before(subject: Subject) -> list[Plan]:
    """With the parents' rows, or by key in a query of their own before the loop."""
    return [*queries.plans(subject), *_by_keys(subject)]


def _dumped(subject: Subject) -> list[Plan]:
    """Django's serializers ask for keys alone, and take whole rows where they were prefetched."""
    dumped = any(files.is_of(place.code, files.DUMPERS) for place in subject.group.path)
    return [replace(plan, read="") for plan in relations.plans(subject)] if dumped else []


def _written_behind(subject: Subject) -> list[Plan]:
    """Writes of all rows at once, which reads in the loop know of in another way."""
    answers = known.answered(subject)
    found = writes.plans(subject)
    for plan in found:
        plan.steps = (*(step for one in answers for step in one.steps), *plan.steps)
    return found


def _walked(subject: Subject) -> list[Plan]:
    return recursion.plans(subject) if recursion.is_walk(subject) else []


_Maker = Callable[[Subject], list[Plan]]

_MAKERS: Final[dict[str, tuple[_Maker, ...]]] = {
    "lazy-relation": (
        _walked,
        reassigned.plans,
        made.plans,
        relations.plans,
        queries.plans,
        _by_keys,
    ),
    "deferred-field": (relations.deferred,),
    "query-in-loop": (
        _dumped,
        rowwise.plans,
        walks.plans,
        _with_or_before,
        _by_raw_sql,
        _once,
        writes.plans,
    ),
    "bypassed-prefetch": (bypassed.plans, queries.plans, _by_keys),
    "write-in-loop": (_written_behind,),
    "raw-sql-in-loop": (_by_raw_sql,),
    "recursive-query": (recursion.plans,),
    "duplicate-query": (_once, queries.plans, _by_keys),
}


def _merged(case: Case, chosen: Sequence[tuple[Subject, Plan]]) -> _Told | None:
    """All statements' plans as one option: calls on one queryset are written as one."""
    main = chosen[0][1]
    calls = _calls([plan for _, plan in chosen if _same_place(plan, main)])
    steps = list(_appends(main, calls))
    for _, plan in chosen:
        if plan.calls and not _same_place(plan, main):
            steps += _appends(plan, _calls([plan]))
    for _, plan in chosen:
        steps += plan.steps
    if _conflict(steps):
        return None
    complete = all(plan.feeds or not plan.calls for _, plan in chosen)
    covered = sum(subject.count for subject, _ in chosen)
    saves = covered - sum(plan.costs for _, plan in chosen)
    beside = [pair for pair in chosen if _goes_beside(pair[1], main)]
    expression = calls or _statements([plan for _, plan in beside]) or main.expression
    option = Option(
        kind=main.kind,
        file=main.file,
        line=main.line,
        expression=double_quoted(expression),
        read=double_quoted(main.read),
        steps=tuple(map(_written, dict.fromkeys(steps))) if complete else (),
        imports=tuple(dict.fromkeys(line for _, plan in chosen for line in plan.imports)),
        saves=max(saves, 0),
        of=case.total,
        loses=", ".join(dict.fromkeys(plan.loses for _, plan in chosen if plan.loses)),
    )
    behind = [plan for _, plan in chosen if _is_behind(plan) and not _says(main, plan)]
    others = [pair for pair in beside or chosen if pair[1] not in behind]
    told = replace(
        main,
        about=_about(case, chosen[0][0]),
        also=_other_reads(others),
        behind=tuple(_behind(plan) + _repeated(plan) for plan in behind),
    )
    for _, plan in beside:
        told.over, told.catches = told.over or plan.over, told.catches or plan.catches
        told.missing, told.adds = told.missing or plan.missing, told.adds or plan.adds
    return option, told


def _about(case: Case, subject: Subject) -> str:
    """Which statement the option is about, where that is not the one that names the finding."""
    if any(group is subject.group for group in case.main.groups):
        return ""
    return f"for {subject.group.fingerprint.headline}: "


def _is_behind(plan: Plan) -> bool:
    """Whether a plan collects what the loop writes, and writes it behind the loop."""
    return plan.place.startswith("behind ") and not plan.text


def _says(main: Plan, plan: Plan) -> bool:
    """Whether the sentence of ``main`` says it: one call may send several statements."""
    return (main.place, main.expression, main.read) == (plan.place, plan.expression, plan.read)


def _goes_beside(plan: Plan, main: Plan) -> bool:
    """Whether what a plan writes goes before the same loop."""
    places = {(one.place, one.file, one.line) for one in (plan, main)}
    alike = len(places) == 1 and not plan.text and not main.text
    return alike and main.place.startswith("before the loop")


def _statements(plans: Sequence[Plan]) -> str:
    """What several plans write before one loop, whose rows get their name once."""
    told: list[str] = []
    for plan in plans:
        if plan.expression in told:
            continue  # one call may send several statements
        naming, _, rest = plan.expression.partition("\n")
        named = plan.over and any(one.startswith(f"{naming}\n") for one in told)
        told.append(rest if named else plan.expression)
    return "\n".join(dict.fromkeys(told))


def _conflict(steps: Sequence[Step]) -> bool:
    """Whether one text would become two others: one call may send two statements."""
    replaced: dict[tuple[str, int, str], str] = {}
    return any(
        replaced.setdefault((step.file, step.line, step.old), step.new) != step.new
        for step in steps
        if step.action == "replace"
    ) or any(
        (step.file, step.line) == (file, line) and step.old in old
        for step in steps
        if step.action == "append"
        for file, line, old in replaced
    )


def _other_reads(chosen: Sequence[tuple[Subject, Plan]]) -> tuple[str, ...]:
    """What else is read in another way afterwards: one option may see to several statements."""
    main = chosen[0][1]
    reads = [
        double_quoted(plan.read)
        for subject, plan in chosen[1:]
        if plan.read and not stands_in(double_quoted(plan.read), double_quoted(subject.site.source))
    ]
    return tuple(dict.fromkeys(read for read in reads if read != double_quoted(main.read)))


def _written(step: Step) -> Step:
    return replace(step, new=double_quoted(step.new))


def _same_place(one: Plan, other: Plan) -> bool:
    if one.feeds and other.feeds:
        return {id(feed.node) for feed in one.feeds} == {id(feed.node) for feed in other.feeds}
    return bool(one.calls and other.calls) and (one.file, one.line) == (other.file, other.line)


def _calls(plans: Sequence[Plan]) -> str:
    """``.select_related("country").prefetch_related("books", "entries")``."""
    given: dict[str, dict[str, None]] = {}
    for plan in plans:
        for method, argument in plan.calls:
            given.setdefault(method, {})[argument] = None
    joined = given.get("select_related", {})
    loaded = given.get("prefetch_related", {})
    for names in (joined, loaded):
        for name in list(names):
            if any(_leads_on(name, other) for other in names):
                del names[name]
    return "".join(
        f".{method}({', '.join(arguments)})" for method, arguments in given.items() if arguments
    )


def _leads_on(name: str, other: str) -> bool:
    """Whether ``"author"`` is loaded on the way to ``"author__country"``."""
    if not name.startswith('"') or name == other:
        return False
    return other.startswith((f"{name[:-1]}__", f"GenericPrefetch({name},"))


def _appends(plan: Plan, calls: str) -> Iterable[Step]:
    if not plan.calls:
        return
    feeds: tuple[Feed, ...] = plan.feeds
    if plan.calls[0][0] == "prefetch_related" and any("union" in feed.endings for feed in feeds):
        feeds = feeds[:1]
    for feed in feeds:
        yield from _append(feed, calls)


def _append(feed: Feed, calls: str) -> Iterable[Step]:
    iterator = relations.whole_iterator(feed) if "prefetch_related" in calls else None
    if iterator is None:
        yield append(feed.spot, calls)
        if "prefetch_related" in calls and "iterator" in feed.endings:
            yield from relations.chunked(feed)
        return
    # Without a chunk size nothing is prefetched for the rows (Django 4.2), or refused (≥ 5.0).
    assert isinstance(iterator.func, ast.Attribute)
    new = f"{feed.text}{calls}.{iterator.func.attr}(chunk_size={relations.CHUNK_SIZE})"
    yield Step("replace", feed.spot.tree.file, iterator.lineno, ast.unparse(iterator), new)


# -- the sentence ----------------------------------------------------------------------


def _behind(plan: Plan) -> str:
    """``rows.append(…) in the loop, and behind the loop at views.py:5: ….bulk_create(rows)``."""
    read, expression = (one_line(double_quoted(one)) for one in (plan.read, plan.expression))
    return f"{read} in the loop, and {plan.place} {_where(plan)}: {expression}"


def _repeated(plan: Plan) -> str:
    return f" ({plan.repeated})" if plan.repeated else ""


def _where(plan: Plan | Option) -> str:
    return f"{os.path.basename(plan.file.replace(chr(92), '/'))}:{plan.line}"


def _sentence(case: Case, told: _Told) -> str:
    option, plan = told
    where = _where(option)
    expression, read = one_line(option.expression), one_line(option.read)
    if plan.text:
        text = double_quoted(plan.text) + (f" {plan.place} {where}" if plan.place else "")
    elif plan.place.startswith("to "):
        place = plan.place
        if "prefetch_related" in expression:
            place = place.replace(OR_BY_OPTION, "")
        places = _querysets(option)
        if len(places) > 1 and place == "to the queryset at":
            place, where = "to the querysets at", " and ".join(places)
        text = f"add {expression} {place} {where}"
    elif plan.place.startswith("behind "):
        text, read = _behind(plan), ""
    elif option.kind == "hoist":
        text = f"ask once: {expression} {plan.place} {where}, and read {read}"
    else:
        text = f"put {expression} {plan.place} {where}"
    changed = [read] if read and _changes(case, option) else []
    if plan.place.startswith(("to ", "before the loop")):
        changed += map(one_line, plan.also)
    reads = " and ".join(one for one in changed if one not in text)
    more = {
        "loop over": plan.over,
        "read": reads,
        "write": double_quoted(plan.adds),
        "catch": plan.catches,
    }
    *others, last = [f", {verb} {what}" for verb, what in more.items() if what] or [""]
    text += "".join(others) + last.replace(", ", ", and ", 1)
    text = f"{double_quoted(plan.why)}: {text}" if plan.why else text
    text += f" (a missing row {plan.missing})" if plan.missing else ""
    text += f" ({plan.note})" if plan.note else ""
    text += _repeated(plan)
    text = "; ".join(dict.fromkeys((text, *plan.behind)))
    return text + (f" (skips {option.loses})" if option.loses else "")


def _querysets(option: Option) -> list[str]:
    """``views.py:5``, then ``:7`` in the same file: where an option is written more than once."""
    appended = (one for one in option.steps if one.action == "append")
    written = [(one.file, one.line) for one in appended if one.new == option.expression]
    return [
        f"{os.path.basename(file) if file != written[0][0] or not number else ''}:{line}"
        for number, (file, line) in enumerate(dict.fromkeys(written))
    ]


def _changes(case: Case, option: Option) -> bool:
    """Whether the loop reads something else afterwards."""
    source = double_quoted(case.main.location.site.source)
    return option.kind != "fetch_mode" and not stands_in(double_quoted(option.read), source)
