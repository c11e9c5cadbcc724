"""Ignores: who may write one, what it covers, and which one suppressed nothing."""

from __future__ import annotations

import asyncio
import inspect
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User

from nplusone_guard.analysis.findings import Site
from nplusone_guard.capture.scope import active_ignores
from nplusone_guard.exceptions import ConfigError
from nplusone_guard.guard import watch
from nplusone_guard.ignores import (
    comment_for,
    find_ignore,
    forget_used_entries,
    ignore,
    match,
    unused,
    unused_settings_ignores,
)
from nplusone_guard.policy import IgnoreEntry, Policy, UnusedIgnore

SOURCE = """\
a = one()  # nplusone: ignore[lazy-relation] legacy
b = two()  # nplusone: ignore[lazy-relation, query-in-loop] two of them
c = three()  # nplusone: ignore all of them
d = four()  # noqa: F821  # nplusone:ignore[write-in-loop]: see #123  # type: ignore
e = five(
    1,  # nplusone: ignore[query-in-loop] in the middle
    2,
)
f = (  # nplusone: ignore[query-in-loop] on the first line
    six()
    .seven()
)
g = (
    eight()
    .nine()
)  # nplusone: ignore[query-in-loop] on the last line
# nplusone: ignore[query-in-loop] above, on a line of its own
h = ten()
text = "# nplusone: ignore[query-in-loop] only a string"
for x in y:  # nplusone: ignore[query-in-loop] the loop
    z()
i = 1  # nplusone: ignored by nobody
"""

COMMENTS = [
    (1, {"lazy-relation"}, "legacy"),
    (2, {"lazy-relation", "query-in-loop"}, "two of them"),
    (3, None, "all of them"),
    (4, {"write-in-loop"}, "see #123"),
    (6, {"query-in-loop"}, "in the middle"),
    (9, {"query-in-loop"}, "on the first line"),
    (11, {"query-in-loop"}, "on the first line"),
    (13, {"query-in-loop"}, "on the last line"),
    (15, {"query-in-loop"}, "on the last line"),
    (16, {"query-in-loop"}, "on the last line"),
    (20, {"query-in-loop"}, "the loop"),
]
NO_COMMENT = [5, 7, 8, 17, 18, 19, 21, 22, 99]

BROKEN = [
    ("# nplusone: ignore", "has no reason, so it ignores nothing. Say why"),
    ("# nplusone: ignore[lazy-relation]", "has no reason, so it ignores nothing."),
    ("# nplusone: ignore[lazy-relations] old", "names 'lazy-relations', which is not a rule, so"),
    ("# nplusone: ignore[lazy-relations] old", 'Did you mean "lazy-relation"?'),
    ("# nplusone: ignore[] old", "names no rule between the brackets, so it ignores nothing."),
]

BAD_ARGUMENTS = [
    ({"rule": "lazy-relations", "reason": "x"}, 'Did you mean "lazy-relation"?'),
    ({"rule": "lazy-relation", "reason": ""}, "ignore(…) has no reason. Say why"),
    ({"rule": "lazy-relation", "reason": "  "}, "has no reason"),
    ({"rule": "lazy-relation", "reason": None}, "has no reason"),
    ({"path": "", "reason": "x"}, "has '' for path. Allowed: a string that is not empty."),
    ({"path": 3, "reason": "x"}, "has 3 for path"),
    ({"field": "author", "reason": "x"}, 'Allowed: "app.Model.field" or "app.Model.*".'),
]


@pytest.fixture
def source(tmp_path):
    """Writes a module and returns its path."""

    def write(text, name="module.py"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture(autouse=True)
def _fresh_session():
    forget_used_entries()


def site(file="/srv/app/shop/views.py", line=7):
    return Site(file, line, "view")


# --- comments ------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "rules", "reason"), COMMENTS)
def test_a_comment_counts_for_its_line_and_from_the_edges_of_its_statement(
    source, line, rules, reason
):
    comment = comment_for(source(SOURCE), line)
    assert comment.rules == rules
    assert comment.reason == reason
    assert comment.problem == ""


@pytest.mark.parametrize("line", NO_COMMENT)
def test_no_comment_counts_for_other_lines(source, line):
    assert comment_for(source(SOURCE), line) is None


@pytest.mark.parametrize(("text", "problem"), BROKEN)
def test_a_comment_that_is_wrong_ignores_nothing_and_says_why(source, text, problem):
    comment = comment_for(source(f"a()  {text}\n"), 1)
    assert problem in comment.problem
    assert not comment.covers("lazy-relation")


def test_a_changed_file_is_read_again(source):
    path = source("a()  # nplusone: ignore old\n")
    assert comment_for(path, 1).reason == "old"
    source("a()  # nplusone: ignore the new reason\n")
    assert comment_for(path, 1).reason == "the new reason"
    source("a()\n")
    assert comment_for(path, 1) is None


def test_a_file_is_read_once(source, monkeypatch):
    path = source("a()  # nplusone: ignore old\n")
    comment_for(path, 1)
    monkeypatch.setattr("linecache.getlines", None)
    assert comment_for(path, 1).reason == "old"


@pytest.mark.parametrize(
    "text",
    ["a()  # nplusone: ignore fine\nb = (\n", "a()  # nplusone: ignore fine\n  if:\n '"],
)
def test_what_comes_before_a_syntax_error_still_counts(source, text):
    assert comment_for(source(text), 1).reason == "fine"


@pytest.mark.parametrize("file", ["", "<string>", "/nowhere/at/all.py"])
def test_a_file_that_cannot_be_read_has_no_comments(file):
    assert comment_for(file, 1) is None


# --- with ignore(…) ------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments_are_refused_at_once(arguments, message):
    with pytest.raises(ConfigError) as raised:
        ignore(**arguments)
    assert message in str(raised.value)


def test_a_reason_must_be_given():
    with pytest.raises(TypeError, match="reason"):
        ignore("lazy-relation")


def test_a_block_is_active_inside_alone():
    with ignore("lazy-relation", reason="a") as outer:
        with ignore(path="*.py", reason="b") as inner:
            assert active_ignores.get() == (outer, inner)
        assert active_ignores.get() == (outer,)
    assert active_ignores.get() == ()


def test_a_block_ends_when_its_body_raises():
    with pytest.raises(ZeroDivisionError), ignore(reason="a"):
        raise ZeroDivisionError
    assert active_ignores.get() == ()


def test_one_object_may_be_entered_again_and_again():
    again = ignore(reason="a")
    with again, again:
        assert active_ignores.get() == (again, again)
    with again:
        assert active_ignores.get() == (again,)
    assert active_ignores.get() == ()


def test_blocks_that_do_not_nest_end_each_for_itself():
    first, second = ignore(reason="a"), ignore(reason="b")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert active_ignores.get() == (second,)
    second.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert active_ignores.get() == ()


def test_tasks_and_threads_have_their_own_blocks():
    one = ignore(reason="a")

    async def inside():
        async with one:
            await asyncio.sleep(0.01)
            return active_ignores.get()

    async def outside():
        await asyncio.sleep(0.005)
        return active_ignores.get()

    async def both():
        return await asyncio.gather(inside(), outside())

    assert asyncio.run(both()) == [(one,), ()]
    with one, ThreadPoolExecutor(1) as pool:
        assert pool.submit(active_ignores.get).result() == ()


def test_it_decorates_functions_and_methods_of_every_kind():
    legacy = ignore(reason="a")

    @legacy
    def function(x):
        return x, active_ignores.get()

    @legacy
    async def coroutine(x):
        await asyncio.sleep(0)
        return x, active_ignores.get()

    class Owner:
        @legacy
        def method(self, x):
            return x, active_ignores.get()

        @legacy
        @classmethod
        def of_class(cls, x):
            return x, active_ignores.get()

        @staticmethod
        @legacy
        def static(x):
            return x, active_ignores.get()

    calls = [function, Owner().method, Owner.of_class, Owner.static]
    assert [call(3) for call in calls] == [(3, (legacy,))] * 4
    assert asyncio.run(coroutine(3)) == (3, (legacy,))
    assert inspect.iscoroutinefunction(coroutine)
    assert list(inspect.signature(function).parameters) == ["x"]
    assert active_ignores.get() == ()


def test_it_refuses_what_it_cannot_decorate():
    def generator():
        yield

    async def async_generator():
        yield

    for thing in (generator, async_generator, classmethod(generator), type("T", (), {})):
        with pytest.raises(ConfigError, match="mark the call"):
            ignore(reason="a")(thing)


def test_open_scopes_note_a_block_once_however_many_turns_it_takes():
    with watch("outer") as outer, watch("inner") as inner:
        for _ in range(3):
            with ignore("lazy-relation", reason="a"):
                pass
        with ignore("lazy-relation", reason="a"):
            pass
    assert len(outer.scope.ignores_opened) == len(inner.scope.ignores_opened) == 2


# --- what an ignore covers --------------------------------------------------------------------

MATCHES = [
    ({"rule": "lazy-relation"}, True),
    ({"rule": "query-in-loop"}, False),
    ({"finding": "abc"}, True),
    ({"finding": "old"}, True),  # what an earlier release called it
    ({"finding": "abd"}, False),
    ({"field": "shop.Book.author"}, True),
    ({"field": "shop.Book.*"}, True),
    ({"field": "shop.Book.auth"}, False),
    ({"field": "shop.Books.*"}, False),
    ({"path": "shop/views.py"}, True),
    ({"path": "shop/*"}, True),
    ({"path": "*.py"}, True),
    ({"path": "/srv/app/shop/views.py"}, True),
    ({"path": "/srv/*/views.py"}, True),
    ({"path": "views.py"}, False),
    ({"path": "app/shop/views.py"}, False),
    ({"path": "shop/loops.py"}, True),  # the loop's file
    ({"rule": "lazy-relation", "path": "shop/*", "field": "shop.Book.author"}, True),
    ({"rule": "lazy-relation", "path": "blog/*", "field": "shop.Book.author"}, False),
]


@pytest.mark.parametrize(("criteria", "expected"), MATCHES)
def test_all_given_criteria_must_match(criteria, expected):
    entry = IgnoreEntry("because", **criteria)
    loop = site("/srv/app/shop/loops.py")
    facts = ("lazy-relation", site(), loop, "shop.Book.author", ("abc", "old"))
    assert match(*facts, entry, base_dir="/srv/app") is expected
    assert match(*facts, entry, base_dir="/srv/app/") is expected


def test_paths_are_relative_to_the_working_directory_by_default():
    inside = site(os.path.join(os.getcwd(), "shop", "views.py"))
    assert match("lazy-relation", inside, None, "", (), IgnoreEntry("x", path="shop/views.py"))


def test_a_comment_goes_before_a_block_before_the_settings(source):
    path = source(
        "a()  # nplusone: ignore[lazy-relation] why not\n\nloop()  # nplusone: ignore up\n"
    )
    policy = Policy(ignores=(IgnoreEntry("old shop", rule="lazy-relation"),))
    outer, inner = ignore(reason="outer"), ignore("lazy-relation", reason="inner")
    other = ignore("write-in-loop", reason="other rule")

    def found(line, loop=None, active=()):
        loop = site(path, loop) if loop else None
        return find_ignore("lazy-relation", site(path, line), loop, "", (), active, policy)

    assert found(1, active=(outer,)) == ("comment: why not", comment_for(path, 1))
    assert found(2, loop=3, active=(outer,)) == ("comment: up", comment_for(path, 3))
    assert found(2, active=(outer, inner, other)) == ("ignore(): inner", inner)
    assert found(2, active=(outer, other)) == ("ignore(): outer", outer)
    assert found(2, active=(other,)) == ("settings: old shop", policy.ignores[0])
    assert find_ignore("query-in-loop", site(path, 2), None, "", (), (), policy) is None


def test_a_broken_comment_leaves_it_to_the_others(source):
    path = source("a()  # nplusone: ignore\n")
    policy = Policy(ignores=(IgnoreEntry("old shop", path=path),))
    found = find_ignore("lazy-relation", site(path, 1), None, "", (), (), policy)
    assert found == ("settings: old shop", policy.ignores[0])


# --- unused ones --------------------------------------------------------------------------------


def test_unused_comments_are_reported_once_each(source):
    path = source(
        "a()  # nplusone: ignore[lazy-relation] used\n"
        "b()  # nplusone: ignore[lazy-relation] not used\n"
        "c()  # nplusone: ignore[lazy-relation]\n"
        "d()\n"
    )
    reached = [site(path, line) for line in (1, 2, 2, 3, 4)]
    idle, broken = unused(reached, [], {comment_for(path, 1)})
    assert idle == UnusedIgnore(
        f"{path}:2",
        "# nplusone: ignore[lazy-relation] not used",
        "suppressed nothing here; remove it.",
    )
    assert (broken.where, broken.text) == (f"{path}:3", "# nplusone: ignore[lazy-relation]")
    assert broken.reason.startswith("has no reason, so it ignores nothing.")


def test_idle_blocks_are_reported_once_each():
    with watch() as recording:
        for _ in range(2):
            with ignore("write-in-loop", path="a.py", reason="idle") as idle:
                pass
    (found,) = recording.report.unused_ignores
    assert found == UnusedIgnore(
        idle.where,
        "ignore(rule='write-in-loop', path='a.py', reason='idle')",
        "suppressed nothing here; remove it.",
    )
    assert idle.where.startswith(f"{__file__}:")


def test_entries_of_the_settings_are_counted_over_the_whole_process():
    policy = Policy(
        ignores=(IgnoreEntry("a", rule="lazy-relation"), IgnoreEntry("b", finding="abc"))
    )
    find_ignore("lazy-relation", site(), None, "", (), (), policy)
    (found,) = unused_settings_ignores(policy)
    assert (found.where, found.text) == ("settings", "id='abc', reason='b'")


# --- on real loops -----------------------------------------------------------------------------

USERS = range(3)


def look_up():
    for pk in USERS:
        User.objects.filter(pk=pk).count()


def look_up_with_a_comment():
    for pk in USERS:
        User.objects.filter(pk=pk).count()  # nplusone: ignore[query-in-loop] three at most


def look_up_with_a_comment_on_the_loop():
    for pk in USERS:  # nplusone: ignore[query-in-loop, write-in-loop] three at most
        User.objects.filter(
            pk=pk,
        ).count()


def look_up_with_a_comment_for_another_rule():
    for pk in USERS:
        User.objects.filter(pk=pk).count()  # nplusone: ignore[lazy-relation] three at most


def look_up_in_blocks():
    for pk in USERS:
        with ignore("query-in-loop", reason="three at most"):
            User.objects.filter(pk=pk).count()


@ignore(path="*test_ignores.py", reason="three at most")
def look_up_decorated():
    look_up()


def details(report):
    return [one.detail for one in report.cleared if one.reason == "ignored"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("run", "detail"),
    [
        (look_up_with_a_comment, "comment: three at most"),
        (look_up_with_a_comment_on_the_loop, "comment: three at most"),
        (look_up_in_blocks, "ignore(): three at most"),
        (look_up_decorated, "ignore(): three at most"),
    ],
)
def test_an_ignored_loop_is_cleared_with_the_reason(run, detail):
    with watch() as report:
        run()
    assert (list(report), details(report), report.unused_ignores) == ([], [detail], ())


@pytest.mark.django_db
def test_entries_of_a_policy_ignore_loops():
    with watch() as found:
        look_up()
    for criterion in ({"finding": found[0].id}, {"path": "*/test_ignores.py"}):
        policy = Policy(ignores=(IgnoreEntry("three at most", **criterion),))
        with watch(policy=policy) as report:
            look_up()
        assert (list(report), details(report)) == ([], ["settings: three at most"])


@pytest.mark.django_db
def test_an_ignore_for_another_rule_suppresses_nothing_and_is_reported():
    with watch() as report, ignore("lazy-relation", reason="idle"):
        look_up_with_a_comment_for_another_rule()
    assert [finding.rule for finding in report] == ["query-in-loop"]
    assert [one.text for one in report.unused_ignores] == [
        "# nplusone: ignore[lazy-relation] three at most",
        "ignore(rule='lazy-relation', reason='idle')",
    ]


@pytest.mark.django_db
def test_a_block_around_a_unit_that_needs_it_is_not_unused():
    with watch("test") as report:
        with ignore("query-in-loop", reason="three at most"), watch("GET /", kind="request"):
            look_up()
        with watch("GET /", kind="request"):
            look_up_in_blocks()
    assert (list(report), report.unused_ignores) == ([], ())
