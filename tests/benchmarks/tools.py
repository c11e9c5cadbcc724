"""The guard and its peers, each behind the same four verbs.

``switch`` installs or removes the tool, ``scope`` opens what the tool opens for a
request, ``findings`` judges a closed scope, and ``prove`` runs a known N+1 and
returns what the tool said of it. A figure counts only if the tool was awake.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

from harness import clock
from patches import Patches

Work = Callable[[], object]


class Tool:
    """One tool. The defaults fit those that patch nothing and report on closing."""

    name: ClassVar[str]
    package: ClassVar[str]
    apps: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[Mapping[str, Any]] = {}
    #: Whether ``switch(False)`` makes it deaf: not where opening a scope is what installs it.
    can_be_off: ClassVar[bool] = False

    def load(self) -> None:
        """Import the tool, after Django is set up."""

    def switch(self, on: bool) -> None:
        """Install the tool, or remove it."""

    def scope(self) -> AbstractContextManager[Any]:
        """What the tool opens for one request."""
        raise NotImplementedError

    def findings(self, opened: Any) -> list[str]:
        """What the tool says of a scope that was opened and closed."""
        raise NotImplementedError

    def prove(self, work: Work) -> list[str]:
        """What the tool reports of ``work``."""
        with self.scope() as opened:
            work()
        return self.findings(opened)


class Guard(Tool):
    """nplusone-guard itself."""

    name = "guard"
    package = "nplusone-guard"
    apps = ("nplusone_guard",)

    def load(self) -> None:
        from nplusone_guard.capture import hook
        from nplusone_guard.guard import watch

        self._hook, self._watch = hook, watch

    def switch(self, on: bool) -> None:
        if on:
            self._hook.install()
        else:
            self._hook.uninstall()

    def scope(self) -> AbstractContextManager[Any]:
        return self._watch("bench", kind="request")

    def findings(self, opened: Any) -> list[str]:
        return [finding.summary for finding in opened.findings]


class EagerGuard(Guard):
    """The guard where ``SELECT`` asks for the rule on eager loads, too."""

    def scope(self) -> AbstractContextManager[Any]:
        from nplusone_guard.policy import RULES, Policy

        return self._watch("bench", kind="request", policy=Policy(select=frozenset(RULES)))

    def findings(self, opened: Any) -> list[str]:
        return [load.lookup for load in opened.eager_loads if not load.read]


class _Patching(Tool):
    """A peer that replaces methods of Django's when it is loaded, and reports as it goes."""

    can_be_off = True

    def load(self) -> None:
        self._patches = Patches()
        assert len(self._patches), f"{self.package} patched nothing"

    def switch(self, on: bool) -> None:
        self._patches.switch(on)

    def findings(self, opened: Any) -> list[str]:
        return []


class Zeal(_Patching):
    """django-zeal. It raises by default; told to warn, so that a loop runs to its end."""

    name = "zeal"
    package = "django-zeal"
    apps = ("zeal",)
    settings: ClassVar[Mapping[str, Any]] = {"ZEAL_RAISE": False}

    def load(self) -> None:
        super().load()
        from zeal import zeal_context

        self._context = zeal_context
        warnings.simplefilter("ignore")  # the cheapest way to take its warnings

    def scope(self) -> AbstractContextManager[Any]:
        return self._context()

    def prove(self, work: Work) -> list[str]:
        with warnings.catch_warnings(record=True) as caught, self.scope():
            warnings.simplefilter("always")
            work()
        return [str(each.message) for each in caught]


class NPlusOne(_Patching):
    """nplusone. Its middleware opens the scope; it logs at DEBUG, which is off by default."""

    name = "nplusone"
    package = "nplusone"
    apps = ("nplusone.ext.django",)

    def load(self) -> None:
        super().load()
        from nplusone.ext.django import NPlusOneMiddleware

        self._middleware = NPlusOneMiddleware(lambda request: None)

    @contextmanager
    def scope(self) -> Iterator[None]:
        from django.http import HttpRequest, HttpResponse

        request = HttpRequest()
        self._middleware.process_request(request)
        try:
            yield
        finally:
            self._middleware.process_response(request, HttpResponse())

    def prove(self, work: Work) -> list[str]:
        with _logged("nplusone") as messages, self.scope():
            work()
        return messages


class QueryContract(Tool):
    """django-query-contract: records a query with its stack, and judges on closing."""

    name = "contract"
    package = "django-query-contract"

    def load(self) -> None:
        from django_query_contract import QueryCapture, find_n_plus_one

        self._capture, self._find = QueryCapture, find_n_plus_one

    def scope(self) -> AbstractContextManager[Any]:
        return self._capture()

    def findings(self, opened: Any) -> list[str]:
        return [f"{each.count} x from {each.call_site}" for each in self._find(opened)]


class QueryGuard(Tool):
    """django-queryguard-n1: records a query with its call site, and judges on closing."""

    name = "queryguard"
    package = "django-queryguard-n1"

    def load(self) -> None:
        from queryguard.analyzers import analyze
        from queryguard.conf import get_config
        from queryguard.testing import capture_queries

        self._capture, self._analyze, self._config = capture_queries, analyze, get_config()

    def scope(self) -> AbstractContextManager[Any]:
        return self._capture()

    def findings(self, opened: Any) -> list[str]:
        issues = self._analyze(opened.records, self._config)
        return [f"{each.kind.value}: {each.count} x {each.sql[:40]}" for each in issues]


TOOLS: dict[str, type[Tool]] = {
    each.name: each for each in (Guard, Zeal, NPlusOne, QueryContract, QueryGuard)
}


@contextmanager
def _logged(name: str) -> Iterator[list[str]]:
    """The messages that a logger is given, whatever its level."""
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield messages
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def noop(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """Django's own cheapest wrapper: what every figure is measured against."""
    return execute(sql, params, many, context)


def _settle() -> None:
    """A few queries that are not timed: after the switch, the processor's caches are cold."""
    from benchapp.models import Author

    for number in range(1, 6):
        Author.objects.get(pk=number)


def timed_noop(tool: Tool, work: Work) -> int:
    """Nanoseconds of ``work`` with the tool removed, under a wrapper that does nothing."""
    from django.db import connection

    tool.switch(False)
    with connection.execute_wrapper(noop):
        _settle()
        start = clock()
        work()
        return clock() - start


def timed_idle(tool: Tool, work: Work) -> int:
    """Nanoseconds of ``work`` with the tool installed and no scope open."""
    tool.switch(True)
    _settle()
    start = clock()
    work()
    return clock() - start


def timed_scope(tool: Tool, work: Work) -> int:
    """Nanoseconds of ``work`` in a scope of the tool; opening and closing it not counted."""
    tool.switch(True)
    with tool.scope():
        _settle()
        start = clock()
        work()
        return clock() - start


def timed_whole(tool: Tool, work: Work) -> int:
    """The same with opening, closing and judging the scope counted."""
    tool.switch(True)
    _settle()
    start = clock()
    with tool.scope() as opened:
        work()
    tool.findings(opened)
    return clock() - start
