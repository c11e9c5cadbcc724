import ast
import sys
import warnings

import pytest

from nplusone_guard.capture import parsing
from nplusone_guard.capture.parsing import parse

#: Source of which the parser warns.
WARNED = [
    r'"\d"',
    *([r'"\777"'] if sys.version_info >= (3, 11) else []),
    r'b"\N"',
    r'b"\u1234"',
    "1if y else 2",
    "[0x1for y in z]",
    "1_0or 2",
    "1.5in y",
    "1jand y",
    "1e5is y",
    ".5not in y",
]
SILENT = ['"\\n\\x41\\t"', "x = 1 if y else 2", "main = begin(leaf_for)"]


@pytest.mark.parametrize("text", WARNED)
def test_what_warned_when_it_was_compiled_does_not_again(text):
    with warnings.catch_warnings(), pytest.raises(SyntaxError):
        warnings.simplefilter("error")
        ast.parse(text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(parse(text), ast.Module)


@pytest.mark.parametrize("text", SILENT)
def test_filters_are_left_alone_where_nothing_can_warn(text, monkeypatch):
    monkeypatch.setattr(parsing, "warnings", None)
    assert ast.dump(parse(text)) == ast.dump(ast.parse(text))


@pytest.mark.parametrize("text", [r'"\d', "def", "\0"])
def test_what_is_no_python_is_refused(text):
    with pytest.raises((SyntaxError, ValueError)):
        parse(text)
