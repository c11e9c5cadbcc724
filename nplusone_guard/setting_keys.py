"""What each key of ``settings.NPLUSONE_GUARD`` may say.

``KEYS`` is the one definition: reading, system checks and the table in
``docs/settings.md`` all follow it. Loaded once a project has the setting.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from nplusone_guard.ignores.faults import entry_faults, rule_faults, slip_faults
from nplusone_guard.policy import MODES, PYTEST_MODES, SETTING, IgnoreEntry
from nplusone_guard.spelling import closest

_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = 60


class Problem(NamedTuple):
    """One thing that is wrong with the setting; ``code`` is the id of its system check."""

    code: str
    text: str
    hint: str

    def __str__(self) -> str:
        return f"{self.text} {self.hint}"


Say = Callable[[Problem], None]


class Key(NamedTuple):
    """One key of the setting: the policy field it fills and what it may hold."""

    name: str
    field: str
    #: In words, as messages say it: ``MODE … Allowed: "off", …``.
    allowed: str
    #: In words, as the documentation says it.
    default: str
    about: str
    #: Returns the value for the policy; says every problem it meets.
    read: Callable[[Key, object, Say], Any]


def read_items(raw: object) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The fields of a policy that ``raw`` fills, and every problem in it.

    A key that has a problem fills none.
    """
    values: dict[str, Any] = {}
    found: list[Problem] = []
    for name, value in _items(raw, found.append):
        key = _BY_NAME.get(name)
        if key is None:
            found.append(_unknown_key(name))
            continue
        before = len(found)
        result = key.read(key, value, found.append)
        if len(found) == before:
            values.update(result if key.field == "ignores" else {key.field: result})
    return values, tuple(found)


def slips_in(raw: Mapping[str, Any]) -> tuple[Problem, ...]:
    """The entries of a sound setting that name a field which no model has."""
    return tuple(
        Problem("W005", f'{SETTING}["IGNORE"][{position}] {fault}.', hint)
        for position, entry in enumerate(raw.get("IGNORE", ()))
        if isinstance(entry, Mapping) and entry.get("field")
        for fault, hint in slip_faults(entry["field"])
    )


def _items(raw: object, say: Say) -> Iterable[tuple[Any, object]]:
    if isinstance(raw, Mapping):
        return raw.items()
    say(Problem("E001", f"{SETTING} is {_shown.repr(raw)}.", "Allowed: a dictionary."))
    return ()


def _unknown_key(name: object) -> Problem:
    text = f"{SETTING} has an unknown key {_shown.repr(name)}."
    return Problem("E002", text, closest(name, _BY_NAME))


def _bad(key: Key, value: object, *, at: str = "", allowed: str = "") -> Problem:
    text = f'{SETTING}["{key.name}"]{at} is {_shown.repr(value)}.'
    return Problem("E003", text, f"Allowed: {allowed or key.allowed}.")


def _one_of(allowed: tuple[str, ...]) -> Callable[[Key, object, Say], object]:
    def read_word(key: Key, value: object, say: Say) -> object:
        if value not in allowed:
            say(_bad(key, value))
        return value

    return read_word


def _boolean(key: Key, value: object, say: Say) -> object:
    if not isinstance(value, bool):
        say(_bad(key, value))
    return value


def _at_least(least: int) -> Callable[[Key, object, Say], object]:
    def read_number(key: Key, value: object, say: Say) -> object:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            say(_bad(key, value))
        return value

    return read_number


def _share(key: Key, value: object, say: Say) -> object:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        say(_bad(key, value))  # No number at all (nan) is not between them, either.
    return value


def _directory(key: Key, value: object, say: Say) -> object:
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        say(_bad(key, value))
        return None
    return os.fspath(value)


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))


def _url_paths(key: Key, value: Any, say: Say) -> object:
    if not _is_list(value):
        say(_bad(key, value))
        return ()
    for position, path in enumerate(value):
        if not isinstance(path, str) or not path.startswith(("/", "*")):
            at, allowed = f"[{position}]", 'a URL path that starts with "/" or "*"'
            say(_bad(key, path, at=at, allowed=allowed))
    return tuple(value)


def _commands(key: Key, value: Any, say: Say) -> object:
    if isinstance(value, bool):
        return value
    if not _is_list(value) or not all(isinstance(name, str) and name for name in value):
        say(_bad(key, value))
        return False
    return frozenset(value)


def _modules(key: Key, value: Any, say: Say) -> object:
    if value is None:
        return None
    if not _is_list(value):
        say(_bad(key, value))
        return frozenset()
    for position, name in enumerate(value):
        if not isinstance(name, str) or not all(part.isidentifier() for part in name.split(".")):
            say(_bad(key, name, at=f"[{position}]", allowed="the name of a package or a module"))
    return frozenset(filter(_is_text, value))


def _excluded_modules(key: Key, value: Any, say: Say) -> object:
    if value is None:
        say(_bad(key, value))
        return frozenset()
    return _modules(key, value, say)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _select(key: Key, value: Any, say: Say) -> object:
    if value is None:
        return None
    if not _is_list(value) or not value:
        say(_bad(key, value))
        return None
    for position, slug in enumerate(value):
        _check_rule(slug, f'{SETTING}["{key.name}"][{position}]', say)
    return frozenset(value) if all(isinstance(slug, str) for slug in value) else None


def _check_rule(slug: object, where: str, say: Say) -> None:
    for fault, hint in rule_faults(slug):
        say(Problem("E004", f"{where} {fault}.", hint))


def _ignore(key: Key, value: Any, say: Say) -> dict[str, object]:
    if not _is_list(value):
        say(_bad(key, value))
        return {}
    rules: set[str] = set()
    entries: list[IgnoreEntry] = []
    for position, one in enumerate(value):
        where = f'{SETTING}["{key.name}"][{position}]'
        if isinstance(one, str):
            _check_rule(one, where, say)
            rules.add(one)
        elif isinstance(one, Mapping):
            entries += _ignore_entry(one, where, say)
        else:
            say(_bad(key, one, at=f"[{position}]", allowed="a rule, or a dictionary"))
    return {"ignore_rules": frozenset(rules), "ignores": tuple(entries)}


#: Keys of a targeted ignore → fields of ``IgnoreEntry``.
ENTRY_KEYS: Final = {
    "rule": "rule",
    "path": "path",
    "field": "field",
    "id": "finding",
    "reason": "reason",
}


def _ignore_entry(raw: Mapping[Any, object], where: str, say: Say) -> list[IgnoreEntry]:
    given: dict[str, Any] = {ENTRY_KEYS[name]: raw[name] for name in ENTRY_KEYS if name in raw}
    found = [
        Problem("E005", f"{where} has an unknown key {name!r}.", closest(name, ENTRY_KEYS))
        for name in raw
        if name not in ENTRY_KEYS
    ]
    found += [Problem("E005", f"{where} {fault}.", hint) for fault, hint in entry_faults(given)]
    if all(value is None for name, value in given.items() if name != "reason"):
        hint = "Allowed: at least one of rule, path, field, id."
        found.append(Problem("E005", f"{where} does not say what to ignore.", hint))
    for problem in found:
        say(problem)
    return [] if found else [IgnoreEntry(**given)]


KEYS: Final = (
    Key(
        name="MODE",
        field="mode",
        allowed=", ".join(f'"{mode}"' for mode in MODES),
        default='`"log"` under `DEBUG`, else `"off"`',
        about="What becomes of what was found.",
        read=_one_of(MODES),
    ),
    Key(
        name="THRESHOLD",
        field="threshold",
        allowed="a whole number of 2 or more",
        default="`2`",
        about="From how many turns on a repeated query is a loop.",
        read=_at_least(2),
    ),
    Key(
        name="SELECT",
        field="select",
        allowed="a list of one or more rules, or None for all",
        default="`None`",
        about="The rules that are judged, and that fail whatever their severity.",
        read=_select,
    ),
    Key(
        name="IGNORE",
        field="ignores",
        allowed="a list of rules to switch off and of dictionaries with a reason",
        default="`[]`",
        about="Rules switched off (strings), and targeted ignores (dictionaries).",
        read=_ignore,
    ),
    Key(
        name="SHOW_CLEARED",
        field="show_cleared",
        allowed="True or False",
        default="`False`",
        about="Whether reports also list repeated queries that were found healthy.",
        read=_boolean,
    ),
    Key(
        name="MAX_GROUPS",
        field="max_groups",
        allowed="a whole number of 1 or more",
        default="`5000`",
        about="Code paths remembered for one scope; later ones are counted, not judged.",
        read=_at_least(1),
    ),
    Key(
        name="TIMELINE",
        field="max_timeline",
        allowed="a whole number of 0 or more",
        default="`1000`",
        about="Queries kept in the timeline of one scope.",
        read=_at_least(0),
    ),
    Key(
        name="INCLUDE",
        field="include",
        allowed="a list of packages or modules, or None for all",
        default="`None`",
        about="Installed packages whose own loops count, besides those of the project.",
        read=_modules,
    ),
    Key(
        name="EXCLUDE",
        field="exclude",
        allowed="a list of packages or modules",
        default="`[]`",
        about="Installed packages whose own loops do not count.",
        read=_excluded_modules,
    ),
    Key(
        name="SAMPLE",
        field="sample",
        allowed="a number from 0 to 1",
        default="`1.0`",
        about="The share of requests that the middleware watches, picked at random.",
        read=_share,
    ),
    Key(
        name="EXCLUDE_PATHS",
        field="exclude_paths",
        allowed="a list of URL paths: beginnings, or globs where they hold one of *?[",
        default="static and media URLs, and `/__debug__/`",
        about="Requests that the middleware leaves alone.",
        read=_url_paths,
    ),
    Key(
        name="TASKS",
        field="tasks",
        allowed="True or False",
        default="`True`",
        about="Whether each task of Celery and of Django Tasks is watched.",
        read=_boolean,
    ),
    Key(
        name="COMMANDS",
        field="commands",
        allowed="True, False or a list of management commands",
        default="`False`",
        about="The management commands that are watched; `True`: all but servers and the like.",
        read=_commands,
    ),
    Key(
        name="THREADS",
        field="threads",
        allowed="True or False",
        default="`True`",
        about="Whether threads, and jobs of thread pools, report to the scope they were started in.",
        read=_boolean,
    ),
    Key(
        name="BASE_DIR",
        field="base_dir",
        allowed="the path of a directory",
        default="`settings.BASE_DIR`, else the working directory",
        about="Files in reports are named relative to this directory.",
        read=_directory,
    ),
    Key(
        name="PYTEST",
        field="pytest_mode",
        allowed=", ".join(f'"{mode}"' for mode in PYTEST_MODES),
        default='`"off"`',
        about="As `--nplusone`, where neither pytest's command line nor its ini file says.",
        read=_one_of(PYTEST_MODES),
    ),
)

_BY_NAME: Final = {key.name: key for key in KEYS}
