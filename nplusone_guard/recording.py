"""An open scope and, once it is closed, its report."""

from __future__ import annotations

import sys
import threading
from contextvars import Token
from dataclasses import replace
from functools import lru_cache
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, cast

from nplusone_guard.analysis.verdicts import Cleared, Verdicts
from nplusone_guard.capture import eager, hook
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import Scope, current_scope, open_scope_of_context
from nplusone_guard.policy import Policy
from nplusone_guard.report.build import adopt, build, judged, with_adopted
from nplusone_guard.report.model import FindingsOf, Report

if TYPE_CHECKING:
    from nplusone_guard.analysis.findings import Finding

KINDS = ("block", "request", "task", "command", "test")


class _Ended:
    """Stands for a scope among its own recorders once it is closed, without keeping it alive.

    A query that was on its way while another thread closed the scope is counted here;
    what else it notes is noted nowhere.
    """

    __slots__ = ("late", "lock")

    closed: Final = True
    root: Final = None

    def __init__(self, scope: Scope) -> None:
        self.late = 0
        self.lock = scope.lock

    @property
    def layers(self) -> dict[int, Any]:
        return {}

    @property
    def eager(self) -> set[Any]:
        return set()


class Recording(FindingsOf["Finding"]):
    """A scope and, once it is closed, its report. It reads like the report itself.

    While the scope is open the figures are those of this moment; afterwards they are
    those of the frozen ``report``.
    """

    __slots__ = ("_ended", "_lock", "_own", "_report", "_token", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._ended: _Ended | None = None
        #: What was judged of the scope's own queries, once it is closed.
        self._own: Verdicts | None = None
        self._report: Report | None = None
        self._token: Token[Scope | None] | None = current_scope.set(scope)
        self._lock = threading.Lock()
        scope.recording = self

    @property
    def report(self) -> Report:
        """The frozen report; while the scope is open, a report of what ran so far.

        Queries of threads and tasks that go on after the scope are in none of its counts
        but ``late_queries``.
        """
        if self._own is None or self._ended is None:
            return build(self.scope)
        if self._report is None:
            self._report = build(self.scope, self._own)
        late = self.scope.late + self._ended.late
        if self._report.late_queries != late:
            self._report = replace(self._report, late_queries=late)
        return self._report

    @property
    def closed(self) -> bool:
        """Whether the scope has ended."""
        return self._own is not None

    def close(self) -> Report:
        """End the scope and judge it. Calling it again returns the same report."""
        self.end()
        return self.report

    def end(self) -> Verdicts:
        """As ``close``, for whoever asks for the report only if there is something to tell.

        Most scopes have nothing, and to make their report takes longer than to judge them.
        """
        with self._lock:
            if self._own is None:
                scope = self.scope
                if current_scope.get() is not scope:
                    self._close_inner()
                self.suspend()
                scope.end()
                own = judged(scope)
                if scope.parent is not None:
                    adopt(scope, own)
                scope.root = None
                scope.recording = None
                # It recorded itself: without the cycle it goes at once, with all it holds.
                self._ended = _Ended(scope)
                scope.recorders = (cast("Scope", self._ended), *scope.recorders[1:])
                self._own = own
            return with_adopted(self.scope, self._own)

    def _close_inner(self) -> None:
        """Close the scopes that were opened inside this one and left open."""
        inner = current_scope.get()
        while inner is not None and self.scope in inner.ancestors:
            if inner.recording is not None:
                inner.recording.end()
            inner = inner.parent

    def suspend(self) -> None:
        """Take the scope out of this context, for instance between two streamed chunks."""
        if current_scope.get() is not self.scope:
            return
        token, self._token = self._token, None
        try:
            if token is None:
                raise ValueError
            current_scope.reset(token)
        except ValueError:  # the token belongs to another context
            current_scope.set(self.scope.parent)

    def resume(self) -> None:
        """Put a suspended scope back into this context."""
        if not self.closed and current_scope.get() is not self.scope:
            self._token = current_scope.set(self.scope)

    @property
    def query_count(self) -> int:
        """Queries so far, without transaction control."""
        return self._report.query_count if self._report else self.scope.query_count

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.report.findings

    @property
    def cleared(self) -> tuple[Cleared, ...]:
        return self.report.cleared

    def to_json(self, *, indent: int | None = None) -> str:
        """The report as JSON text."""
        return self.report.to_json(indent=indent)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.report, name)

    def __str__(self) -> str:
        return str(self.report)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<Recording {self.scope.name!r} {state}, {self.scope.query_count} queries>"


def open_scope(
    name: str = "",
    kind: str = "block",
    policy: Policy | None = None,
    *,
    root: FrameType | None = None,
    within: Scope | None = None,
) -> Recording:
    """Open a scope in the current context; ``Recording.close()`` ends it.

    ``root`` is the frame that the call paths end at, by default the caller's. ``policy``
    defaults to the one that the ``NPLUSONE_GUARD`` setting describes, and ``within``, the
    scope around, to the open one of this context.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    hook.install()
    root = root if root is not None else sys._getframe(1)
    enclosing = within or open_scope_of_context()
    policy = policy or default_policy()
    if enclosing is not None and enclosing.policy.details and not policy.details:
        policy = _with_details(policy)  # its report becomes part of one that shows them
    scope = Scope(name, kind, policy, enclosing, root)
    if policy.judges(eager.RULE):
        scope.judges_loads = True
        eager.install()
    return Recording(scope)


@lru_cache(maxsize=16)
def _with_details(policy: Policy) -> Policy:
    return replace(policy, details=True)


def default_policy() -> Policy:
    """The policy of the Django settings; the built-in one where they cannot be read."""
    try:
        from nplusone_guard.conf import policy_from_settings

        return policy_from_settings()
    except Exception as error:
        contain("conf", error)
        return Policy(mode="off")
