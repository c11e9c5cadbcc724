"""The tests run on the engine they were asked to run on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import django
import pytest
from django.conf import settings
from django.db import connections

from tests import conftest, databases, services

VERSION = {
    "sqlite": ("sqlite", "select sqlite_version()", "3."),
    "postgres": ("postgresql", "select version()", "PostgreSQL 18"),
    "mariadb": ("mysql", "select version()", "MariaDB"),
}


@pytest.mark.database
@pytest.mark.django_db(databases=["default", "other"])
@pytest.mark.parametrize("alias", ["default", "other"])
def test_the_engine_is_the_one_asked_for(alias):
    vendor, statement, version = VERSION[settings.TEST_DB]
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert version in cursor.fetchone()[0]
    assert connection.vendor == vendor


@pytest.mark.django_db(databases=["default", "other"])
def test_the_two_aliases_are_two_databases():
    names = {connections[alias].settings_dict["NAME"] for alias in ("default", "other")}
    assert len(names) == 2


def test_the_matrix_runs_the_django_it_names():
    expected = os.environ.get("DJANGO_EXPECTED", "")
    assert django.get_version().startswith(expected)


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_a_command_finds_its_server_and_leaves_none_behind(engine, open_directory):
    if reason := databases.missing(engine):
        services.unavailable(f"{engine}: {reason}")
    done = subprocess.run(
        [sys.executable, databases.__file__, engine, "--", "sh", "-c", "echo $DATABASE_URL"],
        env={**os.environ, "TMPDIR": str(open_directory), databases._INHERITED: ""},
        capture_output=True,
        text=True,
        check=False,
    )
    scheme = {"postgres": "postgres", "mariadb": "mysql"}[engine]
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.startswith(f"{scheme}://")
    assert done.stdout.endswith("/nplusone\n")
    assert list(open_directory.iterdir()) == []


def test_a_server_goes_with_the_process_that_holds_it(open_directory):
    """Even where that process is killed, and can clean up nothing itself."""
    if reason := databases.missing("postgres"):
        services.unavailable(f"postgres: {reason}")
    holder = subprocess.Popen(
        [sys.executable, databases.__file__, "postgres", "--", "sleep", "600"],
        env={**os.environ, "TMPDIR": str(open_directory), databases._INHERITED: ""},
        start_new_session=True,
    )
    wait_for(lambda: list(open_directory.glob("*/data/postmaster.pid")))
    os.killpg(holder.pid, signal.SIGKILL)
    holder.wait()
    wait_for(lambda: not list(open_directory.iterdir()))


#: Takes its time to end after a Ctrl-C, and says that it has had it.
SLOW = """
import time
try:
    print("begun", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    print("ended", flush=True)
    raise SystemExit(130)
"""


def test_a_command_may_end_what_it_started_after_ctrl_c():
    told = signal.signal(signal.SIGINT, signal.default_int_handler)
    holder = subprocess.Popen(
        [sys.executable, databases.__file__, "sqlite", "--", sys.executable, "-c", SLOW],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, told)
    with holder:
        assert holder.stdout.readline() == "begun\n"
        os.killpg(holder.pid, signal.SIGINT)
        assert holder.communicate(timeout=60) == ("ended\n", "")
    assert holder.returncode == 130


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_absent_program_is_named_with_the_remedy(monkeypatch):
    monkeypatch.setattr(databases, "MARIADB_PROGRAMS", ("no-such-program",))
    assert databases.missing("mariadb") == (
        "not installed: no-such-program (`make services` installs MariaDB)"
    )


def test_an_absent_engine_skips_every_test_unless_required(request, settings, monkeypatch):
    settings.TEST_DB_MISSING = "not installed: mariadbd"
    item = pytest.Function.from_parent(request.node.parent, name="x", callobj=lambda: None)
    monkeypatch.setenv("NPLUSONE_REQUIRE_SERVICES", "0")
    conftest.pytest_collection_modifyitems([item])
    assert "not installed: mariadbd" in item.get_closest_marker("skip").kwargs["reason"]
    monkeypatch.setenv("NPLUSONE_REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.UsageError, match="not installed: mariadbd"):
        conftest.pytest_collection_modifyitems([item])


@pytest.fixture
def open_directory():
    """A temporary directory that every user can pass through, unlike ``tmp_path``."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
