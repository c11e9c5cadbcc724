"""The report as JSON: nothing is lost, nothing else is read, and the schema says the same."""

from __future__ import annotations

import copy
import dataclasses
import json
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from nplusone_guard import policy
from nplusone_guard.analysis import findings, verdicts
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.report import json as report_json
from nplusone_guard.report import model
from nplusone_guard.report.model import Report
from tests.report.factory import report, wellness
from tests.report.strategies import REPORTS

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "report.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


# --- round trip -----------------------------------------------------------------------------


@given(REPORTS)
def test_a_report_survives_the_round_trip(one):
    assert Report.from_json(one.to_json()) == one


@given(REPORTS)
def test_the_text_is_stable(one):
    text = one.to_json()
    assert Report.from_json(text).to_json() == text


def test_the_version_comes_first_and_the_fields_follow_in_their_order():
    assert list(json.loads(wellness().to_json())) == [
        "schema_version",
        "name",
        "kind",
        "query_count",
        "transaction_count",
        "failed_count",
        "query_time",
        "wall_time",
        "databases",
        "findings",
        "cleared",
        "shapes",
        "timeline",
        "unused_ignores",
        "eager_loads",
        "internal_errors",
        "late_queries",
        "unjudged_queries",
        "correlation_id",
        "extra",
    ]


def test_mappings_are_sorted_by_key():
    one = report(databases={"replica": 2, "default": 20})
    assert list(json.loads(one.to_json())["databases"]) == ["default", "replica"]


def test_read_only_mappings_are_as_good_as_dictionaries():
    one = report(databases=types.MappingProxyType({"default": 22}))
    assert Report.from_json(one.to_json()) == one


def test_the_text_is_ascii_and_one_line_unless_indented():
    text = report(name="日本語\n\x1b[31m").to_json()
    assert text.isascii()
    assert text.isprintable()
    assert wellness().to_json(indent=2).startswith('{\n  "schema_version": 1,\n  "name":')


class Secret:
    def __repr__(self) -> str:
        return "hunter2"

    __str__ = __repr__


def test_of_extra_only_json_values_are_written():
    one = report(extra={"parameters": [Secret(), 1], "set": {2}, "nested": {("a",): 1, "b": (3,)}})
    assert json.loads(one.to_json())["extra"] == {
        "parameters": ["<Secret>", 1],
        "set": "<set>",
        "nested": {"b": [3]},
    }


# --- reading --------------------------------------------------------------------------------


def changed(path: str, value: object) -> str:
    """The wellness report with one value replaced; ``...`` takes the key away."""
    document = json.loads(wellness().to_json())
    *keys, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    target = document
    for key in keys:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return json.dumps(document)


NUMBERS = list(range(99))


@pytest.mark.parametrize(
    ("path", "value", "found", "allowed"),
    [
        ("query_count", "22", 'is "22"', "an integer"),
        ("query_count", 2.5, "is 2.5", "an integer"),
        ("query_count", True, "is true", "an integer"),
        ("query_count", ..., "is missing", "an integer"),
        ("query_time", None, "is null", "a number"),
        ("name", 5, "is 5", "a string"),
        ("name", NUMBERS, f"is {str(NUMBERS)[:57]}...", "a string"),
        ("databases", [], "is []", "an object"),
        ("findings", {}, "is {}", "a list"),
        ("findings/0", 1, "is 1", "an object"),
        ("findings/0/severity", "fatal", 'is "fatal"', '"error" or "warning"'),
        ("findings/0/site", ..., "is missing", "an object"),
        ("findings/0/loop", ..., "is missing", "an object or null"),
        ("findings/0/loop", 1, "is 1", "an object or null"),
        ("findings/0/origin/site/line", [1], "is [1]", "an integer"),
        ("timeline/0/shape", 1, "is 1", "an index into /shapes (1 long), or -1"),
        ("timeline/0/shape", -2, "is -2", "an index into /shapes (1 long), or -1"),
        ("internal_errors", None, "is null", "a list"),
        ("schema_version", ..., "is missing", "1"),
        ("schema_version", 0, "is 0", "1"),
        ("schema_version", "1", 'is "1"', "1"),
        ("schema_version", True, "is true", "1"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(path, value, found, allowed):
    with pytest.raises(ConfigError) as caught:
        Report.from_json(changed(path, value))
    assert str(caught.value) == f"report JSON: /{path} {found}; allowed: {allowed}"


def test_a_later_version_asks_for_a_newer_release():
    with pytest.raises(ConfigError) as caught:
        Report.from_json(changed("schema_version", 2))
    assert str(caught.value) == (
        "report JSON: /schema_version is 2, but this release of nplusone-guard reads version 1; "
        "read it with a newer release"
    )


def test_a_key_is_shown_as_a_json_pointer_without_control_characters():
    with pytest.raises(ConfigError) as caught:
        Report.from_json(changed("databases", {"a~b/c\n": "x"}))
    assert str(caught.value) == ('report JSON: /databases/a~0b~1c\\n is "x"; allowed: an integer')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"name": NaN}', "not JSON: NaN is not a number that can be read"),
        ('{"name": 1e999}', "not JSON: 1e999 is not a number that can be read"),
        ("[]", "the document is []; allowed: an object"),
        ("{}", "/schema_version is missing; allowed: 1"),
    ],
)
def test_what_is_no_report_is_refused(text, message):
    with pytest.raises(ConfigError) as caught:
        Report.from_json(text)
    assert str(caught.value) == f"report JSON: {message}"


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 10_000])
def test_what_python_cannot_read_is_refused_in_one_message(text):
    with pytest.raises(ConfigError, match="report JSON: "):
        Report.from_json(text)


def test_an_integer_too_large_for_a_number_is_refused():
    with pytest.raises(ConfigError, match=r"/query_time is 9999.*\.\.\.; allowed: a number"):
        Report.from_json(changed("query_time", 10**400 - 1))


def test_a_whole_number_may_be_written_either_way():
    one = Report.from_json(changed("query_count", 22.0))
    assert one == wellness()
    assert type(one.query_count) is int
    two = Report.from_json(changed("query_time", 1))
    assert type(two.query_time) is float


def test_keys_that_a_later_release_adds_are_passed_over():
    assert Report.from_json(changed("color", "red")) == wellness()
    assert Report.from_json(changed("findings/0/site/column", 4)) == wellness()


def test_fields_that_an_earlier_release_did_not_write_take_their_default():
    one = Report.from_json(changed("unjudged_queries", ...))
    assert one == dataclasses.replace(wellness(), unjudged_queries=0)


# --- the schema ------------------------------------------------------------------------------

RECORDS = {
    "site": verdicts.Site,
    "statement": findings.Statement,
    "origin": findings.Origin,
    "advice": findings.Advice,
    "option": findings.Option,
    "step": findings.Step,
    "finding": findings.Finding,
    "cleared": verdicts.Cleared,
    "shape": findings.Shape,
    "timeline_entry": model.TimelineEntry,
    "unused_ignore": policy.UnusedIgnore,
    "eager_load": findings.EagerLoad,
}


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"].keys() == RECORDS.keys()
    assert SCHEMA["properties"]["schema_version"] == {"const": report_json.SCHEMA_VERSION}


@pytest.mark.parametrize("name", [*RECORDS, "report"])
def test_the_schema_lists_the_fields_in_their_order(name):
    kind = RECORDS.get(name, Report)
    schema = SCHEMA["$defs"].get(name, SCHEMA)
    version = ["schema_version"] if kind is Report else []
    fields = dataclasses.fields(kind)
    assert list(schema["properties"]) == version + [field.name for field in fields]
    required = [
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    assert schema["required"] == version + required


@given(REPORTS)
def test_every_report_is_valid(one):
    VALIDATOR.validate(json.loads(one.to_json()))


def places(node: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    items = {dict: lambda: node.items(), list: lambda: enumerate(node)}.get(type(node), tuple)()
    return found + [place for key, child in items for place in places(child, (*path, key))]


OTHER = st.sampled_from([..., None, "x", 7, 7.0, 1.5, False, [], {}, ["x"], {"x": "y"}])


@given(REPORTS, st.data(), OTHER)
def test_the_schema_and_the_reader_agree_on_what_is_wrong(one, data, value):
    """Of a document with one value changed or taken away."""
    document = copy.deepcopy(json.loads(one.to_json()))
    *keys, last = data.draw(st.sampled_from(places(document)))
    target = document
    for key in keys:
        target = target[key]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    assert VALIDATOR.is_valid(document) is read(document)


def read(document: object) -> bool:
    try:
        Report.from_json(json.dumps(document))
    except ConfigError as error:
        # How long another list is is beyond JSON Schema.
        return "an index into /shapes" in str(error)
    return True


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("query_count", "22"),
        ("findings/0/severity", "fatal"),
        ("findings/0/statements/0/count", ...),
        ("findings/0/loop", "reports.py:41"),
        ("timeline/0/shape", -2),
        ("databases", {"default": "x"}),
        ("schema_version", 2),
    ],
)
def test_a_wrong_document_is_not_valid(path, value):
    assert not VALIDATOR.is_valid(json.loads(changed(path, value)))


def test_no_key_holds_parameters():
    """``distinct_params`` is a number; nothing else is about parameters."""
    keys = {
        field.name for kind in (*RECORDS.values(), Report) for field in dataclasses.fields(kind)
    }
    assert {key for key in keys if "param" in key} == {"distinct_params"}
    for name in ("finding", "statement"):
        assert SCHEMA["$defs"][name]["properties"]["distinct_params"]["type"] == "integer"
