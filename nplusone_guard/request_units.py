"""Requests that run inside a scope: each is a unit of its own, with or without the middleware."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace
from functools import lru_cache, partial
from types import FrameType
from typing import Any

import wrapt
from django.core.handlers.base import BaseHandler
from django.core.signals import request_finished, request_started
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from nplusone_guard import correlation, live_requests
from nplusone_guard.capture.faults import contain
from nplusone_guard.capture.scope import current_scope, open_scope_of_context
from nplusone_guard.policy import Policy
from nplusone_guard.recording import Recording, open_scope

#: The unit that was opened for the request of this context.
_unit: ContextVar[Recording | None] = ContextVar("nplusone_guard_request", default=None)


def connect_signals() -> None:
    """Make each request that runs inside a scope a unit of its own, judged alone.

    Signals tell the start and the end of a request under WSGI. Under ASGI their receivers
    may run in a task of their own (Django 5.0 to 6.0), whose context nobody sees: there
    the function is wrapped that answers all requests. Again changes nothing: apps are made
    ready whenever a test changes ``INSTALLED_APPS``.
    """
    request_started.connect(_on_started, dispatch_uid="nplusone_guard")
    request_finished.connect(_on_finished, dispatch_uid="nplusone_guard")
    if not isinstance(vars(BaseHandler)["get_response_async"], wrapt.FunctionWrapper):
        wrapt.wrap_function_wrapper(BaseHandler, "get_response_async", _answer_async)


def _on_started(environ: Any = None, **_: object) -> None:
    if environ is None or not (current_scope.get() or _unit.get() or live_requests.running()):
        return  # nobody watches from around the request, as in production
    try:
        name = f"{environ.get('REQUEST_METHOD')} {environ.get('PATH_INFO')}"
        _open_unit(name, _sender_frame(), environ)
    except Exception as error:
        contain("signals", error)


def _on_finished(**_: object) -> None:
    try:
        _close_unit()
    except Exception as error:
        contain("signals", error)


def _answer_async(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    """Around ``BaseHandler.get_response_async(request)``."""
    if (open_scope_of_context() or live_requests.running()) is None:
        return wrapped(*args, **kwargs)
    return _answer_in_unit(wrapped, *args, **kwargs)


async def _answer_in_unit(get_response: Any, request: HttpRequest) -> HttpResponseBase:
    unit = None
    try:
        name = f"{request.method} {request.path_info}"
        unit = _open_unit(name, sys._getframe(), request.META)  # noqa: SLF001
    except Exception as error:
        contain("signals", error)
    try:
        response: HttpResponseBase = await get_response(request)
    except BaseException:
        _on_finished()
        raise
    if unit is not None:
        _close_with(response, unit)
    return response


def _close_with(response: Any, unit: Recording) -> None:
    """Close the unit with the response, before ``request_finished``: in whatever context."""
    try:
        response._resource_closers.append(partial(_close_contained, unit))  # noqa: SLF001
    except Exception as error:
        contain("signals", error)


def _close_contained(unit: Recording) -> None:
    try:
        _close(unit)
    except Exception as error:
        contain("signals", error)


def _open_unit(name: str, root: FrameType | None, environ: Mapping[str, Any]) -> Recording | None:
    """Close the unit that was left open; open one if there is a scope around the request.

    That is the scope of this context; a live server's thread has none, but a test may run.
    """
    _close_unit()
    own = open_scope_of_context()
    enclosing = own or live_requests.running()
    if enclosing is None:
        return None
    unit = open_scope(name, "request", enclosing.policy, root=root, within=enclosing)
    _unit.set(unit)
    if own is None:
        live_requests.note(unit)
    correlate(unit, environ)
    return unit


def _close_unit() -> None:
    unit = _unit.get()
    if unit is not None:
        _close(unit)


def _close(unit: Recording) -> None:
    if _unit.get() is unit:
        _unit.set(None)
    unit.end()
    if unit.scope.is_served:
        live_requests.leave(unit)
        return
    # The scope around may have ended before a body that nobody read.
    current_scope.set(open_scope_of_context())


def _sender_frame() -> FrameType | None:
    """The request handler's frame, where the call paths of its queries end."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001
    while frame is not None and frame.f_globals.get("__name__") == "django.dispatch.dispatcher":
        frame = frame.f_back
    return frame


def unit_for(request: HttpRequest, policy: Policy, root: FrameType) -> Recording:
    """The unit that was opened for this request already, else a new one.

    Inside a scope, that scope's policy judges; what becomes of the findings, the
    settings say.
    """
    unit = _unit.get()
    enclosing = open_scope_of_context()
    if unit is not None and enclosing is unit.scope:
        return unit
    judging = enclosing.policy if enclosing is not None else _in_words(policy)
    return open_scope(f"{request.method} {request.path_info}", "request", judging, root=root)


@lru_cache(maxsize=8)
def _in_words(policy: Policy) -> Policy:
    """The policy for a report that nobody gets but as words, which show no shapes and no timeline.

    They are a quarter of what a healthy request costs.
    """
    return policy if policy.mode == "raise" else replace(policy, details=False)


def correlate(recording: Recording, environ: Mapping[str, Any]) -> None:
    """Give the scope the id that its request brings along, if any, and once."""
    scope = recording.scope
    scope.correlation_id = scope.correlation_id or correlation.of_request(environ)
