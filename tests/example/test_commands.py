"""The commands of the example project: their output, their JSON, their refusals."""

from __future__ import annotations

import json
import re

import pytest

from tests.example.conftest import TASKS


def line_of(text: str, *, after: str) -> int:
    """The number of the first line with ``text`` below the one with ``after``."""
    lines = TASKS.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if after in line)
    return next(number for number, line in enumerate(lines[start:], start + 1) if text in line)


# --- demo ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(manage, tmp_path_factory):
    """The demo on a database that does not exist yet."""
    url = f"sqlite:///{tmp_path_factory.mktemp('demo') / 'fresh.sqlite3'}"
    done = manage("demo", "--rounds=1", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return done


def test_demo_shows_its_progress_on_standard_error(demo):
    assert demo.stderr.splitlines() == [
        "Making example data for 20 tenants ...",
        "  tenants                20",
        "  people                400",
        "  journal entries     8,000",
        "",
    ]


def test_demo_says_what_the_report_is_about(demo):
    title, database, *rest = demo.stdout.splitlines()[:4]
    assert title == "The tenant wellness report, three ways"
    assert re.fullmatch(r"  database  SQLite 3\.[0-9.]+", database)
    assert rest == [
        "  data      20 tenants, 400 people, 8,000 journal entries",
        "  report    20 tenants, 2025-10-06 to 2025-11-04 (30 days)",
    ]


def test_demo_shows_each_variant_with_its_code_and_its_figures(demo):
    text = re.sub(r"[\d.,]+ ms", "# ms", demo.stdout)
    loop = line_of("for tenant in", after="def wellness_before")
    assert (
        f"""\
1. before: one query for each tenant
-------------------------------------------------------------------------------
example_project/background_tasks/journal_wellness_tasks.py

{loop}  for tenant in Tenant.objects.all()[:limit]:
{loop + 1}      tenant_users = list(User.objects.filter(tenant=tenant).wellness(window))

21 queries, 420 rows, # ms
"""
        in text
    )
    loop = line_of("for tenant in", after="def wellness_claimed")
    assert (
        f"""\
2. claimed: as the performance report claimed: prefetch added, loop unchanged
-------------------------------------------------------------------------------
example_project/background_tasks/journal_wellness_tasks.py

{loop - 1}  tenants = Tenant.objects.prefetch_related("people_set").all()[:limit]
{loop}  for tenant in tenants:
{loop + 1}      tenant_users = list(User.objects.filter(tenant=tenant).wellness(window))

22 queries, 820 rows, # ms
"""
        in text
    )
    loop = line_of("for tenant in", after="def wellness_fixed")
    assert (
        f"""\
3. fixed: prefetch, and a loop that reads what was prefetched
-------------------------------------------------------------------------------
example_project/background_tasks/journal_wellness_tasks.py

{loop - 2}  people = Prefetch("people_set", queryset=User.objects.wellness(window))
{loop - 1}  tenants = Tenant.objects.prefetch_related(people).all()[:limit]
{loop}  for tenant in tenants:
{loop + 1}      tenant_users = list(tenant.people_set.all())

2 queries, 420 rows, # ms
"""
        in text
    )


def test_demo_closes_with_a_table_and_what_it_shows(demo):
    end = demo.stdout[demo.stdout.index("Side by side") :]
    assert (
        re.sub(r" +[\d.,]+ ms", "  # ms", end)
        == """\
Side by side
-------------------------------------------------------------------------------
  variant   report said  measured queries   rows       time   verdict
  before             21                21    420  # ms   found: query-in-loop
  claimed             2                22    820  # ms   worse: bypassed-prefetch
  fixed               -                 2    420  # ms   clean: nothing found

All three return the same report: 400 people, 2,016 journal entries, 36 people
at risk.

The performance report promised 2 queries for its prefetch. It takes 22, 1
query more than before it: .filter() never looks at what was prefetched, so the
people are read twice. tenant.people_set.all() does look, and takes 2 instead
of 21.

Rows are all that the database handed over. Time is the median of 1 run.
One variant alone:
  python example_project/manage.py wellness_report --variant claimed
"""
    )


def test_demo_fits_80_columns_and_uses_no_colour(demo):
    assert max(map(len, demo.stdout.splitlines())) <= 80
    assert "\x1b" not in demo.stdout + demo.stderr


def test_demo_as_json_on_data_that_is_there(manage):
    done = manage("demo", "--json", "--tenants=3", "--rounds=1", DEBUG="0")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    outcome = json.loads(done.stdout)
    assert list(outcome) == [
        "format", "database", "data", "rounds", "window", "tenants", "variants",
    ]  # fmt: skip
    assert outcome["format"] == 1
    assert outcome["data"] == {"tenants": 20, "people": 400, "entries": 8000}
    assert len(outcome["tenants"]) == 3
    assert [
        (one["variant"], one["report_said"], one["measured"]["queries"], one["verdict"])
        for one in outcome["variants"]
    ] == [
        ("before", 4, 4, "found: query-in-loop"),
        ("claimed", 2, 5, "worse: bypassed-prefetch"),
        ("fixed", None, 2, "clean: nothing found"),
    ]


# --- wellness_report ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variant", "queries", "rows", "rules"),
    [
        ("before", 21, 420, ["query-in-loop"]),
        ("claimed", 22, 820, ["bypassed-prefetch"]),
        ("fixed", 2, 420, []),
    ],
)
def test_wellness_report_as_json(manage, variant, queries, rows, rules):
    done = manage("wellness_report", "--variant", variant, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert list(report) == ["format", "variant", "measured", "nplusone", "window", "tenants"]
    assert (report["format"], report["variant"]) == (1, variant)
    assert report["window"] == {"first_day": "2025-10-06", "last_day": "2025-11-04", "days": 30}
    assert len(report["tenants"]) == 20
    assert (report["measured"]["queries"], report["measured"]["rows"]) == (queries, rows)
    assert 0 < report["measured"]["seconds"] < 60
    assert report["nplusone"]["query_count"] == queries
    assert [finding["rule"] for finding in report["nplusone"]["findings"]] == rules


@pytest.mark.parametrize("variant", ["before", "claimed"])
def test_the_finding_names_the_call_the_loop_and_the_origin(manage, variant):
    done = manage("wellness_report", "--variant", variant, "--json")
    (finding,) = json.loads(done.stdout)["nplusone"]["findings"]
    after = f"def wellness_{variant}"
    loop = line_of("for tenant in", after=after)
    assert finding["count"] == 20
    assert finding["site"]["line"] == line_of("tenant_users = ", after=after)
    assert finding["loop"]["line"] == loop
    assert finding["origin"]["model"] == "tenants.Tenant"
    assert finding["origin"]["parents"] == 20
    assert finding["origin"]["site"]["line"] == loop
    if variant == "claimed":
        assert finding["origin"]["assigned"]["line"] == loop - 1


def test_wellness_report_for_people(manage):
    done = manage("wellness_report", "--variant=fixed", "--tenants=2", "--days=7")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "Tenant wellness report, 2025-10-29 to 2025-11-04 (7 days), variant 'fixed'"
    )
    assert lines[2] == (
        "  tenant                       people   entries    mood   stress   at risk"
    )
    assert lines[3].startswith("  Alder Clinic                     24 ")
    assert lines[4].startswith("  Birch Logistics                  23 ")
    assert re.match(r"2 queries, 49 rows, [\d.]+ ms", lines[8])


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "wellness_report --tenants 50",
            (
                "--tenants '50': the database holds 20. Use 20 or fewer, or run: "
                "python example_project/manage.py seed --tenants 50"
            ),
        ),
        (
            "wellness_report --tenants=-1",
            "--tenants '-1': use a whole number from 1 to 10,000.",
        ),
        (
            "wellness_report --variant after",
            "--variant 'after': use before, claimed or fixed.",
        ),
        (
            "wellness_report --until 2025-02-30",
            "--until '2025-02-30': use a day as YYYY-MM-DD, such as 2025-11-04.",
        ),
        ("wellness_report --days month", "--days 'month': use a whole number from 1 to 3,660."),
        ("seed --people 0", "--people '0': use a whole number from 1 to 1,000,000."),
        ("demo --tenants many", "--tenants 'many': use a whole number from 1 to 1,000."),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(manage, arguments, message):
    done = manage(*arguments.split())
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"CommandError: {message}\n"


@pytest.mark.parametrize("command", ["seed", "wellness_report"])
def test_a_database_without_tables_is_met_with_the_command_that_helps(manage, tmp_path, command):
    done = manage(command, DATABASE_URL=f"sqlite:///{tmp_path / 'new.sqlite3'}")
    assert done.returncode == 1
    assert done.stderr == (
        "CommandError: The database has no tables yet. "
        "Run: python example_project/manage.py migrate\n"
    )


def test_a_database_that_does_not_answer_is_named(manage, tmp_path):
    done = manage("demo", DATABASE_URL=f"sqlite:///{tmp_path / 'no' / 'such.sqlite3'}")
    assert done.returncode == 1
    assert done.stderr == (
        "CommandError: SQLite does not answer: unable to open database file. Check DATABASE_URL.\n"
    )


def test_the_migrations_say_what_the_models_say(manage):
    done = manage("makemigrations", "--check", "--dry-run")
    assert (done.returncode, done.stdout) == (0, "No changes detected\n"), done.stdout
