"""What pytest is told in every run: options, markers, and who states the mode.

Loaded whether anybody asks for anything or not, and therefore light.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import Any, Final, Literal

import pytest

Mode = Literal["off", "report", "fail"]
MODES: Final = ("off", "report", "fail")
UPDATES: Final = ("all", "new-only", "prune")
#: How ``NPLUSONE_GUARD`` names the mode for pytest.
SETTING_KEY: Final = "PYTEST"
#: Options that have no effect while nothing is watched.
DEPENDENT: Final = ("baseline", "strict", "budgets", "allow", "report", "shard")
#: What each option with a value may say.
VALUES: Final = {
    "baseline": "a file",
    "update-baseline": ", ".join(UPDATES),
    "budgets": "a file",
    "allow": "+10% or +2",
    "report": "a file",
    "shard": "K/N",
}
#: How many tests were not selected.
deselected_key: Final = pytest.StashKey[int]()

_ALLOWED: Final = ", ".join(MODES)

MARKERS: Final = {
    "max_queries": (
        "(n, *, using=None, exact=False, info='', transactions=False): the test sends at most n "
        "queries, those of its fixtures not counted, to any database or to those in using."
    ),
    "nplusone": (
        "(mode=None, *, ignore=(), reason=''): how the test is watched for query loops "
        '("off", "report", "fail"), and rules or "app.Model.field"s that it may violate, and why.'
    ),
}


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
        const=UPDATES[0],
        metavar="|".join(UPDATES),
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
    group.addoption(
        "--nplusone-shard",
        metavar="K/N",
        help="This run is part K of N of the suite: its report says so, and `nplusone-guard "
        "merge` misses the parts that are not there.",
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


def check_options(config: pytest.Config) -> None:
    """Raise ``UsageError`` for an option without its value, and for an update that there is not.

    Checked here, and not by the parser: that would not say what to write.
    """
    for name, allowed in VALUES.items():
        stated = config.getoption(f"--nplusone-{name}")
        # As a variable of the shell that is not set leaves it; it does not mean the ini file.
        if stated == "" or (isinstance(stated, list) and "" in stated):
            raise pytest.UsageError(f"--nplusone-{name} is ''. Allowed: {allowed}.")
    _check_update(config)


def _check_update(config: pytest.Config) -> None:
    """A path that follows the option is taken for its value."""
    stated = config.getoption("--nplusone-update-baseline")
    if not stated or stated in UPDATES:
        return
    told = f"--nplusone-update-baseline is {stated!r}. Allowed: {', '.join(UPDATES)}."
    if os.path.exists(os.path.join(config.invocation_params.dir, stated.partition("::")[0])):
        told += f"\n To update by the tests of a path: --nplusone-update-baseline=all {stated}"
    raise pytest.UsageError(told)


def add_markers(config: pytest.Config) -> None:
    """Declare the markers, for ``--strict-markers`` and ``--markers``."""
    for name, usage in MARKERS.items():
        config.addinivalue_line("markers", name + usage)


def stated_mode(config: pytest.Config) -> tuple[Mode, str]:
    """The mode of the strongest place that states one, and that place in words; else none.

    Raises ``UsageError`` for a mode that there is not, and for two on one command line.
    """
    stated = config.getoption("--nplusone")
    if stated:
        _check_contradiction([str(each) for each in config.invocation_params.args])
        return stated, "--nplusone"
    stated = config.getini("nplusone")
    if stated:
        return _checked(str(stated), "nplusone", ini_name(config))
    stated = _of_django()
    if stated is not None:
        where = f'NPLUSONE_GUARD["{SETTING_KEY}"]'
        return _checked(stated, where, where)
    if config.getoption("--nplusone-update-baseline"):
        return "report", "--nplusone-update-baseline"
    return "off", ""


def _check_contradiction(arguments: list[str]) -> None:
    """The last one would count; over one of ``addopts``, which are not among these, it may."""
    stated = {each.partition("=")[2] for each in arguments if each.startswith("--nplusone=")}
    stated |= {mode for name, mode in pairwise(arguments) if name == "--nplusone"}
    modes = [repr(mode) for mode in MODES if mode in stated]
    if len(modes) > 1:
        raise pytest.UsageError(f"--nplusone has two modes, {' and '.join(modes)}. Allowed: one.")


def ini_name(config: pytest.Config) -> str:
    """What messages call the ini file."""
    return os.path.basename(config.inipath or "the ini file")


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


def are_dependents_given(config: pytest.Config) -> bool:
    """Whether the command line holds an option that needs something to be watched."""
    return any(config.getoption(f"--nplusone-{name}") for name in ("update-baseline", *DEPENDENT))


def is_marked(item: pytest.Item) -> bool:
    """Whether one of the markers is on ``item`` or around it."""
    return any(mark.name in MARKERS for mark in item.iter_markers())
