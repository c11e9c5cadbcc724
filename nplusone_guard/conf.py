"""``settings.NPLUSONE_GUARD``, read into a ``Policy``; ``setting_keys`` says what it may hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.signals import setting_changed

from nplusone_guard.exceptions import ConfigError
from nplusone_guard.policy import SETTING, Policy

if TYPE_CHECKING:
    from nplusone_guard.setting_keys import Problem

#: A path of the Django Debug Toolbar, whose own requests say nothing about the application.
TOOLBAR_PATH: Final = "/__debug__/"

#: Every setting that a policy is made from.
_SOURCES: Final = frozenset({SETTING, "DEBUG", "BASE_DIR", "STATIC_URL", "MEDIA_URL"})


def policy_from_settings() -> Policy:
    """The policy that the settings ask for; the same object until they change.

    Raises ``ConfigError``, which names key, value and what is allowed.
    """
    raw, debug = getattr(settings, SETTING, None), settings.DEBUG
    known = _cache.get(SETTING)
    # Test runners set DEBUG without a signal, so the cache looks at it, too.
    if known is None or known[0] is not raw or known[1] != debug:
        known = _cache[SETTING] = (raw, debug, *read(raw))
    policy, found = known[2:]
    if found:
        raise ConfigError(_summary(found))
    return policy


_cache: dict[str, tuple[object, bool, Policy, tuple[Problem, ...]]] = {}


def forget(*, setting: str = SETTING, **_: object) -> None:
    """Drop the cached policy when ``setting`` is one that it was made from."""
    if setting in _SOURCES:
        _cache.clear()


setting_changed.connect(forget, dispatch_uid="nplusone_guard.conf")


def problems() -> tuple[Problem, ...]:
    """Everything that is wrong with the setting, for the system checks."""
    return read(getattr(settings, SETTING, None))[1]


def read(raw: object) -> tuple[Policy, tuple[Problem, ...]]:
    """The policy that ``raw`` asks for, with every problem in it.

    Keys that have a problem keep their default.
    """
    if raw is None:  # what it may say need not be loaded
        return Policy(**_defaults()), ()
    from nplusone_guard.setting_keys import read_items

    values, found = read_items(raw)
    return Policy(**_defaults() | values), found


def _summary(found: tuple[Problem, ...]) -> str:
    more = f" (and {len(found) - 1} more: manage.py check)" if len(found) > 1 else ""
    return f"{found[0]}{more}"


def _defaults() -> dict[str, Any]:
    base_dir = getattr(settings, "BASE_DIR", None)
    return {
        "mode": "log" if settings.DEBUG else "off",
        "base_dir": os.fspath(base_dir) if isinstance(base_dir, (str, os.PathLike)) else None,
        "exclude_paths": _default_excluded(),
    }


def _default_excluded() -> tuple[str, ...]:
    """Static and media files: never "/", which an empty MEDIA_URL is turned into."""
    urls = (getattr(settings, "STATIC_URL", None), getattr(settings, "MEDIA_URL", None))
    paths = (url for url in urls if url and url.startswith("/") and url.strip("/"))
    return (*dict.fromkeys(paths), TOOLBAR_PATH)


def slips() -> tuple[Problem, ...]:
    """The entries of a sound setting that name a field which no model has.

    Asked once Django has loaded the models, which the setting itself is read before.
    """
    raw = getattr(settings, SETTING, None)
    if not raw or problems():
        return ()
    from nplusone_guard.setting_keys import slips_in

    return slips_in(raw)
