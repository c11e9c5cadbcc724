"""``manage.py nplusone COMMAND …``: the command as ever, and a report of its queries."""

from __future__ import annotations

import io
import json
import os
import stat
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, ManagementUtility, call_command
from django.test import override_settings

from nplusone_guard.capture.scope import current_scope
from nplusone_guard.report.model import Report
from tests.webapp.views import Broken

HEADLINE = "manage.py load_users: 4 queries in"
HEALTHY = "manage.py load_users: 1 query in"


@pytest.fixture
def spawn(project, tmp_path):
    """Runs ``manage.py nplusone …`` in a process of its own and an empty directory."""

    def spawn(*arguments, **environment):
        return project.manage("nplusone", *arguments, cwd=tmp_path, **environment)

    return spawn


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str
    error: Exception | None


@pytest.fixture
def run(transactional_db, tmp_path, monkeypatch, capsys):
    """As ``spawn``, in this process."""
    for number in range(3):
        User.objects.create(username=f"user{number}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["manage.py"])

    def run(*arguments):
        status, error = 0, None
        with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "tests.webapp"]):
            try:
                utility = ManagementUtility(["manage.py", "nplusone", *arguments])
                utility.fetch_command("nplusone").run_from_argv(utility.argv)
            except SystemExit as end:
                status = end.code
            except Exception as caught:
                status, error = 1, caught
        assert current_scope.get() is None
        return Done(status, *capsys.readouterr(), error)

    return run


# --- the command runs as ever --------------------------------------------------------------


def test_the_report_goes_to_standard_error_and_the_rest_stays(run):
    done = run("load_users")
    assert (done.returncode, done.stdout) == (0, "3 users [] None\n")
    assert done.stderr.startswith(HEADLINE)
    assert "query-in-loop  3 ×" in done.stderr
    assert "webapp/views.py:" in done.stderr


def test_everything_after_the_command_is_its_own(spawn, tmp_path):
    done = spawn("load_users", "--healthy", "--json", "x", "--", "--fail", "a b", "nplusone")
    assert done.stdout == "3 users ['--fail', 'a b', 'nplusone'] x\n"
    assert done.stderr.startswith(HEALTHY)
    assert list(tmp_path.iterdir()) == []


def test_options_before_the_command_are_ours(run):
    done = run("--fail", "migrate", "--plan")
    assert done.returncode == 0
    assert "Planned operations:" in done.stdout
    assert done.stderr.startswith("manage.py migrate: ")


@pytest.mark.parametrize("debug", [{"NO_DEBUG": "1"}, {"NPLUSONE_GUARD": "{'MODE': 'off'}"}])
def test_asked_for_by_name_it_watches_in_any_mode(spawn, debug):
    assert spawn("load_users", **debug).stderr.startswith(HEADLINE)


def test_without_a_command_it_says_how(run):
    done = run()
    assert done.returncode == 2
    assert "usage: manage.py nplusone [--fail] [--json FILE] COMMAND [ARGUMENT ...]" in done.stderr
    assert "the following arguments are required: COMMAND" in done.stderr


def test_an_unknown_command_gets_djangos_message(spawn, project, tmp_path):
    done = spawn("--json", "report.json", "load_usres")
    plain = project.manage("load_usres")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", plain.stderr)
    assert "Did you mean load_users?" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_shows_examples_as_written(run):
    done = run("--help")
    assert done.returncode == 0
    assert (
        "  manage.py nplusone --fail --json queries.json send_invoices --month 5\n" in done.stdout
    )
    assert "come before COMMAND" in done.stdout


def test_help_after_the_command_is_the_commands(run):
    done = run("load_users", "--help")
    assert "--healthy" in done.stdout


# --- exit status ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["load_users"], 0),
        (["--fail", "load_users"], 1),
        (["--fail", "load_users", "--healthy"], 0),
        (["load_users", "--fail", "exit"], 3),
        (["--fail", "load_users", "--fail", "exit"], 3),
        (["--fail", "load_users", "--fail", "exit-well"], 1),
        (["--fail", "load_users", "--fail", "error"], 4),
        (["--fail", "load_users", "--fail", "crash"], 1),
    ],
)
def test_the_commands_own_exit_status_goes_before_ours(run, arguments, status):
    done = run(*arguments)
    assert done.returncode == status
    assert HEADLINE in done.stderr or HEALTHY in done.stderr
    ours = "CommandError: 1 query loop found in manage.py load_users."
    assert (ours in done.stderr) is (status == 1 and "crash" not in arguments)


def test_the_commands_own_error_is_shown(run):
    assert "CommandError: on purpose" in run("load_users", "--fail", "error").stderr
    assert isinstance(run("load_users", "--fail", "crash").error, Broken)


def test_an_exception_is_shown_as_ever(spawn):
    done = spawn("load_users", "--fail", "crash")
    assert HEADLINE in done.stderr
    assert done.stderr.rstrip().endswith("tests.webapp.views.Broken: on purpose")


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        ({"IGNORE": ["query-in-loop"]}, 0),
        ({"SELECT": ["lazy-relation"]}, 0),
        ({"THRESHOLD": 3}, 1),
        ({"THRESHOLD": 4}, 0),
    ],
)
def test_the_settings_decide_what_fails(run, policy, status):
    with override_settings(NPLUSONE_GUARD=policy):
        assert run("--fail", "load_users").returncode == status


# --- the JSON file -------------------------------------------------------------------------


def test_json_is_written_whole(run, tmp_path):
    done = run("--json", "report.json", "load_users")
    assert done.returncode == 0
    text = (tmp_path / "report.json").read_text()
    report = Report.from_json(text)
    assert (report.name, report.kind, report.query_count) == ("manage.py load_users", "command", 4)
    assert text.endswith("}\n")
    assert os.listdir(tmp_path) == ["report.json"]
    json.loads(text)


def test_json_replaces_a_file_behind_a_link(run, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "report.json").write_text("old")
    (tmp_path / "link.json").symlink_to(tmp_path / "real" / "report.json")
    run("--json", "link.json", "load_users")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real" / "report.json").read_text().startswith("{")


def test_json_is_written_by_the_umask(run, tmp_path):
    run("--json", "report.json", "load_users")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == 0o666 & ~umask


def test_json_into_a_pipe(spawn):
    done = spawn("--json", "/dev/stdout", "load_users")
    assert done.stdout.startswith("3 users [] None\n{")
    assert os.path.islink("/dev/stdout")


def test_json_is_written_although_the_command_fails(run, tmp_path):
    assert run("--json", "report.json", "load_users", "--fail", "crash").returncode == 1
    assert Report.from_json((tmp_path / "report.json").read_text()).query_count == 4


@pytest.mark.parametrize(
    ("path", "why"),
    [("nowhere/report.json", "No such file or directory"), (".", "Is a directory")],
)
def test_json_that_cannot_be_written_is_told_before_the_command_runs(run, path, why):
    done = run("--json", path, "load_users")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"CommandError: Cannot write --json {path}: {why}.\n"


# --- in this process -----------------------------------------------------------------------


@override_settings(NPLUSONE_GUARD={"TRESHOLD": 1})
def test_bad_settings_are_told_at_once():
    with pytest.raises(CommandError, match=r'Did you mean "THRESHOLD"\?'):
        call_command("nplusone", "check")


@pytest.mark.django_db
def test_call_command_takes_a_stream_for_the_report(capsys):
    stderr = io.StringIO()
    call_command("nplusone", "check", stderr=stderr)
    assert stderr.getvalue().startswith("manage.py check: no queries")
    assert "no issues" in capsys.readouterr().out
    assert current_scope.get() is None
