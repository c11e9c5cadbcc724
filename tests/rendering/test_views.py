"""Where the rows of a template were chosen: a view's line, a class's declaration."""

from __future__ import annotations

import linecache
from pathlib import Path

import pytest
from django.test import override_settings

from nplusone_guard.report.text import render
from tests.corpus import models as m
from tests.rendering import views
from tests.rendering.conftest import engine
from tests.rendering.marks import at, found, marked_lines, shown
from tests.rendering.views import AuthorDetail
from tests.webapp import GUARD

ENTRIES = "{% for entry in entries %}"
AUTHOR = "{{ entry.author.name }}"
VARIABLE = {(at(AUTHOR, "variable"), at(ENTRIES, "variable_for"), 3)}


def chosen(report):
    """The line to change, as the report names it."""
    (finding,) = report.findings
    site = finding.origin.assigned or finding.origin.site
    return f"{Path(site.file).name}:{site.line}"


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ("/plainly/", "plainly_entries"),
        ("/by-name/", "by_name_entries"),
        ("/by-hand/", "by_hand_entries"),
        ("/directly/", "directly_entries"),
        ("/paginated/", "paginated_number"),
        ("/entries/", "entries_model"),
        ("/later/", "later"),
        ("/entries/paged/", "paged_get_queryset"),
    ],
)
def test_rows_are_traced_to_where_they_were_chosen(ask, path, mark):
    report = ask(path)
    assert found(report) == VARIABLE
    assert chosen(report) == marked_lines()[mark]


@pytest.mark.parametrize(
    "path",
    [
        "/by-name/?select=author",
        "/by-hand/?select=author",
        "/directly/?select=author",
        "/paginated/?select=author",
        "/entries/healthy/",
        "/later/?select=author",
        "/later-decorated/?select=author",
        "/entries/paged/?select=author",
    ],
)
def test_rows_healthy(ask, path):
    report = ask(path)
    assert report.query_count > 0
    assert not report.findings


def test_rows_that_no_code_of_the_project_chose(ask):
    """``ListView.as_view(model=…)``: there is nothing but the template to point at."""
    assert found(ask("/entries/from-urls/")) == {
        (at(AUTHOR, "list"), at("{% for entry in entry_list %}", "list_for"), 3)
    }


def test_rows_of_a_view_that_a_decorator_hides(ask):
    """The template is all there is to point at, and not the decorator."""
    report = ask("/later-decorated/")
    assert found(report) == VARIABLE
    assert chosen(report) == marked_lines()["variable_for"]


def test_advice_names_the_view_whose_answer_is_rendered_later(ask):
    (finding,) = ask("/later/").findings
    assert finding.advice.text == (
        f'add .select_related("author") to the queryset of later at {marked_lines()["later"]}'
    )


def test_advice_changes_the_view(ask):
    (finding,) = ask("/plainly/").findings
    (step,) = finding.advice.options[0].steps
    assert Path(step.file).name == "views.py"
    assert f"{Path(step.file).name}:{step.line}" == marked_lines()["plainly_entries"]
    assert step.new == '.select_related("author")'


def test_advice_names_the_hook_of_a_view_that_has_no_code(ask):
    (finding,) = ask("/entries/from-urls/").findings
    assert finding.advice.text.startswith(
        'add .select_related("author") to the queryset that the view gives (its queryset= or '
        "get_queryset()) to the template at entry_list.html:"
    )


@pytest.fixture
def busy_author(rendering):
    """One author, who has written everything."""
    author = m.Author.objects.order_by("pk")[0]
    m.Entry.objects.update(author=author)
    return author


def test_detail_view(ask, busy_author):
    assert found(ask(f"/author/{busy_author.pk}/")) == {
        (
            at("AuthorDetail.get_context_data", "detail_tags"),
            at("AuthorDetail.get_context_data", "detail_tags"),
            3,
        ),
        (
            at("{{ entry.blog.name }}", "detail"),
            at("{% for entry in author.entries.all %}", "detail_for"),
            3,
        ),
    }


def test_advice_goes_by_the_object_whose_rows_the_template_runs_over(ask, busy_author):
    (finding,) = ask(f"/of-author/{busy_author.pk}/").findings
    (option, *_) = finding.advice.options
    assert option.expression == '.prefetch_related("entries__blog")'
    assert [(step.action, step.old) for step in option.steps] == [("append", "m.Author.objects")]


def test_advice_names_the_object_that_is_got_or_404(ask, busy_author):
    (finding,) = ask(f"/of-author-or-404/{busy_author.pk}/").findings
    assert finding.advice.text.startswith(
        'add .prefetch_related("entries__blog") to the queryset at views.py:'
    )
    assert "get_object_or_404(" in linecache.getline(views.__file__, finding.advice.options[0].line)


def test_an_object_with_its_rows_is_healthy(ask, busy_author):
    assert not ask(f"/of-loaded-author/{busy_author.pk}/").findings


def test_detail_view_healthy(ask, busy_author, monkeypatch):
    monkeypatch.setattr(
        AuthorDetail,
        "queryset",
        m.Author.objects.prefetch_related("entries__blog", "entries__tags"),
    )
    report = ask(f"/author/{busy_author.pk}/")
    assert report.query_count == 4
    assert not report.findings


def test_context_processor(ask):
    processors = ["tests.rendering.views.shelf"]
    with override_settings(TEMPLATES=[engine(context_processors=processors)]):
        assert found(ask("/bare/")) == {
            (at("shelf", "processor"), at("shelf", "processor"), 3),
        }


def test_context_processor_healthy(ask):
    processors = ["tests.rendering.views.shelf"]
    with override_settings(TEMPLATES=[engine(context_processors=processors)]):
        report = ask("/bare/?select=author")
    assert report.query_count == 1
    assert not report.findings


@pytest.mark.parametrize("place", [0, 1], ids=["outside", "inside"])
def test_middleware(ask, place):
    installed = [GUARD]
    installed.insert(place, "tests.rendering.views.reading")
    with override_settings(MIDDLEWARE=installed, NPLUSONE_GUARD={"MODE": "log"}):
        name = "reading.<locals>.answer"
        place = (at(name, "middleware"), at(name, "middleware_for"), 3)
        assert found(ask("/bare/")) == {place}
        report = ask("/bare/?select=author")
    assert report.query_count == 1
    assert not report.findings


@pytest.mark.parametrize("around", [0, 1, 3])
def test_recursion_under_middleware(ask, around):
    """Handler and middleware by turns are on the stack again and again, and are no recursion."""
    plain = "django.middleware.common.CommonMiddleware"
    m.Category.objects.exclude(slug="tree").exclude(parent__slug="tree").delete()
    with override_settings(MIDDLEWARE=[plain] * around):
        (finding,) = ask("/tree/").findings
        healthy = ask("/tree/healthy/")
    place = at("tree.<locals>.below", "tree_view")
    assert (finding.rule, shown(finding.site), shown(finding.loop)) == (
        "recursive-query",
        place,
        place,
    )
    assert healthy.query_count == 1
    assert not healthy.findings


def test_text(ask):
    text = render(ask("/plainly/"), base_dir=str(Path(__file__).parent))
    line = marked_lines()["plainly_entries"].partition(":")[2]
    shown = text.splitlines()[2:]
    assert shown[0].startswith(
        f'   fix     add .select_related("author") to the queryset at views.py:{line}'
    )
    assert shown[1:3] == [
        "   query   templates/rendering/variable.html:4  {{ entry.author.name }}",
        "   loop    templates/rendering/variable.html:2  {% for entry in entries %}",
    ]
    assert shown[3].startswith(f"   loaded  views.py:{line}  ")
    assert max(map(len, text.splitlines())) <= 100


def test_text_of_two_tags_on_one_line(ask):
    text = render(ask("/page/one_line/"), base_dir=str(Path(__file__).parent))
    assert "   query   templates/rendering/one_line.html:1  {{ entry.author.name }}" in text
    assert "   loop    templates/rendering/one_line.html:1  {% for entry in entries %}" in text


def test_ids_do_not_depend_on_lines(ask, tmp_path):
    """Edits above a tag keep its finding."""
    folder = tmp_path / "templates"
    (folder / "rendering").mkdir(parents=True)
    source = Path(__file__).parent / "templates" / "rendering" / "variable.html"
    ids = []
    for above in ("", "<p>\n\n</p>\n"):
        (folder / "rendering" / "variable.html").write_text(above + source.read_text())
        settings = {**engine(), "DIRS": [folder]}
        with override_settings(TEMPLATES=[settings]):
            ids.append([one.id for one in ask("/plainly/").findings])
    assert ids[0] == ids[1] != []
