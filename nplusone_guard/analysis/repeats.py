"""Equal look-ups on several lines of one scope, which no loop has sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from nplusone_guard.analysis import rules
from nplusone_guard.analysis.carriers import has_asker
from nplusone_guard.analysis.suspects import DUPLICATES
from nplusone_guard.capture.landmarks import files
from nplusone_guard.capture.scope import Group


def asked_again(spread: Iterable[Group]) -> Collection[tuple[list[Group], int]]:
    """The groups that asked for the same, and how often in all; no write came in between."""
    seen: dict[tuple[str, str, int], list[Group]] = defaultdict(list)
    for group in spread:
        if _may_duplicate(group) and has_asker(group):
            for key in group.digests:
                seen[group.alias, group.fingerprint.text, key].append(group)
    found: dict[tuple[int, ...], tuple[list[Group], int]] = {}
    for (_, _, key), asked in seen.items():
        if len(asked) < 2:
            continue
        groups = [group for group in asked if not _is_for_a_form(group)]
        times = sum(group.digests[key] for group in groups)
        if len(groups) > 1 and times >= DUPLICATES:
            found[tuple(group.sequence for group in groups)] = (groups, times)
    return found.values()


def _is_for_a_form(group: Group) -> bool:
    """Whether the browsable API asks: it serializes its object once more for each of its forms."""
    return any(files.runs_one_of(place.code, files.FORMS) for place in group.path)


def _may_duplicate(group: Group) -> bool:
    facts = rules.facts_of(group)
    return (
        group.fingerprint.kind == "select"
        and not group.fingerprint.truncated
        and not group.many
        and not facts.cached
        and facts.operation not in rules.WRITE_OPERATIONS
        and facts.operation not in {"refresh_from_db", "prefetch"}
    )
