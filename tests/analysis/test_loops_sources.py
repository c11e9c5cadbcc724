"""Source that is missing, odd or changed costs the loop, never an exception."""

import ast
import contextlib
import doctest
import io
import json
import linecache
import os
import re
import subprocess
import sys
import textwrap
import threading
import types
import warnings
import zipfile
from pathlib import Path

import pytest
from django.db.models import query
from hypothesis import given
from hypothesis import strategies as st

from nplusone_guard.analysis import loops, sources
from nplusone_guard.analysis.loops import Position, call_loop, enclosing_loops, exclusive

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = sys.version_info >= (3, 11)

SOURCE = "def f(q):\n    for x in [1, 2]:\n        q(x)\n"


def compiled(source, file):
    """The code object of ``f``, and of everything in it."""
    names = {}
    exec(compile(source, str(file), "exec"), names)
    return names["f"].__code__


def answers(code, line=3):
    position = Position(line)
    return (
        enclosing_loops(code, position),
        call_loop(code, position),
        exclusive(code, position, position),
    )


#: Comprehensions are left out of qualified names.
COMPREHENSION = re.compile(r"(?:\.<locals>)?\.?<(?:list|set|dict)comp>|(?:\.<locals>)?\.?<genexpr>")

NOTHING = ((), None, False)


def all_codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from all_codes(constant)


# -- no source -----------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["/nowhere/at/all.py", "<string>", "", "a\0b", "<template>"])
def test_no_source(file):
    code = compiled(SOURCE, "x").replace(co_filename=file)
    assert answers(code) == NOTHING


def test_a_directory(tmp_path):
    assert answers(compiled(SOURCE, tmp_path)) == NOTHING


@pytest.mark.parametrize(
    "text",
    [
        b"def f(q:\n",
        b"{% for x in y %}{{ x.z }}{% endfor %}",
        b"\xff\xfe\x00",
        b"# coding: no-such-codec\nx = 1\n",
        b"x = '\xe4'\n",
        b"x = 1\0\n",
        b"",
        ("x = " + "(" * 3000 + ")" * 3000).encode(),
        ("x = " + "-" * 20_000 + "1").encode(),
    ],
    ids=["syntax", "template", "utf-16", "codec", "latin", "null", "empty", "parens", "deep"],
)
def test_source_that_cannot_be_parsed(tmp_path, text):
    file = tmp_path / "odd.py"
    file.write_bytes(text)
    assert answers(compiled(SOURCE, file)) == NOTHING


def test_source_that_is_too_long(tmp_path, monkeypatch):
    file = tmp_path / "long.py"
    file.write_text(SOURCE)
    monkeypatch.setattr(sources, "_LONGEST", 20)
    assert answers(compiled(SOURCE, file)) == NOTHING


def test_source_that_is_gone(tmp_path):
    file = tmp_path / "gone.py"
    file.write_text(SOURCE)
    code = compiled(SOURCE, file)
    file.unlink()
    assert answers(code) == NOTHING


# -- changed source ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    ["\n\n\n" + SOURCE, SOURCE.replace("f(", "g("), "def f(q): pass\n", "x = 1\n"],
    ids=["moved", "renamed", "shorter", "other"],
)
def test_source_that_no_longer_fits(tmp_path, changed):
    file = tmp_path / "changed.py"
    file.write_text(changed)
    assert answers(compiled(SOURCE, file)) == NOTHING


def test_code_that_was_seen_keeps_its_source(tmp_path):
    file = tmp_path / "edited.py"
    file.write_text(SOURCE)
    old = compiled(SOURCE, file)
    before = enclosing_loops(old, Position(3))
    edited = "x = 1\n" + SOURCE.replace("[1, 2]", "[1, 2, 3]")
    file.write_text(edited)
    new = compiled(edited, file)
    assert enclosing_loops(old, Position(3)) == before
    assert enclosing_loops(new, Position(4))[0].bounded == 3


def test_a_file_is_parsed_once(tmp_path, monkeypatch):
    file = tmp_path / "once.py"
    file.write_text(SOURCE)
    parsed = []
    parse = ast.parse
    monkeypatch.setattr(ast, "parse", lambda text: parsed.append(text) or parse(text))
    for _ in range(3):
        assert enclosing_loops(compiled(SOURCE, file), Position(3))
    assert parsed == [SOURCE]


# -- odd places ----------------------------------------------------------------------------


def test_a_module_in_a_zip_file(tmp_path, monkeypatch):
    archive = tmp_path / "library.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("zipped_module.py", SOURCE)
    monkeypatch.syspath_prepend(str(archive))
    module = __import__("zipped_module")
    try:
        (loop,) = enclosing_loops(module.f.__code__, Position(3))
        assert (loop.line, loop.bounded, loop.source) == (2, 2, "for x in [1, 2]:")
    finally:
        del sys.modules["zipped_module"]


def test_a_loader_that_fails(tmp_path):
    class Loader:
        def get_source(self, name):
            raise RuntimeError

    module = types.ModuleType("failing_module")
    module.__file__ = "/nowhere/failing_module.py"
    module.__loader__ = Loader()
    sys.modules["failing_module"] = module
    try:
        assert answers(compiled(SOURCE, module.__file__)) == NOTHING
    finally:
        del sys.modules["failing_module"]


@pytest.mark.parametrize("name", ["<ipython-input-1-abc>", "<stdin>", "/tmp/ipykernel_1/2.py"])
def test_what_only_linecache_knows(name):
    lines = SOURCE.splitlines(keepends=True)
    linecache.cache[name] = (len(SOURCE), None, lines, name)
    try:
        assert enclosing_loops(compiled(SOURCE, name), Position(3))[0].line == 2
    finally:
        del linecache.cache[name]


def test_a_cell_whose_text_is_replaced():
    name = "<stdin-of-a-test>"
    for count in (2, 3):
        source = SOURCE.replace("[1, 2]", str(list(range(count))))
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        assert enclosing_loops(compiled(source, name), Position(3))[0].bounded == count
    del linecache.cache[name]


def test_the_code_of_an_ipython_cell():
    name = "<ipython-input-of-a-test>"
    source = "for x in [1]:\n    q(x)\n"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    code = compile(source, name, "exec").replace(co_name="<cell line: 1>")
    assert enclosing_loops(code, Position(2))[0].function == "<module>"
    del linecache.cache[name]


def test_doctest():
    """
    The runner lets ``linecache`` know its examples while it runs them.

    >>> for x in [1, 2]:
    ...     seen.append(sys._getframe())
    """
    seen = []

    class Frames(list):
        def append(self, frame):
            found.append(
                enclosing_loops(frame.f_code, loops.position_of(frame.f_code, frame.f_lasti))
            )

    found, seen = [], Frames()
    (test,) = doctest.DocTestFinder().find(test_doctest, "guarded", globs={"sys": sys})
    test.globs["seen"] = seen
    with contextlib.redirect_stdout(io.StringIO()):
        doctest.DocTestRunner().run(test)
    assert [[loop.line for loop in one] for one in found] == [[1], [1]]


def test_invalid_escapes_do_not_warn_again(tmp_path):
    source = 'def f(q):\n    "\\d"\n    for x in [1]:\n        q(x)\n'
    file = tmp_path / "escapes.py"
    file.write_text(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compiled(source, file)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        assert enclosing_loops(code, Position(4))
    assert caught == []


def test_other_encodings(tmp_path):
    source = "# coding: latin-1\ndef f(q):\n    'Ä'; [q(ä) for ä in ['ö']]\n"
    file = tmp_path / "latin.py"
    file.write_bytes(source.encode("latin-1"))
    names = {}
    exec(compile(file.read_bytes(), str(file), "exec"), names)
    seen = []

    def q(_):
        frame = sys._getframe(1)
        position = loops.position_of(frame.f_code, frame.f_lasti)
        seen.extend(enclosing_loops(frame.f_code, position))

    names["f"](q)
    assert [(loop.target, loop.iterates) for loop in seen] == [("ä", "['ö']")]


def test_windows_line_ends(tmp_path):
    file = tmp_path / "crlf.py"
    file.write_bytes(SOURCE.replace("\n", "\r\n").encode())
    (loop,) = enclosing_loops(compiled(SOURCE, file), Position(3))
    assert loop.source == "for x in [1, 2]:"


def test_without_columns(tmp_path):
    """``-X no_debug_ranges`` leaves lines, and a one-line loop is taken for its body."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import json, sys
        from nplusone_guard.analysis.loops import enclosing_loops, position_of
        found = []
        def q(x):
            frame = sys._getframe(1)
            position = position_of(frame.f_code, frame.f_lasti)
            loops = enclosing_loops(frame.f_code, position)
            found.append([position.column, [loop.line for loop in loops]])
            return x
        for x in q([1]):
            q(x)
        for x in [1]: q(x)
        list(q(x) for x in [1])
        print(json.dumps(found))
        """)
    )
    done = subprocess.run(
        [sys.executable, "-X", "no_debug_ranges", str(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [[None, []], [None, [11]], [None, [13]], [None, [14]]]


# -- positions -----------------------------------------------------------------------------


def test_position_of_an_instruction(tmp_path):
    file = tmp_path / "place.py"
    file.write_text("def f(q):\n    return [\n        'é', q(\n1)]\n")
    seen = []
    code = compiled(file.read_text(), file)

    def q(_):
        frame = sys._getframe(1)
        seen.append(loops.position_of(frame.f_code, frame.f_lasti))

    types.FunctionType(code, {})(q)
    assert seen == [Position(3, 4, 14, 2) if COLUMNS else Position(3)]


def test_an_instruction_that_is_not_there_is_on_the_first_line():
    code = compiled(SOURCE, "x")
    assert [loops.position_of(code, lasti).line for lasti in (-1, 10_000)] == [1, 1]


def test_positions_are_kept_in_bounds(monkeypatch):
    monkeypatch.setattr(loops, "_POSITIONS", 8)
    code = query.QuerySet.bulk_create.__code__
    for lasti in range(0, 100, 2):
        loops.position_of(code, lasti)
        assert len(loops._positions) <= 8


def test_scopes_are_kept_in_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_CODES", 4)
    file = tmp_path / "many.py"
    file.write_text(SOURCE)
    for _ in range(10):
        assert enclosing_loops(compiled(SOURCE, file), Position(3))
        assert len(sources._scopes) <= 4


# -- real code -----------------------------------------------------------------------------

REAL = [
    ast.__file__,
    query.__file__,
    doctest.__file__,
    str(Path(query.__file__).parent / "fields" / "related.py"),
    str(Path(query.__file__).parents[2] / "contrib" / "admin" / "options.py"),
    str(Path(query.__file__).parents[2] / "utils" / "functional.py"),
    __file__,
]


@pytest.mark.parametrize("file", REAL, ids=[Path(file).stem for file in REAL])
def test_every_code_object_finds_its_scope(file):
    text = Path(file).read_text(encoding="utf-8")
    for code in all_codes(compile(text, file, "exec", dont_inherit=True)):
        if code.co_name.startswith("<generic") or code.co_name == "__annotate__":
            continue
        scope = sources.scope_of(code)
        assert scope is not None, code
        assert scope.name == code.co_name
        if COLUMNS:
            assert scope.qualname == (COMPREHENSION.sub("", code.co_qualname) or "<module>")
            assert all(
                scope.region.start[0] <= line <= scope.region.end[0]
                for line, *_ in code.co_positions()
                if line
            )


CODES = list(all_codes(compile(Path(query.__file__).read_text(), query.__file__, "exec")))


@given(
    code=st.sampled_from(CODES),
    line=st.integers(-1, 3000),
    column=st.none() | st.integers(0, 120),
    other=st.integers(0, 3000),
)
def test_any_position_is_answered(code, line, column, other):
    position = Position(line, line, column, column)
    found = enclosing_loops(code, position)
    assert all(loop.line <= line <= loop.end_line or loop.kind == "comprehension" for loop in found)
    call_loop(code, position)
    exclusive(code, position, Position(other))


def test_many_threads_at_once(tmp_path):
    files = []
    for number in range(20):
        file = tmp_path / f"thread_{number}.py"
        file.write_text("\n" * 50 + SOURCE)
        files.append(file)
    failed = []

    def work():
        for file in files:
            code = compiled("\n" * 50 + SOURCE, file)
            if [loop.line for loop in enclosing_loops(code, Position(53))] != [52]:
                failed.append(file)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_modules_are_searched_once_for_a_file_without_one_until_another_is_loaded(
    tmp_path, monkeypatch
):
    file = str(tmp_path / "loaded_later.py")
    searched, search = [], sources._search_module
    monkeypatch.setattr(sources, "_search_module", lambda one: searched.append(one) or search(one))
    assert [sources.module_of(file), sources.module_of(file)] == [None, None]
    assert searched == [file]
    module = types.ModuleType("loaded_later")
    module.__file__ = file
    monkeypatch.setitem(sys.modules, "loaded_later", module)
    assert sources.module_of(file) is module
