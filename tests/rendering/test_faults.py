"""A fault while a template is being looked at costs its tag, never the page."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client

from nplusone_guard.capture import callpath, faults
from nplusone_guard.capture.landmarks import jinja, templates, views
from nplusone_guard.guard import watch

FAULTS = [
    (templates, "_spots_of", "/page/include/"),
    (templates, "_index", "/page/include/"),
    (templates, "_file_of", "/page/include/"),
    (templates, "_written", "/page/include/"),
    (jinja, "_compiled", "/jinja/include/"),
    (jinja, "_made", "/jinja/include/"),
    (views, "_spot", "/entries/"),
]


@pytest.fixture(autouse=True)
def _anew(monkeypatch):
    faults.forget_logged()
    monkeypatch.setattr(templates, "_spots", {})
    monkeypatch.setattr(callpath, "table", callpath.CodeTable())
    yield
    faults.forget_logged()


def broken(*args, **kwargs):
    raise RuntimeError("a fault of the guard")


@pytest.mark.parametrize(("module", "name", "path"), FAULTS)
def test_fault_is_contained_and_the_loop_is_found(
    rendering, monkeypatch, caplog, module, name, path
):
    expected = Client().get(path).content
    cache.clear()
    monkeypatch.setattr(module, name, broken)
    with watch() as recording:
        assert Client().get(path).content == expected
    assert recording.report.query_count > 3
    assert len(recording.report.findings) == 1
    logged = [one for one in caplog.records if one.name == "nplusone_guard"]
    assert ["capture.landmarks" in one.getMessage() for one in logged] == [True]


def test_nodes_that_no_tag_was_written_for_are_steps_of_the_path(rendering):
    """Nodes that Python makes have neither a token nor a template."""
    from django.template import Context, Engine
    from django.template.base import FilterExpression, NodeList, Parser, VariableNode

    from tests.corpus import models as m

    engine = Engine()

    def variable(text):
        return VariableNode(FilterExpression(text, Parser([])))

    first, second = m.Author.objects.order_by("pk")[:2]
    nodes = NodeList([variable("first.entries.count"), variable("second.entries.count")])
    template = engine.from_string("")
    context = Context({"first": first, "second": second})
    with watch() as recording, context.bind_template(template):
        nodes.render(context)
    assert recording.report.query_count == 2
    assert not recording.report.findings
    assert recording.report.internal_errors == ()


def test_spots_go_with_their_templates(rendering):
    import gc

    Client().get("/inline-each/")
    with watch():
        Client().get("/inline-each/")
    gc.collect()
    assert not [key for key, known in templates._spots.items() if known[0]() is None]
    assert not templates._spots
