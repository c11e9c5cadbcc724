"""One scope's groups, turned into verdicts: findings, cleared groups, shapes."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nplusone_guard.analysis import apart, rules
from nplusone_guard.analysis.findings import Advice, Finding, Shape, Statement
from nplusone_guard.analysis.identity import Names, names_of
from nplusone_guard.analysis.location import Location, call_site, exclusive, locate
from nplusone_guard.analysis.main_statement import main_of
from nplusone_guard.analysis.merging import worst_first
from nplusone_guard.analysis.repeats import asked_again
from nplusone_guard.analysis.suspects import Suspects
from nplusone_guard.analysis.verdicts import Cleared, Site, Verdicts
from nplusone_guard.capture.scope import Group, Scope
from nplusone_guard.ignores.matching import find_ignore
from nplusone_guard.ignores.unused import unused
from nplusone_guard.policy import Policy, Severity

if TYPE_CHECKING:
    from nplusone_guard.analysis.advice import Parents


@dataclass(slots=True)
class Candidate:
    """One statement of a loop: a group, and the groups of its other branches."""

    group: Group
    location: Location
    rule: str
    others: list[Group]
    #: ``app.Model.accessor`` of the relation that it is about.
    relation: str = ""

    @property
    def groups(self) -> list[Group]:
        return [self.group, *self.others]

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)


class Judge:
    """Judges one closed scope. Each group is located once, when it is first asked for."""

    def __init__(self, scope: Scope, suspects: Suspects) -> None:
        self.scope = scope
        self.suspects = suspects
        self.policy: Policy = scope.policy
        self.groups = scope.all_groups()
        self.cleared = [*suspects.cleared]
        self.used_ignores: list[object] = []
        self.reached: list[Site] = []
        #: Groups that repeat for a reason which holds for equal parameters, too.
        self._settled: set[int] = set()
        self._locations: dict[int, Location] = {}
        self._names: dict[object, Names] = {}

    def verdicts(self) -> Verdicts:
        """Everything the rules make of the scope, worst finding first."""
        candidates = self._candidates()
        findings = [self._finding(loop) for loop in self._by_loop(candidates)]
        told = {id(group) for one in candidates for group in one.groups}
        findings += self._duplicates(told | self._settled)
        found = [finding for finding in findings if finding is not None]
        return Verdicts(
            findings=tuple(sorted(found, key=worst_first)),
            cleared=tuple(self.cleared),
            shapes=tuple(map(self._shape, self.groups)) if self.policy.details else (),
            unused_ignores=unused(self.reached, self.scope.ignores_opened, self.used_ignores),
        )

    def location(self, group: Group) -> Location:
        """The site and loop of ``group``."""
        known = self._locations.get(id(group))
        if known is None:
            group.settle()
            known = self._locations[id(group)] = locate(self.scope, group)
            # One turn is no evidence against an ignore: small data needs none.
            if group.count >= self.policy.threshold:
                self.reached += [site for site in (known.site, known.loop) if site is not None]
        return known

    # --- candidates -------------------------------------------------------------------

    def _candidates(self) -> list[Candidate]:
        found = (each for groups in self.suspects.loops for each in self._of_one_shape(groups))
        return sorted(found, key=lambda one: one.group.sequence)

    def _of_one_shape(self, groups: list[Group]) -> list[Candidate]:
        """Join the branches of one loop, then keep what repeats and is not healthy."""
        joined: dict[object, list[Group]] = defaultdict(list)
        recursed = {_functions(group) for group in groups if group.recursed}
        for group in groups:
            functions = _functions(group) if recursed else None
            key = functions if functions in recursed else self.location(group).key
            joined[key or id(group)].append(group)
        found = (self._candidate(branches) for branches in joined.values())
        return [candidate for candidate in found if candidate is not None]

    def _candidate(self, branches: list[Group]) -> Candidate | None:
        branches = sorted(branches, key=lambda group: not group.recursed)
        repeated = [one for one in branches if one.count >= self.policy.threshold]
        if repeated:
            main = repeated[0]
        elif self._turned(branches):
            main = branches[0]
        else:
            return None
        location = self.location(main)
        clearance = rules.clear(main, location, self.policy) or rules.two_pages(branches)
        clearance = clearance or apart.clear(main, location, self.groups)
        clearance = clearance or self._by_source(main, location, branches)
        same = len({key for group in branches for key in group.digests}) == 1
        bypassed = self._bypassed(main)
        rule = rules.rule_of(main, prefetched=bool(bypassed), same_parameters=same)
        if clearance is not None:
            self._clear(main, location, clearance.reason, clearance.detail)
            return None
        if not self.policy.judges(rule) or self._ignored(main, location, rule):
            return None
        others = [one for one in branches if one is not main]
        relation = bypassed if rule == "bypassed-prefetch" else rules.facts_of(main).relation
        return Candidate(main, location, rule, others, relation)

    def _by_source(
        self, main: Group, location: Location, branches: list[Group]
    ) -> rules.Clearance | None:
        """Why a repeated query is healthy that the lines around it tell."""
        # As with advice: what most scopes have no use for is not loaded.
        from nplusone_guard.analysis import levels, polling, tries

        clearance = levels.clear(main, self.scope) or polling.clear(main)
        clearance = clearance or tries.clear(main, location)
        if clearance is not None:
            self._settled |= {id(group) for group in branches}
        return clearance

    def _turned(self, branches: list[Group]) -> bool:
        """One path, or two branches that exclude each other: either proves two turns."""
        if len({group.path for group in branches}) < len(branches):
            return True
        places = [self.location(group) for group in branches]
        return any(
            exclusive(one, other)
            for index, one in enumerate(places)
            for other in places[index + 1 :]
        )

    def _bypassed(self, group: Group) -> str:
        """The relation whose prefetch had loaded the rows of ``group``; or nothing."""
        facts = rules.facts_of(group)
        if facts.operation == "prefetch":
            return ""
        if facts.prefetched:
            return facts.relation
        asked = {one.field for one in facts.fks}
        for one in self.groups:
            prefetch = one.first.facts.prefetch if one.first is not None else None
            if prefetch is None or one.sequence > group.sequence or prefetch[2] not in asked:
                continue
            from nplusone_guard.analysis.advice import meta

            # A condition may be about a table that is joined.
            if meta.leads_to(prefetch[0], prefetch[1], facts.model):
                return f"{prefetch[0]}.{prefetch[1]}"
        return ""

    def _clear(self, group: Group, location: Location, reason: str, detail: str) -> None:
        self.cleared.append(
            Cleared(
                reason,
                detail,
                group.fingerprint.headline,
                group.fingerprint.text,
                group.count,
                location.site,
                location.loop,
            )
        )

    def _ignored(self, group: Group, location: Location, rule: str) -> bool:
        relation = rules.facts_of(group).relation
        ids = self._names_of(rule, group, location).all
        found = find_ignore(
            rule, location.site, location.loop, relation, ids, group.ignores, self.policy
        )
        if found is None:
            return False
        reason, used = found
        self.used_ignores.append(used)
        self._clear(group, location, "ignored", reason)
        return True

    # --- findings ---------------------------------------------------------------------

    def _by_loop(self, candidates: list[Candidate]) -> list[list[Candidate]]:
        """Candidates that share a loop, one list a loop."""
        loops: dict[object, list[Candidate]] = defaultdict(list)
        for candidate in candidates:
            loops[candidate.location.key or id(candidate)].append(candidate)
        return list(loops.values())

    def _finding(self, candidates: list[Candidate]) -> Finding | None:
        main = main_of(candidates)
        group, location, rule = main.group, main.location, main.rule
        count = sum(one.count for one in candidates)
        headline = candidates[0].group.fingerprint.headline
        if self._exempt(main, location, count, headline):
            return None
        from nplusone_guard.analysis import origin

        parents = origin.parents_of(self.scope, group, location)
        statements = tuple(map(self._statement, candidates))
        names = self._names_of(rule, group, location)
        return Finding(
            rule=rule,
            severity=self._severity(candidates, main),
            summary=_summary(main, location),
            fingerprint=group.fingerprint.text,
            statements=statements,
            count=count,
            distinct_params=len(group.digests),
            duration=sum(one.duration for one in statements),
            site=location.site,
            loop=location.loop,
            origin=parents.origin if parents is not None else None,
            relation=main.relation,
            advice=self._advice(candidates, main, parents),
            id=names.id,
            also_at=self._sites(main.groups),
            former_ids=names.former,
        )

    def _severity(self, candidates: list[Candidate], main: Candidate) -> Severity:
        """``warning`` where every row is one that a deletion takes along: Django chose them all."""
        severity = rules.severity_of(main.rule, main.group)
        if severity == "error" and all(map(self._is_collected, candidates)):
            return "warning"
        return severity

    def _is_collected(self, candidate: Candidate) -> bool:
        from nplusone_guard.analysis import origin

        if candidate.rule not in rules.OF_PARENTS:
            return False
        parents = origin.parents_of(self.scope, candidate.group, self.location(candidate.group))
        return parents is not None and rules.facts_of(parents.read).collected

    def _advice(
        self, candidates: list[Candidate], main: Candidate, parents: Parents | None
    ) -> Advice:
        # Most scopes have no finding, and these modules take longer to load than many a test.
        from nplusone_guard.analysis import advice, origin

        def find_parents(group: Group) -> Parents | None:
            return origin.parents_of(self.scope, group, self.location(group))

        return advice.advise(
            advice.Case(
                self.scope, candidates, main, parents, find_parents, self.location, self.groups
            )
        )

    def _exempt(self, main: Candidate, location: Location, count: int, headline: str) -> bool:
        """Whether whoever opened the scope knows better; it is asked before there is advice."""
        if self.policy.exempt is None:
            return False
        text, sites = main.group.fingerprint.text, [self.location(g).site for g in main.groups]
        why = self.policy.exempt.why(self.scope, text, location.loop, sites)
        if why:
            place = (location.site, location.loop)
            self.cleared.append(Cleared("test-code", why, headline, text, count, *place))
        return bool(why)

    def _statement(self, candidate: Candidate) -> Statement:
        group, groups = candidate.group, candidate.groups
        facts = rules.facts_of(group)
        names = self._names_of(candidate.rule, group, candidate.location)
        return Statement(
            rule=candidate.rule,
            headline=group.fingerprint.headline,
            fingerprint=group.fingerprint.text,
            database=group.alias,
            count=candidate.count,
            failed=sum(one.failed for one in groups),
            distinct_params=len({key for one in groups for key in one.digests}),
            duration=sum(one.duration for one in groups),
            site=candidate.location.site,
            operation=facts.operation,
            model=facts.model,
            relation=facts.relation,
            id=names.id,
            former_ids=names.former,
        )

    def _sites(self, groups: list[Group]) -> tuple[Site, ...]:
        """All the sites, where there are several."""
        sites = tuple(dict.fromkeys(self.location(group).site for group in groups))
        return sites if len(sites) > 1 else ()

    def _names_of(self, rule: str, group: Group, location: Location) -> Names:
        key = (rule, id(group), location.loop)
        known = self._names.get(key)
        if known is None:
            known = self._names[key] = names_of(
                rule,
                group.fingerprint.text,
                location.site,
                location.loop,
                self.policy.base_dir,
                by_hand=rules.facts_of(group).operation in rules.BY_HAND,
            )
        return known

    # --- duplicates ---------------------------------------------------------------------

    def _duplicates(self, in_loops: set[int]) -> list[Finding | None]:
        if not self.policy.judges("duplicate-query"):
            return []
        spread = [group for group in self.suspects.spread if id(group) not in in_loops]
        return [self._duplicate(groups, times) for groups, times in asked_again(spread)]

    def _duplicate(self, groups: list[Group], times: int) -> Finding | None:
        main = groups[0]
        location = Location(self.location(main).site)
        if self._ignored(main, location, "duplicate-query"):
            return None
        candidate = Candidate(main, location, "duplicate-query", groups[1:])
        if self._exempt(candidate, location, times, main.fingerprint.headline):
            return None
        statement = self._statement(candidate)
        names = self._names_of("duplicate-query", main, location)
        return Finding(
            rule="duplicate-query",
            severity=rules.severity_of("duplicate-query", main),
            summary=f"{times} × {main.fingerprint.headline}, equal each time",
            fingerprint=main.fingerprint.text,
            statements=(statement,),
            count=times,
            distinct_params=1,
            duration=statement.duration,
            site=location.site,
            loop=None,
            origin=None,
            relation="",
            advice=self._advice([candidate], candidate, None),
            id=names.id,
            also_at=self._sites(groups),
            former_ids=names.former,
        )

    def _shape(self, group: Group) -> Shape:
        group.settle()
        location = self._locations.get(id(group))
        return Shape(
            group.fingerprint.headline,
            group.fingerprint.text,
            group.alias,
            group.count,
            group.failed,
            group.duration,
            location.site if location is not None else call_site(group),
        )


def _functions(group: Group) -> frozenset[object]:
    """The user functions and templates on the stack: those that call each other share them."""
    return frozenset(place.unit for place in group.path if place.unit is not None)


def _summary(candidate: Candidate, location: Location) -> str:
    text = f"{candidate.count} × {candidate.group.fingerprint.headline}"
    loop = location.loop
    if loop is None:
        return text
    where = f"{os.path.basename(loop.file)}:{loop.line}"
    kind = "recursion" if loop.kind == "recursion" else "loop"
    return f"{text} in the {kind} at {where}"


def judge(scope: Scope, suspects: Suspects) -> Verdicts:
    """The verdicts on one scope, without those of the units inside it."""
    return Judge(scope, suspects).verdicts()
