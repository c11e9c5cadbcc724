"""The facade: ``watch()`` opens a scope around any code and hands on its report."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextvars import Token
from dataclasses import replace
from functools import lru_cache
from types import FrameType, TracebackType
from typing import Any, Final, TypeVar, cast, overload

import wrapt

from nplusone_guard.analysis.findings import Cleared, Finding, Verdicts
from nplusone_guard.capture import eager, hook
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import Scope, current_scope, open_scope_of_context
from nplusone_guard.policy import Mode, Policy
from nplusone_guard.report.build import adopt, build, judged, with_adopted
from nplusone_guard.report.model import Report

F = TypeVar("F", bound=Callable[..., Any])

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


class Recording:
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

    def __len__(self) -> int:
        return len(self.report)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.report)

    def __getitem__(self, index: int) -> Finding:
        return self.report[index]

    def __bool__(self) -> bool:
        return True

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
) -> Recording:
    """Open a scope in the current context; ``Recording.close()`` ends it.

    ``root`` is the frame that the call paths end at, by default the caller's. ``policy``
    defaults to the one that the ``NPLUSONE_GUARD`` setting describes.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    hook.install()
    root = root if root is not None else sys._getframe(1)
    enclosing = open_scope_of_context()
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


class _Watch:
    """What ``watch(...)`` returns: a context manager and a decorator."""

    def __init__(
        self,
        name: str,
        *,
        kind: str,
        mode: Mode | None,
        policy: Policy | None,
        on_report: Callable[[Report], None] | None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.mode = mode
        self.policy = policy
        self.on_report = on_report
        self._recordings: list[Recording] = []

    def __enter__(self) -> Recording:
        return self._open(sys._getframe(1))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close(self._recordings.pop(), error)

    async def __aenter__(self) -> Recording:
        return self._open(sys._getframe(1))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close(self._recordings.pop(), error)

    def __call__(self, function: F) -> F:
        return cast("F", _decorate(function, self))

    def _open(self, root: FrameType) -> Recording:
        recording = open_scope(self.name, self.kind, self.policy, root=root)
        self._recordings.append(recording)
        return recording

    def _close(self, recording: Recording, error: BaseException | None) -> None:
        report = recording.close()
        if self.on_report is not None:
            self.on_report(report)
        if self.mode is not None:
            _deliver(report, recording.scope.policy, self.mode, error)


def _deliver(report: Report, policy: Policy, mode: Mode, error: BaseException | None) -> None:
    from nplusone_guard.delivery import deliver

    deliver(report, replace(policy, mode=mode), exception=error)


@overload
def watch(name: F) -> F: ...


@overload
def watch(
    name: str = "",
    *,
    kind: str = "block",
    mode: Mode | None = None,
    policy: Policy | None = None,
    on_report: Callable[[Report], None] | None = None,
) -> _Watch: ...


def watch(
    name: Any = "",
    *,
    kind: str = "block",
    mode: Mode | None = None,
    policy: Policy | None = None,
    on_report: Callable[[Report], None] | None = None,
) -> Any:
    """Watch the queries of a block, or of a function that it decorates.

    ``with watch("report") as report:`` (``async with`` alike) only fills ``report``.
    ``@watch`` and ``@watch("name")`` decorate functions, methods, class methods, async
    functions, generators and async generators; as nobody holds their report, it goes to
    ``on_report``, or by ``mode`` to the log (``"log"``, the default there), a warning
    (``"warn"``) or ``NPlusOneDetected`` (``"raise"``). ``kind`` is what the scope stands
    for: ``block``, ``request``, ``task``, ``command`` or ``test``.
    """
    if callable(name) or isinstance(name, (classmethod, staticmethod)):
        return _decorate(name, _decorator("", kind, mode, policy, on_report))
    if mode is None and on_report is None:
        return _Held(name, kind=kind, mode=None, policy=policy, on_report=None)
    return _Watch(name, kind=kind, mode=mode, policy=policy, on_report=on_report)


def _decorator(
    name: str,
    kind: str,
    mode: Mode | None,
    policy: Policy | None,
    on_report: Callable[[Report], None] | None,
) -> _Watch:
    mode = mode if mode is not None or on_report is not None else "log"
    return _Watch(name, kind=kind, mode=mode, policy=policy, on_report=on_report)


class _Held(_Watch):
    """``watch("name")`` as a block only fills its report; as a decorator it logs."""

    def __call__(self, function: F) -> F:
        options = _decorator(self.name, self.kind, None, self.policy, None)
        return cast("F", _decorate(function, options))


def _decorate(function: Any, options: _Watch) -> Any:
    return wrapt.FunctionWrapper(function, _Runner(options))


class _Runner:
    """Runs a decorated function in a scope of its own, whatever kind of function it is."""

    def __init__(self, options: _Watch) -> None:
        self.options = options

    def __call__(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        run: Any = _run
        if inspect.isasyncgenfunction(wrapped):
            run = _run_async_generator
        elif inspect.iscoroutinefunction(wrapped):
            run = _run_async
        elif inspect.isgeneratorfunction(wrapped):
            run = _run_generator
        return run(self._watch(wrapped), wrapped, args, kwargs)

    def _watch(self, wrapped: Any) -> _Watch:
        options = self.options
        return _Watch(
            options.name or getattr(wrapped, "__qualname__", type(wrapped).__name__),
            kind=options.kind,
            mode=options.mode,
            policy=options.policy,
            on_report=options.on_report,
        )


def _run(watching: _Watch, wrapped: Any, args: Any, kwargs: Any) -> Any:
    with watching:
        return wrapped(*args, **kwargs)


async def _run_async(watching: _Watch, wrapped: Any, args: Any, kwargs: Any) -> Any:
    async with watching:
        return await wrapped(*args, **kwargs)


def _run_generator(
    watching: _Watch, wrapped: Any, args: Any, kwargs: Any
) -> Generator[Any, Any, Any]:
    """Drive a generator; its scope is in the context only while its own code runs."""
    generator = wrapped(*args, **kwargs)
    with watching as recording:
        step: Callable[[], Any] = generator.__next__
        while True:
            recording.resume()
            try:
                value = step()
            except StopIteration as stop:
                return stop.value
            finally:
                recording.suspend()
            step = yield from _step(generator, value, recording)


def _step(
    generator: Any, value: Any, recording: Recording
) -> Generator[Any, Any, Callable[[], Any]]:
    try:
        sent = yield value
    except GeneratorExit:
        recording.resume()
        generator.close()
        raise
    except BaseException as error:
        return _thrower(generator, error)
    return lambda: generator.send(sent)


def _thrower(generator: Any, error: BaseException) -> Callable[[], Any]:
    return lambda: generator.throw(error)


async def _run_async_generator(
    watching: _Watch, wrapped: Any, args: Any, kwargs: Any
) -> AsyncGenerator[Any, Any]:
    """Drive an async generator; its scope is in the context only while its code runs."""
    generator = wrapped(*args, **kwargs)
    async with watching as recording:
        step: Callable[[], Any] = generator.__anext__
        while True:
            recording.resume()
            try:
                value = await step()
            except StopAsyncIteration:
                return
            finally:
                recording.suspend()
            try:
                sent = yield value
            except GeneratorExit:
                recording.resume()
                await generator.aclose()
                raise
            except BaseException as error:
                step = _athrower(generator, error)
            else:
                step = _asender(generator, sent)


def _athrower(generator: Any, error: BaseException) -> Callable[[], Any]:
    return lambda: generator.athrow(error)


def _asender(generator: Any, sent: Any) -> Callable[[], Any]:
    return lambda: generator.asend(sent)
