"""What a run is asked to do: options of the command line, of the ini file, of Django."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from pytest_nplusone_guard.declarations import DEPENDENT, Mode, stated_mode


@dataclass(frozen=True, slots=True)
class Options:
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

    @property
    def barred(self) -> bool:
        """Whether somebody said ``off``, so that no marker switches anything on."""
        return self.mode == "off" and bool(self.source)


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
    )
    if update and not (options.baseline or options.budgets):
        raise pytest.UsageError(
            "--nplusone-update-baseline needs a file: --nplusone-baseline=FILE or "
            "--nplusone-budgets=FILE."
        )
    return options


def _refuse_idle(config: pytest.Config) -> None:
    """An option that has no effect would leave somebody believe that all is well."""
    for name in DEPENDENT:
        if config.getoption(f"--nplusone-{name}"):
            raise pytest.UsageError(
                f"--nplusone-{name} has no effect while nplusone is off. "
                "Add --nplusone=report or --nplusone=fail."
            )


def _path(config: pytest.Config, name: str) -> str:
    """A file: on the command line relative to where one is, in the ini file to its place."""
    stated = config.getoption(f"--nplusone-{name}")
    if stated:
        return os.path.join(config.invocation_params.dir, stated)
    stated = str(config.getini(f"nplusone_{name}"))
    return os.path.join(config.rootpath, stated) if stated else ""


def _reports(config: pytest.Config) -> tuple[str, ...]:
    stated = config.getoption("--nplusone-report")
    if stated:
        return tuple(os.path.join(config.invocation_params.dir, each) for each in stated)
    return tuple(os.path.join(config.rootpath, each) for each in config.getini("nplusone_report"))
