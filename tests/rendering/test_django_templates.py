"""Django's templates: the tag is the site and ``{% for %}`` the loop, in real requests."""

from __future__ import annotations

import django
import pytest
from django.template.loader import render_to_string
from django.test import override_settings

from nplusone_guard.guard import watch
from tests.corpus import models as m
from tests.rendering.conftest import engine
from tests.rendering.marks import at, found

ENTRIES = "{% for entry in entries %}"
AUTHOR = "{{ entry.author.name }}"

#: Template, its loop as (site, mark, loop, mark), and the query string that cures it.
PAGES = [
    ("variable", (AUTHOR, "variable", ENTRIES, "variable_for"), "select=author"),
    ("one_line", (AUTHOR, "one_line", ENTRIES, "one_line"), "select=author"),
    ("include", (AUTHOR, "row", ENTRIES, "include_for"), "select=author"),
    ("include_chosen", (AUTHOR, "row", ENTRIES, "include_chosen_for"), "select=author"),
    ("extends", (AUTHOR, "extends", ENTRIES, "base_for"), "select=author"),
    ("extends_super", (AUTHOR, "extends", ENTRIES, "base_for"), "select=author"),
    ("extends_loop", (AUTHOR, "extends_loop", ENTRIES, "extends_loop_for"), "select=author"),
    ("with", ("{% with author=entry.author %}", "with", ENTRIES, "with_for"), "select=author"),
    ("if", ("{% if entry.tags.all %}", "if", ENTRIES, "if_for"), "prefetch=tags"),
    (
        "translated",
        (
            "{% blocktranslate with name=entry.author.name %}",
            "translated",
            ENTRIES,
            "translated_for",
        ),
        "select=author",
    ),
    ("cached", (AUTHOR, "cached", ENTRIES, "cached_for"), "select=author"),
    (
        "changed",
        ("{% ifchanged entry.author.name %}", "changed", ENTRIES, "changed_for"),
        "select=author",
    ),
    ("tag", ("author_of", "author_of", ENTRIES, "tag_for"), "select=author"),
    ("filter", ("by", "by", ENTRIES, "filter_for"), "select=author"),
    (
        "filter_argument",
        (
            "{{ entry.headline|add:entry.author.name }}",
            "filter_argument",
            ENTRIES,
            "filter_argument_for",
        ),
        "select=author",
    ),
    ("each", ("{{ item.author.name }}", "each", "EachNode.render", "each_for"), "select=author"),
    (
        "nested",
        (
            "{% for entry in author.entries.all %}",
            "nested_inner",
            "{% for author in authors %}",
            "nested_outer",
        ),
        "on=authors&prefetch=entries",
    ),
    (
        "property",
        ("Author.country_label", "author_property", ENTRIES, "property_for"),
        "select=author__country",
    ),
    (
        "regroup",
        (
            "{% regroup entries by author.name as groups %}",
            "regroup",
            "{% regroup entries by author.name as groups %}",
            "regroup",
        ),
        "select=author",
    ),
    (
        "sorted",
        (
            '{% for entry in entries|dictsort:"author.name" %}',
            "sorted",
            '{% for entry in entries|dictsort:"author.name" %}',
            "sorted",
        ),
        "select=author",
    ),
    (
        "joined",
        ("City.__str__", "city_str", '{{ cities|join:", " }}', "joined"),
        "on=cities&select=country",
    ),
    (
        "lazy_sequence",
        (AUTHOR, "stream", "{% for entry in stream %}", "stream_for"),
        "select=author",
    ),
]
if django.VERSION >= (6, 0):
    PAGES += [
        ("block_tag", (AUTHOR, "block_tag", ENTRIES, "block_tag_for"), "select=author"),
        ("partial", (AUTHOR, "partial", ENTRIES, "partial_for"), "select=author"),
    ]

#: What the loop that a row is about is not: with the author loaded, its country is not.
EASED = {"property": "select=author"}


@pytest.mark.parametrize(("name", "expected", "cure"), PAGES, ids=[one[0] for one in PAGES])
def test_loop(ask, name, expected, cure):
    site, site_mark, loop, loop_mark = expected
    report = ask(f"/page/{name}/?{EASED.get(name, '')}")
    assert found(report) == {(at(site, site_mark), at(loop, loop_mark), 3)}


@pytest.mark.parametrize(("name", "expected", "cure"), PAGES, ids=[one[0] for one in PAGES])
def test_healthy_twin(ask, name, expected, cure):
    report = ask(f"/page/{name}/?{cure}")
    assert report.query_count > 0
    assert not report.findings


@pytest.mark.parametrize("name", ["include", "extends_super", "inclusion", "tree", "nested"])
def test_templates_that_are_parsed_anew_each_time_are_the_same(ask, name):
    """Without the cached loader every ``{% include %}`` of another request is a new template."""
    loaders = ["django.template.loaders.filesystem.Loader"]
    cached = ask(f"/page/{name}/")
    with override_settings(TEMPLATES=[engine(loaders=loaders, debug=True)]):
        fresh = ask(f"/page/{name}/")
    assert found(fresh) == found(cached)
    assert found(fresh)
    assert [one.id for one in fresh.findings] == [one.id for one in cached.findings]


def test_rows_that_share_a_parent_are_a_loop_all_the_same(ask):
    """The first two ask for one and the same author, the third for another."""
    first, second, _ = m.Entry.objects.order_by("pk")
    m.Entry.objects.filter(pk=second.pk).update(author=first.author_id)
    assert found(ask("/page/variable/")) == {
        (at(AUTHOR, "variable"), at(ENTRIES, "variable_for"), 3)
    }


def test_inclusion_tags_loop_in_their_function_and_in_their_template(ask):
    loop = at(ENTRIES, "inclusion_for")
    assert found(ask("/page/inclusion/")) == {
        (at("card", "card_function"), loop, 3),
        (at(AUTHOR, "card"), loop, 3),
    }


def test_inclusion_tags_healthy(ask):
    assert not ask("/page/inclusion/?select=author&select=blog").findings


def test_two_variables_of_one_line_are_two_statements(ask):
    inner = at("{% for entry in author.entries.all %}", "nested_variable_for")
    report = ask("/page/nested_variable/?on=authors&prefetch=entries")
    assert found(report) == {
        (at("{{ entry.category.slug }}", "nested_variable"), inner, 3),
        (at("{{ entry.editor.name }}", "nested_variable"), inner, 3),
    }


def test_two_variables_of_one_line_healthy(ask):
    lookups = "prefetch=entries__category&prefetch=entries__editor"
    assert not ask(f"/page/nested_variable/?on=authors&{lookups}").findings


def test_two_variables_of_one_node_are_two_statements(ask):
    place = at("{% with author=entry.author blog=entry.blog %}", "node_pair")
    report = ask("/page/node_pair/")
    (finding,) = report.findings
    assert [one.headline for one in finding.statements] == [
        "SELECT corpus_author",
        "SELECT corpus_blog",
    ]
    assert found(report) == {(place, at(ENTRIES, "node_pair_for"), 3)}


def test_two_variables_of_one_node_healthy(ask):
    assert not ask("/page/node_pair/?select=author&select=blog").findings


def test_two_variables_of_one_node_to_one_model_are_no_loop(ask):
    """An entry's author and editor, and the country of each."""
    m.Entry.objects.update(editor=m.Author.objects.order_by("-pk")[0])
    entry = m.Entry.objects.order_by("pk")[0]
    assert entry.author_id != entry.editor_id
    with watch() as recording:
        text = render_to_string("rendering/node_pair_once.html", {"entry": entry})
    assert entry.editor.name in text
    assert recording.query_count == 4
    assert not recording.report.findings


def test_two_loops_in_one_file_are_two_findings(ask):
    assert found(ask("/page/two_loops/")) == {
        (at(AUTHOR, "two_loops_author"), at(ENTRIES, "two_loops_first"), 3),
        (at(AUTHOR, "two_loops_again"), at("{% for entry in others %}", "two_loops_second"), 3),
    }


def test_two_loops_on_one_line_are_two_findings(ask):
    assert found(ask("/page/two_loops_one_line/")) == {
        (at(AUTHOR, "two_loops_one_line"), at(loop, "two_loops_one_line"), 3)
        for loop in (ENTRIES, "{% for entry in others %}")
    }


@pytest.mark.parametrize("name", ["two_loops", "two_loops_one_line"])
def test_two_loops_healthy(ask, name):
    assert not ask(f"/page/{name}/?on=entries,others&select=author").findings


def test_branches_of_one_loop_are_one_finding(ask):
    report = ask("/page/branches/")
    (finding,) = report.findings
    assert finding.count == 3
    assert found(report) == {(at(AUTHOR, "branches"), at(ENTRIES, "branches_for"), 3)}


def test_branches_of_one_loop_healthy(ask):
    assert not ask("/page/branches/?select=author").findings


@pytest.mark.parametrize(
    ("name", "queries"),
    [("twice", 4), ("twice_with", 4), ("twice_filtered", 6), ("twice_included", 4), ("empty", 1)],
)
def test_look_ups_that_are_written_twice_are_no_loop(ask, name, queries):
    report = ask(f"/page/{name}/")
    assert report.query_count == queries + 2
    assert not report.findings


def test_recursion_is_named_by_its_include(ask):
    report = ask("/page/tree/")
    (finding,) = report.findings
    assert finding.rule == "recursive-query"
    assert found(report) == {
        (
            at("{% for child in node.children.all %}", "tree_for"),
            at('{% include "rendering/tree.html" with node=child %}', "tree_include"),
            4,
        )
    }


def test_recursion_healthy(rendering):
    """A leaf has nothing below it that would be asked for."""
    leaf = m.Category.objects.get(slug="leaf")
    with watch() as recording:
        render_to_string("rendering/tree.html", {"node": leaf})
    assert recording.report.query_count == 1
    assert not recording.report.findings


class Fresh:
    """An author whose country is loaded anew wherever it is looked at."""

    def __init__(self, author):
        self.author = author

    @property
    def country(self):
        return m.Country.objects.get(pk=self.author.country_id)


def test_recursion_through_two_tags_is_one_finding(rendering):
    """However many ways there are through a binary tree, its paths fold to one."""
    first, second = map(Fresh, m.Author.objects.order_by("pk")[:2])
    context = {"first": first, "second": second, "node": first, "depth": "abcd"}
    with watch() as recording:
        render_to_string("rendering/pairs.html", context)
    (finding,) = recording.report.findings
    assert (finding.rule, finding.count) == ("recursive-query", 31)
    assert finding.loop.function.startswith('{% include "rendering/pairs.html" with node=')


def test_recursion_and_a_loop_beside_it_are_two_findings(ask):
    report = ask("/page/tree_and_loop/")
    beside = at("{{ category.children.all|length }}", "beside")
    around = at("{% for category in categories %}", "beside_for")
    assert {(site, loop) for site, loop, _ in found(report)} == {
        (
            at("{% for child in node.children.all %}", "tree_for"),
            at('{% include "rendering/tree.html" with node=child %}', "tree_include"),
        ),
        (beside, around),
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/inline/", {(at(AUTHOR, "inline"), at(ENTRIES, "inline"), 3)}),
        (
            "/inline-twice/",
            {
                (at(AUTHOR, "inline_twice"), at(ENTRIES, "inline_twice"), 3),
                (at("{{ entry.blog.owner.name }}", "inline_twice"), at(ENTRIES, "inline_twice"), 3),
            },
        ),
        ("/inline-each/", {(at(AUTHOR, "inline_each"), at("inline_each", "inline_each_for"), 3)}),
        ("/rows/", {(at(AUTHOR, "row"), at("rows", "rows_for"), 3)}),
    ],
)
def test_templates_that_python_renders(ask, path, expected):
    assert found(ask(path + "?select=blog")) == expected


@pytest.mark.parametrize("path", ["/inline/", "/inline-twice/", "/inline-each/", "/rows/"])
def test_templates_that_python_renders_healthy(ask, path):
    assert not ask(path + "?select=author&select=blog__owner").findings


def test_look_ups_of_an_inline_template_are_no_loop(ask):
    assert not ask("/inline-once/").findings
