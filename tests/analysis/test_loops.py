"""Every kind of loop is found from inside its body, and only from there."""

import sys
import textwrap

import pytest

COLUMNS = sys.version_info >= (3, 11)
INLINED = sys.version_info >= (3, 12)

# name: (source, {tag: names of the loops around it, innermost first})
CASES = {
    "for": (
        """
        def f():
            q(0, "before")
            for x in q([1], "iterable"):  # loop
                q(x)
                q(x)
            q(0, "after")
        f()
        """,
        {"q": "loop", "before": "", "iterable": "", "after": ""},
    ),
    "nested for": (
        """
        def f():
            for a in [1]:  # outer
                for b in q([a], "inner_iterable"):  # inner
                    q(b)
                q(a, "between")
        f()
        """,
        {"q": "inner outer", "inner_iterable": "outer", "between": "outer"},
    ),
    "else of a for is no turn": (
        """
        def f():
            for a in [1]:  # outer
                for b in [a]:  # inner
                    pass
                else:
                    q(b)
        f()
        """,
        {"q": "outer"},
    ),
    "for in an else": (
        """
        def f():
            if False:
                pass
            else:
                for a in [1]:  # loop
                    q(a)
            while False:
                pass
            else:
                for a in [1]:  # second
                    q(a, "while_else")
        f()
        """,
        {"q": "loop", "while_else": "second"},
    ),
    "while": (
        """
        def f():
            n = 2
            while q(n, "test"):  # loop
                q(n)
                n -= 1
            else:
                q(n, "else")
        f()
        """,
        {"q": "loop", "test": "loop", "else": ""},
    ),
    "try, with, match": (
        """
        from contextlib import nullcontext
        def f():
            for a in [1]:  # loop
                try:
                    with nullcontext(q(a, "with")):
                        match a:
                            case 1 if q(True, "guard"):
                                q(a)
                    raise ValueError
                except ValueError:
                    q(a, "except")
                finally:
                    q(a, "finally")
        f()
        """,
        {"q": "loop", "with": "loop", "guard": "loop", "except": "loop", "finally": "loop"},
    ),
    "multi-line header and statement": (
        """
        def f():
            for a in list(  # loop
                q([1], "iterable")
            ):
                dict(
                    one=a,
                    two=q(
                        a,
                    ),
                )
        f()
        """,
        {"q": "loop", "iterable": ""},
    ),
    "one line": (
        """
        def f():
            for a in [1]: q(a)  # loop
            n = 1
            while n: n = q(0, "while")  # second
        f()
        """,
        {"q": "loop", "while": "second"},
    ),
    "list comprehension": (
        """
        def f():
            return [q(a) for a in [1] if q(a, "condition")]  # loop
        f()
        """,
        {"q": "loop", "condition": "loop"},
    ),
    "set and dict comprehensions": (
        """
        def f():
            {q(a, "set") for a in [1]}  # first
            {q(a, "key"): q(a, "value") for a in [1]}  # second
        f()
        """,
        {"set": "first", "key": "second", "value": "second"},
    ),
    "generator expression": (
        """
        def f():
            return sum(q(a) for a in [1] if q(a, "condition"))  # loop
        f()
        """,
        {"q": "loop", "condition": "loop"},
    ),
    "multi-line comprehension": (
        """
        def f():
            return [
                q(a)
                for a in [1]  # loop
                if q(a, "condition")
            ]
        f()
        """,
        {"q": "loop", "condition": "loop"},
    ),
    "comprehension of two": (
        """
        def f():
            return [
                q(b)
                for a in [1]  # outer
                if q(a, "outer_condition")
                for b in q([a], "inner_iterable")  # inner
                if q(b, "inner_condition")
            ]
        f()
        """,
        {
            "q": "inner outer",
            "outer_condition": "outer",
            "inner_iterable": "outer",
            "inner_condition": "inner outer",
        },
    ),
    "comprehension in a for": (
        """
        def f():
            for a in [1]:  # outer
                [q(b) for b in [a]]  # inner
        f()
        """,
        {"q": "inner outer"},
    ),
    "generator expression in a comprehension": (
        """
        def f():
            return [
                sum(q(b) for b in [a])  # inner
                for a in [1]  # outer
            ]
        f()
        """,
        {"q": "inner outer"},
    ),
    "function defined in a loop": (
        """
        def f():
            for a in [1]:  # defining
                def g():
                    return q(a)
                h = lambda: q(a, "lambda")
            return g, h
        for one in f():  # calling
            one()
        """,
        {"q": "calling", "lambda": "calling"},
    ),
    "defaults and decorators run in the loop": (
        """
        def f():
            for a in [1]:  # loop
                @q(lambda g: g, "decorator")
                def g(x=q(a, "default")):
                    pass
        f()
        """,
        {"decorator": "loop", "default": "loop"},
    ),
    "class body in a loop": (
        """
        for a in [1]:  # outer
            class A:
                x = q(a, "body")
                for b in [1]:  # inner
                    q(b)
        """,
        {"body": "outer", "q": "inner outer"},
    ),
    "comprehension in a class body": (
        """
        class A:
            x = [q(a) for a in [1]]  # loop
        """,
        {"q": "loop"},
    ),
    "module": (
        """
        for a in [1]:  # loop
            q(a)
        """,
        {"q": "loop"},
    ),
    "decorated function": (
        """
        def same(function):
            return function
        @same
        @same
        def f():
            for a in [1]:  # loop
                q(a)
        f()
        class A:
            @property
            def p(self):
                for a in [1]:  # second
                    return q(a, "property")
        A().p
        """,
        {"q": "loop", "property": "second"},
    ),
    "functions of one name": (
        """
        def f():
            def g():
                for a in [1]:  # first
                    q(a, "first")
            g()
            def g():
                for a in [1]:  # second
                    q(a, "second")
            g()
        f()
        """,
        {"first": "first", "second": "second"},
    ),
    "generator function": (
        """
        def g():
            for a in [1]:  # inner
                yield q(a)
        def f():
            for b in g():  # outer
                q(b, "consumer")
        f()
        """,
        {"q": "inner", "consumer": "outer"},
    ),
    "async": (
        """
        async def items():
            for a in [1]:  # source
                yield q(a, "generator")
        async def f():
            async for a in items():  # loop
                q(a)
            [q(a, "comprehension") async for a in items()]  # second
        asyncio_run(f)
        """,
        {"q": "loop", "generator": "source", "comprehension": "second"},
    ),
    "walrus": (
        """
        def f():
            while (n := q(0, "test")):  # loop
                pass
            if any((m := q(a)) for a in [1]):  # second
                return m
        f()
        """,
        {"test": "loop", "q": "second"},
    ),
    "helper in a loop": (
        """
        def helper(x):
            return q(x)
        def f():
            for a in [1]:  # loop
                helper(a)
        f()
        """,
        {"q": "loop"},
    ),
    "property and assert in a loop": (
        """
        class A:
            @property
            def p(self):
                return q(self)
        def f():
            for a in [A()]:  # loop
                assert a.p
        f()
        """,
        {"q": "loop"},
    ),
    "f-string": (
        """
        def f():
            for a in [1]:  # outer
                f"{q(a)} {', '.join(str(q(b, 'inside')) for b in [a])}"  # inner
        f()
        """,
        {"q": "outer", "inside": "inner outer"},
    ),
    "method chain over lines": (
        """
        class A:
            def m(self):
                return q(self)
        def f():
            for a in [A()]:  # loop
                (a
                 .m()
                 .m())
        f()
        """,
        {"q": "loop"},
    ),
}

#: These need columns: by its line alone a place in them is ambiguous.
COLUMN_CASES = {
    "multi-byte text before the place": (
        """
        def f():
            "ÄÖÜ 漢字 🐍"; [q(a) for a in q([1], "iterable")]; "é"; q(1, "after")  # loop
        f()
        """,
        {"q": "loop", "iterable": "", "after": ""},
    ),
    "lambdas on one line": (
        """
        one, two = lambda x: [q(a, "one") for a in x], lambda x: q([a for a in x], "two")  # loop
        one([1])
        two([1])
        """,
        {"one": "loop", "two": ""},
    ),
    "comprehensions of one kind on one line": (
        """
        def f():
            return [[q(b) for b in q([a], "inner_iterable")] for a in q([1], "iterable")]  # loop
        f()
        """,
        {"q": "loop loop", "inner_iterable": "loop", "iterable": ""},
    ),
    "twins on one line": (
        """
        def f():
            return [q(b, "one") for b in [1]], [q(b, "two") for b in [1] for c in [1]]  # loop
        f()
        """,
        {"one": "loop", "two": "loop loop"},
    ),
    "one-line for": (
        """
        def f():
            for a in q([1], "iterable"): q(a)  # loop
        f()
        """,
        {"q": "loop", "iterable": ""},
    ),
    "tabs": (
        "def f():\n\tfor a in q([1], 'iterable'): q(a)\t# loop\nf()\n",
        {"q": "loop", "iterable": ""},
    ),
    "form feed": (
        "x = 1\n\x0cdef f():\n\x0c    for a in q([1], 'iterable'): q(a)  # loop\nf()\n",
        {"q": "loop", "iterable": ""},
    ),
}


def run(snippet, source, **options):
    prelude = "import asyncio\ndef asyncio_run(f): asyncio.run(f())\n"
    return snippet(prelude + textwrap.dedent(source), **options)


@pytest.mark.parametrize(("source", "expected"), CASES.values(), ids=CASES)
def test_loops_around_a_place(snippet, source, expected):
    seen = run(snippet, source)
    assert {tag: seen.names(tag) for tag in expected} == expected


@pytest.mark.skipif(not COLUMNS, reason="Python 3.10 knows no columns")
@pytest.mark.parametrize(("source", "expected"), COLUMN_CASES.values(), ids=COLUMN_CASES)
def test_loops_around_a_place_of_a_line(snippet, source, expected):
    seen = run(snippet, source)
    assert {tag: seen.names(tag) for tag in expected} == expected


@pytest.mark.parametrize(("source", "expected"), CASES.values(), ids=CASES)
def test_lines_alone_lead_to_the_same_loops(snippet, source, expected):
    seen = run(snippet, source, lines_only=True)
    assert {tag: seen.names(tag) for tag in expected} == expected
