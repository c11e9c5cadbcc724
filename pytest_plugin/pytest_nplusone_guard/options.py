"""What a run is asked to do: options of the command line, of the ini file, of Django."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import pytest

from pytest_nplusone_guard.declarations import (
    DEPENDENT,
    Mode,
    django_is_configured,
    ini_name,
    stated_mode,
)

#: Options that the ini file can state as well.
IN_INI: Final = ("baseline", "budgets", "allow", "report")


class Options(NamedTuple):
    """The options of one run, each from the strongest place that states it."""

    mode: Mode
    #: Which place stated the mode, in words; empty for the default.
    source: str = ""
    #: Files and directories whose loops are test code, beside ``python_files``.
    test_paths: tuple[str, ...] = ()
    baseline: str = ""
    #: ``all``, ``new-only`` or ``prune``: the baseline is written; else empty.
    update: str = ""
    strict: bool = False
    budgets: str = ""
    allow: str = ""
    reports: tuple[str, ...] = ()
    #: Which part of the suite this run is: ``2/3``.
    shard: str = ""
    #: What is stated in the ini file, and where: ``{"baseline": "tox.ini: nplusone_baseline"}``.
    places: Mapping[str, str] = MappingProxyType({})

    @property
    def barred(self) -> bool:
        """Whether somebody said ``off``, so that no marker switches anything on."""
        return self.mode == "off" and bool(self.source)

    @property
    def is_part(self) -> bool:
        """Whether other runs have tests that this one has not."""
        return bool(self.shard) and not self.shard.endswith("/1")

    def place_of(self, name: str) -> str:
        """What messages call the place that states an option."""
        return self.places.get(name, f"--nplusone-{name}")


def read_options(config: pytest.Config) -> Options:
    """The options of this run. Raises ``UsageError`` for what is not allowed."""
    mode, source = stated_mode(config)
    update = config.getoption("--nplusone-update-baseline") or ""
    if update and mode == "off":
        raise pytest.UsageError(
            f"--nplusone-update-baseline, but nplusone is off ({source}). "
            "Allowed with it: --nplusone=report or --nplusone=fail."
        )
    if mode == "off" and not source:
        _refuse_idle(config)
    options = Options(
        mode=mode,
        source=source,
        test_paths=tuple(config.getini("nplusone_test_paths")),
        baseline=_path(config, "baseline"),
        update=update,
        strict=config.getoption("--nplusone-strict"),
        budgets=_path(config, "budgets"),
        allow=config.getoption("--nplusone-allow") or str(config.getini("nplusone_allow")),
        reports=_reports(config),
        shard=_shard(config),
        places={name: place for name in IN_INI if (place := _place_in_ini(config, name))},
    )
    _check_files(config, options)
    if mode != "off":
        check_settings()
    return options


def _refuse_idle(config: pytest.Config) -> None:
    """An option that has no effect would leave somebody believe that all is well."""
    for name in DEPENDENT:
        if config.getoption(f"--nplusone-{name}"):
            raise pytest.UsageError(
                f"--nplusone-{name} has no effect while nplusone is off. "
                "Add --nplusone=report or --nplusone=fail."
            )


def _check_files(config: pytest.Config, options: Options) -> None:
    """Each option has the file that it is about, and no file is written for two of them."""
    if options.update and not (options.baseline or options.budgets):
        raise pytest.UsageError(
            "--nplusone-update-baseline needs a file: --nplusone-baseline=FILE or "
            "--nplusone-budgets=FILE."
        )
    for name, about in (("strict", "baseline"), ("allow", "budgets")):
        if config.getoption(f"--nplusone-{name}") and not getattr(options, about):
            raise pytest.UsageError(f"--nplusone-{name} needs a file: --nplusone-{about}=FILE.")
    stated = [("baseline", options.baseline), ("budgets", options.budgets)]
    stated += [("report", path) for path in options.reports]
    known: dict[str, str] = {}
    for name, path in filter(all, stated):
        other = known.setdefault(os.path.realpath(path), name)
        if other != name:
            raise pytest.UsageError(
                f"{options.place_of(other)} and {options.place_of(name)} both name {path}. "
                "Allowed: a file for each."
            )


def check_settings() -> None:
    """Settings that cannot be read would silently judge by the defaults."""
    if not django_is_configured():
        return
    from nplusone_guard.conf import policy_from_settings, slips
    from nplusone_guard.exceptions import ConfigError

    try:
        policy_from_settings()
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error
    if found := slips():
        raise pytest.UsageError(str(found[0]))


def _path(config: pytest.Config, name: str) -> str:
    """A file: on the command line relative to where one is, in the ini file to its place."""
    stated = config.getoption(f"--nplusone-{name}")
    if stated:
        return os.path.join(config.invocation_params.dir, stated)
    stated = str(config.getini(f"nplusone_{name}"))
    return os.path.join(config.rootpath, stated) if stated else ""


def _shard(config: pytest.Config) -> str:
    stated: str = config.getoption("--nplusone-shard") or ""
    if stated:
        from nplusone_guard.report import shards

        try:
            shards.parse(stated)
        except ValueError as error:
            raise pytest.UsageError(f"--nplusone-shard is {stated!r}. Allowed: {error}.") from None
    return stated


def _reports(config: pytest.Config) -> tuple[str, ...]:
    stated = config.getoption("--nplusone-report")
    if stated:
        return tuple(os.path.join(config.invocation_params.dir, each) for each in stated)
    return tuple(os.path.join(config.rootpath, each) for each in config.getini("nplusone_report"))


def _place_in_ini(config: pytest.Config, name: str) -> str:
    """The ini file and its key, if it is the one that states an option."""
    key = f"nplusone_{name}"
    if config.getoption(f"--nplusone-{name}") or not config.getini(key):
        return ""
    return f"{ini_name(config)}: {key}"
