"""What a found loop says of itself: its line, its words, and where its rows came from."""

import pytest

from nplusone_guard.analysis.loops import Loop


def test_every_field(snippet):
    seen = snippet("""
        class Report:
            def rows(self, things):
                chosen = list(things)
                for number, thing in enumerate(chosen):  # loop
                    q(thing)
        Report().rows([1])
    """)
    assert seen.loop() == Loop(
        file=seen.module.__file__,
        line=4,
        end_line=5,
        function="Report.rows",
        source="for number, thing in enumerate(chosen):  # loop",
        kind="for",
        bounded=None,
        iterates="enumerate(chosen)",
        iter_lines=(4, 4),
        assigned=3,
        target="number, thing",
    )


def test_a_while_runs_over_nothing(snippet):
    seen = snippet("""
        def f(n):
            while n:
                n = q(None)
        f(1)
    """)
    loop = seen.loop()
    assert (loop.kind, loop.iterates, loop.target) == ("while", "", "")
    assert (loop.bounded, loop.assigned, loop.iter_lines) == (None, None, (2, 2))


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("for a in rows: q(a)", "for"),
        ("[q(a) for a in rows]", "comprehension"),
        ("{q(a) for a in rows}", "comprehension"),
        ("{q(a): 1 for a in rows}", "comprehension"),
        ("list(q(a) for a in rows)", "generator"),
    ],
)
def test_kinds(snippet, statement, kind):
    seen = snippet(f"""
        def f(rows):
            {statement}
        f([1])
    """)
    loop = seen.loop()
    assert (loop.kind, loop.iterates, loop.target, loop.function) == (kind, "rows", "a", "f")


def test_the_kind_of_async_for(snippet):
    seen = snippet("""
        import asyncio
        async def rows():
            yield 1
        async def f():
            async for a in rows():
                q(a)
        asyncio.run(f())
    """)
    assert (seen.loop().kind, seen.loop().source) == ("async for", "async for a in rows():")


def test_a_comprehension_is_at_its_for(snippet):
    seen = snippet("""
        def f(rows):
            return [
                q(a)
                for a in rows
            ]
        f([1])
    """)
    loop = seen.loop()
    assert (loop.line, loop.end_line, loop.source) == (4, 5, "for a in rows")


def test_what_takes_several_lines_reads_as_one(snippet):
    seen = snippet("""
        class Rows:
            def filter(self, **kwargs): return self
            def all(self): return [1]
        def f(rows):
            for a in (
                rows
                .filter(
                    name="Ä",
                )
                .all()
            ):
                q(a)
        f(Rows())
    """)
    loop = seen.loop()
    assert (loop.iterates, loop.iter_lines) == ("rows.filter(name='Ä').all()", (6, 10))


def test_multi_byte_text_is_cut_where_it_ends(snippet):
    seen = snippet("""
        def f(größe):
            "漢字"; [q(é) for é in größe]
        f([1])
    """)
    assert (seen.loop().iterates, seen.loop().target) == ("größe", "é")


@pytest.mark.parametrize(
    ("source", "function"),
    [
        (
            "def f():\n  class A:\n    def g(self):\n      [q(a) for a in [1]]\n  A().g()\nf()",
            "f.<locals>.A.g",
        ),
        ("f = lambda: [q(a) for a in [1]]\nf()", "<lambda>"),
        ("class A:\n  x = [q(a) for a in [1]]", "A"),
        ("for a in [1]: q(a)", "<module>"),
        ("list(q(a) for a in [1])", "<module>"),
        ("def f():\n  global g\n  def g():\n    for a in [1]: q(a)\nf()\ng()", "g"),
    ],
)
def test_the_function_around(snippet, source, function):
    """By its qualified name, the same on every Python: comprehensions do not count."""
    assert snippet(source).loop().function == function


def test_twins_of_one_line(snippet):
    """Told apart by their columns; on Python 3.10 by the names they mention."""
    seen = snippet("""
        def f():
            return list(q(a, "one") for a in "ab"), list(q(b, "two") for b in "abc")
        f()
    """)
    assert [seen.loop(tag).iterates for tag in ("one", "two")] == ['"ab"', '"abc"']


# -- the line that assigned the name ------------------------------------------------------


@pytest.mark.parametrize(
    "iterable",
    [
        "rows",
        "list(rows)",
        "enumerate(sorted(rows))",
        "rows[:10]",
        "rows.copy()",
        "rows.copy().copy()[1:] or ()",
    ],
)
def test_the_name_under_calls_and_slices(snippet, iterable):
    seen = snippet(f"""
        def f(make):
            rows = make()
            rows = (  # here
                make())
            for a in {iterable}:
                q(a)
            rows = make()
        f(lambda: [1, 2])
    """)
    assert seen.name_of(seen.loop().assigned) == "here"


@pytest.mark.parametrize(
    "assignment",
    [
        "rows = make()",
        "rows: list = make()",
        "rows, rest = make(), 1",
        "(*rows, rest), other = [1, 2, 3], 4",
        "other = rows = make()",
        "(rows := make())",
        "rows = []; rows += make()",
    ],
)
def test_every_way_to_assign(snippet, assignment):
    seen = snippet(f"""
        def f(make):
            {assignment}  # here
            for a in rows:
                q(a)
        f(lambda: [1, 2])
    """)
    assert seen.name_of(seen.loop().assigned) == "here"


def test_a_walrus_in_the_loop_itself(snippet):
    seen = snippet("""
        def f(make):
            for a in (rows := make()):  # here
                q(a)
        f(lambda: [1, 2])
    """)
    assert seen.name_of(seen.loop().assigned) == "here"


def test_with_and_an_outer_for(snippet):
    seen = snippet("""
        from contextlib import nullcontext
        def f():
            with nullcontext([[1]]) as pages:  # opened
                for page in pages:  # outer
                    for a in page:
                        q(a)
        f()
    """)
    inner, outer = seen.loops()
    assert [seen.name_of(loop.assigned) for loop in (inner, outer)] == ["outer", "opened"]


def test_a_comprehension_looks_in_the_function_around(snippet):
    seen = snippet("""
        def f(make):
            rows = make()  # here
            return sum(q(a) for a in rows)
        f(lambda: [1, 2])
    """)
    assert seen.name_of(seen.loop().assigned) == "here"


def test_a_page_of_objects(snippet):
    seen = snippet("""
        class Page:
            object_list = (1, 2)
        def f():
            page = Page()  # here
            for a in page.object_list:
                q(a)
        f()
    """)
    assert seen.name_of(seen.loop().assigned) == "here"


@pytest.mark.parametrize(
    "source",
    [
        "def f(rows):\n    for a in rows: q(a)\nf([1])",
        "def f(rows):\n    for a in rows: q(a)\n    rows = 1\nf([1])",
        "rows = list((1, 2))\ndef f():\n    for a in rows: q(a)\nf()",
        "def f():\n    for a in list((1, 2)): q(a)\nf()",
        "def f(rows):\n    def g():\n        for a in rows: q(a)\n    rows = rows\n    g()\nf([1])",
        (
            "class T:\n  class objects:\n    all = lambda: [1]\n"
            "def f():\n    Tenant = T\n    for a in Tenant.objects.all(): q(a)\nf()"
        ),
        (
            "def rows(model): return [1]\n"
            "def f():\n    Tenant = int\n    for a in rows(Tenant): q(a)\nf()"
        ),
        (
            "def rows(model): return [1]\n"
            "def f():\n    user_model = int\n    for a in rows(user_model): q(a)\nf()"
        ),
    ],
    ids=[
        "parameter",
        "later",
        "module",
        "no name",
        "outer function",
        "manager of a model",
        "rows of a model",
        "rows of a model by another name",
    ],
)
def test_no_assignment_in_this_function(snippet, source):
    assert snippet(source).loop().assigned is None
