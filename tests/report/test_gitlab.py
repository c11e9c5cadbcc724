"""GitLab's code quality report."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from nplusone_guard.report import gitlab
from nplusone_guard.report.joining import session_of
from tests.report.factory import finding, report, site, statement, wellness
from tests.report.strategies import REPORTS

BASE = "/builds/shop"

#: What GitLab's documentation asks of an entry.
VALIDATOR = Draft202012Validator(
    {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["description", "check_name", "fingerprint", "severity", "location"],
            "properties": {
                "description": {"type": "string"},
                "check_name": {"type": "string"},
                "fingerprint": {"type": "string"},
                "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
                "location": {
                    "required": ["path", "lines"],
                    "properties": {
                        "path": {"type": "string", "pattern": r"^(?!\./)"},
                        "lines": {
                            "required": ["begin"],
                            "properties": {"begin": {"type": "integer", "minimum": 1}},
                        },
                    },
                },
            },
        },
    }
)


def test_a_finding_is_an_issue():
    assert json.loads(gitlab.render(wellness(), BASE)) == [
        {
            "type": "issue",
            "check_name": "bypassed-prefetch",
            "description": (
                "20 × SELECT peoples_people at 61. Fix: read tenant.people_set.all(), or "
                'Prefetch("people_set", queryset=...)'
            ),
            "categories": ["Performance"],
            "severity": "major",
            "fingerprint": "3f9c2a1b7d04",
            "location": {
                "path": "background_tasks/journal_wellness_tasks.py",
                "lines": {"begin": 61},
            },
        }
    ]


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("/builds/shop/app/views.py", "app/views.py"),
        ("./app/views.py", "app/views.py"),
        ("/usr/lib/views.py", "/usr/lib/views.py"),
    ],
)
def test_paths_are_relative_to_the_repository(file, path):
    one = finding("lazy-relation", statement(site=site(file=file)), loop=None, origin=None)
    (issue,) = json.loads(gitlab.render(report(one), BASE))
    assert issue["location"]["path"] == path


def test_a_warning_is_minor():
    (issue,) = json.loads(gitlab.render(report(finding("write-in-loop")), BASE))
    assert issue["severity"] == "minor"


def test_without_findings_the_list_is_empty():
    assert json.loads(gitlab.render(report(), BASE)) == []


@settings(max_examples=15)
@given(REPORTS)
def test_any_report_is_as_gitlab_asks(one):
    issues = json.loads(gitlab.render(one, BASE))
    VALIDATOR.validate(issues)
    assert len({issue["fingerprint"] for issue in issues}) == len(issues) == len(session_of(one))
