"""How two sessions differ."""

from __future__ import annotations

from dataclasses import dataclass

from nplusone_guard.report.session import SessionFinding, SessionReport


@dataclass(frozen=True, slots=True)
class SessionDiff:
    """How two sessions differ in their findings; ``kept`` are as the later one has them."""

    new: tuple[SessionFinding, ...]
    gone: tuple[SessionFinding, ...]
    kept: tuple[SessionFinding, ...]


def diff(old: SessionReport, new: SessionReport) -> SessionDiff:
    """The findings that came, went and stayed, by id, each list worst first.

    A loop of several statements stays while one of them is left, whichever names it then,
    and so does one that an earlier release has named.
    """
    before = {name for entry in old for name in entry.ids}
    after = {name for entry in new for name in entry.names}
    return SessionDiff(
        new=tuple(entry for entry in new if before.isdisjoint(entry.names)),
        gone=tuple(entry for entry in old if entry.ids.isdisjoint(after)),
        kept=tuple(entry for entry in new if not before.isdisjoint(entry.names)),
    )
