"""Jinja2: the template's own line and its ``{% for %}``, through Django's backend and bare."""

from __future__ import annotations

import jinja2
import pytest

from nplusone_guard.guard import watch
from tests.corpus import models as m
from tests.corpus.data import populate
from tests.rendering.marks import HERE, at, found

ENTRIES = "{% for entry in entries %}"
AUTHOR = "{{ entry.author.name }}"

#: Template, its loop as (site, mark, loop, mark), and the query string that cures it.
PAGES = [
    ("variable", (AUTHOR, "j_variable", ENTRIES, "j_variable_for"), "select=author"),
    ("one_line", (AUTHOR, "j_one_line", ENTRIES, "j_one_line"), "select=author"),
    (
        "counted",
        ("{%- if entry.author.name %}", "j_counted", ENTRIES, "j_counted_for"),
        "select=author",
    ),
    ("macro", (AUTHOR, "j_macro", ENTRIES, "j_macro_for"), "select=author"),
    ("include", (AUTHOR, "j_row", ENTRIES, "j_include_for"), "select=author"),
    ("extends", (AUTHOR, "j_extends", ENTRIES, "j_base_for"), "select=author"),
    (
        "nested",
        (
            "{% for entry in author.entries.all() %}",
            "j_nested_inner",
            "{% for author in authors %}",
            "j_nested_outer",
        ),
        "on=authors&prefetch=entries",
    ),
    (
        "filtered",
        (
            "{% for entry in entries if entry.author.rating %}",
            "j_filtered",
            "{% for entry in entries if entry.author.rating %}",
            "j_filtered",
        ),
        "select=author",
    ),
    (
        "mapped",
        (
            '{{ entries|map(attribute="author.name")|join(", ") }}',
            "j_mapped",
            '{{ entries|map(attribute="author.name")|join(", ") }}',
            "j_mapped",
        ),
        "select=author",
    ),
    (
        "property",
        ("Author.country_label", "author_property", ENTRIES, "j_property_for"),
        "select=author__country",
    ),
]
EASED = {"property": "select=author"}


@pytest.mark.parametrize(("name", "expected", "cure"), PAGES, ids=[one[0] for one in PAGES])
def test_loop(ask, name, expected, cure):
    site, site_mark, loop, loop_mark = expected
    report = ask(f"/jinja/{name}/?{EASED.get(name, '')}")
    assert found(report) == {(at(site, site_mark), at(loop, loop_mark), 3)}


@pytest.mark.parametrize(("name", "expected", "cure"), PAGES, ids=[one[0] for one in PAGES])
def test_healthy_twin(ask, name, expected, cure):
    report = ask(f"/jinja/{name}/?{cure}")
    assert report.query_count > 0
    assert not report.findings


def test_two_loops_on_one_line_are_two_findings(ask):
    assert found(ask("/jinja/two_loops/")) == {
        (at(AUTHOR, "j_two_loops"), at(loop, "j_two_loops"), 3)
        for loop in (ENTRIES, "{% for entry in others %}")
    }


def test_two_loops_on_one_line_healthy(ask):
    assert not ask("/jinja/two_loops/?on=entries,others&select=author").findings


@pytest.mark.parametrize(
    ("name", "site", "site_mark", "call", "mark"),
    [
        (
            "tree",
            "{% for child in node.children.all() recursive %}",
            "j_tree_for",
            "{{ child.slug }} {{ loop(child.children.all()) }}{# @j_tree #}",
            "j_tree",
        ),
        (
            "branch",
            "{% for child in node.children.all() %}",
            "j_branch_for",
            '{% include "branch.html" %}',
            "j_branch",
        ),
    ],
)
def test_recursion(ask, name, site, site_mark, call, mark):
    report = ask(f"/jinja/{name}/")
    (finding,) = report.findings
    assert finding.rule == "recursive-query"
    ((where, loop, _),) = found(report)
    assert (where, loop) == (at(site, site_mark), at(call, mark))


def test_look_ups_that_are_written_twice_are_no_loop(ask):
    assert not ask("/jinja/twice/").findings


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/jinja-inline/", {(at("<template>", "j_inline"), at("<template>", "j_inline"), 3)}),
        (
            "/jinja-inline-each/",
            {
                (
                    at("<template>", "j_inline_each"),
                    at("jinja_inline_each", "j_inline_each_for"),
                    3,
                )
            },
        ),
        ("/jinja-bare/", {("mail.txt @ mail.txt:2", "mail.txt @ mail.txt:1", 3)}),
    ],
)
def test_templates_without_a_file(ask, path, expected):
    assert found(ask(path)) == expected


@pytest.mark.parametrize("path", ["/jinja-inline/", "/jinja-inline-each/", "/jinja-bare/"])
def test_templates_without_a_file_healthy(ask, path):
    assert not ask(path + "?select=author").findings


@pytest.mark.django_db
@pytest.mark.parametrize("healthy", [False, True])
def test_bare_environment(healthy):
    populate(3)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE / "jinja"))
    entries = m.Entry.objects.all()
    with watch() as recording:
        environment.get_template("include.html").render(
            entries=entries.select_related("author") if healthy else entries
        )
    expected = {(at(AUTHOR, "j_row"), at(ENTRIES, "j_include_for"), 3)}
    assert found(recording.report) == (set() if healthy else expected)


@pytest.mark.django_db
def test_custom_delimiters():
    populate(3)
    environment = jinja2.Environment(
        variable_start_string="${", variable_end_string="}", line_statement_prefix="%"
    )
    environment.loader = jinja2.DictLoader(
        {"x": "% for entry in entries\n${ entry.author.name }\n% endfor"}
    )
    with watch() as recording:
        environment.get_template("x").render(entries=m.Entry.objects.all())
    assert found(recording.report) == {("x @ x:2", "x @ x:1", 3)}


@pytest.mark.django_db
def test_equal_templates_in_two_files_are_two_places(tmp_path):
    """Python takes code of equal content for one; a template that is copied is not."""
    populate(3)
    for name in ("one.html", "two.html"):
        (tmp_path / name).write_text(
            "{% for entry in entries %}{{ entry.author.name }}{% endfor %}"
        )
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(tmp_path))
    with watch() as recording:
        environment.get_template("one.html").render(entries=m.Entry.objects.order_by("pk"))
        environment.get_template("two.html").render(entries=m.Entry.objects.order_by("pk"))
    assert {site.partition(" @ ")[2] for site, _, _ in found(recording.report)} == {
        "one.html:1",
        "two.html:1",
    }
