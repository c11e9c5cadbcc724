"""What each key of ``settings.NPLUSONE_GUARD`` may say, and how the policy has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nplusone_guard import conf
from nplusone_guard.policy import IgnoreEntry
from nplusone_guard.setting_keys import KEYS

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"

GOOD = [
    ({"MODE": "raise"}, "mode", "raise"),
    ({"THRESHOLD": 5}, "threshold", 5),
    ({"SELECT": ["lazy-relation"]}, "select", frozenset({"lazy-relation"})),
    ({"SELECT": None}, "select", None),
    ({"IGNORE": ["write-in-loop"]}, "ignore_rules", frozenset({"write-in-loop"})),
    ({"SHOW_CLEARED": True}, "show_cleared", True),
    ({"MAX_GROUPS": 1}, "max_groups", 1),
    ({"TIMELINE": 0}, "max_timeline", 0),
    ({"SAMPLE": 0.05}, "sample", 0.05),
    ({"SAMPLE": 0}, "sample", 0),
    ({"SAMPLE": 1}, "sample", 1),
    ({"EXCLUDE_PATHS": ["/health/", "*.ico"]}, "exclude_paths", ("/health/", "*.ico")),
    ({"EXCLUDE_PATHS": []}, "exclude_paths", ()),
    ({"INCLUDE": None}, "include", None),
    ({"INCLUDE": []}, "include", frozenset()),
    ({"INCLUDE": ["shop_tables"]}, "include", frozenset({"shop_tables"})),
    ({"EXCLUDE": ["django.contrib.admin"]}, "exclude", frozenset({"django.contrib.admin"})),
    ({"TASKS": False}, "tasks", False),
    ({"COMMANDS": True}, "commands", True),
    ({"COMMANDS": ["migrate", "send"]}, "commands", frozenset({"migrate", "send"})),
    ({"COMMANDS": []}, "commands", frozenset()),
    ({"THREADS": False}, "threads", False),
    ({"PYTEST": "fail"}, "pytest_mode", "fail"),
    ({"BASE_DIR": "/srv/app"}, "base_dir", "/srv/app"),
    ({"BASE_DIR": Path("/srv/app")}, "base_dir", str(Path("/srv/app"))),
]

BAD = [
    ("log", "E001", "NPLUSONE_GUARD is 'log'. Allowed: a dictionary."),
    ({"TRESHOLD": 3}, "E002", "unknown key 'TRESHOLD'. Did you mean \"THRESHOLD\"?"),
    ({"mode": "log"}, "E002", "unknown key 'mode'. Did you mean \"MODE\"?"),
    ({"COLOUR": 1}, "E002", "unknown key 'COLOUR'. Known: MODE, THRESHOLD, SELECT,"),
    ({3: 1}, "E002", "unknown key 3. Known:"),
    (
        {"MODE": "loud"},
        "E003",
        '["MODE"] is \'loud\'. Allowed: "off", "log", "warn", "raise".',
    ),
    ({"MODE": ["log"]}, "E003", "[\"MODE\"] is ['log']. Allowed:"),
    ({"THRESHOLD": 1}, "E003", '["THRESHOLD"] is 1. Allowed: a whole number of 2 or more.'),
    ({"THRESHOLD": True}, "E003", '["THRESHOLD"] is True.'),
    ({"THRESHOLD": "3"}, "E003", "[\"THRESHOLD\"] is '3'."),
    ({"TASKS": "celery"}, "E003", "[\"TASKS\"] is 'celery'. Allowed: True or False."),
    (
        {"COMMANDS": "migrate"},
        "E003",
        "[\"COMMANDS\"] is 'migrate'. Allowed: True, False or a list",
    ),
    ({"COMMANDS": [""]}, "E003", "[\"COMMANDS\"] is ['']."),
    ({"COMMANDS": 1}, "E003", '["COMMANDS"] is 1.'),
    ({"THREADS": 1}, "E003", '["THREADS"] is 1. Allowed: True or False.'),
    ({"SELECT": "lazy-relation"}, "E003", "[\"SELECT\"] is 'lazy-relation'. Allowed: a list of"),
    ({"SELECT": []}, "E003", '["SELECT"] is [].'),
    (
        {"SELECT": ["lazy-relations"]},
        "E004",
        '["SELECT"][0] names \'lazy-relations\', which is not a rule. Did you mean "lazy-relation"?',
    ),
    ({"SELECT": [["lazy-relation"]]}, "E004", "[\"SELECT\"][0] names ['lazy-relation']"),
    ({"IGNORE": "write-in-loop"}, "E003", "[\"IGNORE\"] is 'write-in-loop'."),
    ({"IGNORE": [7]}, "E003", '["IGNORE"][0] is 7. Allowed: a rule, or a dictionary.'),
    ({"IGNORE": ["write-in-lop"]}, "E004", 'Did you mean "write-in-loop"?'),
    (
        {"IGNORE": [{"path": "a.py"}]},
        "E005",
        '["IGNORE"][0] has no reason. Say why these queries may stay.',
    ),
    ({"IGNORE": [{"path": "a.py", "reason": " "}]}, "E005", "has no reason"),
    (
        {"IGNORE": [{"reason": "old"}]},
        "E005",
        "does not say what to ignore. Allowed: at least one of rule, path, field, id.",
    ),
    (
        {"IGNORE": [{"rle": "x", "path": "a.py", "reason": "old"}]},
        "E005",
        '["IGNORE"][0] has an unknown key \'rle\'. Did you mean "rule"?',
    ),
    ({"IGNORE": [{"rule": "nope", "reason": "old"}]}, "E005", "names 'nope', which is not a rule"),
    ({"IGNORE": [{"path": 3, "reason": "old"}]}, "E005", "has 3 for path. Allowed: a string"),
    (
        {"IGNORE": [{"field": "author", "reason": "old"}]},
        "E005",
        'has \'author\' for field. Allowed: "app.Model.field" or "app.Model.*".',
    ),
    ({"SHOW_CLEARED": 1}, "E003", '["SHOW_CLEARED"] is 1. Allowed: True or False.'),
    ({"MAX_GROUPS": 0}, "E003", '["MAX_GROUPS"] is 0. Allowed: a whole number of 1 or more.'),
    ({"TIMELINE": -1}, "E003", '["TIMELINE"] is -1. Allowed: a whole number of 0 or more.'),
    ({"SAMPLE": 1.5}, "E003", '["SAMPLE"] is 1.5. Allowed: a number from 0 to 1.'),
    ({"SAMPLE": -0.1}, "E003", '["SAMPLE"] is -0.1.'),
    ({"SAMPLE": float("nan")}, "E003", '["SAMPLE"] is nan.'),
    ({"SAMPLE": True}, "E003", '["SAMPLE"] is True.'),
    ({"SAMPLE": "0.1"}, "E003", "[\"SAMPLE\"] is '0.1'."),
    ({"EXCLUDE_PATHS": "/a/"}, "E003", "[\"EXCLUDE_PATHS\"] is '/a/'. Allowed: a list of"),
    (
        {"EXCLUDE_PATHS": ["a/"]},
        "E003",
        '["EXCLUDE_PATHS"][0] is \'a/\'. Allowed: a URL path that starts with "/" or "*".',
    ),
    ({"INCLUDE": "shop"}, "E003", "[\"INCLUDE\"] is 'shop'. Allowed: a list of packages"),
    (
        {"EXCLUDE": ["shop/tables"]},
        "E003",
        "[\"EXCLUDE\"][0] is 'shop/tables'. Allowed: the name of a package or a module.",
    ),
    ({"EXCLUDE": [3]}, "E003", '["EXCLUDE"][0] is 3.'),
    ({"EXCLUDE": None}, "E003", '["EXCLUDE"] is None. Allowed: a list of packages or modules.'),
    ({"PYTEST": "warn"}, "E003", '["PYTEST"] is \'warn\'. Allowed: "off", "report", "fail".'),
    ({"BASE_DIR": ""}, "E003", "[\"BASE_DIR\"] is ''. Allowed: the path of a directory."),
    ({"BASE_DIR": 3}, "E003", '["BASE_DIR"] is 3.'),
]


@pytest.mark.parametrize(("raw", "field", "value"), GOOD)
def test_a_good_value_reaches_the_policy(raw, field, value):
    policy, problems = conf.read(raw)
    assert problems == ()
    assert getattr(policy, field) == value


@pytest.mark.parametrize(("raw", "code", "message"), BAD)
def test_a_bad_value_is_named_with_what_is_allowed(raw, code, message):
    _, problems = conf.read(raw)
    assert [problem.code for problem in problems] == [code]
    assert message in str(problems[0])


def test_every_key_has_a_good_and_a_bad_value_above():
    names = {key.name for key in KEYS}
    assert {name for raw, *_ in GOOD for name in raw} == names
    assert names <= {name for raw, *_ in BAD if isinstance(raw, dict) for name in raw}


def test_a_targeted_ignore_becomes_an_entry():
    entry = {
        "rule": "query-in-loop",
        "path": "legacy/*",
        "field": "shop.Book.author",
        "id": "3f2a",
        "reason": "goes with v2",
    }
    policy, problems = conf.read({"IGNORE": ["write-in-loop", entry]})
    assert problems == ()
    assert policy.ignore_rules == {"write-in-loop"}
    assert policy.ignores == (
        IgnoreEntry("goes with v2", "query-in-loop", "legacy/*", "shop.Book.author", "3f2a"),
    )


def test_all_problems_are_found_and_the_good_keys_still_count():
    policy, problems = conf.read({"MODE": "x", "THRESHOLD": 4, "SELECT": ["a", "b"], "NEW": 1})
    assert [problem.code for problem in problems] == ["E003", "E004", "E004", "E002"]
    assert (policy.mode, policy.threshold) == ("off", 4)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_the_documentation_has_a_row_for_the_key(key):
    row = f"| `{key.name}` | {key.default} | {key.allowed} | {key.about} |"
    assert row in DOCS.read_text(encoding="utf-8")
