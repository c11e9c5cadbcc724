"""Two places of which one turn runs at most one: that both ran proves two turns."""

import sys
import textwrap

import pytest

COLUMNS = sys.version_info >= (3, 11)

EXCLUSIVE = {
    "if and else": """
        if x:
            q(x, "a")
        else:
            q(x, "b")
    """,
    "if and elif": """
        if x == 0:
            q(x, "a")
        elif x == 1:
            q(x, "b")
    """,
    "if and the test of an elif": """
        if x:
            q(x, "a")
        elif q(x, "b"):
            pass
    """,
    "deep in branches": """
        if x:
            with nullcontext():
                for y in [1]:
                    q(x, "a")
        else:
            try:
                q(x, "b")
            finally:
                pass
    """,
    "cases of a match": """
        match x:
            case 0:
                q(x, "a")
            case _ if q(True, "b"):
                pass
    """,
    "handlers of a try": """
        try:
            raise ValueError if x else KeyError
        except ValueError:
            q(x, "a")
        except KeyError:
            q(x, "b")
    """,
    "handler and else of a try": """
        try:
            if x: raise ValueError
        except ValueError:
            q(x, "a")
        else:
            q(x, "b")
    """,
    "continue, then the rest": """
        if x:
            q(x, "a")
            continue
        y = x
        q(x, "b")
    """,
    "elif with continue, then the rest": """
        if x == 5:
            pass
        elif x:
            q(x, "a")
            continue
        q(x, "b")
    """,
    "handler with continue, then the rest": """
        try:
            if x: raise ValueError
        except ValueError:
            q(x, "a")
            continue
        q(x, "b")
    """,
    "break, then the rest": """
        if x:
            q(x, "a")
            break
        else:
            pass
        q(x, "b")
    """,
}
TOGETHER = {
    "one after the other": """
        q(x, "a")
        q(x, "b")
    """,
    "test and branch": """
        if q(True, "a"):
            q(x, "b")
    """,
    "two ifs": """
        if True:
            q(x, "a")
        if True:
            q(x, "b")
    """,
    "body and handler of a try": """
        try:
            q(x, "a")
            raise ValueError
        except ValueError:
            q(x, "b")
    """,
    "body and else of a try": """
        try:
            q(x, "a")
        except ValueError:
            pass
        else:
            q(x, "b")
    """,
    "branch and finally": """
        try:
            if True:
                q(x, "a")
                continue
        finally:
            q(x, "b")
    """,
    "guard and later case": """
        match x:
            case _ if q(False, "a"):
                pass
            case _:
                q(x, "b")
    """,
    "one branch": """
        if True:
            q(x, "a")
            q(x, "b")
        else:
            pass
    """,
    "loop and its else": """
        for y in [1]:
            q(x, "a")
        else:
            q(x, "b")
    """,
    "the same place": """
        for tag in "ab":
            q(x, tag)
    """,
}


def run(snippet, body, **options):
    source = "from contextlib import nullcontext\ndef f():\n    for x in (0, 1, 0):\n"
    body = textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
    return snippet(f"{source}{body}\nf()\n", **options)


@pytest.mark.parametrize("lines_only", [False, True], ids=["columns", "lines"])
@pytest.mark.parametrize("body", EXCLUSIVE.values(), ids=EXCLUSIVE)
def test_exclusive(snippet, body, lines_only):
    seen = run(snippet, body, lines_only=lines_only)
    assert seen.exclusive("a", "b")
    assert seen.exclusive("b", "a")


@pytest.mark.parametrize("lines_only", [False, True], ids=["columns", "lines"])
@pytest.mark.parametrize("body", TOGETHER.values(), ids=TOGETHER)
def test_not_exclusive(snippet, body, lines_only):
    seen = run(snippet, body, lines_only=lines_only)
    assert not seen.exclusive("a", "b")
    assert not seen.exclusive("b", "a")


@pytest.mark.skipif(not COLUMNS, reason="Python 3.10 knows no columns")
@pytest.mark.parametrize(
    "statement",
    ['q(x, "a") if x else q(x, "b")', '[q(x, "a") if y else q(x, "b") for y in (0, 1)]'],
)
def test_conditional_expressions(snippet, statement):
    seen = run(snippet, statement)
    assert seen.exclusive("a", "b")


def test_a_conditional_expression_on_one_line_is_not_told_apart_by_lines(snippet):
    seen = run(snippet, 'q(x, "a") if x else q(x, "b")', lines_only=True)
    assert not seen.exclusive("a", "b")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="except* came with Python 3.11")
def test_all_matching_handlers_of_a_group_run(snippet):
    seen = run(
        snippet,
        """
        try:
            raise ExceptionGroup("", [ValueError(), KeyError()])
        except* ValueError:
            q(x, "a")
        except* KeyError:
            q(x, "b")
        """,
    )
    assert not seen.exclusive("a", "b")


def test_a_helper_without_a_loop_of_its_own(snippet):
    """Both branches of one call cannot run: the helper was called twice."""
    seen = snippet("""
        def helper(x):
            if x:
                return q(x, "a")
            return q(x, "b")
        helper(0)
        helper(1)
    """)
    assert seen.exclusive("a", "b")
