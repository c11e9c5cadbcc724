"""Which loops run over what an object is made of, by its model or by the names in them."""

from __future__ import annotations

import pytest

from nplusone_guard.analysis.loops import Loop
from nplusone_guard.analysis.structure import is_of_cells, is_of_parts
from nplusone_guard.capture.steps import Spot

PARTS = [
    "for f in resource.get_import_fields():",
    "for name, field in self.fields.items():",
    "for i, column in enumerate(self.columns):",
    "for bit in accessor.split('.'):",
    "for part in self.get_order_with_respect_to():",
    "for one in entry._meta.many_to_many:",
    "for one in opts.related_objects:",
]
ROWS = [
    "for entry in entries:",
    "for column in board.columns.all():",
    "for field in Field.objects.filter(farm=farm):",
    "for key, value in row.values():",
    "for row in table.rows:",
    "for one in entry.many_to_many:",
    "for one in entry.related_objects:",
    "for path in opts.files:",
    "for row in model._meta.default_manager.all():",
]


def loop(header):
    target, iterates = header.removeprefix("for ").removesuffix(":").split(" in ")
    return Loop("shop.py", 1, 2, "f", header, "for", None, iterates, (1, 1), None, target)


@pytest.mark.parametrize("header", PARTS)
def test_fields_and_columns_are_parts(header):
    assert is_of_parts(loop(header))


@pytest.mark.parametrize("header", ROWS)
def test_rows_are_none_whatever_they_are_called(header):
    assert not is_of_parts(loop(header))


@pytest.mark.parametrize(
    ("tag", "parts"),
    [
        ("{% for cell in row.values %}", True),
        ("{% for field in form.visible_fields %}", True),
        ("{% for column in board.columns.all %}", False),
        ("{% for row in table.rows %}", False),
        ("{% include 'row.html' %}", False),
    ],
)
def test_cells_of_a_template_are_parts(tag, parts):
    assert is_of_cells(Spot("template", "page.html", 1, tag, tag, loop=True)) is parts
