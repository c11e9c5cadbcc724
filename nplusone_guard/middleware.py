"""One scope for each request, sync or async, open until the body has been sent."""

from __future__ import annotations

import fnmatch
import logging
import sys
import threading
from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import lru_cache, partial
from random import SystemRandom
from types import FrameType
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.apps import apps
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from nplusone_guard import correlation
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import Scope, open_scope_of_context
from nplusone_guard.conf import policy_from_settings
from nplusone_guard.delivery import deliver, is_heard
from nplusone_guard.exceptions import ConfigError, NPlusOneDetected, NPlusOneWarning
from nplusone_guard.policy import Policy
from nplusone_guard.recording import Recording
from nplusone_guard.request_units import correlate, unit_for
from nplusone_guard.streaming import AsyncBody, Body

logger = logging.getLogger("nplusone_guard")

_ATTRIBUTE: Final = "_nplusone_guard"

#: From 0 up to 1. Not of the application's own random numbers, which may have a seed, and
#: not the same in all workers that were forked from one process.
_chance: Final = SystemRandom().random


class GuardMiddleware:
    """Watches each request, and hands on its report when the response is done.

    It stands as near to the top of ``MIDDLEWARE`` as can be, so that it sees what the
    others query. The settings are read at each request and not at start-up, so that
    ``override_settings`` works on a test client that was used before.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        if not apps.is_installed("nplusone_guard"):
            logger.warning('GuardMiddleware is off: add "nplusone_guard" to INSTALLED_APPS.')
            raise MiddlewareNotUsed('"nplusone_guard" is not in INSTALLED_APPS')
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        got_request_exception.connect(_on_exception, dispatch_uid="nplusone_guard")

    def __call__(self, request: HttpRequest) -> Any:
        """The response; in async mode a coroutine of it."""
        policy = _policy_for(request)
        if policy is None:
            return self.get_response(request)
        if self.is_async:
            return self._watch_async(request, policy)
        return self._watch(request, policy)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Note what a view raised and no other middleware has answered."""
        _note_exception(request, exception)

    def _watch(self, request: HttpRequest, policy: Policy) -> HttpResponseBase:
        watched = _Watched(request, policy, sys._getframe())  # noqa: SLF001 - the root of all paths
        try:
            response: HttpResponseBase = self.get_response(request)
        except BaseException as error:
            watched.finish(error)
            raise
        return watched.hand_on(request, response)

    async def _watch_async(self, request: HttpRequest, policy: Policy) -> HttpResponseBase:
        watched = _Watched(request, policy, sys._getframe())  # noqa: SLF001
        try:
            answer: Awaitable[HttpResponseBase] = self.get_response(request)
            response = await answer
        except BaseException as error:  # CancelledError: the client has gone
            watched.finish(error)
            raise
        return watched.hand_on(request, response)


def _policy_for(request: HttpRequest) -> Policy | None:
    """The policy for this request, or ``None`` where nothing is to be watched."""
    try:
        policy = policy_from_settings()
        if policy.mode == "off" or not _is_picked(policy):
            return None
        if is_excluded(policy, request.path, request.path_info):
            return None
    except ConfigError as error:
        _log_once(str(error))
        return None
    except Exception as error:
        contain("middleware", error)
        return None
    return policy


def _is_picked(policy: Policy) -> bool:
    """Whether this request is in the sample.

    Inside a scope each one is: it is watched anyway, and a test is no matter of chance.
    """
    return policy.sample == 1 or _chance() < policy.sample or open_scope_of_context() is not None


_logged: set[str] = set()


def _log_once(problem: str) -> None:
    if problem not in _logged:
        _logged.add(problem)
        logger.error("GuardMiddleware is off: %s", problem)


def is_excluded(policy: Policy, *paths: str) -> bool:
    """Whether one of the URL ``paths`` is among those that are left alone."""
    beginnings, globs = _told_apart(policy.exclude_paths)
    for path in paths:  # without a generator, for each request comes by here
        if path.startswith(beginnings):
            return True
        if globs and any(fnmatch.fnmatchcase(path, glob) for glob in globs):
            return True
    return False


@lru_cache(maxsize=8)
def _told_apart(excluded: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Beginnings of paths, and globs."""
    globs = tuple(one for one in excluded if any(wild in one for wild in "*?["))
    return tuple(one for one in excluded if one not in globs), globs


class _Watched:
    """One request under watch: its scope, and how it ends."""

    __slots__ = ("_open", "exception", "policy")

    def __init__(self, request: HttpRequest, policy: Policy, root: FrameType) -> None:
        self.policy = policy
        self.exception: BaseException | None = None
        #: The recording, until somebody takes it out to close it: once, in any thread.
        self._open: list[Recording] = []
        try:
            recording = unit_for(request, policy, root)
            self._open.append(recording)
            setattr(request, _ATTRIBUTE, self)
            correlate(recording, request.META)
        except Exception as error:
            contain("middleware", error)

    def hand_on(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """The response; if it streams, its scope stays open until the body is closed."""
        if settings.DEBUG:
            self._each(partial(_tell_correlation, response=response))
        if not self._stays_open(request, response):
            self.finish(self.exception)
        return response

    def _stays_open(self, request: HttpRequest, response: Any) -> bool:
        try:
            for recording in self._open:
                recording.scope.name = _name(request)
                if _streams(response):
                    recording.suspend()
                    body = AsyncBody if getattr(response, "is_async", False) else Body
                    response.streaming_content = body(response.streaming_content, self)
                    return True
        except Exception as error:
            contain("middleware", error)
        return False

    def pause(self) -> None:
        """Take the scope out of the context, until the next chunk."""
        self._each(Recording.suspend)

    def go_on(self) -> None:
        """Put the scope back into the context."""
        self._each(Recording.resume)

    def _each(self, move: Callable[[Recording], None]) -> None:
        try:
            for recording in self._open:
                move(recording)
        except Exception as error:
            contain("middleware", error)

    def finish(self, exception: BaseException | None = None) -> None:
        """Close the scope and deliver its report; later calls do nothing.

        In mode ``raise`` this raises, but never in place of ``exception``.
        """
        self._finish(self.policy, exception, unwanted=isinstance(exception, CancelledError))

    def abandon(self) -> None:
        """As ``finish``, of a body that was not read to its end.

        There Django would swallow what is raised: it is logged.
        """
        mode = "log" if self.policy.mode == "raise" else self.policy.mode
        self._finish(replace(self.policy, mode=mode), self.exception, unwanted=True)

    def _finish(self, policy: Policy, exception: BaseException | None, *, unwanted: bool) -> None:
        try:
            recording = self._open.pop()
        except IndexError:
            return
        recording.scope.on_late = _log_late_unwanted if unwanted else _log_late
        try:
            if is_heard(recording.end().findings, policy):
                deliver(recording.report, policy, exception=exception)
        except (NPlusOneDetected, NPlusOneWarning):
            raise
        except Exception as error:
            contain("middleware", error)
        finally:
            recording.scope.release()


def _log_late(scope: Scope) -> None:
    """Tell that something goes on after the response; its later queries are only counted."""
    logger.info(
        "%s: queries go on after the response, in %s, and are not judged; "
        "decorate the function that sends them with @watch",
        scope.name,
        threading.current_thread().name,
    )


def _log_late_unwanted(scope: Scope) -> None:
    """As above, where the client has left: what runs in a thread cannot be cancelled."""
    logger.debug(
        "%s: nobody waits for the response any more, and queries go on in %s",
        scope.name,
        threading.current_thread().name,
    )


def _tell_correlation(recording: Recording, *, response: HttpResponseBase) -> None:
    response.headers[correlation.RESPONSE_HEADER] = correlation.of_scope(recording.scope)


def _streams(response: Any) -> bool:
    # A file may be handed to the server, which reads it past any iterator; to wrap it
    # would take that away, and reading a file sends no queries.
    return bool(response.streaming) and getattr(response, "file_to_stream", None) is None


def _name(request: HttpRequest) -> str:
    """``GET /books/<int:pk>/``: one name for all requests of a route."""
    match = getattr(request, "resolver_match", None)
    if match is None or match.route is None:
        return f"{request.method} {request.path_info}"
    return f"{request.method} /{_readable(match.route)}"


@lru_cache(maxsize=1024)
def _readable(route: str) -> str:
    """A route without the anchors of regular expressions."""
    return route.replace("/^", "/").lstrip("^").removesuffix("$").removesuffix("\\Z")


def _note_exception(request: Any, exception: BaseException | None) -> None:
    watched = getattr(request, _ATTRIBUTE, None)
    if watched is not None:
        watched.exception = exception


def _on_exception(request: Any = None, **_: object) -> None:
    """Note what was raised outside views, in another middleware."""
    _note_exception(request, sys.exc_info()[1])
