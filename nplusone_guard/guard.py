"""The facade: ``watch()`` opens a scope around any code and hands on its report."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import replace
from types import FrameType, TracebackType
from typing import Any, TypeVar, cast, overload

import wrapt

from nplusone_guard.policy import Mode, Policy
from nplusone_guard.recording import Recording, open_scope
from nplusone_guard.report.model import Report

F = TypeVar("F", bound=Callable[..., Any])


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
