"""What a code object tells by its instructions, read by hand, beside what ``dis`` says."""

from __future__ import annotations

import ast
import dis
import inspect
from collections.abc import Iterator
from types import CodeType

import pytest
from django.contrib.admin import options
from django.db.models import query
from django.template import base, defaulttags

from nplusone_guard.capture.codes import for_loops


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _by_dis(code: CodeType) -> list[tuple[int, int]]:
    instructions = dis.get_instructions(code)
    return [(each.offset, each.argval) for each in instructions if each.opname == "FOR_ITER"]


@pytest.mark.parametrize("module", [ast, base, defaulttags, options, query])
def test_for_loops_are_those_of_dis(module):
    code = compile(inspect.getsource(module), module.__file__, "exec")
    found = 0
    for one in _codes(code):
        assert for_loops(one) == _by_dis(one)
        found += len(for_loops(one))
    assert found > 5


def test_a_loop_over_a_long_body_has_its_end():
    body = "\n".join(f"    total = total + {number} * each" for number in range(300))
    code = compile(f"for each in rows:\n{body}\n", "long.py", "exec")
    assert for_loops(code) == _by_dis(code)
    assert for_loops(code)[0][1] > 2 * 255
