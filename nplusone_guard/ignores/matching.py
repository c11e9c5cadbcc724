"""Which ignore suppresses a finding."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nplusone_guard.ignores.blocks import ignore, note_use
from nplusone_guard.ignores.comments import CommentIgnore, comment_for
from nplusone_guard.policy import IgnoreEntry, Policy

if TYPE_CHECKING:
    from nplusone_guard.analysis.verdicts import Site

#: Entries that suppressed something since the process started.
used_entries: Final[set[IgnoreEntry]] = set()


def forget_used_entries() -> None:
    """Start counting anew which entries suppress something, as at the start of a session."""
    used_entries.clear()


def match(
    rule: str,
    site: Site,
    loop: Site | None,
    relation: str,
    ids: Collection[str],
    entry: IgnoreEntry,
    *,
    base_dir: str | None = None,
) -> bool:
    """Whether every criterion that ``entry`` gives fits; ``ids`` are those of the finding."""
    return (
        entry.rule in (None, rule)
        and (entry.finding is None or entry.finding in ids)
        and (entry.field is None or _same_field(relation, entry.field))
        and (entry.path is None or _on_path(entry.path, site, loop, base_dir))
    )


def _same_field(relation: str, field: str) -> bool:
    if field.endswith(".*"):
        return relation.startswith(field[:-1])
    return relation == field


def _on_path(glob: str, site: Site, loop: Site | None, base_dir: str | None) -> bool:
    base = str(base_dir or Path.cwd()).rstrip(os.sep) + os.sep
    for place in (site, loop):
        if place is None:
            continue
        if fnmatch.fnmatch(place.file, glob):
            return True
        if place.file.startswith(base) and fnmatch.fnmatch(place.file[len(base) :], glob):
            return True
    return False


def find_ignore(
    rule: str,
    site: Site,
    loop: Site | None,
    relation: str,
    ids: Collection[str],
    active: Iterable[object],
    policy: Policy,
) -> tuple[str, object] | None:
    """The reason to let these queries be, and the ignore that gives it; or ``None``.

    Asked in turn: comments on the line of the call and of the loop, the blocks that
    were active (innermost first), the entries of the policy.
    """
    comment = _comment_on(rule, site, loop)
    if comment is not None:
        return f"comment: {comment.reason}", comment
    facts = (rule, site, loop, relation, ids)
    for block in reversed(tuple(active)):
        if isinstance(block, ignore) and match(*facts, block.entry, base_dir=policy.base_dir):
            note_use(block)
            return f"{block.entry.where}: {block.entry.reason}", block
    for entry in policy.ignores:
        if match(*facts, entry, base_dir=policy.base_dir):
            used_entries.add(entry)
            return f"{entry.where}: {entry.reason}", entry
    return None


def _comment_on(rule: str, site: Site, loop: Site | None) -> CommentIgnore | None:
    for place in (site, loop):
        comment = comment_for(place.file, place.line) if place is not None else None
        if comment is not None and comment.covers(rule):
            return comment
    return None
