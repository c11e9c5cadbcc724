"""The commands of the example project: their output, their JSON, their refusals."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.example.conftest import EXAMPLE, MANAGE, ROOT, TASKS, begin, manage, samples, start

#: What each bad value is answered with.
REFUSED = {
    "wellness_report --tenants 50": (
        "--tenants '50': the database holds 20. Use 20 or fewer, or run: "
        f"{MANAGE} seed --tenants 50"
    ),
    "wellness_report --tenants=-1": "--tenants '-1': use a whole number from 1 to 10,000.",
    "wellness_report --variant after": "--variant 'after': use before, claimed or fixed.",
    "wellness_report --until 2025-02-30": (
        "--until '2025-02-30': use a day as YYYY-MM-DD, such as 2025-11-04."
    ),
    "wellness_report --days month": "--days 'month': use a whole number from 1 to 3,660.",
    "wellness_report --until 9999-12-31": (
        "--until '9999-12-31': use a day as YYYY-MM-DD, such as 2025-11-04."
    ),
    "seed --tenants 0": "--tenants '0': use a whole number from 1 to 10,000.",
    "seed --tenants=-20": "--tenants '-20': use a whole number from 1 to 10,000.",
    "seed --tracking 99999999999": (
        "--tracking '99999999999': use a whole number from 0 to 10,000,000."
    ),
    "seed --people 0": "--people '0': use a whole number from 1 to 1,000,000.",
    "demo --all --page no/such/page.html": (
        "--page 'no/such/page.html': use a file in a directory that is there and can be written to."
    ),
    "demo --tenants many": "--tenants 'many': use a whole number from 1 to 1,000.",
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What became of each command, on one database with the default data."""
    return manage(
        f"sqlite:///{tmp_path_factory.mktemp('example') / 'wellness.sqlite3'}",
        "migrate --verbosity 0",
        "wellness_report",
        "seed",
        "wellness_report --variant before --json",
        "wellness_report --variant claimed --json",
        "wellness_report --variant fixed --json",
        "wellness_report --tenants 2 --days 7",
        "demo --tenants 3 --rounds 1 --json",
        "makemigrations --check --dry-run",
        *REFUSED,
        "demo --tenants 21 --rounds 1 --json",
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo as a process of its own, on a database that does not exist yet."""
    url = f"sqlite:///{tmp_path_factory.mktemp('demo') / 'fresh.sqlite3'}"
    done = start(str(EXAMPLE / "manage.py"), "demo", "--rounds=1", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    return done


def report_of(done, variant):
    command = done[f"wellness_report --variant {variant} --json"]
    assert (command.returncode, command.stderr) == (0, "")
    return json.loads(command.stdout)


def without_times(text: str) -> str:
    return re.sub(r"[\d.,]+ ms", "# ms", text)


def line_of(text: str, *, after: str) -> int:
    """The number of the first line with ``text`` from the one with ``after`` on."""
    lines = TASKS.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if after in line)
    return next(number for number, line in enumerate(lines[start:], start + 1) if text in line)


# --- demo ---------------------------------------------------------------------------------


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


RULE = "-" * 79
FILE = "background_tasks/journal_wellness_tasks.py"

#: How each section of the demo begins; ``{loop}`` is the line of its loop.
SECTIONS = {
    "before": """\
1. before: one query for each tenant
{rule}
example_project/{file}

{loop}  for tenant in Tenant.objects.all()[:limit]:
{call}      tenant_users = list(User.objects.filter(tenant=tenant).wellness(window))

21 queries, 420 rows, # ms

wellness report, before: 21 queries in # ms, 1 query loop
 query-in-loop  20 × SELECT wellness_people """,
    "claimed": """\
2. claimed: as the performance report claimed: prefetch added, loop unchanged
{rule}
example_project/{file}

{prefetch}  tenants = Tenant.objects.prefetch_related("people_set").all()[:limit]
{loop}  for tenant in tenants:
{call}      tenant_users = list(User.objects.filter(tenant=tenant).wellness(window))

22 queries, 820 rows, # ms

wellness report, claimed: 22 queries in # ms, 1 query loop
 bypassed-prefetch  20 × SELECT wellness_people """,
    "fixed": """\
3. fixed: prefetch, and a loop that reads what was prefetched
{rule}
example_project/{file}

{people}  people = Prefetch("people_set", queryset=User.objects.wellness(window))
{prefetch}  tenants = Tenant.objects.prefetch_related(people).all()[:limit]
{loop}  for tenant in tenants:
{call}      tenant_users = list(tenant.people_set.all())

2 queries, 420 rows, # ms

wellness report, fixed: 2 queries in # ms, no query loop
""",
}


@pytest.mark.parametrize("variant", SECTIONS)
def test_demo_shows_each_variant_with_its_code_its_figures_and_what_the_guard_says(demo, variant):
    shown = re.split(r"\n(?=[123]\. |Side by side)", without_times(demo.stdout))[
        list(SECTIONS).index(variant) + 1
    ]
    loop = line_of("for tenant in", after=f"def wellness_{variant}")
    lines = {"people": loop - 2, "prefetch": loop - 1, "loop": loop, "call": loop + 1}
    expected = SECTIONS[variant].format(rule=RULE, file=FILE, **lines)
    assert shown[: len(expected)] == expected
    findings = shown[len(expected) :]
    if variant == "fixed":
        assert findings == ""
        return
    origin = loop - 1 if variant == "claimed" else loop
    fix = " ".join(findings[findings.index("\n   fix ") :].split())
    assert fix.startswith(
        'fix .prefetch_related(Prefetch("people_set", queryset=User.objects.wellness(window), '
        f'to_attr="wellness_people")) at journal_wellness_tasks.py:{origin}; read tenant.wellness_people'
    )
    assert re.search(rf"\n   query +{FILE}:{loop + 1} ", findings)
    assert re.search(rf"\n   loop +:{loop} ", findings)


def test_demo_closes_with_a_table_and_what_it_shows(demo):
    end = demo.stdout[demo.stdout.index("Side by side") :]
    assert (
        re.sub(r" +[\d.,]+ ms", "  # ms", end)
        == f"""\
Side by side
{RULE}
            report  measured
  variant     said   queries    rows        time   verdict
  before        21        21     420  # ms   found: query-in-loop
  claimed        2        22     820  # ms   worse: bypassed-prefetch
  fixed          -         2     420  # ms   clean: nothing found

All three return the same report: 400 people, 2,016 journal entries, 36 people
at risk.

The performance report promised 2 queries for its prefetch. It takes 22, 1
query more than before it: .filter() never looks at what was prefetched, so the
people are read twice. tenant.people_set.all() does look, and takes 2 instead
of 21.

Rows are all that the database handed over. Time is the median of 1 run.

One variant alone:
  {MANAGE} wellness_report --variant claimed
"""
    )


def test_the_readme_shows_what_the_demo_prints(demo):
    (sample,) = samples(ROOT / "README.md")
    assert without_times(sample) in without_times(demo.stdout)


def test_demo_fits_80_columns_and_uses_no_colour(demo):
    assert max(map(len, demo.stdout.splitlines())) <= 80
    assert "\x1b" not in demo.stdout + demo.stderr


def test_demo_as_json_uses_the_data_that_is_there(done):
    command = done["demo --tenants 3 --rounds 1 --json"]
    assert (command.returncode, command.stderr) == (0, "")
    outcome = json.loads(command.stdout)
    keys = ["format", "database", "data", "rounds", "window", "tenants", "variants"]
    assert list(outcome) == keys
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


def test_demo_makes_more_data_where_there_is_not_enough(done):
    command = done["demo --tenants 21 --rounds 1 --json"]
    assert command.returncode == 0
    assert command.stderr.startswith(
        "Making example data for 21 tenants in place of the 20 there ...\n"
    )
    outcome = json.loads(command.stdout)
    assert outcome["data"] == {"tenants": 21, "people": 420, "entries": 8400}
    assert [one["measured"]["queries"] for one in outcome["variants"]] == [22, 23, 2]


# --- seed and wellness_report --------------------------------------------------------------


def test_seed_shows_one_line_a_stage_where_there_is_no_terminal(done):
    assert done["seed"].stderr == (
        "  tenants                20\n  people                400\n  journal entries     8,000\n"
        "  tracking            2,000\n  tickets               200\n  escalation             40\n"
    )


def test_the_same_seed_gives_the_same_rows_with_the_same_keys(tmp_path):
    file = tmp_path / "twice.sqlite3"
    small = "seed --tenants 3 --people 9 --entries 30 --tracking 30 --tickets 5"
    manage(f"sqlite:///{file}", "migrate --verbosity 0", small)
    once = stored_rows(file)
    (again,) = manage(f"sqlite:///{file}", small).values()
    assert again.returncode == 0
    assert stored_rows(file) == once
    assert [len(rows) for rows in once.values()] == [3, 9, 30, 30, 5, 6]


SEEDED = (
    "wellness_tenant", "wellness_people", "journal_journalentry", "attendance_tracking",
    "y_helpdesk_ticket", "y_helpdesk_escalationmatrix",
)  # fmt: skip
#: When a row was made is all that two runs differ in.
MOMENTS = {"created_at", "date_joined"}


def stored_rows(file: Path) -> dict[str, list[dict[str, object]]]:
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        found = {
            table: connection.execute(f"SELECT * FROM {table} ORDER BY id") for table in SEEDED
        }
        return {
            table: [{key: row[key] for key in set(row.keys()) - MOMENTS} for row in rows]
            for table, rows in found.items()
        }


@contextmanager
def minding_ctrl_c() -> Iterator[None]:
    """Processes begun inside take SIGINT as from a terminal, also where this one was told to ignore it."""
    told = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, told)


def test_an_interrupted_seed_leaves_what_was_there(tmp_path):
    file = tmp_path / "interrupted.sqlite3"
    manage(f"sqlite:///{file}", "migrate --verbosity 0", "seed --tenants 2 --people 4 --entries 3")
    before = stored_rows(file)
    large = ("seed", "--tracking", "500000")
    with minding_ctrl_c():
        seeding = begin(str(EXAMPLE / "manage.py"), *large, DATABASE_URL=f"sqlite:///{file}")
    with seeding:
        assert "tenants" in seeding.stderr.readline()
        seeding.send_signal(signal.SIGINT)
        said = seeding.communicate(timeout=60)[1]
    assert seeding.returncode == 130
    assert said.endswith("\nInterrupted: what was stored before is still there.\n")
    assert "Traceback" not in said
    assert stored_rows(file) == before


@pytest.mark.parametrize(
    ("variant", "queries", "rows", "rules"),
    [
        ("before", 21, 420, ["query-in-loop"]),
        ("claimed", 22, 820, ["bypassed-prefetch"]),
        ("fixed", 2, 420, []),
    ],
)
def test_wellness_report_as_json(done, variant, queries, rows, rules):
    report = report_of(done, variant)
    assert list(report) == ["format", "variant", "measured", "nplusone", "window", "tenants"]
    assert (report["format"], report["variant"]) == (1, variant)
    assert report["window"] == {"first_day": "2025-10-06", "last_day": "2025-11-04", "days": 30}
    assert len(report["tenants"]) == 20
    assert (report["measured"]["queries"], report["measured"]["rows"]) == (queries, rows)
    assert 0 < report["measured"]["seconds"] < 60
    assert report["nplusone"]["query_count"] == queries
    assert [finding["rule"] for finding in report["nplusone"]["findings"]] == rules


@pytest.mark.parametrize("variant", ["before", "claimed"])
def test_the_finding_names_the_call_the_loop_and_the_origin(done, variant):
    (finding,) = report_of(done, variant)["nplusone"]["findings"]
    loop = line_of("for tenant in", after=f"def wellness_{variant}")
    assert finding["count"] == 20
    assert finding["site"]["line"] == loop + 1
    assert finding["loop"]["line"] == loop
    assert (finding["origin"]["model"], finding["origin"]["parents"]) == ("tenants.Tenant", 20)
    assert finding["origin"]["site"]["line"] == loop
    if variant == "claimed":
        assert finding["origin"]["assigned"]["line"] == loop - 1


def test_wellness_report_for_people(done):
    command = done["wellness_report --tenants 2 --days 7"]
    assert (command.returncode, command.stderr) == (0, "")
    lines = command.stdout.splitlines()
    assert lines[:3] == [
        "Tenant wellness report, 2025-10-29 to 2025-11-04 (7 days), variant 'fixed'",
        "",
        "  tenant                       people   entries    mood   stress   at risk",
    ]
    assert lines[3].startswith("  Alder Clinic                     24 ")
    assert lines[4].startswith("  Birch Logistics                  23 ")
    assert re.fullmatch(r"2 queries, 49 rows, [\d.]+ ms", lines[8])


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(("command", "message"), REFUSED.items())
def test_a_bad_value_is_named_with_what_is_allowed(done, command, message):
    refused = done[command]
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"CommandError: {message}\n"


def test_a_database_without_tables_is_met_with_the_command_that_helps(tmp_path):
    done = manage(f"sqlite:///{tmp_path / 'new.sqlite3'}", "seed", "wellness_report")
    for refused in done.values():
        assert refused.returncode == 1
        assert refused.stderr == (
            f"CommandError: The database has no tables yet. Run: {MANAGE} migrate\n"
        )


def test_a_database_without_tenants_is_met_with_the_command_that_helps(done):
    refused = done["wellness_report"]
    assert refused.returncode == 1
    assert refused.stderr == (
        f"CommandError: The database holds no tenants yet. Run: {MANAGE} seed\n"
    )


def test_a_database_that_does_not_answer_is_named(tmp_path):
    (refused,) = manage(f"sqlite:///{tmp_path / 'no' / 'such.sqlite3'}", "demo").values()
    assert refused.returncode == 1
    assert refused.stderr == (
        "CommandError: SQLite does not answer: unable to open database file. Check DATABASE_URL.\n"
    )


def test_what_a_database_refuses_is_told_in_its_words(tmp_path):
    file = tmp_path / "refusing.sqlite3"
    manage(f"sqlite:///{file}", "migrate --verbosity 0")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE y_helpdesk_ticket")
    (refused,) = manage(f"sqlite:///{file}", "seed").values()
    assert refused.returncode == 1
    assert refused.stderr == "CommandError: SQLite: no such table: y_helpdesk_ticket.\n"


def test_somebody_can_be_made_for_the_admin(tmp_path):
    create = "createsuperuser --noinput --username boss --email b@example.org --tenant 1"
    url = f"sqlite:///{tmp_path / 'admin.sqlite3'}"
    done = manage(url, "migrate --verbosity 0", "seed --people 1", create)
    assert (done[create].returncode, done[create].stderr) == (0, "")


def test_data_with_a_gap_is_not_added_to(tmp_path):
    file = tmp_path / "gap.sqlite3"
    manage(f"sqlite:///{file}", "migrate --verbosity 0", "seed --people 40 --entries 0")
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM wellness_people WHERE peoplecode = 'P000001'")
    connection.close()
    (refused,) = manage(f"sqlite:///{file}", "measure_wellness").values()
    assert refused.returncode == 1
    assert "CommandError: The data there has gaps, and cannot be added to (" in refused.stderr
    assert refused.stderr.endswith(f"Run: {MANAGE} seed\n")


def test_the_migrations_say_what_the_models_say(done):
    checked = done["makemigrations --check --dry-run"]
    assert (checked.returncode, checked.stdout) == (0, "No changes detected\n")
