"""System checks: everything that is wrong with the settings, at ``manage.py check``."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.core import checks
from django.core.management import get_commands

from nplusone_guard import conf
from nplusone_guard.policy import SETTING

TAG: Final = "nplusone_guard"
MIDDLEWARE: Final = "nplusone_guard.middleware.GuardMiddleware"

#: Middleware that sends queries of its own, which one that stands further down misses.
QUERYING: Final = frozenset(
    {
        "django.contrib.auth.middleware.RemoteUserMiddleware",
        "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
        "django.contrib.redirects.middleware.RedirectFallbackMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.sites.middleware.CurrentSiteMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
        "django.middleware.cache.UpdateCacheMiddleware",
    }
)


def register() -> None:
    """Add the checks to Django's."""
    checks.register(check_settings, TAG)
    checks.register(check_middleware, TAG)
    checks.register(check_commands, TAG)
    checks.register(check_fields, TAG)
    checks.register(check_deployment, TAG, deploy=True)


def check_settings(**_: Any) -> list[checks.CheckMessage]:
    """One error for each problem in ``NPLUSONE_GUARD``."""
    return [
        checks.Error(problem.text, hint=problem.hint, id=f"{TAG}.{problem.code}")
        for problem in conf.problems()
    ]


def check_middleware(**_: Any) -> list[checks.CheckMessage]:
    """The middleware, where there is one, is there once and sees what others query."""
    installed = list(getattr(settings, "MIDDLEWARE", None) or ())
    found: list[checks.CheckMessage] = []
    if MIDDLEWARE not in installed:
        return found
    before = [name for name in installed[: installed.index(MIDDLEWARE)] if name in QUERYING]
    if before:
        text = f"GuardMiddleware does not see the queries of {before[0]}, which comes before it."
        hint = f'Move "{MIDDLEWARE}" above it in MIDDLEWARE, best to the top.'
        found.append(checks.Warning(text, hint=hint, id=f"{TAG}.W001"))
    if installed.count(MIDDLEWARE) > 1:
        text = "GuardMiddleware is in MIDDLEWARE more than once."
        hint = "Leave the first; the others watch each request again."
        found.append(checks.Warning(text, hint=hint, id=f"{TAG}.W002"))
    return found


def check_commands(**_: Any) -> list[checks.CheckMessage]:
    """A command that is misspelled would never be watched."""
    policy, _problems = conf.read(getattr(settings, SETTING, None))
    if isinstance(policy.commands, bool):
        return []
    from nplusone_guard.spelling import closest

    known = get_commands()
    return [
        checks.Warning(
            f'NPLUSONE_GUARD["COMMANDS"] names {name!r}, which is no management command.',
            hint=closest(name, known),
            id=f"{TAG}.W004",
        )
        for name in sorted(policy.commands - known.keys())
    ]


def check_fields(**_: Any) -> list[checks.CheckMessage]:
    """An ignore of a field that is misspelled would ignore nothing."""
    return [
        checks.Warning(slip.text, hint=slip.hint, id=f"{TAG}.{slip.code}") for slip in conf.slips()
    ]


def check_deployment(**_: Any) -> list[checks.CheckMessage]:
    """Nobody wants to answer a user with an error because a page is slow."""
    policy, _problems = conf.read(getattr(settings, SETTING, None))
    if policy.mode != "raise" or MIDDLEWARE not in settings.MIDDLEWARE:
        return []
    text = 'NPLUSONE_GUARD["MODE"] is "raise": a request with a query loop is answered by a 500.'
    hint = 'In production use "log" or "off".'
    return [checks.Warning(text, hint=hint, id=f"{TAG}.W003")]
