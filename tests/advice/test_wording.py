"""Code as advice writes it: strings in double quotes, several lines as one."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nplusone_guard.analysis.advice.wording import double_quoted, one_line, stands_in


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("f(status='live')", 'f(status="live")'),
        ("f'e{i}'", 'f"e{i}"'),
        ("f(\"it's\", 'live')", 'f("it\'s", "live")'),
        ("""f('say "no"')""", """f('say "no"')"""),
        (r"f('a\'b')", r"f('a\'b')"),
        ("""f('''a 'b' c''')""", """f('''a 'b' c''')"""),
        ("", ""),
    ],
)
def test_strings_take_double_quotes_where_nothing_in_them_changes(code, written):
    assert double_quoted(code) == written


@given(st.lists(st.text(max_size=12), max_size=4))
def test_no_string_means_anything_else(texts):
    code = ast.unparse(ast.List([ast.Constant(text) for text in texts], ast.Load()))
    assert ast.literal_eval(double_quoted(code)) == texts


def test_several_statements_are_told_in_one_line():
    code = "rows = {}\nfor row in table:\n    rows.setdefault(row.key, []).append(row)"
    assert one_line(code) == (
        "rows = {}; for row in table: rows.setdefault(row.key, []).append(row)"
    )


def test_a_statement_behind_a_block_is_told_from_its_body():
    code = (
        "keys = []\nfor pk in pks:\n    with suppress(X):\n        keys.append(pk)\nrows = f(keys)"
    )
    assert one_line(code) == (
        "keys = []; for pk in pks: with suppress(X): keys.append(pk); then rows = f(keys)"
    )


def test_a_call_over_several_lines_stays_a_call():
    assert one_line("f(\n    [a],\n    b=True,\n)") == "f([a], b=True)"


@pytest.mark.parametrize(
    ("expression", "code", "stands"),
    [
        ("row.author", "row.author.name", True),
        ("row.author", "f(row.author)", True),
        ("row.author", "row.author_id", False),
        ("row.author", "narrow.author", False),
        ("row.author", "self.row.author", False),
        ("row.blogs.all()", "for blog in row.blogs.all():", True),
        ("rows[key]", "rows[key].name", True),
    ],
)
def test_an_expression_stands_in_code_as_a_whole(expression, code, stands):
    assert stands_in(expression, code) is stands
