"""Loops without a statement: ``sorted(key=)``, ``map``, ``join`` and other calls."""

import sys

import pytest

COLUMNS = sys.version_info >= (3, 11)


@pytest.mark.parametrize(
    ("call", "iterates"),
    [
        ("sorted(rows, key=q)", "rows"),
        ("min(rows, key=q)", "rows"),
        ("list(map(q, rows))", "rows"),
        ("set(filter(q, sorted(rows)))", "rows"),
        ("sum(map(q, rows))", "rows"),
        ("any(map(q, rows))", "rows"),
        ("rows.sort(key=q)", "rows"),
        ("reduce(lambda a, b: q(b), rows)", "rows"),
        ("functools.reduce(lambda a, b: q(b), rows[:2])", "rows[:2]"),
        ("','.join(map(lambda a: str(q(a)), rows))", "rows"),
        ("found.extend(map(q, rows))", "rows"),
    ],
)
def test_what_a_call_runs_through(snippet, call, iterates):
    seen = snippet(f"""
        import functools
        from functools import reduce
        found = []
        def f(make):
            rows = make()  # assigned
            {call}  # call
        f(lambda: [1, 2])
    """)
    own = next(number for number, (code, _) in enumerate(seen.seen["q"]) if code.co_name == "f")
    loop = seen.call(frame=own)
    assert (loop.kind, loop.iterates, seen.name_of(loop.line)) == ("call", iterates, "call")
    assert seen.name_of(loop.assigned) == "assigned"


def test_every_field(snippet):
    seen = snippet("""
        class A:
            def f(self):
                return sorted(
                    ("a", "b"), key=lambda a: q(a)
                )
        A().f()
    """)
    loop = seen.call()
    assert loop.file == seen.module.__file__
    assert (loop.line, loop.end_line, loop.function) == (3, 5, "A.f")
    assert (loop.source, loop.bounded) == ("return sorted(", 2)
    assert (loop.iter_lines, loop.assigned, loop.target) == ((4, 4), None, "")


def test_a_method_on_a_later_line(snippet):
    seen = snippet("""
        def f(rows):
            (
                rows
                .sort(key=lambda a: q(a))  # call
            )
        f([1, 2])
    """)
    loop = seen.call()
    assert (seen.name_of(loop.line), loop.iterates) == ("call", "rows")


@pytest.mark.parametrize(
    "call",
    [
        "helper(rows)",
        "Service().update(rows)",
        "Service().filter(1, rows)",
        "Service().set(rows)",
        "Service().list(rows)",
        "Service()[0]",
    ],
)
def test_a_call_that_is_not_known_to_run_through_anything(snippet, call):
    seen = snippet(f"""
        def helper(*rows):
            return q(rows)
        class Service:
            update = filter = set = list = __getitem__ = helper
        def f(rows):
            return {call}  # call
        f([1, 2])
    """)
    loop = seen.call()
    assert (loop.kind, loop.iterates, loop.bounded) == ("call", "", None)
    assert seen.name_of(loop.line) == "call"


@pytest.mark.skipif(not COLUMNS, reason="Python 3.10 knows no columns")
def test_an_argument_is_not_the_call(snippet):
    seen = snippet("""
        def helper(rows):
            return q(rows)
        def f(rows):
            return sorted(helper(rows), key=abs)
        f([1, 2])
    """)
    assert seen.call().iterates == ""


def test_fetching_the_next_item_is_the_loop_itself(snippet):
    seen = snippet("""
        class Pages:
            def __iter__(self):
                return self
            def __next__(self):
                q(1)
                raise StopIteration
        def f(pages):
            for page in pages:  # loop
                page.print()
        f(Pages())
    """)
    assert seen.loops() == []
    loop = seen.call()
    assert (loop.kind, loop.iterates, seen.name_of(loop.line)) == ("for", "pages", "loop")


@pytest.mark.parametrize(
    "iterable",
    ["map(lambda a: q(a), rows)", "itertools.groupby(rows, key=lambda a: q(a))"],
)
def test_a_header_that_is_lazy(snippet, iterable):
    seen = snippet(f"""
        import itertools
        def f(rows):
            for a in {iterable}:  # loop
                a
        f([1, 2])
    """)
    loop = seen.call()
    assert (loop.kind, loop.iterates, seen.name_of(loop.line)) == ("for", iterable, "loop")


READ = """
    import asyncio, itertools
    class Rows:
        def __iter__(self):
            return iter(q([1, 2]))
    def f(a, b):
        {statement}  # loop
    f(Rows(), Rows())
"""


@pytest.mark.parametrize(
    ("statement", "collections"),
    [
        ("for x in itertools.chain(a, b): pass", 2),
        ("for x, y in zip(a, b, strict=True): pass", 2),
        ("for x in enumerate(itertools.chain(a, b, a)): pass", 3),
        ("list(zip(a, b))", 2),
        ("set(itertools.chain(a, b, [1]))", 3),
        ("for x in map(str, a): pass", None),
        ("list(itertools.chain(a, map(str, b)))", None),
        ("list(itertools.chain(a, (x for x in b)))", None),
        ("list(itertools.chain(*[a, b]))", None),
        ("sorted(itertools.chain(a, b), key=str)", None),
    ],
)
def test_collections_side_by_side_are_read_once_each(snippet, statement, collections):
    seen = snippet(READ.format(statement=statement))
    loop = seen.call()
    assert (loop.bounded, seen.name_of(loop.line)) == (collections, "loop")


@pytest.mark.parametrize(
    ("arguments", "iterates", "bounded"),
    [
        ("*(one(x) for x in ('a', 'b'))", "(one(x) for x in ('a', 'b'))", 2),
        ("*[one(x) for x in rows]", "[one(x) for x in rows]", None),
        ("*tasks", "tasks", None),
        ("one(1), one(2)", "one(1), one(2)", 2),
        ("one(1), *tasks, return_exceptions=True", "one(1), *tasks", None),
    ],
)
def test_tasks_that_are_waited_for_together(snippet, arguments, iterates, bounded):
    seen = snippet(f"""
        import asyncio
        async def one(x):
            q(x, frame=waiting[0].get_stack()[0])
        waiting = []
        async def f(rows):
            tasks = [one(x) for x in rows]
            waiting.append(asyncio.current_task())
            await asyncio.gather({arguments})  # gather
            for task in tasks:
                task.close()
        asyncio.run(f([1, 2, 3]))
    """)
    loop = seen.call(frame=0)
    assert (loop.kind, seen.name_of(loop.line)) == ("call", "gather")
    assert (loop.iterates, loop.bounded) == (iterates, bounded)


def test_fetching_the_next_item_of_a_comprehension(snippet):
    seen = snippet("""
        class Pages:
            def __iter__(self):
                return self
            def __next__(self):
                q(1, "next")
                raise StopIteration
        def f(pages):
            return [page.name for page in pages]  # loop
        f(Pages())
    """)
    loop = seen.call("next")
    assert (loop.kind, seen.name_of(loop.line)) == ("comprehension", "loop")


def test_a_lazy_map_runs_where_it_is_used_up(snippet):
    seen = snippet("""
        def f(rows):
            found = map(lambda a: q(a), rows)
            first, second = found  # call
        f([1, 2])
    """)
    loop = seen.call()
    assert (loop.kind, seen.name_of(loop.line)) == ("call", "call")
