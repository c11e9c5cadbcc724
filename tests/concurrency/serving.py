"""The views beside this file in real servers, which write down each report."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path

from tests.concurrency import recorder
from tests.webapp.project import Project, until

SETTINGS = """
from settings import *

ROOT_URLCONF = "tests.concurrency.urls"
"""

UVICORN = ("-m", "uvicorn", "--port", "PORT", "--lifespan", "off", "project:asgi_application")
GUNICORN = ("-m", "gunicorn", "--bind", "127.0.0.1:PORT", "--threads", "8", "project:application")

#: By the protocol and what runs it.
COMMANDS = {
    "asgi-asyncio": (*UVICORN, "--loop", "asyncio"),
    "asgi-uvloop": (*UVICORN, "--loop", "uvloop"),
    "wsgi-gthread": (*GUNICORN, "--worker-class", "gthread"),
    "wsgi-runserver": ("manage.py", "runserver", "--noreload", "127.0.0.1:PORT"),
}


class ServedProject(Project):
    """A project whose servers append their reports to a file."""

    def __init__(self, directory):
        super().__init__(directory)
        (directory / "served.py").write_text(SETTINGS)

    @contextlib.contextmanager
    def run(self, kind):
        """One of ``COMMANDS``, for the time of a block."""
        reports = self.directory / f"{kind}.reports"
        environment = {"DJANGO_SETTINGS_MODULE": "served", recorder.VARIABLE: str(reports)}
        with self.serve(*COMMANDS[kind], **environment) as server:
            yield Served(server, reports)


class Served:
    """A server, and the reports it has written since the last look."""

    def __init__(self, server, file: Path):
        self.server = server
        self.file = file
        self.seen = 0

    def get(self, path):
        return self.server.get(path)

    def reports(self, count):
        """The next ``count`` reports; there is none beyond them once all is quiet."""
        until(lambda: len(self._new()) >= count, lambda: f"{self._new()}\n{self.server.text()}")
        assert self.open_scopes() == []
        *new, _of_the_state = self._new_until_quiet()
        self.seen += len(new) + 1
        assert len(new) == count, new
        return new

    def open_scopes(self):
        """Names of the scopes that are open while nobody but us asks for anything."""
        return json.loads(self.server.get("/state/"))["open"]

    def _new_until_quiet(self):
        until(lambda: self._new()[-1:] and self._new()[-1]["name"] == "GET /state/")
        return self._new()

    def _new(self):
        return recorder.read(self.file)[self.seen :]

    def hang_up_on(self, path, after):
        """Ask for ``path``, read ``after`` bytes, and go away."""
        with socket.create_connection(("127.0.0.1", self.server.port), 10) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            while after > 0:
                after -= len(connection.recv(after))
            # Unread bytes make this a reset, which no server can overlook.
