"""Management commands: a scope for each that is asked for, or that runs inside a scope."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.conf import settings
from django.core import checks
from django.core.management import BaseCommand, CommandError, call_command
from django.test import override_settings

from nplusone_guard import watch
from nplusone_guard.capture.scope import current_scope
from nplusone_guard.exceptions import NPlusOneDetected
from nplusone_guard.integrations import commands
from tests.integrations import work
from tests.integrations.work import HEALTHY, LOOP, PLACE, place

RUN = "manage.py run_work"


@pytest.fixture(autouse=True)
def _installed():
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "tests.integrations"]):
        yield


@pytest.fixture
def told(monkeypatch, users):
    """The reports that were delivered, and the exception on its way."""
    collected = []

    def deliver(report, policy, exception=None):
        collected.append((report, exception))

    monkeypatch.setattr(commands, "deliver", deliver)
    monkeypatch.setattr(commands, "is_heard", lambda findings, policy: True)
    return collected


def summary(told):
    return [
        (report.name, report.query_count, [finding.rule for finding in report])
        for report, _ in told
    ]


# --- asked for -----------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [True, ["run_work"], ["other", "run_work"]])
def test_a_loop_in_a_command_is_found(told, mode, asked):
    with mode(COMMANDS=asked):
        assert call_command("run_work", "loop") == "done"
    assert summary(told) == [(RUN, *LOOP)]
    report, _ = told[0]
    assert (report.kind, place(report[0])) == ("command", PLACE)


@pytest.mark.parametrize("asked", [True, ["run_work"]])
def test_its_healthy_twin_is_silent_and_commands_are_judged_one_by_one(told, mode, asked):
    with mode(COMMANDS=asked):
        for _ in range(3):
            call_command("run_work", "healthy")
    assert summary(told) == [(RUN, *HEALTHY)] * 3


@pytest.mark.parametrize(
    "setting",
    [{}, {"COMMANDS": False}, {"COMMANDS": ["other"]}, {"mode": "off", "COMMANDS": True}],
)
def test_not_asked_for_nothing_is_watched(told, mode, setting):
    with mode(**setting):
        call_command("run_work", "loop")
    assert told == []


def test_a_command_inside_a_command_is_a_scope_of_its_own(told, mode):
    with mode(COMMANDS=True):
        call_command("run_work", "healthy", "loop", "healthy")
    assert summary(told) == [(RUN, *LOOP), (RUN, *HEALTHY), (RUN, 6, LOOP[1])]


@pytest.mark.parametrize("name", sorted(commands.LEFT_OUT))
def test_servers_shells_and_migrations_are_watched_by_name_alone(told, mode, name):
    class Command(BaseCommand):
        requires_system_checks = ()

        def handle(self, **options):
            work.loop()

    Command.__module__ = f"shop.management.commands.{name}"
    with mode(COMMANDS=True):
        call_command(Command())
    assert told == []
    with mode(COMMANDS=[name]):
        call_command(Command())
    assert summary(told) == [(f"manage.py {name}", *LOOP)]


def test_a_command_that_fails_is_reported_and_fails_as_ever(told, mode):
    with mode(COMMANDS=True), pytest.raises(work.Broken) as raised:
        call_command("run_work", "failing")
    assert summary(told) == [(RUN, *LOOP)]
    assert told[0][1] is raised.value


def test_mode_raise_raises_once_the_command_is_done(users, mode):
    with mode("raise", COMMANDS=True):
        with pytest.raises(NPlusOneDetected) as raised:
            call_command("run_work", "loop")
        assert place(raised.value.report[0]) == PLACE
        assert call_command("run_work", "healthy") == "done"
        with pytest.raises(work.Broken):
            call_command("run_work", "failing")
    assert current_scope.get() is None


# --- inside a scope ------------------------------------------------------------------------


def test_inside_a_scope_each_command_is_judged_alone(told, mode):
    with mode("off"), watch("three") as recording:
        for _ in range(3):
            call_command("run_work", "healthy")
    assert (recording.query_count, list(recording)) == (3, [])
    assert told == []


def test_a_scope_takes_over_what_its_commands_found(told, mode):
    with mode("off"), watch("three") as recording:
        for _ in range(3):
            call_command("run_work", "loop")
    assert [place(finding) for finding in recording] == [PLACE]
    assert recording.query_count == 12


def test_manage_py_nplusone_is_one_scope(told, mode, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["manage.py"])
    with mode(COMMANDS=True):
        call_command("nplusone", "run_work", "loop", "healthy")
    assert [name for name, *_ in summary(told)] == [RUN], "the command inside"
    assert capsys.readouterr().err.count(f"{RUN}: 5 queries") == 1


# --- check ---------------------------------------------------------------------------------


def found():
    return [
        (message.id, message.msg, message.hint)
        for message in checks.run_checks(tags=["nplusone_guard"])
    ]


def test_a_command_that_does_not_exist_is_told(mode):
    with mode(COMMANDS=["run_wrok", "migrate"]):
        assert found() == [
            (
                "nplusone_guard.W004",
                "NPLUSONE_GUARD[\"COMMANDS\"] names 'run_wrok', which is no management command.",
                'Did you mean "run_work"?',
            )
        ]


@pytest.mark.parametrize("asked", [True, False, [], ["run_work"]])
def test_commands_that_exist_are_fine(mode, asked):
    with mode(COMMANDS=asked):
        assert found() == []


# --- faults --------------------------------------------------------------------------------


def broken(*args, **kwargs):
    raise RuntimeError("a fault of the guard")


@pytest.mark.parametrize(
    "name", ["open_scope", "default_policy", "open_scope_of_context", "is_heard", "deliver"]
)
def test_a_fault_of_the_guard_reaches_no_command(users, mode, monkeypatch, caplog, name):
    monkeypatch.setattr(commands, name, broken)
    with mode(COMMANDS=True):
        assert call_command("run_work", "loop") == "done"
        with pytest.raises(work.Broken):
            call_command("run_work", "failing")
    assert "failed in integrations.commands" in caplog.text


def test_a_command_error_passes_through(told, mode):
    with mode(COMMANDS=True), pytest.raises(CommandError, match="the following arguments"):
        call_command("run_work")
    assert told == [], "it never ran"


# --- manage.py -----------------------------------------------------------------------------

MIGRATION = """
import os

from django.db import migrations


def load(apps, schema_editor):
    User = apps.get_model("auth", "User")
    for pk in list(User.objects.values_list("pk", flat=True)):
        User.objects.get(pk=pk)


def healthy(apps, schema_editor):
    list(apps.get_model("auth", "User").objects.all())


class Migration(migrations.Migration):
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.RunPython(
            healthy if "HEALTHY" in os.environ else load, migrations.RunPython.noop
        )
    ]
"""


@pytest.fixture
def migrate(project):
    """Run the migration of an app ``moving``, which is taken back afterwards."""
    folder = project.directory / "moving" / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / "0001_load.py").write_text(MIGRATION)
    (project.directory / "moving_settings.py").write_text(
        'from settings import *\nINSTALLED_APPS += ["moving"]\n'
        # Paths are told from here, however long that of the folder is.
        f"BASE_DIR = {str(project.directory)!r}\n"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "moving_settings"}

    def manage(*before, **extra):
        return project.manage(*before, "migrate", "moving", check=True, **environment, **extra)

    yield manage
    project.manage("migrate", "moving", "zero", check=True, **environment)


@pytest.mark.parametrize("asked", ["{}", "{'COMMANDS': True}"])
def test_migrations_are_left_out(migrate, asked):
    done = migrate(NPLUSONE_GUARD=asked)
    assert "Applying moving.0001_load... OK" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("before", "setting"), [((), "{'COMMANDS': ['migrate']}"), (("nplusone",), "{}")]
)
def test_a_loop_in_a_migration_is_found_where_migrations_are_asked_for(migrate, before, setting):
    written = migrate(*before, NPLUSONE_GUARD=setting).stderr
    loop = MIGRATION.splitlines().index(
        '    for pk in list(User.objects.values_list("pk", flat=True)):'
    )
    assert "manage.py migrate: " in written
    assert written.count("query-in-loop  3 × SELECT auth_user") == 1
    assert f" moving/migrations/0001_load.py:{loop + 2}  User.objects.get(pk=pk)\n" in written
    assert f" moving/migrations/0001_load.py:{loop + 1}  for pk in list(User.objects" in written


def test_its_healthy_twin_is_silent_about_the_users(migrate):
    written = migrate(NPLUSONE_GUARD="{'COMMANDS': ['migrate']}", HEALTHY="1").stderr
    assert "manage.py migrate: " in written
    assert "auth_user" not in written


def test_what_the_command_asks_for_itself_is_no_duplicate(migrate):
    """Nobody can change it; a loop of an app of Django's own is still told."""
    written = migrate(NPLUSONE_GUARD="{'COMMANDS': ['migrate']}").stderr
    assert "sqlite_master" not in written
    assert "duplicate-query" not in written
    assert "(in package nplusone_guard)" not in written
    assert "django/contrib/contenttypes/management/__init__.py" in written


SHELL = """
from django.contrib.auth.models import User
from nplusone_guard import watch
with watch("by hand") as report:
    for pk in list(User.objects.values_list("pk", flat=True)):
        User.objects.get(pk=pk)

print(report)
with watch("healthy") as report:
    names = [user.username for user in User.objects.all()]

print(report)
"""


def from_a_pipe(project, **environment):
    return subprocess.run(
        [sys.executable, project.directory / "manage.py", "shell"],
        input=SHELL,
        env=project.environment(**environment),
        cwd=project.directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def as_an_argument(project, **environment):
    return project.manage("shell", "-c", SHELL, check=True, **environment)


@pytest.mark.parametrize("run", [as_an_argument, from_a_pipe])
def test_watch_works_in_the_shell(project, run):
    done = run(project, NPLUSONE_GUARD="{'COMMANDS': True}")
    assert "by hand: 4 queries in" in done.stdout
    assert done.stdout.count("query-in-loop  3 × SELECT auth_user") == 1
    assert "   query   <string>:6\n" in done.stdout
    assert "healthy: 1 query in" in done.stdout
    assert done.stderr == "", "the shell itself is left out"
