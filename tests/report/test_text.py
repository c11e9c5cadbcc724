"""The report as plain text: what a reader sees, word by word."""

from __future__ import annotations

import dataclasses
import os
import unicodedata
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nplusone_guard.analysis.findings import Advice, Option
from nplusone_guard.policy import UnusedIgnore
from nplusone_guard.report import page, text
from tests.report.factory import (
    UNUSED,
    cleared,
    finding,
    origin,
    report,
    site,
    statement,
    wellness,
)
from tests.report.strategies import FINDINGS, REPORTS


def lines(one, **options):
    """The lines of a report below its first."""
    return text.render(one, **options).splitlines()[1:]


def shown(one, **options):
    """The lines of one finding."""
    return text.render_finding(one, **options).splitlines()


# --- the whole --------------------------------------------------------------------------------


def test_the_wellness_report():
    assert (
        str(wellness())
        == text.render(wellness())
        == """\
wellness_report: 22 queries in 21.4 ms, 1 query loop
 bypassed-prefetch  20 × SELECT peoples_people  18.2 ms  20 of 22 queries avoidable  [3f9c2a1b7d04]
   fix     read tenant.people_set.all(), or Prefetch("people_set", queryset=...)
   query   background_tasks/journal_wellness_tasks.py:61  User.objects.filter(tenant=tenant)
   loop    background_tasks/journal_wellness_tasks.py:60  for tenant in tenants:
   loaded  background_tasks/journal_wellness_tasks.py:58  20 tenants.Tenant  tenants = Tenant.objec…
 unused ignore at settings: suppressed nothing here; remove it.  rule query-in-loop"""
    )


def test_the_wellness_report_in_80_columns():
    assert (
        text.render(wellness(), width=80)
        == """\
wellness_report: 22 queries in 21.4 ms, 1 query loop
 bypassed-prefetch  20 × SELECT peoples_people  saves 20/22  [3f9c2a1b7d04]
   fix     read tenant.people_set.all(), or Prefetch("people_set", queryset=...)
   query   background_tasks/journal_wellness_tasks.py:61  User.objects.filter(t…
   loop    :60  for tenant in tenants:
   loaded  :58  20 tenants.Tenant  tenants = Tenant.objects.prefetch_related("p…
 unused ignore at settings: suppressed nothing here; remove it.  rule query-in-…"""
    )


def test_the_wellness_report_where_the_output_is_ascii():
    shown = text.render(wellness(), encoding="ascii")
    assert shown.isascii()
    assert shown.splitlines()[1].startswith(" bypassed-prefetch  20 x SELECT peoples_people  18.2")
    assert shown.splitlines()[5].endswith("20 tenants.Tenant  tenants = Tenant.obj...")


# --- the first line -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, "wellness_report: 22 queries in 21.4 ms, no query loop"),
        ({"query_count": 0}, "wellness_report: no queries"),
        (
            {"query_count": 0, "transaction_count": 2},
            "wellness_report: no queries (+2 transaction)",
        ),
        ({"query_count": 1}, "wellness_report: 1 query in 21.4 ms, no query loop"),
        ({"query_count": 1200}, "wellness_report: 1,200 queries in 21.4 ms, no query loop"),
        (
            {"transaction_count": 3},
            "wellness_report: 22 queries (+3 transaction) in 21.4 ms, no query loop",
        ),
        (
            {"databases": {"replica": 2, "default": 20}, "transaction_count": 3},
            "wellness_report: 22 queries (20 default, 2 replica; +3 transaction) in 21.4 ms, no query loop",
        ),
        ({"name": ""}, "block: 22 queries in 21.4 ms, no query loop"),
        ({"name": "", "kind": "task"}, "task: 22 queries in 21.4 ms, no query loop"),
        ({"query_time": 0.00002}, "wellness_report: 22 queries in 0.0 ms, no query loop"),
        ({"query_time": 0.3456}, "wellness_report: 22 queries in 346 ms, no query loop"),
        ({"query_time": 1.25}, "wellness_report: 22 queries in 1.25 s, no query loop"),
        ({"name": "a\x1b[2Jb"}, "a\\x1b[2Jb: 22 queries in 21.4 ms, no query loop"),
    ],
)
def test_a_scope_in_one_line(facts, line):
    assert text.headline(report(**facts)) == line
    assert text.render(report(**facts)) == line


def duplicate(**facts):
    facts = {"loop": None, "origin": None} | facts
    return finding("duplicate-query", **facts)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([finding()], "1 query loop"),
        ([finding(), finding("write-in-loop")], "2 query loops"),
        ([duplicate()], "1 duplicate query"),
        ([duplicate(), duplicate(), finding()], "1 query loop, 2 duplicate queries"),
        ([duplicate(loop=site(60))], "1 query loop"),
        ([finding("recursive-query", loop=None)], "1 query loop"),
    ],
)
def test_loops_are_told_from_duplicates(findings, verdict):
    assert text.headline(report(*findings)).rpartition(" ms, ")[2] == verdict


def test_a_first_line_that_is_too_long_gives_up_databases_then_transactions_then_its_name():
    databases = {"default": 20, "replica": 2}
    facts = {"databases": databases, "transaction_count": 3}
    name = "GET /tenants/{}/reports/wellness/"
    assert text.headline(report(name=name.format("a"), **facts), width=100) == (
        "GET /tenants/a/reports/wellness/: 22 queries (+3 transaction) in 21.4 ms, no query loop"
    )
    assert text.headline(report(name=name.format("a" * 20), **facts), width=100) == (
        "GET /tenants/aaaaaaaaaaaaaaaaaaaa/reports/wellness/: 22 queries in 21.4 ms, no query loop"
    )
    assert text.headline(report(name=name.format("a" * 50), **facts), width=100) == (
        "GET /tenants/aaaaaaa…aaaaaaaaaaaaaaaaaaaaaaa/reports/wellness/: 22 queries in 21.4 ms, no query loop"
    )


# --- a finding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (
            finding("lazy-relation", statement(1200, "SELECT auth_user", duration=1.5)),
            " lazy-relation  1,200 × SELECT auth_user  1.50 s  20 of 20 queries avoidable  [3f9c2a1b7d04]",
        ),
        (
            finding("lazy-relation", statement(2, database="replica", failed=1)),
            " lazy-relation  2 × SELECT peoples_people (replica, 1 failed)  20 of 20 avoidable  [3f9c2a1b7d04]",
        ),
        (
            finding("lazy-relation", advice=Advice("load it")),
            " lazy-relation  20 × SELECT peoples_people  18.2 ms  [3f9c2a1b7d04]",
        ),
        (
            duplicate(id=""),
            " duplicate-query  20 × SELECT peoples_people (same parameters)  18.2 ms  20 of 20 queries avoidable",
        ),
        (
            finding("query-in-loop", statement(), statement(20, "SELECT a"), statement(1, "SELECT b")),
            " query-in-loop  20 × SELECT peoples_people + 2 more (41 queries)  20 of 20 avoidable  [3f9c2a1b7d04]",
        ),
        (
            finding("lazy-relation", statement(20, "SELECT " + "a_very_long_table_name_" * 4)),
            " lazy-relation  20 × SELECT a_very_lon…_very_long_table_name_a_very_long_table_name_  [3f9c2a1b7d04]",
        ),
    ],
)  # fmt: skip
def test_the_first_line_of_a_finding(one, line):
    assert shown(one)[0] == line


def test_what_can_be_saved_is_set_against_the_whole_scope():
    assert "  20 of 22 queries avoidable  " in shown(finding(), total=22)[0]
    assert "  20 of 20 queries avoidable  " in shown(finding())[0]
    assert "  20 of 20 queries avoidable  " in shown(finding(), total=3)[0]


def fix_of(one, **options):
    """The lines of the fix as one text, how many they are, and the labels of the rows below."""
    rows = [(line[3:11].strip(), line[11:]) for line in shown(one, **options)[1:]]
    fix = [text for _, text in takewhile(lambda row: row[0] in {"fix", ""}, rows)]
    return " ".join(fix), len(fix), [label for label, _ in rows[len(fix) :]]


def test_a_long_fix_is_told_whole():
    advice = (
        "put papers = Paper.objects.in_bulk(request.GET.getlist('id')) before the loop at "
        "background_tasks/journal_wellness_tasks.py:60, and read papers[int(pk)] if int(pk) in papers"
        " else get_object_or_404(Paper, pk=pk)"
    )
    for width in (60, 80, 100):
        text, _, labels = fix_of(finding(advice=Advice(advice)), width=width)
        assert text == advice
        assert labels == ["query", "loop", "loaded"]
    assert len(shown(finding(advice=Advice(advice)), width=80)) == 8


def test_only_a_fix_that_is_no_edit_is_cut():
    text, _, labels = fix_of(finding(advice=Advice("load it at once " * 999)), width=80)
    assert text.endswith("…")
    assert len(text) < 12 * 80
    assert labels == ["query", "loop", "loaded"]


APPENDED = {
    "kind": "prefetch",
    "file": "views.py",
    "line": 8,
    "expression": ".prefetch_related('x')",
}


def optional(text, why="", **facts):
    """A finding with one option, whose sentence is ``why`` it is to be done, and ``text``."""
    option = Option(**APPENDED | facts)
    return finding("query-in-loop", advice=Advice(why + text, 1, 2, (option,)))


LONG = "the rows are loaded again in every turn of the loop, " * 6


def test_bare_code_is_told_where_the_sentence_is_long():
    one = optional("add .prefetch_related('x') to the queryset at views.py:8", LONG)
    assert fix_of(one)[0] == ".prefetch_related('x') at views.py:8"
    two = optional(
        "read a.all(), and write that at views.py:8", LONG, read="a.all()", expression="a.all()"
    )
    assert fix_of(two)[0] == "read a.all() at views.py:8"


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        # Other rows to run over, another read, what is lost: no option says those.
        (
            "put rows = list(keys); x = f(rows) before the loop at views.py:8, loop over rows, and read x[pk]",
            {"expression": "rows = list(keys)\nx = f(rows)", "read": "x[pk]"},
        ),
        ("add .prefetch_related('x') to y at views.py:8, and read a and b", {"read": "a"}),
        ("add .prefetch_related('x') to y at views.py:8 (skips Entry.save())", {}),
    ],
)  # fmt: skip
def test_a_long_sentence_that_says_more_than_its_code_is_told_whole(text, facts):
    assert fix_of(optional(text, LONG, **facts))[0] == LONG + text


def test_code_of_a_package_is_not_told_as_if_it_were_to_be_changed():
    text = "add .prefetch_related('x') to the queryset at views.py:8"
    one = optional(text, LONG)
    packaged = dataclasses.replace(one, site=dataclasses.replace(one.site, package="shop"))
    assert fix_of(packaged)[0] == LONG + text


def test_the_other_statements_of_a_loop_come_last():
    others = (
        statement(20, "SELECT journal_entry", site=site(62)),
        statement(1, "INSERT journal_mood", site=site(9, file="journal/mood.py")),
    )
    one = finding("query-in-loop", statement(), *others)
    assert len(shown(one)) == 6
    assert shown(one)[5] == (
        "   also    2 more statements: 20 × SELECT journal_entry at :62, 1 × INSERT journal_mood at journal/…"
    )
    two = finding("query-in-loop", statement(), others[0])
    assert shown(two)[5] == "   also    1 more statement: 20 × SELECT journal_entry at :62"


def test_a_finding_is_named_after_the_statement_at_its_own_place():
    main = statement(20, "SELECT journal_entry", site=site(62), fingerprint="SELECT ? FROM j")
    one = finding("query-in-loop", statement(5), main, site=site(62))
    one = dataclasses.replace(one, fingerprint="SELECT ? FROM j")
    assert shown(one)[0].startswith(" query-in-loop  20 × SELECT journal_entry + 1 more (25 quer")
    assert shown(one)[5] == "   also    1 more statement: 5 × SELECT peoples_people at :61"


def test_branches_that_send_the_same_statement_come_last():
    one = finding("query-in-loop", also_at=(finding().site, site(64), site(9, file="b.py")))
    assert shown(one)[5] == "   also    sent at :64, b.py:9 too"
    two = finding("query-in-loop", statement(), statement(5), also_at=(site(64),))
    assert shown(two)[5] == (
        "   also    1 more statement: 5 × SELECT peoples_people at :61; sent at :64 too"
    )


def test_a_long_fix_takes_the_place_of_the_other_statements():
    one = finding("query-in-loop", statement(), statement(), advice=Advice("load it at once " * 8))
    assert [line[3:11].strip() for line in shown(one)[1:]] == ["fix", "", "query", "loop", "loaded"]


@pytest.mark.parametrize(
    ("loop", "row"),
    [
        (site(61, kind="comprehension"), "same line, comprehension"),
        (site(61, kind="recursion"), "same line, recursion"),
        (
            site(9, "for child in children:", file="tree.py", kind="recursion"),
            "tree.py:9                                      (recursion) for child in children:",
        ),
        (
            site(9, "await gather(*jobs)", file="jobs.py", kind="gather"),
            "jobs.py:9                                      (gather) await gather(*jobs)",
        ),
        (
            site(
                686,
                "for item in iterable",
                file="/venv/lib/python3.11/site-packages/rest_framework/serializers.py",
                package="rest_framework",
            ),
            "rest_framework/serializers.py:686  (in package rest_framework) for item in iterable",
        ),
    ],
)
def test_loops_of_every_kind(loop, row):
    assert shown(finding(loop=loop, origin=None))[3] == f"   loop    {row}"


@pytest.mark.parametrize(
    ("loaded", "row"),
    [
        # The line that assigned the name is the one to change.
        (
            origin(assigned=site(8, "ts = all()", "r.py"), site=site(60, "for", "r.py")),
            "r.py:8   20 tenants.Tenant  ts = all()",
        ),
        (
            origin(assigned=site(8, "ts = all()", "r.py"), site=site(9, "len(ts)", "r.py")),
            "r.py:8   20 tenants.Tenant, read at :9  ts = all()",
        ),
        (
            origin(assigned=site(8, "ts = all()", "r.py"), site=site(9, "len(ts)", "s.py")),
            "r.py:8   20 tenants.Tenant, read at s.py:9  ts = all()",
        ),
        (
            origin(assigned=None, site=site(9, "ts = list(all())", "s.py")),
            "s.py:9   20 tenants.Tenant  ts = list(all())",
        ),
        # The loop's own line is shown one row above.
        (origin(assigned=None, site=site(60, "for", "r.py")), "r.py:60  20 tenants.Tenant"),
        (origin(assigned=None, site=site(9, "", "r.py"), parents=0), "r.py:9   tenants.Tenant"),
    ],
)
def test_where_the_parents_came_from(loaded, row):
    query = statement(site=site(61, "q()", "r.py"))
    one = finding("query-in-loop", query, loop=site(60, "for", "r.py"), origin=loaded)
    assert shown(one)[4] == f"   loaded  {row}"


def test_columns_are_given_up_where_they_would_cost_text():
    query = statement(site=site(123, "x" * 60, file="a/" * 8 + "module.py"))
    one = finding("query-in-loop", query, loop=site(4, "for x in y:", file="b.py"), origin=None)
    assert shown(one)[2:] == [
        f"   query   a/a/a/a/a/a/a/a/module.py:123  {'x' * 57}…",
        "   loop    b.py:4  for x in y:",
    ]


def test_a_place_without_source_widens_no_column():
    query = statement(site=site(61, "[one.author for one in rows]", "a.py"))
    one = finding("query-in-loop", query, loop=site(61, "", "a.py", kind="comprehension"))
    assert shown(dataclasses.replace(one, origin=None))[2:] == [
        "   query   a.py:61  [one.author for one in rows]",
        "   loop    same line, comprehension",
    ]


def test_a_long_path_leaves_room_for_the_source():
    query = statement(site=site(61, "User.objects.filter(tenant=tenant)", "/srv/" + "deep/" * 30))
    assert shown(finding("query-in-loop", query))[2] == (
        "   query   /…/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/deep/:61  User.objects.filter(…"
    )


def test_duplicates_across_a_scope_list_their_places():
    places = [site(line, f"user = get({line})", file="peoples/views.py") for line in range(8)]
    first = statement(4, "SELECT auth_user", site=places[0])

    def rows(count):
        one = duplicate(site=places[0], also_at=tuple(places[:count]), advice=Advice("once"))
        return shown(dataclasses.replace(one, statements=(first,)))[2:]

    assert rows(3) == [
        "   query   peoples/views.py:0  user = get(0)",
        "           peoples/views.py:1  user = get(1)",
        "           peoples/views.py:2  user = get(2)",
    ]
    assert len(rows(4)) == 4
    assert rows(8)[2:] == [
        "           peoples/views.py:2  user = get(2)",
        "   also    5 more: peoples/views.py:3, peoples/views.py:4, peoples/views.py:5, peoples/views.py:6,…",
    ]


def test_paths_are_relative_to_the_base_directory():
    here = finding("query-in-loop", statement(site=site(61, file="/srv/app/views.py")))
    near = finding("query-in-loop", statement(site=site(61, file="/srv/apps/views.py")))
    assert shown(here, base_dir="/srv/app")[2] == "   query   views.py:61"
    assert shown(here, base_dir="/srv/app/")[2] == "   query   views.py:61"
    assert shown(near, base_dir="/srv/app")[2] == "   query   /srv/apps/views.py:61"


def test_paths_are_relative_to_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    one = finding("query-in-loop", statement(site=site(61, file=os.path.join(os.getcwd(), "v.py"))))
    assert shown(one)[2] == "   query   v.py:61"


def test_a_working_directory_that_is_gone_is_no_error(monkeypatch):
    def gone() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, "getcwd", gone)
    one = finding("query-in-loop", statement(site=site(61, file="/srv/v.py")))
    assert shown(one)[2] == "   query   /srv/v.py:61"


# --- seen before ---------------------------------------------------------------------------------


def test_a_finding_seen_before_takes_one_line():
    two = finding("write-in-loop", statement(3, "INSERT a"), id="77", origin=None)
    assert [line[:40] for line in lines(report(finding(), two), brief_ids={"3f9c2a1b7d04"})][
        :2
    ] == [
        " bypassed-prefetch  20 × SELECT peoples_",
        " write-in-loop  3 × INSERT a  18.2 ms  2",
    ]


def test_one_line_on_a_duplicate_tells_its_place():
    """At 80 columns there is room for either what its rule says as well, or for the place."""
    one = finding(
        "duplicate-query",
        statement(3, "SELECT clinic_appointment", site=site(41, file="clinic/views/day.py")),
        loop=None,
    )
    told = {
        width: text.render_finding(one, brief=True, again=False, width=width)
        for width in (120, 80, 70)
    }
    assert told == {
        120: (
            " duplicate-query  3 × SELECT clinic_appointment (same parameters)  "
            "clinic/views/day.py:41  [3f9c2a1b7d04]"
        ),
        80: " duplicate-query  3 × SELECT clinic_appointment  day.py:41  [3f9c2a1b7d04]",
        70: " duplicate-query  3 × SELE…inic_appointment  day.py:41  [3f9c2a1b7d04]",
    }


@pytest.mark.parametrize(
    ("one", "width", "line"),
    [
        (
            finding("lazy-relation", statement(site=site(61, file="people/views.py"))),
            100,
            " lazy-relation  20 × SELECT peoples_people  people/views.py:61  again [3f9c2a1b7d04]",
        ),
        (
            finding(),
            100,
            " bypassed-prefetch  20 × SELECT peoples_people  journal_wellness_tasks.py:61  again [3f9c2a1b7d04]",
        ),
        (
            finding(),
            94,
            " bypassed-prefetch  20 × SE…peoples_people  journal_wellness_tasks.py:61  again [3f9c2a1b7d04]",
        ),
        (finding(), 80, " bypassed-prefetch  20 × SELECT peoples_people  again [3f9c2a1b7d04]"),
        (finding(), 60, " bypassed-prefetch  20 × …oples_people  again [3f9c2a1b7d04]"),
    ],
)
def test_one_line_tells_the_place_if_there_is_room(one, width, line):
    assert text.render_finding(one, brief=True, width=width) == line


# --- what else there is to know -------------------------------------------------------------------


def test_cleared_groups_are_listed_on_request():
    one = report(
        cleared=(
            cleared(site=site(12, file="app/tasks.py")),
            cleared("paged", 3, detail="LIMIT with a moving OFFSET"),
            cleared(count=1, detail="executemany"),
        )
    )
    assert lines(one) == []
    assert lines(one, show_cleared=True) == [
        " cleared: 2 batched, 1 paged",
        "   batched  40 × SELECT journal_entry  app/tasks.py:12  IN lists of 500",
        "   paged    3 × SELECT journal_entry  journal_wellness_tasks.py:90  LIMIT with a moving OFFSET",
        "   batched  1 × SELECT journal_entry  background_tasks/journal_wellness_tasks.py:90  executemany",
    ]


def test_twenty_cleared_groups_are_listed_and_the_rest_counted():
    shown = lines(report(cleared=(cleared(),) * 25), show_cleared=True)
    assert len(shown) == 22
    assert shown[-1] == "   and 5 more"
    assert lines(report(), show_cleared=True) == []


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"failed_count": 1}, " 1 query failed"),
        ({"failed_count": 2}, " 2 queries failed"),
        ({"late_queries": 1}, " 1 query ran after this scope had closed"),
        ({"late_queries": 2}, " 2 queries ran after this scope had closed"),
        (
            {"unjudged_queries": 1},
            " 1 query was not judged: this scope has more code paths than MAX_GROUPS keeps",
        ),
        (
            {"unjudged_queries": 2},
            " 2 queries were not judged: this scope has more code paths than MAX_GROUPS keeps",
        ),
        (
            {"internal_errors": ("origin: KeyError: 'x'",)},
            " 1 error inside nplusone-guard, the application went on: origin: KeyError: 'x'",
        ),
        (
            {"internal_errors": ("origin: KeyError: 'x'", "rules: ValueError")},
            " 2 errors inside nplusone-guard, the application went on: origin: KeyError: 'x'",
        ),
        (
            {
                "unused_ignores": (
                    UnusedIgnore("views.py:4", "ignore[lazy-relation]", "gives no reason"),
                )
            },
            " unused ignore at views.py:4: gives no reason  ignore[lazy-relation]",
        ),
    ],
)
def test_what_else_there_is_to_know_takes_one_line(facts, line):
    assert lines(report(**facts)) == [line]


def test_the_place_of_an_unused_ignore_is_relative_too():
    ignore = UnusedIgnore("/srv/app/views.py:4", "ignore[lazy-relation]", UNUSED)
    assert lines(report(unused_ignores=(ignore,)), base_dir="/srv/app") == [
        " unused ignore at views.py:4: suppressed nothing here; remove it.  ignore[lazy-relation]"
    ]


# --- whatever the data -----------------------------------------------------------------------------


def wide(line: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in line)


WIDTHS = st.sampled_from([100, 80, 60, 10])
ENCODINGS = st.sampled_from(["utf-8", "ascii", "cp1251", "shift_jis", None, "klingon"])


@given(REPORTS, WIDTHS, ENCODINGS, st.booleans())
def test_no_line_is_too_wide_and_none_does_anything_to_a_terminal(one, width, encoding, brief):
    ids = {each.id for each in one.findings} if brief else frozenset()
    shown = text.render(one, width=width, encoding=encoding, show_cleared=True, brief_ids=ids)
    for line in shown.split("\n"):
        assert wide(line) <= max(width, page.MIN_WIDTH)
        assert line.isprintable()
        assert line == line.rstrip()
        assert line
    shown.encode({"klingon": "ascii"}.get(encoding, encoding or "utf-8"))


@given(FINDINGS, WIDTHS)
def test_a_finding_takes_six_lines_at_most_if_its_fix_takes_two(one, width):
    _, lines, _ = fix_of(one, width=width)
    assert len(shown(one, width=width)) <= 6 + max(lines - 2, 0)
    assert "\n" not in text.render_finding(one, width=width, brief=True)


@given(REPORTS)
def test_the_first_line_is_the_headline(one):
    assert text.render(one).split("\n")[0] == text.headline(one)
