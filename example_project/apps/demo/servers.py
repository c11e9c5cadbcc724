"""The example project behind a real server: a process on a free loopback port, for one block."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

HOST = "127.0.0.1"
#: Seconds that a server may take until it answers.
PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Program:
    """What a server is run by: its arguments, and how its workers answer."""

    #: With the application's directory, one address and the number of workers to fill in.
    arguments: str
    #: Requests that one worker takes at once; ``None`` for as many as come.
    at_once: int | None


PROGRAMS = {
    "gunicorn": Program(
        "-m gunicorn config.wsgi:application --preload --pythonpath {directory} "
        "--bind {host}:{port} --workers {workers} --log-level warning",
        at_once=1,
    ),
    "uvicorn": Program(
        "-m uvicorn config.asgi:application --app-dir {directory} --host {host} "
        "--port {port} --workers {workers} --log-level warning --no-access-log",
        at_once=None,
    ),
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it listens, its first process, and how many of them answer."""

    port: int
    pid: int
    workers: int = 1
    #: Requests that each of them takes at once; ``None`` for as many as come.
    at_once: int | None = 1

    def memory(self) -> float | None:
        """MiB that its processes hold; ``None`` where the system has no /proc to say so."""
        return _status(self.pid, "VmRSS")

    def peak(self) -> float | None:
        """MiB that its processes held at most since ``reset_peak``."""
        return _status(self.pid, "VmHWM")

    def computed(self) -> dict[int, float]:
        """Seconds that each of its processes has computed so far; empty where nobody can say."""
        known = {pid: _computed(pid) for pid in _family(self.pid)}
        return {pid: seconds for pid, seconds in known.items() if seconds is not None}

    def reset_peak(self) -> None:
        """Let ``peak`` begin anew."""
        for pid in _family(self.pid):
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")


def require(package: str) -> None:
    """Raise a ``CommandError`` unless ``package`` is installed."""
    if not importlib.util.find_spec(package):
        raise CommandError(
            f"{package} is not installed. `make demo` installs it; in a Python of your own: "
            f"pip install {package}"
        )


@contextmanager
def serving(server: str, *, guard: str, sample: float = 1.0, workers: int = 1) -> Iterator[Server]:
    """The project behind one of ``PROGRAMS``, with the guard in mode ``guard``.

    The guard watches ``sample`` of the requests, 0 to 1. Raises ``CommandError`` where the server does not start, with the end of its log.
    """
    require(server)
    port = _free_port()
    program = PROGRAMS[server]
    arguments = program.arguments.format(
        directory="{directory}", host=HOST, port=port, workers=workers
    )
    words = [word.format(directory=settings.BASE_DIR) for word in arguments.split()]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 -- a program of the table above
            [sys.executable, *words],
            env={**os.environ, "DEBUG": "0", "GUARD_MODE": guard, "GUARD_SAMPLE": str(sample)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(process, port, log)
            yield Server(port, process.pid, workers, program.at_once)
        finally:
            stop(process)


def _wait(process: subprocess.Popen[bytes], port: int, log) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    log.seek(0)
    said = log.read().decode(errors="replace")[-2000:]
    raise CommandError(f"The server did not start: {' '.join(map(str, process.args))}\n{said}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started in a session of its own, with all that it started."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        # Its own session, so this reaches its workers and nothing else.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def _family(pid: int) -> list[int]:
    """``pid`` and the processes that it started, as far as /proc tells."""
    family = [pid]
    for parent in family:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
            family += map(int, children.split())
    return family


def _status(pid: int, field: str) -> float | None:
    kibibytes = [_field(one, field) for one in _family(pid)]
    known = [value for value in kibibytes if value is not None]
    return sum(known) / 1024 if known else None


def _field(pid: int, field: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return None


def _computed(pid: int) -> float | None:
    """User and system time of all threads of a process, those that have ended included."""
    if sys.platform == "linux":
        # clock_getcpuclockid(3): the process's own clock, which counts nanoseconds where
        # /proc/PID/stat has hundredths of a second.
        with contextlib.suppress(OSError):
            return time.clock_gettime(~pid << 3 | 2)
    return None
