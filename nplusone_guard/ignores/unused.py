"""Ignores that suppressed nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Final

from nplusone_guard.ignores.blocks import Opened
from nplusone_guard.ignores.comments import comment_for
from nplusone_guard.ignores.field_names import missing
from nplusone_guard.ignores.matching import used_entries
from nplusone_guard.policy import IgnoreEntry, Policy, UnusedIgnore

if TYPE_CHECKING:
    from nplusone_guard.analysis.verdicts import Site

_FOUND_NOTHING: Final = "suppressed nothing here; remove it."


def unused(
    reached: Iterable[Site], opened: Iterable[Opened], used: Collection[object]
) -> tuple[UnusedIgnore, ...]:
    """The comments on the lines ``reached`` that are not ``used``, and idle blocks.

    ``opened`` is what a scope has noted in ``ignores_opened``. A comment that is wrong
    in itself is among them, with what is wrong.
    """
    comments = dict.fromkeys(comment_for(site.file, site.line) for site in reached)
    found = [
        _unused(f"{comment.file}:{comment.line}", comment.text, comment.problem)
        for comment in comments
        if comment is not None and comment not in used
    ]
    found += [
        _unused(one.block.where, repr(one.block), why_unused(one.block.entry, _FOUND_NOTHING))
        for one in opened
        if one.is_idle
    ]
    return tuple(found)


def _unused(where: str, text: str, reason: str = "") -> UnusedIgnore:
    return UnusedIgnore(where, text, reason or _FOUND_NOTHING)


def why_unused(entry: IgnoreEntry, nothing: str) -> str:
    """That ``entry`` names what there is not; else ``nothing``, that it suppressed nothing."""
    found = missing(entry.field) if entry.field is not None else None
    if found is None:
        return nothing
    return f"suppressed nothing: {found.text}. {found.hint if found.meant else 'Remove it.'}"


def unused_settings_ignores(
    policy: Policy, nothing: str = _FOUND_NOTHING
) -> tuple[UnusedIgnore, ...]:
    """The entries of ``policy`` that suppressed nothing since the process started.

    ``nothing`` tells that of one that names what there is.
    """
    return tuple(
        _unused(entry.where, entry.as_code, why_unused(entry, nothing))
        for entry in policy.ignores
        if entry not in used_entries
    )
