"""What a run is asked to do: options of the command line, of the ini file, of Django."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, Final, Literal

import pytest

Mode = Literal["off", "report", "fail"]
MODES: Final = ("off", "report", "fail")
UPDATES: Final = ("all", "new-only", "prune")
#: How ``NPLUSONE_GUARD`` names the mode for pytest.
SETTING_KEY: Final = "PYTEST"

_ALLOWED: Final = ", ".join(MODES)


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


def add_options(parser: pytest.Parser) -> None:
    """Declare the options, each with its ini name."""
    group = parser.getgroup("nplusone", "query loops (nplusone-guard)")
    group.addoption(
        "--nplusone",
        choices=MODES,
        help="Watch each test for query loops: report them, or fail the test. [off]",
    )
    group.addoption(
        "--nplusone-baseline",
        metavar="FILE",
        help="Findings that are known: they pass, others fail. Written by the next option.",
    )
    group.addoption(
        "--nplusone-update-baseline",
        nargs="?",
        const="all",
        choices=UPDATES,
        help="Write the baseline and the budgets: all of it, new findings only, or without "
        "those that are gone. [all]",
    )
    group.addoption(
        "--nplusone-strict",
        action="store_true",
        help="Entries of the baseline that are no longer found fail the run.",
    )
    group.addoption(
        "--nplusone-budgets",
        metavar="FILE",
        help="Queries of each test, as recorded: more of them fail the test.",
    )
    group.addoption(
        "--nplusone-allow",
        metavar="N",
        help="Queries above the recorded number that pass: +10%% or +2. [+0]",
    )
    group.addoption(
        "--nplusone-report",
        metavar="FILE",
        action="append",
        help="Write a report: FILE.json, .md, .sarif, or .gitlab.json. May be repeated.",
    )
    parser.addini("nplusone", f"As --nplusone: {_ALLOWED}.", default="")
    parser.addini("nplusone_baseline", "As --nplusone-baseline.", default="")
    parser.addini("nplusone_budgets", "As --nplusone-budgets.", default="")
    parser.addini("nplusone_allow", "As --nplusone-allow.", default="")
    parser.addini("nplusone_report", "As --nplusone-report, one a line.", "linelist", default=[])
    parser.addini(
        "nplusone_test_paths",
        "Files, directories and globs of test code beside python_files, one a line: their "
        "loops are no findings.",
        "linelist",
        default=[],
    )


def read_options(config: pytest.Config) -> Options:
    """The options of this run. Raises ``UsageError`` for what is not allowed."""
    mode, source = _mode(config)
    update = config.getoption("--nplusone-update-baseline") or ""
    if update and mode == "off":
        if source:
            raise pytest.UsageError(
                f"--nplusone-update-baseline, but nplusone is off ({source}). "
                "Allowed with it: --nplusone=report or --nplusone=fail."
            )
        mode, source = "report", "--nplusone-update-baseline"
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
    for name in ("baseline", "strict", "budgets", "allow", "report"):
        if config.getoption(f"--nplusone-{name}"):
            raise pytest.UsageError(
                f"--nplusone-{name} has no effect while nplusone is off. "
                "Add --nplusone=report or --nplusone=fail."
            )


def _mode(config: pytest.Config) -> tuple[Mode, str]:
    stated = config.getoption("--nplusone")
    if stated:
        return stated, "--nplusone"
    stated = config.getini("nplusone")
    if stated:
        return _checked(str(stated), "nplusone", os.path.basename(config.inipath or "the ini file"))
    stated = _of_django()
    if stated is not None:
        where = f'NPLUSONE_GUARD["{SETTING_KEY}"]'
        return _checked(stated, where, where)
    return "off", ""


def _checked(stated: object, key: str, source: str) -> tuple[Mode, str]:
    if stated not in MODES:
        place = "" if source == key else f"{source}: "
        raise pytest.UsageError(f"{place}{key} is {stated!r}. Allowed: {_ALLOWED}.")
    return stated, source


def _of_django() -> Any:
    """What the setting says, where Django is configured: it is not imported for that."""
    if not django_is_configured():
        return None
    setting = getattr(sys.modules["django.conf"].settings, "NPLUSONE_GUARD", None)
    return setting.get(SETTING_KEY) if isinstance(setting, dict) else None


def django_is_configured() -> bool:
    """Whether somebody has set up Django in this process."""
    conf = sys.modules.get("django.conf")
    return conf is not None and bool(conf.settings.configured)


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
